package checkout

import (
	"cmp"
	"html/template"
	"math/big"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
)

// Kind is what a page is about.
type Kind string

// The kinds of pages.
const (
	KindChoose     Kind = "choose"     // no way to pay is chosen yet
	KindPay        Kind = "pay"        // nothing has arrived
	KindPart       Kind = "part"       // something is missing, and there is time
	KindConfirming Kind = "confirming" // enough was seen
	KindPaid       Kind = "paid"
	KindUnder      Kind = "under"    // something is missing, and the time is over
	KindExpired    Kind = "expired"  // nothing came in time
	KindLate       Kind = "late"     // something came after the time, and does not count
	KindReverted   Kind = "reverted" // the chain took back what had been complete
	KindCancelled  Kind = "cancelled"
	KindRecord     Kind = "record"   // archived
	KindStanding   Kind = "standing" // deposits of any amount
)

// kindOf returns what the page of an invoice is about. Time by our clock only takes away the invitation to pay: the chain
// decides whether a payment was in time.
func kindOf(inv invoice.Invoice, now time.Time) Kind {
	over := !inv.Terms.Standing && !now.Before(inv.EffectiveDeadline())
	switch s := inv.State; {
	case s.Status == invoice.StatusArchived:
		return KindRecord
	case s.Status == invoice.StatusCancelled:
		return KindCancelled
	case s.Outcome.Has(invoice.OutcomeReverted):
		return KindReverted
	case s.Status == invoice.StatusCompleted:
		return KindPaid
	case inv.Terms.Standing:
		return KindStanding
	case s.Status == invoice.StatusPending:
		return KindConfirming
	case s.Status == invoice.StatusPaidPartial && (s.Closed || over):
		return KindUnder
	case s.Status == invoice.StatusPaidPartial:
		return KindPart
	case s.Status == invoice.StatusExpired && positive(s.Received):
		return KindLate
	case s.Status == invoice.StatusExpired, over:
		return KindExpired
	case inv.Quote == nil:
		return KindChoose
	}
	return KindPay
}

// asks reports whether a page of the kind asks for money.
func (k Kind) asks() bool { return k == KindPay || k == KindPart || k == KindStanding }

// ended reports whether nothing is expected to change on a page of the kind.
func (k Kind) ended() bool {
	return slices.Contains([]Kind{KindPaid, KindCancelled, KindRecord}, k)
}

// troubled reports whether a payer who sees a page of the kind may want to ask the shop.
func (k Kind) troubled() bool {
	return slices.Contains([]Kind{KindUnder, KindLate, KindReverted, KindExpired}, k)
}

// view is what a template shows. All texts are in the language.
type view struct {
	*tongue
	Languages []*tongue
	Up        string // relative URL of the root
	Here      string // relative URL of the page
	Root      assetNames
	Shop      Shop
	Contact   template.URL
	Back      string
	Done      string
	Refund    string
	Frame     string // origin that is told of changes; empty if the page is in no frame
	Test      bool   // the network is for tests
	Error     string // why the payer's last act was refused

	Kind        Kind
	Trouble     bool // the payer may want to ask somebody
	ID          string
	Order       string
	Description string
	Price       string
	Version     string // of what is shown, for the live updates
	Refresh     bool   // whether a browser without scripts should look again

	Methods []method
	Other   bool // whether another way to pay may be chosen
	Renew   bool

	Network string // its name
	Code    string // of the asset
	Amount  string // that is to be sent now
	Plain   string // the same for a wallet
	Due     string
	Got     string // what has arrived, if not everything is missing
	Address string
	Groups  []group // of the address
	Type    string  // of the address, where wallets differ in what they can pay to
	URI     template.URL
	QR      *code
	QRName  string
	Browser *request

	Deadline time.Time
	Ends     string // the deadline for people
	Window   int64  // seconds from the quote to the deadline
	Left     int64  // seconds until the deadline
	Progress *progress

	Notes    []string
	Payments []payment
	Date     string // of the receipt
}

