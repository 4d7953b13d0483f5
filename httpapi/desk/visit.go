package desk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/payout/sepa"
	"github.com/cointill/cointill/payout/sepa/bank"
	"github.com/cointill/cointill/rates"
	"github.com/cointill/cointill/webhook"
)

// visit is one request of one person.
type visit struct {
	*Desk
	w      http.ResponseWriter
	r      *http.Request
	body   io.ReadCloser // of the request, without a bound
	person Person
	route  *route
	root   string                     // the relative URL of the desk's root
	memo   map[string]invoice.Project // projects that were read
	read   map[string]payout.Payout   // payouts that were read
}

func (v *visit) ctx() context.Context { return v.r.Context() }

// within returns the visit with another context, for what does not end with the request.
func (v *visit) within(ctx context.Context) *visit {
	out := *v
	out.r = v.r.WithContext(ctx)
	return &out
}

// query returns a parameter of the URL or a field of the form, without space around it.
func (v *visit) query(name string) string { return strings.TrimSpace(v.r.FormValue(name)) }

// frame is what the layout of every page shows.
type frame struct {
	Root, Title, Shop string
	Section           string // which part of the navigation the page belongs to
	Search            string
	Person            *Person
	SignOut, Members  string
	Money             bool
	Notice            *notice
	Body              any
}

// notice is what a page says of the act that led to it.
type notice struct {
	Text, Reason string
}

// render answers with a page. Nothing is sent if its template fails.
func (v *visit) render(status int, name, title string, body any) error {
	f := frame{
		Root: v.root, Title: title, Shop: v.cfg.Name, Section: section(v.r.URL.Path), SignOut: v.cfg.SignOut, Money: v.cfg.Payouts != nil,
		Body: body,
	}
	if v.person.ID != "" {
		f.Person = &v.person
		if v.person.Role.May(RoleAdministrator) && len(v.person.Projects) == 0 {
			f.Members = v.cfg.Members
		}
		f.Notice = v.notice()
	}
	if f.Section == "search" {
		f.Search = v.query("q")
	}
	var out bytes.Buffer
	if err := v.pages[name].ExecuteTemplate(&out, "layout", f); err != nil {
		return fmt.Errorf("render %s: %w", name, err)
	}
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.w.Header().Set("Content-Length", strconv.Itoa(out.Len()))
	v.w.WriteHeader(status)
	_, _ = v.w.Write(out.Bytes()) // a client that has gone away needs no answer
	return nil
}

func section(path string) string {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch first {
	case "transactions":
		return "payouts"
	case "filters":
		return "invoices"
	}
	return first
}

// link returns the URL of a page of the desk, relative to this one.
func (v *visit) link(parts ...string) string {
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return v.root + strings.Join(parts, "/")
}

// redirect answers with a redirect to a URL.
func (v *visit) redirect(to string) error {
	v.w.Header().Set("Location", to)
	v.w.WriteHeader(http.StatusSeeOther)
	return nil
}

// leave answers with a redirect to a page of the desk, whose path has no leading slash.
func (v *visit) leave(path string) error { return v.redirect(v.root + path) }

// fault is a refusal that is shown to the person.
type fault struct {
	status      int
	title, text string
}

func (f *fault) Error() string { return f.title + ": " + f.text }

// errProve is returned for an act that demands a fresh proof of who the person is.
var errProve = errors.New("a fresh proof is required")

// signedOut answers a request whose person is not known.
func (v *visit) signedOut(err error) error {
	if !errors.Is(err, ErrSignedOut) {
		v.cfg.Logger.WarnContext(v.ctx(), "desk: refused a person", "error", err)
		return &fault{http.StatusForbidden, "You cannot use this desk", "Ask the person who runs it."}
	}
	if v.cfg.SignIn != "" && v.r.Method == http.MethodGet {
		return v.redirect(v.signIn())
	}
	return &fault{http.StatusUnauthorized, "Nobody is signed in", "Sign in, and open this page again."}
}

// signIn returns the URL of the sign-in page that leads back to this page, or to the desk after a form.
func (v *visit) signIn() string {
	if v.cfg.SignIn == "" {
		return ""
	}
	u, err := url.Parse(v.cfg.SignIn)
	if err != nil {
		return v.cfg.SignIn
	}
	back, err := url.ParseRequestURI(v.r.RequestURI)
	if err == nil {
		q := u.Query()
		q.Set("next", back.RequestURI())
		u.RawQuery = q.Encode()
	}
	return u.String()
}

