package main

const (
	deliverFile  = "webhook/deliver.go"
	dispatchFile = "webhook/dispatch.go"
	signFile     = "webhook/sign.go"
)

var webhookTable = []mutation{
	{
		name: "any answer is taken for a success", file: deliverFile,
		from: `case status >= 200 && status <= 299:`, to: `case status >= 200 && status <= 399:`,
		rule: "a message is told when its endpoint says so",
	},
	{
		name: "a failing server is given up", file: deliverFile,
		from: `status == http.StatusTooManyRequests, status >= 500:`, to: `status == http.StatusTooManyRequests, status > 500:`,
		rule: "an endpoint in trouble is tried again",
	},
	{
		name: "a busy endpoint is given up", file: deliverFile,
		from: `		status == http.StatusTooManyRequests, status >= 500:`, to: `		status >= 500:`,
		rule: "an endpoint in trouble is tried again",
	},
	{
		name: "gone is tried again", file: deliverFile,
		from: `	case status == http.StatusGone:
		return verdictGone`,
		to: `	case status == http.StatusGone:
		return verdictRetry`,
		rule: "an endpoint that said it is gone is told nothing more",
	},
	{
		name: "created is enough where 200 is asked for", file: "httpapi/cryptosteroid/format.go",
		from: `return status == http.StatusOK }`, to: `return status <= 299 }`,
		rule: "where a format wants 200, nothing else will do",
	},
	{
		name: "one attempt too few", file: deliverFile,
		from: `if tried >= len(schedule) {`, to: `if tried >= len(schedule)-1 {`,
		rule: "a message has as many attempts as the schedule says",
	},
	{
		name: "an interruption uses up an attempt", file: deliverFile,
		from: `		return Next{State: StateDue}
`, to: `		return Next{State: StateDead}
`,
		rule: "a sender that is stopped loses no message",
	},
	{
		name: "an endpoint asks for any wait", file: deliverFile,
		from: `min(retryAfter(a.retryAfter, now), d.cfg.MaxRetryAfter)`, to: `retryAfter(a.retryAfter, now)`,
		rule: "an endpoint does not put off messages for ever",
	},
	{
		name: "an endpoint shortens the schedule", file: deliverFile,
		from: `wait = max(wait, min(`, to: `wait = min(wait+time.Hour, min(`,
		rule: "an endpoint may only ask for more time",
	},
	{
		name: "an answer is recorded once or never", file: deliverFile,
		from: `	for try := range recordTries {`, to: `	for try := range 1 {`,
		rule: "what was told is recorded although the outbox stumbles",
	},
	{
		name: "a stale claim is recorded again", file: deliverFile,
		from: `		if errors.Is(err, ErrStaleClaim) {
			break
		}`,
		to:   `		_ = ErrStaleClaim`,
		rule: "a process whose claim has run out records nothing",
	},
	{
		name: "a refused address is tried again", file: deliverFile,
		from: `	case errors.Is(a.err, ErrRefused), errors.Is(a.err, errBadURL), errors.Is(a.err, errRemoved):`, to: `	case errors.Is(a.err, errBadURL):`,
		rule: "an address of the operator's network is not asked again and again",
	},
	{
		name: "endpoints share the project's secrets", file: deliverFile,
		from: `	if m.Receiver == "" {`, to: `	if true {`,
		rule: "what is sent to an endpoint is signed by its own secret",
	},
	{
		name: "an endpoint that was removed is tried again", file: deliverFile,
		from: `	case m.Receiver != "" && errors.Is(err, invoice.ErrNoEndpoint):`, to: `	case false:`,
		rule: "what goes to nobody any more is not tried for days",
	},
	{
		name: "answers are read to their end", file: deliverFile,
		from: `io.ReadAll(io.LimitReader(res.Body, maxAnswer))`, to: `io.ReadAll(res.Body)`,
		rule: "an endpoint does not fill our memory",
	},
	{
		name: "workers are not bounded", file: dispatchFile,
		from: `	free := r.cfg.Workers - len(r.prompt)`, to: `	free := r.cfg.Workers`,
		rule: "there are so many deliveries at a time",
	},
	{
		name: "late deliveries stay among the workers", file: dispatchFile,
		from: `		case r.late < r.cfg.Late && r.shares.setAside(f.project):`, to: `		case false:`,
		rule: "endpoints that hang delay nobody else",
	},
	{
		name: "late deliveries are not bounded", file: dispatchFile,
		from: `		case r.late < r.cfg.Late && r.shares.setAside(f.project):`, to: `		case r.shares.setAside(f.project):`,
		rule: "there are so many deliveries at a time",
	},
	{
		name: "a project has all workers", file: "webhook/share.go",
		from: `		if n >= s.most {`, to: `		if false {`,
		rule: "no project makes the others wait",
	},
	{
		name: "a project has all that is late", file: "webhook/share.go",
		from: `	if s.late[project] >= s.mostLate {`, to: `	if false {`,
		rule: "no project makes the others wait",
	},
	{
		name: "a stop does not wait", file: dispatchFile,
		from: `	for len(r.prompt)+r.late > 0 {`, to: `	for false {`,
		rule: "Run returns when all that it began is recorded",
	},
	{
		name: "two runs at a time", file: dispatchFile,
		from: `	if !d.running.CompareAndSwap(false, true) {`, to: `	if d.running.Swap(true) && false {`,
		rule: "a dispatcher runs once",
	},
	{
		name: "an endpoint that is slow gets more", file: "webhook/endpoints.go",
		from: `		if e.late > 0 {
			room = 0`,
		to: `		if e.late > 0 {
			room = 1`,
		rule: "nothing is sent to an endpoint while a delivery to it is late",
	},
	{
		name: "an endpoint in trouble gets more than one", file: "webhook/endpoints.go",
		from: `			room = 1 - e.inFlight`, to: `			room = es.perEndpoint - e.inFlight`,
		rule: "an endpoint in trouble gets one message at a time",
	},
	{
		name: "an endpoint in trouble is not left alone", file: "webhook/endpoints.go",
		from: `if probes <= 0 || now.Before(e.openTill) {`, to: `if probes <= 0 {`,
		rule: "an endpoint that does not answer is left alone for a while",
	},
	{
		name: "endpoints in trouble take all workers", file: "webhook/endpoints.go",
		from: `if probes <= 0 || now.Before(e.openTill) {`, to: `if now.Before(e.openTill) {`,
		rule: "endpoints in trouble take at most half of the workers",
	},
	{
		name: "the breaker opens a failure late", file: "webhook/endpoints.go",
		from: `	if beyond < 0 {`, to: `	if beyond <= 0 {`,
		rule: "an endpoint is left alone after so many failures",
	},
	{
		name: "a recovered endpoint is still in trouble", file: "webhook/endpoints.go",
		from: `	e.failures, e.openTill = 0, time.Time{}`, to: `	e.openTill = time.Time{}`,
		rule: "an endpoint that answers again gets all at once",
	},
	{
		name: "the signature leaves out the time", file: signFile,
		from: `mac.Write([]byte(id + "." + timestamp + "."))`, to: `mac.Write([]byte(id + "."))`,
		rule: "a recorded message cannot be replayed with another time",
	},
	{
		name: "old messages are believed", file: signFile,
		from: `	if at.Before(now.Add(-Tolerance)) || at`, to: `	if at`,
		rule: "a message of long ago is not believed",
	},
	{
		name: "messages of the future are believed", file: signFile,
		from: ` || at.After(now.Add(Tolerance)) {`, to: ` {`,
		rule: "a message of the future is not believed",
	},
	{
		name: "only the first secret signs", file: signFile,
		from: `	return strings.Join(entries, " "), nil`, to: `	return entries[0], nil`,
		rule: "a receiver that knows any active secret can verify",
	},
	{
		name: "short secrets are accepted", file: signFile,
		from: `if len(key) < 24 || len(key) > 64 {`, to: `if len(key) > 64 {`,
		rule: "a secret cannot be guessed",
	},
	{
		name: "any signature is believed", file: signFile,
		from: `	if !anyMatches(keys, signatures, id, timestamp, body) {`, to: `	if false {`,
		rule: "a message that was not signed with the secret is not believed",
	},
	{
		name: "ItisPay is told of what is no change", file: "httpapi/itispay/format.go",
		from: `if ev.Type == invoice.EventCreated || ev.From == ev.To {`, to: `if ev.Type == invoice.EventCreated {`,
		rule: "a change of status is told once in a format that tells changes of status",
	},
	{
		name: "ItisPay tells the status of now", file: "httpapi/itispay/format.go",
		from: `Status: string(ev.To), OrderID`, to: `Status: string(ev.From), OrderID`,
		rule: "an event tells the status after it",
	},
	{
		name: "a message has the id of its invoice", file: "webhook/format.go",
		from: `ID: ev.ID, Event`, to: `ID: ev.Invoice, Event`,
		rule: "a message is told from another by its id",
	},
	{
		name: "messages of an event have one id", file: "webhook/format.go",
		from: `		m.ID += "_" + to.ID`, to: `		_ = to.ID`,
		rule: "a message to an endpoint is told from the others of its event by its id",
	},
	{
		name: "endpoints of a host hold each other up", file: "webhook/url.go",
		from: `	if receiver != "" {`, to: `	if false {`,
		rule: "no endpoint of a project delays another",
	},
}
