package desk

import (
	"context"
	"fmt"
	"html/template"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
)

// need is something that wants a person.
type need struct {
	Tone              tone
	Title, Text, Link string
	At                time.Time
}

// needs are the needs of one kind, the latest first.
type needs struct {
	Title  string
	Shown  []need
	More   int
	Looked string // what was looked at, if it is not everything
}

// Bounds of what the home page looks at. A page that says what it looked at is worth more than one that is slow.
const (
	needsShown   = 6
	needsScanned = 300 // invoices of each status, by their last change
	creditsSeen  = 60  // invoices of which the ledger is asked what was given back
	messagesSeen = 50  // invoices, and payouts, whose messages are looked at
	payoutsSeen  = 100
)

// home shows what needs a person, how the networks do, and what came in.
func (v *visit) home() error {
	var body struct {
		Needs    []needs
		Networks []networkRow
		Takings  []assetTakings
		Days     []time.Time
		Bounded  bool
		Adding   bool // the sums come with the next page
	}
	health, err := v.cfg.Invoices.Health(v.ctx())
	if err != nil {
		return err
	}
	aside := func() (needs, error) { return v.asideNeeds(health), nil }
	for _, find := range []func() (needs, error){v.invoiceNeeds, v.payoutNeeds, v.sweepNeeds, v.messageNeeds, v.solvencyNeeds, aside} {
		n, err := find()
		if err != nil {
			return err
		}
		if len(n.Shown) > 0 {
			body.Needs = append(body.Needs, n)
		}
	}
	body.Networks = v.networkRows(health)
	sum, known, later, err := v.readTakings()
	if err != nil {
		return err
	}
	body.Days, body.Bounded, body.Adding = sum.days(), sum.bounded, !known
	body.Takings = v.viewTakings(sum, body.Days)
	if err := v.render(http.StatusOK, "home", "Home", body); err != nil || !later {
		return err
	}
	v.addTakingsLater()
	return nil
}

// cut sorts the needs, the worst and latest first, and keeps the first of them.
func (n *needs) cut() {
	slices.SortStableFunc(n.Shown, func(a, b need) int {
		if worse := rank(b.Tone) - rank(a.Tone); worse != 0 {
			return worse
		}
		return b.At.Compare(a.At)
	})
	if len(n.Shown) > needsShown {
		n.More = len(n.Shown) - needsShown
		n.Shown = n.Shown[:needsShown]
	}
}

func rank(t tone) int {
	return slices.Index([]tone{toneIdle, toneGood, toneWait, toneWarn, toneBad}, t)
}

// invoiceNeeds finds the invoices that an exception keeps from being done with, among those changed last.
func (v *visit) invoiceNeeds() (needs, error) {
	out := needs{Title: "Invoices"}
	asked, bounded := 0, false
	for _, status := range []invoice.Status{invoice.StatusPaidPartial, invoice.StatusExpired, invoice.StatusCancelled, invoice.StatusCompleted, invoice.StatusNew} {
		page, err := v.list(invoice.Query{Status: status, Sort: invoice.SortUpdated, Limit: needsScanned})
		if err != nil {
			return out, err
		}
		bounded = bounded || page.Total > needsScanned
		for _, inv := range page.Invoices {
			s := situation{now: v.cfg.Now(), refunds: v.cfg.Payouts != nil}
			if inv.State.Outcome.Has(invoice.OutcomeOver) && v.cfg.Payouts != nil && inv.Quote != nil {
				if asked++; asked > creditsSeen {
					continue
				}
				credit, err := v.cfg.Payouts.Credit(v.ctx(), inv.Project, inv.ID)
				if err != nil {
					return out, err
				}
				s.over = surplus(inv, credit)
			}
			e := explain(inv, s)
			if e.Tone == toneBad || e.Tone == toneWarn && (inv.State.Closed || status == invoice.StatusNew) {
				out.Shown = append(out.Shown, need{e.Tone, e.Title, v.needText(inv), v.link("invoices", inv.ID), inv.UpdatedAt})
			}
		}
	}
	out.Looked = lookedAt(asked, bounded)
	out.cut()
	return out, nil
}