// fail answers with the page about an error. What nobody outside should know is logged and not shown.
func (v *visit) fail(err error) {
	f := faultOf(err)
	if f.status == http.StatusInternalServerError && v.ctx().Err() == nil {
		v.cfg.Logger.ErrorContext(v.ctx(), "desk: request failed", "path", v.r.URL.Path, "error", err)
	}
	body := struct {
		Status      int
		Text, Prove string
	}{Status: f.status, Text: f.text}
	if errors.Is(err, errProve) {
		body.Prove = v.signIn()
	}
	if err := v.render(f.status, "fault", f.title, body); err != nil {
		v.cfg.Logger.ErrorContext(v.ctx(), "desk: no page about a failure", "error", err)
		http.Error(v.w, f.title, f.status)
	}
}

// faultOf returns what the person is told of an error.
func faultOf(err error) *fault {
	var f *fault
	switch {
	case errors.As(err, &f):
		return f
	case errors.Is(err, errProve):
		return &fault{http.StatusForbidden, "Prove who you are again", "This moves money or makes keys, and you proved who you are too long ago."}
	case errors.Is(err, invoice.ErrNotFound), errors.Is(err, invoice.ErrNoEndpoint):
		return &fault{http.StatusNotFound, "Not found", "There is nothing here, or nothing that you may see."}
	}
	if text, known := refusal(err); known {
		return &fault{http.StatusConflict, "Refused", text}
	}
	return &fault{http.StatusInternalServerError, "Something failed", "Nothing is known to have changed. The program's log says more; try again."}
}

// refusals are the sentinels of the services, for people.
var refusals = []struct {
	err  error
	text string
}{
	{payout.ErrSamePerson, "Another person has to approve it: neither who requested it, nor who approved it already."},
	{payout.ErrUnknownReceiver, "The receiver is not on the list of those that the project may pay."},
	{payout.ErrNothingLeft, "Nothing is left to be refunded."},
	{payout.ErrDiffers, "What was brought is not the transaction that was to be signed, or it is not validly signed."},
	{payout.ErrNoReplacement, "The transaction cannot be replaced; only time can end it."},
	{payout.ErrNoCoins, "The coins for it are missing."},
	{payout.ErrTooDear, "All of it costs more than is configured."},
	{payout.ErrNothingToSweep, "No address has any of it that is free."},
	{payout.ErrStopped, "Money out is stopped on this network."},
	{payout.ErrNetwork, "This network pays nothing out."},
	{payout.ErrDayClosed, "The accounting day is closed."},
	{payout.ErrClaimed, "The claim is not open."},
	{bank.ErrNothing, "No order waits for a file."},
	{bank.ErrOtherAccount, "It is a document of another account."},
	{invoice.ErrConflict, "It was changed by somebody else at the same moment. Look at it again."},
	{invoice.ErrNoEndpoint, "There is no such endpoint."},
	{invoice.ErrDuplicateProject, "The owner has a project of this name."},
	{invoice.ErrNoAddress, "No address is free."},
	{invoice.ErrBusy, "The store is busy. Try again."},
	{invoice.ErrNotFound, "There is nothing under this name."},
	{webhook.ErrRefused, "The address is not allowed."},
}

// refusal returns the text of an error that says why something was not done, and false for a failure.
func refusal(err error) (string, bool) {
	var (
		bad       *invoice.InvalidError
		badPayout *payout.InvalidError
		move      *invoice.TransitionError
		status    *payout.StatusError
		poor      *payout.InsufficientError
		limit     *payout.LimitError
		key       *payout.KeyError
		refused   *payout.RefusedError
		transfer  *sepa.FieldError
		document  *sepa.DocumentError
		large     *sepa.LimitError
		f         *fault
	)
	duplicate := new(invoice.DuplicateOrderError)
	switch {
	case errors.As(err, &f):
		return f.text, true
	case errors.As(err, &duplicate):
		return "The project has an invoice with this order: " + duplicate.Invoice + ".", true
	case errors.Is(err, rates.ErrNoRate):
		return "There is no rate for this price at present.", true
	case errors.As(err, &bad):
		return bad.Error(), true
	case errors.As(err, &badPayout):
		return badPayout.Error(), true
	case errors.As(err, &move):
		return move.Error(), true
	case errors.As(err, &status):
		return status.Error(), true
	case errors.As(err, &poor):
		return "The account " + string(poor.Account.Kind) + " has less than is needed.", true
	case errors.As(err, &limit):
		return "A limit would be exceeded: " + limit.Counter + ".", true
	case errors.As(err, &key):
		return "This was asked before with other contents: payout " + key.Payout + ".", true
	case errors.As(err, &refused):
		return refused.Reason, true
	case errors.As(err, &transfer):
		return "The file cannot be written: " + transfer.Error() + ".", true
	case errors.As(err, &document):
		return "The document cannot be read: " + document.Error() + ".", true
	case errors.As(err, &large):
		return "The document is too large: " + large.Error() + ".", true
	case errors.Is(err, payout.ErrNotUnderWay): // the text says where it is
		_, where, _ := strings.Cut(err.Error(), payout.ErrNotUnderWay.Error())
		return "The transaction cannot be hurried" + where + ".", true
	}
	for _, r := range refusals {
		if errors.Is(err, r.err) {
			return r.text, true
		}
	}
	return "", false
}