type method struct {
	ID, Code, Network, Fee, Takes string
	Chosen                        bool
}

type progress struct {
	Have, Need uint64
	Text       string
}

type payment struct {
	Amount, TxID, Link, State string
	At                        time.Time
	Seen                      string
	Gone                      bool
}

// scene is what a page is made of: facts, read at one time.
type scene struct {
	inv     invoice.Invoice
	heads   map[chain.Network]chain.Head
	chain   invoice.ChainConfig // of the chosen network
	choices []invoice.AssetConfig
	uri     string
	now     time.Time
}

// show returns the view of a scene.
func (c *Checkout) show(s scene, t *tongue) view {
	inv := s.inv
	v := view{
		tongue: t, Languages: c.words.tongues, Kind: kindOf(inv, s.now), ID: inv.ID, Order: inv.OrderID, Description: inv.Name,
		Shop: c.cfg.Shop(inv.Project), Deadline: inv.EffectiveDeadline()}
	beats := pulseOf(inv, s.heads)
	v.Version = beats.id()
	if v.Kind == KindConfirming {
		v.Progress = v.progress(beats)
	}
	links := c.cfg.Links(inv)
	v.Back, v.Done = safeURL(links.Back), cmp.Or(safeURL(links.Done), safeURL(links.Back))
	v.Refund, v.Contact = safeURL(links.Refund), contactURL(v.Shop.Contact)
	v.Shop.Terms = safeURL(v.Shop.Terms)
	if inv.Price.Currency != "" {
		v.Price = t.amount(inv.Price.Amount, decimals(inv.Price, inv.Quote)) + "\u00a0" + inv.Price.Currency
	}
	v.Refresh, v.Trouble = !v.Kind.ended(), v.Kind.troubled() || inv.State.Outcome&(invoice.OutcomeOver|invoice.OutcomeLate|invoice.OutcomeOtherAsset) != 0
	v.Renew = c.cfg.Renew && v.Kind == KindExpired && inv.State.Status == invoice.StatusExpired && inv.Quote != nil
	v.Test = s.chain.Type != "" && s.chain.Type != "mainnet"
	v.methods(c, s)
	v.money(s)
	v.time(s)
	v.notes(c, s)
	return v
}

// fiatDecimals is how many decimals a price in fiat is written with at least.
const fiatDecimals = 2

// decimals returns with how many decimals a price is written at least. A code of three letters that is not the asset's is
// taken for a fiat currency.
func decimals(p invoice.Price, q *invoice.Quote) int32 {
	if len(p.Currency) != 3 || q != nil && q.Asset.Code == p.Currency {
		return 0
	}
	return fiatDecimals
}

// methods fills in the ways to pay that may be chosen.
func (v *view) methods(c *Checkout, s scene) {
	if v.Kind != KindChoose && v.Kind != KindPay {
		return
	}
	for _, a := range s.choices {
		n := c.cfg.network(a.ID.Network())
		m := method{ID: string(a.ID), Code: a.Code, Network: c.nameOf(a.ID.Network()), Takes: v.takes(n, a)}
		if n.Fee != nil {
			m.Fee = n.Fee(a.Asset)
		}
		m.Chosen = s.inv.Quote != nil && s.inv.Quote.Asset.ID == a.ID
		v.Methods = append(v.Methods, m)
	}
	v.Other = v.Kind == KindPay && len(v.Methods) > 1 && len(s.inv.Payments) == 0
}

// takes returns how long a payment usually takes until it counts; empty if that is not known.
func (v *view) takes(n Network, a invoice.AssetConfig) string {
	var need chain.Confirmations
	if len(a.Confirm) > 0 {
		need = a.Confirm[len(a.Confirm)-1].Need
	}
	took := n.Final
	if need.Tag == chain.FinalityDepth {
		took = n.Blocks/2 + n.Blocks*time.Duration(min(need.Depth, 10_000))
	}
	switch {
	case took == 0:
		return ""
	case took < time.Minute:
		return v.T("method.seconds")
	case took < 90*time.Minute:
		return v.T("method.minutes", int(took.Round(time.Minute)/time.Minute))
	}
	return v.T("method.hours", int(took.Round(time.Hour)/time.Hour))
}