// lookedAt returns what of the invoices was looked at, if it is not everything: asked is how many were paid too much, and
// bounded reports that a status has more than are read.
func lookedAt(asked int, bounded bool) string {
	switch {
	case asked > creditsSeen:
		return fmt.Sprintf("among the %d that were paid too much last, and the others that changed last", creditsSeen)
	case bounded:
		return fmt.Sprintf("among the %d invoices of each status that changed last", needsScanned)
	}
	return ""
}

func (v *visit) needText(inv invoice.Invoice) string {
	text := heading(inv)
	if inv.Quote != nil {
		text += ": " + quoted(*inv.Quote, inv.State.Received) + " of " + due(inv)
	}
	return text + ", " + v.projectName(inv.Project)
}

// payoutNeeds finds the payouts that wait for a person.
func (v *visit) payoutNeeds() (needs, error) {
	out := needs{Title: "Payouts"}
	if v.cfg.Payouts == nil {
		return out, nil
	}
	for _, status := range []payout.Status{payout.StatusRequested, payout.StatusQueued, payout.StatusFailed, payout.StatusReturned} {
		for _, project := range v.scope() {
			page, err := v.readPayouts(payout.Query{Project: project, Status: status, Limit: payoutsSeen})
			if err != nil {
				return out, err
			}
			if page.Next != "" {
				out.Looked = fmt.Sprintf("among the latest %d of each status", payoutsSeen)
			}
			for _, p := range v.payoutRows(page.Payouts) {
				recent := v.cfg.Now().Sub(p.UpdatedAt) < 7*24*time.Hour
				if p.Tone == toneWarn || p.Tone == toneBad && (!p.State.Status.Ended() || recent) {
					title := p.Why
					if title == "" {
						title = string(p.State.Status)
					}
					out.Shown = append(out.Shown, need{p.Tone, capital(title), p.Amount + ", " + p.ProjectName, p.Link, p.UpdatedAt})
				}
			}
		}
	}
	for _, n := range v.payingNetworks() {
		stopped, err := v.cfg.Payouts.Stopped(v.ctx(), n)
		if err != nil {
			return out, err
		}
		if stopped != nil {
			out.Shown = append(out.Shown, need{toneBad, "Money out is stopped", v.networkName(n), v.root + "money", stopped.At})
		}
	}
	out.cut()
	return out, nil
}

// sweepNeeds finds the transactions that pay nobody, and so have no payout that says it, and wait for a person's signature. Those
// that a signer signs by itself are not signed for a moment, too, but nothing is said of them.
func (v *visit) sweepNeeds() (needs, error) {
	out := needs{Title: "Sweeps"}
	if v.cfg.Payouts == nil || v.cfg.Holdings == nil || len(v.person.Projects) > 0 || !v.person.Role.May(RoleOperator) {
		return out, nil
	}
	for _, network := range v.payingNetworks() {
		open, err := v.cfg.Holdings.OpenTransactions(v.ctx(), network)
		if err != nil {
			return out, err
		}
		for _, t := range open {
			own := t.Purpose == payout.PurposeSweep || t.Purpose == payout.PurposeTopUp
			if own && signable(t) && t.Detail != "" {
				text := v.sweepText(t) + ", " + v.networkName(network)
				out.Shown = append(out.Shown, need{toneWarn, capital(reasonTexts[payout.ReasonSignature]), text, v.link("transactions", t.ID), t.UpdatedAt})
			}
		}
	}
	out.cut()
	return out, nil
}

// sweepText returns what a transaction brings, and why.
func (v *visit) sweepText(t payout.Transaction) string {
	text := capital(words(string(t.Purpose)))
	for _, m := range t.Last().Moves {
		if m.Units.Sign() > 0 {
			return text + " of " + v.amount(m.Holding.Asset, m.Units)
		}
	}
	return text
}

// scope returns the projects to ask a store about one by one: the person's, or one "" for all.
func (v *visit) scope() []string {
	if len(v.person.Projects) == 0 {
		return []string{""}
	}
	return v.person.Projects
}

