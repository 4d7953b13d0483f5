package desk

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cointill/cointill/invoice"
)

// act is something that a person does: a page that repeats what it is about and asks for a reason, and the doing of it.
type act struct {
	route
	// name is what the audit log calls it.
	name string
	// plan reads what is to be done from the URL or the form. It changes nothing. A refusal of it is shown in place of the
	// button; invoice.ErrNotFound means that there is no such subject for the person.
	plan func(*visit) (*deed, error)
	// repeat permits the same form to be sent again, for an act that does nothing the second time.
	repeat bool
	most   int64         // bytes of its form; 0 means maxForm
	time   time.Duration // that it may take; 0 means actTime
}

// deed is an act on one subject, before it is done.
type deed struct {
	title, button string
	text          string // what will happen
	danger        bool
	subject       string // path of the page about the subject, such as "invoices/ID", without parameters
	params        string // parameters of that page, if it needs them
	label         string // its name for people
	project       string // empty: it concerns all, or several
	facts         []fact
	warnings      []string
	fields        []field // what is asked for beside the reason
	hidden        []field // what was asked for before
	more          bool    // the fields lead to a second page, which asks to confirm
	unexplained   bool    // no reason is needed
	refused       string  // why it cannot be done; empty if it can
	wrong         string  // what is wrong with what the form brought; empty if nothing is
	before        map[string]string
	parts         []*deed // what it does instead of do, each on its own: see severally
	// do does it. The key is the same when the same deed is asked for again because its outcome is not known.
	do func(ctx context.Context, reason, key string) (done, error)
}

// page returns the path of the page about the subject, with its parameters.
func (d *deed) page() string {
	if d.params == "" {
		return d.subject
	}
	return d.subject + "?" + d.params
}

// done is what came of a deed.
type done struct {
	after map[string]string
	path  string // the page to go on with; empty: that of the subject
	shown []fact // what is shown once: secrets, which are never logged, and results
	text  string // what the page with them says
	file  *file  // to be downloaded instead of a page
}

type file struct {
	name, kind string
	body       []byte
}

// fact is a name and a value for people, perhaps with a link. Code is shown in a font in which every character counts.
type fact struct {
	Name, Value, Link string
	Code              bool
	At                time.Time // of a value that is a time
}

// timeFact returns a fact about a time; its value is empty for a zero one.
func timeFact(name string, t time.Time) fact { return fact{Name: name, Value: clock(t), At: t} }

// field is an input of a form.
type field struct {
	Name, Label, Help, Kind, Value string
	Options                        []option
	Required                       bool
}

type option struct {
	Value, Text string
	Chosen      bool
}

// maxForm bounds a form; a signed transaction fits.
const maxForm = 2 << 20

// maxReason bounds a reason in characters.
const maxReason = 1000

// acts returns all acts. The files of their subjects list them.
func acts() []*act {
	var all []*act
	for _, some := range [][]*act{invoiceActs(), severalActs(), payoutActs(), moneyActs(), bookActs(), bankActs(), webhookActs(), projectActs(), receiverActs()} {
		all = append(all, some...)
	}
	return all
}

// question is the page that asks before an act.
type question struct {
	Title, Button, Text, Label, Subject string
	Danger, More, Unexplained           bool
	Refused, Error, Reason, Once        string
	Facts                               []fact
	Warnings                            []string
	Fields, Hidden                      []field
}

func (v *visit) question(d *deed, once, reason, problem string) question {
	return question{
		Title: d.title, Button: d.button, Text: d.text, Label: d.label, Subject: v.root + d.page(), Danger: d.danger, More: d.more,
		Unexplained: d.unexplained, Refused: d.refused, Error: problem, Reason: reason, Once: once,
		Facts: d.facts, Warnings: d.warnings, Fields: d.fields, Hidden: d.hidden,
	}
}

// ask shows the page that asks. It changes nothing.
func (v *visit) ask(a *act) error {
	d, err := a.plan(v)
	if err != nil {
		return err
	}
	return v.render(http.StatusOK, "question", d.title, v.question(d, v.newOnce(), "", ""))
}

