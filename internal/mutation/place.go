package main

var placeTable = []mutation{
	{
		name: "a number is freed twice", file: "invoice/prepare_decision.go",
		from: `Reuse: c.Slot == "" && !freed[own]}`, to: `Reuse: c.Slot == ""}`,
		rule: "no number is two invoices' at a time",
	},
	{
		name: "an amount frees the shared address", file: "invoice/prepare_decision.go",
		from: `Reuse: c.Slot == "" && !freed[own]}`, to: `Reuse: !freed[own]}`,
		rule: "number 0 of a shared wallet is given to nobody",
	},
	{
		name: "places are given up again and again", file: "invoice/prepare_decision.go",
		from: `if !before.State.ReleasedAt.IsZero() || after.State.ReleasedAt.IsZero() {`, to: `if after.State.ReleasedAt.IsZero() {`,
		rule: "a place is given up once",
	},
	{
		name: "what was before a quote is not known", file: "invoice/service_place.go",
		from: `q.Since = max(p.Head.Height, p.Head.Tip, lag.Tip)`, to: `q.Since = 0 * lag.Tip`,
		rule: "what was in a block before an address was given out again is its former holder's",
	},
	{
		name: "only what was read is before a quote", file: "invoice/service_place.go",
		from: `q.Since = max(p.Head.Height, p.Head.Tip, lag.Tip)`, to: `q.Since = max(p.Head.Height, min(lag.Tip, 0))`,
		rule: "what was in a block before an address was given out again is its former holder's, also when we lag",
	},
	{
		name: "a taken amount is asked for", file: "invoice/prepare_place.go",
		from: `slices.BinarySearch(held, slot(i)); !taken {`, to: `slices.BinarySearch(held, slot(i)); !taken || true {`,
		rule: "at a shared address no two open invoices ask for the same amount",
	},
	{
		name: "amounts end one step early", file: "invoice/prepare_place.go",
		from: `if free == slots {`, to: `if free >= slots-1 {`,
		rule: "a shared address has as many amounts as the configuration says",
	},
	{
		name: "without a list of slots a taken amount is asked for", file: "invoice/prepare_place.go",
		from: `if !held[place] {`, to: `if !held[place] || true {`,
		rule: "a free place is found without HeldSlots too",
	},
	{
		name: "the place of an invoice that cannot be read is free", file: "invoice/prepare_place.go",
		from: `held[places[0]] = true`, to: `held[places[0]] = false`,
		rule: "a place whose invoice cannot be read is not given to another",
	},
	{
		name: "recovery without a list of paid invoices forgets deposits", file: "invoice/service_recovery.go",
		from: `range []bool{false, true}`, to: `range []bool{false}`,
		rule: "recovery knows all payments without PaidInvoices too",
	},
	{
		name: "two remainders", file: "invoice/service_place.go",
		from: `return inv.Terms.Remainder && inv.Network() == n.id }) {`, to: `return true }) {`,
		rule: "an address that an invoice has to itself is not shared",
	},
	{
		name: "an address is shown before anybody watches", file: "invoice/service_place.go",
		from: `	return Batch{Progress: []Progress{s.firstProgress(n.id)}}, nil`, to: `	return Batch{}, nil`,
		rule: "from the first address on a network is watched, although nobody runs yet",
	},
	{
		name: "a lost answer gives the number back", file: "invoice/service_place.go",
		from: `own.maybe = append(slices.Clip(own.maybe), inv.ID)`, to: `own.maybe = nil`,
		rule: "a number that an invoice may have is nobody else's",
	},
	{
		name: "a place that is taken is not passed over", file: "invoice/service_place.go",
		from: `		case !errors.Is(err, ErrConflict):`, to: `		case true:`,
		rule: "a number whose address is taken is passed over",
	},
	{
		name: "no claim is made", file: "invoice/prepare_place.go",
		from: `	out := inv.Quote.claims(inv)`, to: `	var out []Claim`,
		rule: "no address is two invoices' at a time",
	},
	{
		name: "a share is not kept", file: "invoice/prepare_place.go",
		from: `	if share == 0 {`, to: `	if true {`,
		rule: "no project has more than its share",
	},
	{
		name: "a share is everybody's", file: "invoice/quote.go",
		from: `	sum := sha256.Sum256([]byte(project))`, to: `	sum := sha256.Sum256([]byte("all"))`,
		rule: "no project has more than its share",
	},
	{
		name: "only some of the share is looked at", file: "invoice/prepare_place.go",
		from: `{first, min(first+tickets, share)}, {0, share}}`, to: `{first, min(first+tickets, share)}}`,
		rule: "a project has all of its share",
	},
	{
		name: "a number is lost with its ticket", file: "invoice/service_place.go",
		from: `		if quote.Ticket != "" && !heldNow(ctx, s.cfg.Store, quote) {`, to: `		if false {`,
		rule: "a pool loses no number to a race",
	},
	{
		name: "a number is given back although its address is taken", file: "invoice/service_place.go",
		from: `		if quote.Ticket != "" && !heldNow(ctx, s.cfg.Store, quote) {`, to: `		if quote.Ticket != "" {`,
		rule: "an address that is taken is passed over",
	},
	{
		name: "further addresses of a request are not claimed", file: "invoice/prepare_place.go",
		from: `	for _, q := range inv.Quote.places(nil)[1:] {`, to: `	for _, q := range inv.Quote.places(nil)[:0] {`,
		rule: "each address that is shown finds its invoice",
	},
	{
		name: "sources are not told that a request is over", file: "invoice/service_commit.go",
		from: `	s.tellSources(ctx, b.Releases)`, to: ``,
		rule: "whoever made an address learns when nobody waits for it any more",
	},
	{
		name: "the number of a request is handed out again", file: "invoice/prepare_decision.go",
		from: `		if q.Quarantine == atOnce {`, to: `		if false {`,
		rule: "each number is one request",
	},
	{
		name: "an earlier address of another wallet is kept", file: "invoice/service_place.go",
		from: `if earlier.Wallet == n.Addresses.Name() && earlier.Slot == "" && !earlier.Released {`, to: `if earlier.Wallet == n.Addresses.Name() && earlier.Slot == "" {`,
		rule: "an address that was given up is not shown again",
	},
	{
		name: "the floor does not rise", file: "invoice/prepare_index.go",
		from: `x.floor = max(x.floor, next)`, to: `_ = next`,
		rule: "a store that has lost its end gives no address a second time",
	},
	{
		name: "the floor is raised by too little", file: "invoice/prepare_index.go",
		from: `x.raise(ctx, first+got)`, to: `x.raise(ctx, first)`,
		rule: "a store that has lost its end gives no address a second time",
	},
	{
		name: "numbers whose floor could not be raised are lost", file: "invoice/prepare_index.go",
		from: `x.waiting = [2]uint32{first, first + got}`, to: `x.waiting = [2]uint32{}`,
		rule: "a floor that cannot be raised costs no number",
	},
	{
		name: "the floor is not looked at", file: "invoice/prepare_index.go",
		from: `		if first >= floor {`, to: `		if true || first >= floor {`,
		rule: "a store that has lost its end gives no address a second time",
	},
	{
		name: "the floor is looked at when others have raised it", file: "invoice/prepare_index.go",
		from: `		if first >= floor {`, to: `		if first >= x.known() {`,
		rule: "who is answered after others keeps the number",
	},
	{
		name: "numbers are lifted to one below the floor", file: "invoice/prepare_index.go",
		from: `ReserveIndexes(ctx, x.wallet, floor-next)`, to: `ReserveIndexes(ctx, x.wallet, floor-next-1)`,
		rule: "a store that has lost its end gives no address a second time",
	},
	{
		name: "a restored pool does not rest", file: "invoice/prepare_index.go",
		from: `	if !x.resting() {`, to: `	if true || !x.resting() {`,
		rule: "after a restore a pool gives out no address that a lost invoice may hold",
	},
	{
		name: "a transaction is not held against the floor", file: "invoice/prepare_index.go",
		from: `(x.isChecked() || x.root().isChecked()) {`, to: `(x.isChecked() || x.root().isChecked() || x.parent != nil) {`,
		rule: "a transaction gives and tells nothing that was given or told before the store lost its end",
	},
	{
		name: "a store that fell back is taken for held against the floor", file: "invoice/prepare_index.go",
		from: `	x.falls++`, to: `	x.falls = 1`,
		rule: "every time that the store falls back what was lost is passed over",
	},
	{
		name: "a pool has one address too many", file: "invoice/prepare_index.go",
		from: `		if used >= x.pool.Size {`, to: `		if used > x.pool.Size {`,
		rule: "a pool has as many addresses as the configuration says",
	},
	{
		name: "a pool that is raced for has one address too many", file: "invoice/prepare_index.go",
		from: `case x.pool.Size > 0 && index >= x.pool.Size: // concurrent`, to: `case x.pool.Size > 0 && index > x.pool.Size: // concurrent`,
		rule: "a pool has as many addresses as the configuration says",
	},
	{
		name: "a range is one number", file: "invoice/prepare_index.go",
		from: `x.free = append(x.free, first+i)`, to: `x.free = append(x.free, first+i/2)`,
		rule: "no number is given twice",
	},
	{
		name: "a doubtful number serves another network", file: "invoice/prepare_index.go",
		from: `	list := x.doubtful[network]
	if len(list) == 0 {`,
		to: `	list := x.doubtful[network]
	for id, others := range x.doubtful {
		if len(others) > 0 {
			network, list = id, others
		}
	}
	if len(list) == 0 {`,
		rule: "a number that an invoice may have is nobody else's",
	},
	{
		name: "a doubtful number is free after a second try", file: "invoice/prepare_index.go",
		from: `	case len(n.maybe) == 0:`, to: `	case true:`,
		rule: "a number whose fate is open is never handed out on another network",
	},
	{
		name: "a doubtful number is used though an invoice had it", file: "invoice/prepare_index.go",
		from: `		if !given {`, to: `		if given || !given {`,
		rule: "a number that a pool hands out again is one invoice's",
	},
	{
		name: "a number that was given back stays", file: "invoice/prepare_index.go",
		from: `	x.doubtful[network] = list[1:]`, to: `	_ = list[1:]`,
		rule: "no number is given twice",
	},
	{
		name: "events go on at positions that were told", file: "invoice/service_floor.go",
		from: `Batch{Skip: skip}`, to: `Batch{Skip: beyond.Last}`,
		rule: "after a restore the feed goes on beyond every position that a reader may have seen",
	},
	{
		name: "a restore goes on at positions of the one before", file: "invoice/service_floor.go",
		from: `		skip = max(skip, now.UnixMicro())`, to: `		_ = now`,
		rule: "what was passed over and lost again is passed over all the same",
	},
	{
		name: "the feed follows a clock that is centuries ahead", file: "invoice/service_floor.go",
		from: `if now := s.cfg.Now(); now.Before(lastClock) {`, to: `if now := s.cfg.Now(); true {`,
		rule: "positions fit the numbers that readers have",
	},
	{
		name: "a record that does not answer is waited for", file: "invoice/prepare_index.go",
		from: `const floorTime = 10 * time.Second`, to: `const floorTime = 5000 * time.Hour`,
		rule: "a floor that nobody knows keeps no payment from being seen",
	},
	{
		name: "positions that cannot be passed over are given", file: "invoice/service_floor.go",
		from: `	if errors.Is(err, errFloor) {
		return nil`,
		to: `	if true || errors.Is(err, errFloor) {
		return nil`,
		rule: "nothing is told before what was lost is passed over",
	},
	{
		name: "the floor is not read again", file: "invoice/prepare_index.go",
		from: `	if err := x.learn(ctx); err != nil {
		return 0, 0, err`, to: `	if false {
		return 0, 0, err`,
		rule: "a store that has lost its end gives no address a second time, whichever process gave it the first",
	},
	{
		name: "numbers that wait for the floor are shown though it was raised", file: "invoice/prepare_index.go",
		from: `	if first < x.floor {`, to: `	if false && first < x.floor {`,
		rule: "a store that has lost its end gives no address a second time, whichever process gave it the first",
	},
	{
		name: "a number stays in doubt after a restore", file: "invoice/prepare_index.go",
		from: `	x.doubtful = nil`, to: `	_ = x.doubtful`,
		rule: "an invoice that was lost may have been shown with the number",
	},
	{
		name: "an address that is kept is in doubt", file: "invoice/service_place.go",
		from: `return quote, func(bool) {}, nil // the invoice keeps it`, to: `return quote, func(bool) { n.indexes.doubt(number{index: earlier.Index}, n.id) }, nil`,
		rule: "no address is two invoices' at a time",
	},
	{
		name: "money at an unknown address is ignored", file: "invoice/service_floor.go",
		from: `	if index < has {`, to: `	if true || index < has {`,
		rule: "money at an address that nobody has says that the store has lost its end",
	},
	{
		name: "only the address itself is passed over", file: "invoice/service_floor.go",
		from: `n.indexes.within(index+1, lookAheadOf)`, to: `n.indexes.within(index+1, 0)`,
		rule: "addresses near one that was given out before may have been, too",
	},
	{
		name: "a pool is passed over beyond its end", file: "invoice/prepare_index.go",
		from: `		size = x.pool.Size
`, to: `		_ = size
`,
		rule: "a pool has room again as soon as its configuration gives it some",
	},
	{
		name: "money at an unknown address is looked at once", file: "invoice/service_floor.go",
		from: `		s.log.Error("raising the floor failed", "network", id, "error", err)
	} else if err != nil {`,
		to: `		s.log.Error("raising the floor failed", "network", id, "error", err)
	} else if false {`,
		rule: "money at an address that nobody has is looked at until what was lost is passed over",
	},
	{
		name: "a restore passes over nothing", file: "invoice/prepare_index.go",
		from: `x.within(max(has, x.known()), numbers)`, to: `x.within(max(has, x.known()), min(1, numbers))`,
		rule: "after a restore no number is given twice",
	},
	{
		name: "a restored pool is used at once", file: "invoice/prepare_index.go",
		from: `	x.rest()
	if err := x.learn(ctx); err != nil {`,
		to:   `	if err := x.learn(ctx); err != nil {`,
		rule: "after a restore a pool gives out no address that a lost invoice may hold",
	},
	{
		name: "a step is as large after a failure", file: "invoice/service_network.go",
		from: `	n.limit = blocks / 2`, to: `	n.limit = blocks`,
		rule: "a step that the store cannot take becomes smaller",
	},
	{
		name: "a network that stands still is well", file: "invoice/service_health.go",
		from: `if now.Sub(later(h.Advanced, h.Seen)) > within || h.Stored`, to: `if h.Stored`,
		rule: "who asks learns that payments are not being seen",
	},
	{
		name: "a lost answer makes two invoices", file: "invoice/service_commit.go",
		from: `	if len(b.Insert) > 0 && ctx.Err() == nil {`, to: `	if false {`,
		rule: "an invoice that was stored although the answer was lost is answered",
	},
	{
		name: "an unknown invoice is answered as made", file: "invoice/service_commit.go",
		from: `			case readErr == nil:`, to: `			case readErr == nil || errors.Is(readErr, ErrNotFound):`,
		rule: "an invoice that was refused is not answered as made",
	},
	{
		name: "nobody is told", file: "invoice/service_commit.go",
		from: `			messages = append(messages, s.cfg.Notifier.Messages(ev, inv, to)...)`, to: `			_ = to`,
		rule: "every event is told",
	},
	{
		name: "endpoints are told everything", file: "invoice/service_commit.go",
		from: `			deaf := func(e Endpoint) bool { return !e.Takes(ev.Type) }`, to: `			deaf := func(e Endpoint) bool { return e.Disabled }`,
		rule: "an endpoint is told what it asked for",
	},
	{
		name: "an event is stored though nobody knows whom to tell", file: "invoice/service_commit.go",
		from: `		return nil, &untoldError{fmt.Errorf("endpoints of project %s: %w", project, err)}`, to: `		return nil, nil`,
		rule: "no message is lost because the endpoints could not be read",
	},
	{
		name: "changes of endpoints are not seen", file: "invoice/service_project.go",
		from: `		ps.recent.forget(project)`, to: `		_ = ps.recent`,
		rule: "an endpoint is told from when it was added",
	},
	{
		name: "what was read before a change is remembered", file: "invoice/service_endpoint.go",
		from: `	if r.changes != change {`, to: `	if false {`,
		rule: "an endpoint is told from when it was added",
	},
	{
		name: "endpoints are remembered for ever", file: "invoice/service_endpoint.go",
		from: `age < 0 || age >= ReceiversAge {`, to: `age < 0 {`,
		rule: "changes by other processes are seen within ReceiversAge",
	},
	{
		name: "a tolerance may be all that is due", file: "invoice/service_create.go",
		from: `	if units.Cmp(inv.Quote.Due) >= 0 {`, to: `	if units.Cmp(inv.Quote.Due) > 0 {`,
		rule: "nothing is never enough",
	},
}