// messageNeeds finds the webhooks that are refused.
func (v *visit) messageNeeds() (needs, error) {
	lately, err := v.readMessages("")
	out := needs{Title: "Webhooks", Shown: lately.troubled, Looked: "of " + lately.looked}
	out.cut()
	return out, err
}

// solvencyNeeds finds the assets of which the books have more or less than is owed.
func (v *visit) solvencyNeeds() (needs, error) {
	out := needs{Title: "Solvency"}
	if v.cfg.Payouts == nil || len(v.person.Projects) > 0 {
		return out, nil
	}
	rows, err := v.solvency()
	for _, r := range rows {
		if r.Difference != "" {
			out.Shown = append(out.Shown, need{toneBad, "What is held is not what is owed", r.Difference + " on " + r.Network, v.root + "money#solvency", time.Time{}})
		}
	}
	return out, err
}

// asideNeeds finds what networks have set aside or skipped.
func (v *visit) asideNeeds(health []invoice.NetworkHealth) needs {
	out := needs{Title: "Set aside"}
	if len(v.person.Projects) > 0 {
		return out
	}
	for _, h := range health {
		for _, a := range h.Aside {
			if a.Portions { // it takes its time, and needs nobody
				continue
			}
			n := need{toneBad, "Set aside on " + h.Name, a.Cause, v.root + "#networks", a.Since}
			if a.Invoice != "" {
				n.Link = v.link("invoices", a.Invoice)
			}
			if a.Unexamined != nil {
				n.Text = "transaction " + short(a.Unexamined.TxID) + ": " + a.Unexamined.Reason
				if link := v.cfg.Transaction(h.Network, a.Unexamined.TxID); link != "" {
					n.Link = link
				}
			}
			out.Shown = append(out.Shown, n)
		}
		for _, id := range h.Damaged {
			out.Shown = append(out.Shown, need{toneBad, "An invoice cannot be read", id, v.root + "#networks", time.Time{}})
		}
		if !h.LostEnd.IsZero() {
			out.Shown = append(out.Shown, need{toneBad, "The store was found to have lost its end", h.Name, v.root + "#networks", h.LostEnd})
		}
	}
	out.cut()
	return out
}

// networkRow is how a network does.
type networkRow struct {
	invoice.NetworkHealth
	OK               bool
	Block, Behind    string
	Answered, Follow string
	Problems         []string
	Nodes            []nodeRow
}

// nodeRow is how one of several nodes does.
type nodeRow struct {
	chain.NodeHealth
	State string
	Tone  tone
}

// nodeRows returns how the nodes of a network do, if the host tells. The names are the host's; what a node said is not shown.
func (v *visit) nodeRows(network chain.Network) []nodeRow {
	if v.cfg.Nodes == nil {
		return nil
	}
	var out []nodeRow
	for _, n := range v.cfg.Nodes(network) {
		row := nodeRow{n, "ready", toneIdle}
		switch {
		case n.Refused:
			row.State, row.Tone = "refused: it serves another network", toneBad
		case n.Err != nil:
			row.State, row.Tone = "failing: "+counted(n.Failures, "call", "calls")+" in a row", toneBad
		case n.Lagging:
			row.State, row.Tone = "behind the others, or its tip is old", toneWarn
		case n.InUse:
			row.State, row.Tone = "in use", toneGood
		}
		out = append(out, row)
	}
	return out
}

// networkRows returns how the networks do.
func (v *visit) networkRows(health []invoice.NetworkHealth) []networkRow {
	now := v.cfg.Now()
	var out []networkRow
	for _, h := range health {
		row := networkRow{
			NetworkHealth: h, OK: h.OK(now, v.cfg.Within, v.cfg.Behind), Block: fmt.Sprint(h.Stored.Height), Behind: "0",
			Follow: "another process", Answered: ago(now, h.Advanced),
		}
		if h.Stored.Tip > h.Stored.Height {
			row.Behind = fmt.Sprint(h.Stored.Tip - h.Stored.Height)
		}
		if h.Ours {
			row.Follow, row.Answered = "this process", ago(now, h.Lag.Answered)
			row.Behind = fmt.Sprint(h.Lag.Blocks())
			row.Problems = nodeProblems(h, now)
		}
		if h.Err != nil {
			row.Problems = append(row.Problems, "The last step could not be stored, since "+ago(now, h.Since)+".")
		}
		if h.Ahead > invoice.MaxAhead {
			row.Problems = append(row.Problems, "The chain's clock and ours differ by "+roughly(h.Ahead)+".")
		}
		row.Nodes = v.nodeRows(h.Network)
		out = append(out, row)
	}
	return out
}