// act does what the form asks for, unless that form was sent before.
func (v *visit) act(a *act) error {
	if a.most > 0 {
		v.r.Body = http.MaxBytesReader(v.w, v.body, a.most)
	}
	err := v.parseForm()
	if f := v.r.MultipartForm; f != nil {
		defer func() { _ = f.RemoveAll() }() // a server does not, if it has given a copy of the request
	}
	if err != nil {
		return err
	}
	reason, once := v.query("reason"), v.query("once")
	if used, err := v.used(once); err != nil || used { // before planning: what it did may have made it impossible to do it again
		if err == nil {
			err = v.repeated(once)
		}
		return err
	}
	d, err := a.plan(v)
	if err != nil {
		return err
	}
	problem := cmp.Or(d.refused, d.wrong)
	switch {
	case problem != "":
	case d.more:
		problem = "Something is missing: fill in the form."
	case !d.unexplained && reason == "":
		problem = "Give a reason: it is kept with what you do."
	case utf8.RuneCountInString(reason) > maxReason || !clean(reason):
		problem = fmt.Sprintf("The reason must be a text of at most %d characters.", maxReason)
	}
	if problem != "" {
		return v.render(http.StatusUnprocessableEntity, "question", d.title, v.question(d, v.newOnce(), reason, problem))
	}
	if !a.repeat {
		if first, err := v.claim(once, a, d); err != nil || !first {
			return err
		}
	}
	return v.perform(a, d, reason, once)
}

func (v *visit) parseForm() error {
	err := v.r.ParseForm()
	if err == nil {
		err = v.r.ParseMultipartForm(maxForm)
	}
	if err != nil && !errors.Is(err, http.ErrNotMultipart) {
		return &fault{http.StatusBadRequest, "The form cannot be read", "It is too large, or damaged on its way."}
	}
	return nil
}

// actTime bounds how long an act may take, with its records.
const actTime = time.Minute

// perform does the deed, and answers.
func (v *visit) perform(a *act, d *deed, reason, once string) error {
	if len(d.parts) > 0 {
		return v.severally(a, d, reason, once)
	}
	// A person who closes the page does not leave half of an act.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(v.ctx()), cmp.Or(a.time, actTime))
	defer cancel()
	result, end, failure, err := v.carryOut(ctx, a, d, reason, v.key(once))
	if err != nil {
		return err
	}
	if failure != "" {
		v.conclude(once, "")
		d.hidden = append(d.hidden, field{Name: "key", Value: v.key(once)})
		return v.render(http.StatusConflict, "question", d.title, v.question(d, v.newOnce(), reason, failure))
	}
	return v.finish(d, result, once, end)
}

// entryOf returns an entry of the audit log about a deed.
func (v *visit) entryOf(a *act, d *deed, phase Phase, reason string) Entry {
	return Entry{
		At: v.cfg.Now().UTC(), Phase: phase, Actor: v.person.ID, Name: v.person.Name, Role: v.person.Role,
		Act: a.name, Subject: d.subject, Project: d.project, Facts: factMap(d.facts), Before: d.before, Reason: reason,
	}
}

// carryOut does the deed between two entries of the audit log, so that an interruption leaves a trace. It returns the
// position of the second one, or of the first one negated if the second is missing, and, for people, why the deed was not
// done or may not have been.
func (v *visit) carryOut(ctx context.Context, a *act, d *deed, reason, key string) (result done, end int64, failure string, err error) {
	e := v.entryOf(a, d, PhaseIntends, reason)
	intent, err := v.record(ctx, e)
	if err != nil {
		return done{}, 0, "", err // nothing is done that cannot be recorded
	}
	result, problem := d.do(ctx, reason, key)
	e.At, e.Of, e.Phase, e.After = v.cfg.Now().UTC(), intent, PhaseDid, result.after
	if problem != nil {
		known := false
		e.Phase = PhaseRefused
		if failure, known = refusal(problem); !known {
			e.Phase = PhaseFailed
			failure = "It failed, and what became of it is not known: look at it before you try again."
			v.cfg.Logger.ErrorContext(ctx, "desk: act failed", "act", a.name, "subject", d.subject, "error", problem)
		}
		e.Outcome = failure
	}
	ended, cancel := context.WithTimeout(context.WithoutCancel(v.ctx()), actTime) // also when the act took all of its time
	defer cancel()
	if end, err = v.record(ended, e); err != nil {
		v.cfg.Logger.ErrorContext(ctx, "desk: the end of an act is not in the audit log", "act", a.name, "intent", intent, "error", err)
		end = -intent
	}
	return result, end, failure, nil
}