// money fills in what is to be paid, and where.
func (v *view) money(s scene) {
	q := s.inv.Quote
	if q == nil {
		return
	}
	v.Network, v.Code = cmp.Or(s.chain.Name, string(s.inv.Network())), q.Asset.Code
	text := func(units *big.Int) string { return v.units(q.Asset, units) }
	if !s.inv.Terms.Standing {
		v.Due = text(q.Due)
	}
	if positive(s.inv.State.Received) {
		v.Got = text(s.inv.State.Received)
	}
	rest := s.inv.Remaining()
	if !v.Kind.asks() || q.Address == "" || !s.inv.State.ReleasedAt.IsZero() {
		return
	}
	v.Address, v.Groups = string(q.Address), groups(string(q.Address))
	if kind := addressType(string(q.Address)); kind != "" {
		v.Type = v.T("address.type", kind)
	}
	v.QRName = v.T("qr.address")
	if !s.inv.Terms.Standing {
		v.QRName = v.T("qr")
		v.Amount, v.Plain = text(rest), q.Asset.Decimal(rest).String()
		v.Browser = requestOf(q.Asset.ID, q.Address, rest)
	}
	if qr, err := qrOf(upper(s.uri)); err == nil {
		v.QR = &qr
	}
	v.URI = deepLink(s.uri)
}

// units returns an amount with its code.
func (v *view) units(a chain.Asset, units *big.Int) string {
	return v.amount(a.Decimal(units), 0) + "\u00a0" + a.Code
}

// time fills in the deadline.
func (v *view) time(s scene) {
	if s.inv.Terms.Standing || v.Kind != KindChoose && v.Kind != KindPay && v.Kind != KindPart {
		v.Deadline = time.Time{}
		return
	}
	start := s.inv.CreatedAt
	if q := s.inv.Quote; q != nil && q.At.After(start) {
		start = q.At
	}
	v.Ends = clock(v.Deadline)
	v.Window = int64(v.Deadline.Sub(start) / time.Second)
	v.Left = max(0, int64(v.Deadline.Sub(s.now)/time.Second))
}

// clock writes a time in UTC, in a form that every language reads. A browser with scripts writes it as its user does.
func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// notes fills in the payments, and what is to be said of them.
func (v *view) notes(c *Checkout, s scene) {
	inv := s.inv
	for _, p := range inv.Payments {
		a, known := c.asset(inv, p.Asset)
		amount := string(p.Asset)
		if known {
			amount = v.units(a, p.Units)
		}
		d := inv.Depth(p, s.heads[p.Key.Network])
		shown := payment{Amount: amount, TxID: p.Key.TxID, At: p.FirstSeen, Seen: clock(p.FirstSeen), Gone: p.Withdrawn}
		if explorer := c.cfg.network(p.Key.Network).Explorer; explorer != "" {
			shown.Link = safeURL(strings.ReplaceAll(explorer, "{txid}", url.PathEscape(p.Key.TxID)))
		}
		shown.State = v.T(stateWord(p, d))
		v.Payments = append(v.Payments, shown)
		if word := noteWord(inv, p); word != "" {
			v.Notes = append(v.Notes, v.T(word, amount))
		}
	}
	if q := inv.Quote; q != nil && inv.State.Outcome.Has(invoice.OutcomeOver) {
		if over := new(big.Int).Sub(inv.State.Received, q.Due); over.Sign() > 0 {
			v.Notes = append(v.Notes, v.T("note.over", v.units(q.Asset, over)))
		}
	}
	if at := inv.State.CompletedAt; !at.IsZero() {
		v.Date = clock(at)
	}
}