// nodeProblems returns what is wrong with the node of a network. What a node says itself is not shown: it may name its URL.
func nodeProblems(h invoice.NetworkHealth, now time.Time) []string {
	var out []string
	if h.Lag.Failures > 0 {
		out = append(out, fmt.Sprintf("The node has failed %s since %s.", counted(h.Lag.Failures, "time", "times"), ago(now, h.Lag.Since)))
	}
	if h.Lag.At > 0 {
		out = append(out, fmt.Sprintf("Block %d cannot be read.", h.Lag.At))
	}
	if !h.Lag.LastFork.IsZero() && now.Sub(h.Lag.LastFork) < 24*time.Hour {
		out = append(out, fmt.Sprintf("The chain reorganised %s, %d deep.", ago(now, h.Lag.LastFork), h.Lag.ForkDepth))
	}
	if n := len(h.Lag.Lacks); n > 0 {
		out = append(out, "The node lacks "+counted(n, "ability", "abilities")+" that an asset needs.")
	}
	return out
}

// assetTakings is what came in of one asset.
type assetTakings struct {
	Code, Network, Total string
	Invoices             int
	Chart                template.HTML
	Rows                 []string // an amount for each day
}

// takings remembers for a short time what came in, because adding it up reads many invoices.
type takings struct {
	mu     sync.Mutex // guards what follows
	sums   map[string]takingsSum
	adding map[string]bool // sums that somebody adds up at this moment
}

type takingsSum struct {
	at      time.Time
	first   time.Time // the first day
	assets  map[chain.AssetID][]*big.Int
	counts  map[chain.AssetID]int
	bounded bool
}

const (
	takingsDays = 30
	takingsAge  = time.Minute
	takingsNow  = 1000   // invoices that are added up while a person waits
	takingsMost = 20_000 // invoices that are added up
	takingsKept = 100    // sets of projects that are remembered
	takingsTime = time.Minute
)

func newTakings() *takings { return &takings{sums: map[string]takingsSum{}, adding: map[string]bool{}} }

// days returns the days of the sum.
func (t takingsSum) days() []time.Time {
	days := make([]time.Time, takingsDays)
	for i := range days {
		days[i] = t.first.AddDate(0, 0, i)
	}
	return days
}

// takingsKey names the projects that the person sees.
func (v *visit) takingsKey() string {
	return strings.Join(slices.Sorted(slices.Values(v.person.Projects)), "\n")
}

// readTakings returns what completed invoices brought, by asset and day of their completion. If that is too much to be added
// up while a person waits, it returns what is remembered, whether anything is, and that the rest is to be done later.
func (v *visit) readTakings() (sum takingsSum, known, later bool, err error) {
	now := v.cfg.Now()
	v.takings.mu.Lock()
	sum, known = v.takings.sums[v.takingsKey()]
	v.takings.mu.Unlock()
	empty := emptyTakings(now)
	switch known = known && sum.first.Equal(empty.first); {
	case known && now.Sub(sum.at) <= takingsAge && !now.Before(sum.at):
		return sum, true, false, nil
	case known && sum.large(): // and still is
		return sum, true, true, nil
	}
	fresh, err := v.addTakings(now, takingsNow)
	switch {
	case err != nil:
		return sum, known, false, err
	case !fresh.bounded:
		v.keepTakings(fresh)
		return fresh, true, false, nil
	case known:
		return sum, true, true, nil
	}
	return empty, false, true, nil
}