// finish answers after a deed was done.
func (v *visit) finish(d *deed, result done, once string, end int64) error {
	if f := result.file; f != nil {
		v.download(f.name, f.kind)
		_, _ = v.w.Write(f.body) // it can be downloaded again
		return nil
	}
	path := cmp.Or(result.path, d.page())
	if end > 0 {
		separator := "?"
		if strings.Contains(path, "?") {
			separator = "&"
		}
		path += separator + "done=" + strconv.FormatInt(end, 10)
	}
	v.conclude(once, path)
	if len(result.shown) > 0 {
		return v.render(http.StatusOK, "shown", d.title, struct {
			Text, Next string
			Facts      []fact
		}{result.text, v.root + path, result.shown})
	}
	return v.leave(path)
}

func factMap(facts []fact) map[string]string {
	out := map[string]string{}
	for _, f := range facts {
		out[f.Name] = f.Value
	}
	return out
}

// notice returns what became of the act that led to this page: that of the entry which the parameter done names, if this
// person did it lately.
func (v *visit) notice() *notice {
	position := v.position("done")
	if position < 1 || v.r.Method != http.MethodGet {
		return nil
	}
	found, err := v.entries(v.ctx(), position-1, false, 1)
	if err != nil || len(found) == 0 {
		return nil
	}
	e := found[0]
	if e.Position != position || e.Actor != v.person.ID || e.Phase != PhaseDid || v.cfg.Now().Sub(e.At) > time.Hour {
		return nil
	}
	text := "Done: " + actText(e.Act) + "."
	if v.query("again") != "" {
		text = "This form was sent before, and did it then: " + actText(e.Act) + ". Nothing was done again."
	}
	return &notice{Text: text, Reason: e.Reason}
}

// actText returns the name of an act for people.
func actText(act string) string {
	noun, verb, _ := strings.Cut(act, ".")
	return words(verb) + " (" + noun + ")"
}

// onceKind is the kind of the documents that remember which forms were sent.
const onceKind = "desk.form"

// Kinds returns the kinds of the documents that the desk keeps, for store.Sealed.ResealRecords.
func Kinds() []string { return []string{onceKind, filtersKind, keyKind} }

// onceAge is how long a form can be sent.
const onceAge = 24 * time.Hour

// sent is the document about a form that was sent.
type sent struct {
	Actor string `json:"actor"`
	Act   string `json:"act"`
	Ended bool   `json:"ended,omitempty"` // it was done, or refused
	Path  string `json:"path,omitempty"`  // where it led to, once it was done
}

var onceForm = regexp.MustCompile(`^[0-9]{13}-[0-9a-f]{32}$`)

// newOnce returns the name of a form, which begins with the time so that old ones can be found.
func (v *visit) newOnce() string {
	b := make([]byte, 16)
	rand.Read(b)
	return fmt.Sprintf("%013d-%s", v.cfg.Now().UnixMilli(), hex.EncodeToString(b))
}

// used reports whether the form was sent before.
func (v *visit) used(once string) (bool, error) {
	if !onceForm.MatchString(once) {
		return false, nil
	}
	version, _, err := v.cfg.Records.Document(v.ctx(), onceKind, once)
	if err != nil {
		return false, fmt.Errorf("read the form: %w", err)
	}
	return version > 0, nil
}

// key returns the name under which a service recognises what the form asks for. It is that of the first form of the same
// deed, so that what failed with an unknown outcome is not done a second time by the form that was shown then.
func (v *visit) key(once string) string {
	if first := v.query("key"); onceForm.MatchString(first) {
		return first
	}
	return once
}