func stateWord(p invoice.Payment, d invoice.Depth) string {
	switch {
	case p.Withdrawn:
		return "payments.gone"
	case d.Mature:
		return "payments.done"
	case p.Block.Hash != "":
		return "payments.confirming"
	}
	return "payments.seen"
}

// noteWord returns the word for what is special about a payment; empty if nothing is.
func noteWord(inv invoice.Invoice, p invoice.Payment) string {
	switch {
	case p.Withdrawn:
		return "note.withdrawn"
	case inv.Quote == nil || p.Key.Network != inv.Network():
		return "note.network"
	case p.Dust:
		return "note.dust"
	case p.Asset != inv.Quote.Asset.ID && !inv.Terms.Standing:
		return "note.other"
	case inv.State.Outcome.Has(invoice.OutcomeLate) && p.FirstSeen.After(inv.EffectiveDeadline()):
		return "note.late"
	}
	return ""
}

// progress writes how deep a payment is.
func (t *tongue) progress(p pulse) *progress {
	if !p.counts() {
		return nil
	}
	out := &progress{Have: p.have, Need: p.need}
	if out.Text = t.T("confirming.final"); !p.final {
		out.Text = t.T("confirming.count", int(p.need), int(p.have))
	}
	return out
}

func positive(n *big.Int) bool { return n != nil && n.Sign() > 0 }

// group is a part of an address. The ends are what people compare.
type group struct {
	Text string
	End  bool
}

// groups splits an address into its first six characters, groups of four, and its last six.
func groups(address string) []group {
	const ends = 6
	if len(address) <= 2*ends {
		return []group{{address, true}}
	}
	out := []group{{address[:ends], true}}
	for chunk := range slices.Chunk([]byte(address[ends:len(address)-ends]), 4) {
		out = append(out, group{Text: string(chunk)})
	}
	return append(out, group{address[len(address)-ends:], true})
}

// bech32 matches addresses of the Bitcoin family with the version of their witness (BIP-173, BIP-350).
var bech32 = regexp.MustCompile(`^(bc|tb|bcrt|ltc|tltc|rltc)1([qp])[a-z0-9]{38,58}$`)

// addressType returns the name of the type of an address that old wallets cannot pay to, or "".
func addressType(address string) string {
	m := bech32.FindStringSubmatch(address)
	switch {
	case m == nil:
		return ""
	case m[2] == "p":
		return "Taproot (bech32m)"
	}
	return "SegWit (bech32)"
}

// payable matches payment URIs: a scheme that is no scheme of the web, and what addresses, amounts and parameters need.
var payable = regexp.MustCompile(`^[a-z][a-z0-9+.-]{2,19}:[A-Za-z0-9][A-Za-z0-9@/?&=.,:%_~+-]*$`)

// maxURI bounds a payment URI, in bytes.
const maxURI = 2500

// deepLink returns a payment URI as a link, or "" for a text that is none: the URI comes from the configuration of a
// chain, and an address from its source.
func deepLink(uri string) template.URL {
	scheme, _, _ := strings.Cut(uri, ":")
	if len(uri) > maxURI || !payable.MatchString(uri) || slices.Contains([]string{"http", "https", "javascript", "data", "vbscript", "file", "blob", "about"}, scheme) {
		return ""
	}
	return template.URL(uri) //nolint:gosec // checked above
}

// contactURL returns the link to a shop's contact.
func contactURL(contact string) template.URL {
	if contact == "" {
		return ""
	}
	if safe := safeURL(contact); safe != "" {
		return template.URL(safe) //nolint:gosec // an http or https URL
	}
	if strings.Count(contact, "@") == 1 && !strings.ContainsAny(contact, " \"'<>\\?&#%:/") {
		return template.URL("mailto:" + contact) //nolint:gosec // has no character that ends the address
	}
	return ""
}