// large reports whether the sum is of more invoices than are added up while a person waits.
func (t takingsSum) large() bool {
	n := 0
	for _, count := range t.counts {
		n += count
	}
	return n > takingsNow
}

// addTakingsLater adds up what readTakings has left, once the page is with whoever asked for it, unless somebody does already.
func (v *visit) addTakingsLater() {
	key := v.takingsKey()
	v.takings.mu.Lock()
	busy := v.takings.adding[key]
	v.takings.adding[key] = true
	v.takings.mu.Unlock()
	if busy {
		return
	}
	defer func() {
		v.takings.mu.Lock()
		delete(v.takings.adding, key)
		v.takings.mu.Unlock()
	}()
	_ = http.NewResponseController(v.w).Flush() // a server that cannot keeps the page back until the end
	ctx, cancel := context.WithTimeout(context.WithoutCancel(v.ctx()), takingsTime)
	defer cancel()
	sum, err := v.within(ctx).addTakings(v.cfg.Now(), takingsMost)
	if err != nil {
		v.cfg.Logger.ErrorContext(ctx, "desk: what came in cannot be added up", "error", err)
		return
	}
	v.keepTakings(sum)
}

func (v *visit) keepTakings(sum takingsSum) {
	v.takings.mu.Lock()
	defer v.takings.mu.Unlock()
	if len(v.takings.sums) >= takingsKept {
		clear(v.takings.sums)
	}
	v.takings.sums[v.takingsKey()] = sum
}

func emptyTakings(now time.Time) takingsSum {
	first := now.UTC().Truncate(24*time.Hour).AddDate(0, 0, 1-takingsDays)
	return takingsSum{at: now, first: first, assets: map[chain.AssetID][]*big.Int{}, counts: map[chain.AssetID]int{}}
}

// addTakings adds up the invoices that changed last, at most so many; the sum is bounded if there are more.
func (v *visit) addTakings(now time.Time, most int) (takingsSum, error) {
	out := emptyTakings(now)
	q := invoice.Query{Status: invoice.StatusCompleted, Sort: invoice.SortUpdated, Limit: invoice.MaxPage, Uncounted: true}
	for read := 0; ; {
		page, err := v.list(q)
		if err != nil {
			return out, err
		}
		for _, inv := range page.Invoices {
			if inv.UpdatedAt.Before(out.first) { // and so was its completion, like that of all that follow
				return out, nil
			}
			out.add(inv)
		}
		read += len(page.Invoices)
		if len(page.Invoices) < q.Limit {
			return out, nil
		}
		if read >= most {
			out.bounded = true
			return out, nil
		}
		q.After = page.Invoices[len(page.Invoices)-1].ID
	}
}

func (t *takingsSum) add(inv invoice.Invoice) {
	i := int(inv.State.CompletedAt.Sub(t.first) / (24 * time.Hour))
	if inv.Quote == nil || inv.State.CompletedAt.Before(t.first) || i >= takingsDays || inv.State.Confirmed == nil {
		return
	}
	id := inv.Quote.Asset.ID
	if t.assets[id] == nil {
		t.assets[id] = make([]*big.Int, takingsDays)
	}
	if t.assets[id][i] == nil {
		t.assets[id][i] = new(big.Int)
	}
	t.assets[id][i].Add(t.assets[id][i], inv.State.Confirmed)
	t.counts[id]++
}

func (v *visit) viewTakings(sum takingsSum, days []time.Time) []assetTakings {
	var out []assetTakings
	for _, a := range v.cfg.Invoices.Assets() {
		sums := sum.assets[a.ID]
		if sums == nil {
			continue
		}
		total := new(big.Int)
		view := assetTakings{Code: a.Code, Network: v.networkName(a.ID.Network()), Invoices: sum.counts[a.ID]}
		for _, n := range sums {
			total.Add(total, orZero(n))
			view.Rows = append(view.Rows, a.Decimal(n).String())
		}
		view.Total = v.amount(a.ID, total)
		view.Chart = bars(sums, days, fmt.Sprintf("%s in the last %d days: %s", a.Code, takingsDays, view.Total))
		out = append(out, view)
	}
	return out
}