// refused returns the fault of something that was refused for the reason.
func refused(text string) *fault { return &fault{http.StatusConflict, "Refused", text} }

// feeRefusal is refusal for an act with a fee.
func (v *visit) feeRefusal(err error) (string, bool) {
	var fee *payout.FeeError
	switch {
	case errors.As(err, &fee) && fee.Least.Cmp(fee.Greatest) > 0:
		return fmt.Sprintf("The least fee that helps is %s, and no more than %s may be paid.", v.amount(fee.Asset, fee.Least), v.amount(fee.Asset, fee.Greatest)), true
	case errors.As(err, &fee):
		return fmt.Sprintf("The fee must be from %s to %s.", v.amount(fee.Asset, fee.Least), v.amount(fee.Asset, fee.Greatest)), true
	case errors.Is(err, payout.ErrFeeTooHigh):
		return "The fee is more than is permitted.", true
	}
	return refusal(err)
}

// oneProject returns a project that the person may see, or ErrNotFound. It reads each once in a request.
func (v *visit) oneProject(id string) (invoice.Project, error) {
	if !v.person.Sees(id) {
		return invoice.Project{}, invoice.ErrNotFound
	}
	if p, read := v.memo[id]; read {
		return p, nil
	}
	p, err := v.cfg.Projects.Project(v.ctx(), id)
	if err == nil {
		v.memo[id] = p
	}
	return p, err
}

// projectName returns the name of a project for people, or its id if it has none that can be read.
func (v *visit) projectName(id string) string {
	if id == "" {
		return "Operator"
	}
	if p, err := v.oneProject(id); err == nil {
		return p.Name
	}
	return id
}

// maxChoices bounds how many projects a list of choices has.
const maxChoices = 200

// choices returns the projects that the person may choose from, at most maxChoices.
func (v *visit) choices() ([]invoice.Project, error) {
	if len(v.person.Projects) == 0 {
		all, err := v.cfg.Projects.List(v.ctx(), "", maxChoices)
		for _, p := range all {
			v.memo[p.ID] = p
		}
		return all, err
	}
	var out []invoice.Project
	for _, id := range v.person.Projects[:min(len(v.person.Projects), maxChoices)] {
		p, err := v.oneProject(id)
		switch {
		case errors.Is(err, invoice.ErrNotFound):
			continue // it does not exist any more
		case err != nil:
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// projectOptions returns projects as choices.
func projectOptions(projects []invoice.Project, chosen string) []option {
	out := make([]option, len(projects))
	for i, p := range projects {
		out[i] = option{p.ID, p.Name, p.ID == chosen}
	}
	return out
}

// assetOption returns an asset as a choice.
func (d *Desk) assetOption(a chain.Asset, chosen string) option {
	return option{string(a.ID), a.Code + " on " + d.networkName(a.ID.Network()), string(a.ID) == chosen}
}

// wanted returns the project that the URL selects: "" for all that the person sees, else one of them, or ErrNotFound.
func (v *visit) wanted() (string, error) {
	id := v.query("project")
	if id == "" {
		return "", nil
	}
	p, err := v.oneProject(id)
	return p.ID, err
}

// choice returns the projects to choose from, and the id of the one that the URL selects; "" if it selects none.
func (v *visit) choice() (projects []invoice.Project, wanted string, err error) {
	if projects, err = v.choices(); err == nil {
		wanted, err = v.wanted()
	}
	return projects, wanted, err
}

// position returns a number of the URL that is not negative; 0 if there is none.
func (v *visit) position(name string) int64 {
	n, err := strconv.ParseInt(v.query(name), 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// networkName returns the name of a network for people.
func (d *Desk) networkName(id chain.Network) string {
	if c, there := d.cfg.Invoices.Chain(id); there && c.Name != "" {
		return c.Name
	}
	return string(id)
}