// claim reports whether the form is sent for the first time. If it is not, it answers.
func (v *visit) claim(once string, a *act, d *deed) (bool, error) {
	if !onceForm.MatchString(once) {
		return false, &fault{http.StatusBadRequest, "The form cannot be read", "Open it again."}
	}
	ms, err := strconv.ParseInt(once[:13], 10, 64)
	if err != nil {
		return false, err
	}
	if age := v.cfg.Now().Sub(time.UnixMilli(ms)); age > onceAge || age < -time.Hour {
		old := v.question(d, v.newOnce(), v.query("reason"), "This form is older than a day. Look at it again, and send it.")
		return false, v.render(http.StatusConflict, "question", d.title, old)
	}
	v.forget()
	body, err := json.Marshal(sent{Actor: v.person.ID, Act: a.name})
	if err != nil {
		return false, err
	}
	stored, err := v.cfg.Records.PutDocument(v.ctx(), onceKind, once, 0, body)
	if err != nil {
		return false, fmt.Errorf("remember the form: %w", err)
	}
	if stored {
		return true, nil
	}
	return false, v.repeated(once)
}

// A form that is sent twice at once is answered when the first of them has ended, or after a few seconds.
const (
	looks = 50
	pause = 100 * time.Millisecond
)

// repeated answers a form that was sent before.
func (v *visit) repeated(once string) error {
	for range looks {
		_, body, err := v.cfg.Records.Document(v.ctx(), onceKind, once)
		if err != nil {
			return fmt.Errorf("read the form: %w", err)
		}
		var s sent
		if err := json.Unmarshal(body, &s); err != nil {
			return fmt.Errorf("read the form: %w", err)
		}
		if s.Actor == v.person.ID && s.Path != "" {
			if strings.Contains(s.Path, "?") {
				s.Path += "&again=1"
			}
			return v.leave(s.Path)
		}
		if s.Actor != v.person.ID || s.Ended {
			break
		}
		select {
		case <-v.ctx().Done():
			return v.ctx().Err()
		case <-time.After(pause):
		}
	}
	return &fault{http.StatusConflict, "This form was sent before", "It was refused then, or is still being done. Look at its subject before you ask again."}
}

// conclude remembers that a form has ended, and where it led to.
func (v *visit) conclude(once, path string) {
	if !onceForm.MatchString(once) {
		return // an act that may be repeated needs none
	}
	ctx := context.WithoutCancel(v.ctx())
	version, body, err := v.cfg.Records.Document(ctx, onceKind, once)
	var s sent
	if err == nil && version > 0 {
		if err = json.Unmarshal(body, &s); err == nil {
			s.Ended, s.Path = true, path
			if body, err = json.Marshal(s); err == nil {
				_, err = v.cfg.Records.PutDocument(ctx, onceKind, once, version, body)
			}
		}
	}
	if err != nil {
		v.cfg.Logger.WarnContext(ctx, "desk: where a form led to is not remembered", "error", err)
	}
}

// forget removes a few forms that are too old to be sent.
func (v *visit) forget() {
	names, _, err := v.cfg.Records.Documents(v.ctx(), onceKind, "", 5)
	oldest := fmt.Sprintf("%013d", v.cfg.Now().Add(-2*onceAge).UnixMilli())
	for _, name := range names {
		if err != nil || name >= oldest {
			break
		}
		var version int64
		if version, _, err = v.cfg.Records.Document(v.ctx(), onceKind, name); err == nil && version > 0 {
			_, err = v.cfg.Records.PutDocument(v.ctx(), onceKind, name, version, nil)
		}
	}
	if err != nil {
		v.cfg.Logger.WarnContext(v.ctx(), "desk: old forms are not forgotten", "error", err)
	}
}

// actRoute returns the row of an act that every configuration has, and that demands no fresh proof.
func actRoute(pattern string, least Role) route { return route{pattern: pattern, least: least} }

// statusOf returns the facts before or after an act on an invoice.
func statusOf(inv invoice.Invoice) map[string]string {
	out := map[string]string{"status": string(inv.State.Status)}
	if inv.State.Outcome != 0 {
		out["outcome"] = inv.State.Outcome.String()
	}
	return out
}
