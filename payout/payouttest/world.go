package payouttest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
	"github.com/shopspring/decimal"
)

// Store is what a world plays on: the database of the shop.
type Store interface {
	invoice.Store
	payout.Store
}

// chances are how often things go wrong in a world, from 0 to 1.
type chances struct {
	crash, interrupt, node, store, later, refusing, outside, failing, stop, foreign, dearer float64
}

// world is one shop, its chain, its processes and everybody who disturbs them. Everything is drawn from the seed, and
// everything happens in one goroutine: a process that is interrupted in the middle of a step, by another or by its end, is
// so at one of its calls of a port.
type world struct {
	rand    *rand.Rand
	cfg     chances
	inner   Store
	chains  []*spender
	procs   []*payout.Service
	clock   time.Time
	numbers int
	depth   int  // of steps within steps
	poor    bool // the coins of the beginning are the shop's, and the operator has none
	calm    bool // nothing goes wrong any more
	lags    int

	asked     []payout.Request
	payouts   []string // ids
	claims    map[string]string
	invoices  []*sale
	thefts    []*theft
	custodian *custodian               // nil if there is none
	list      list                     // of receivers
	hands     []byHand                 // what was paid with other money
	marked    map[string]string        // of these the ones that were told of, by payout
	made      map[string][]made        // versions that were signed, by the transaction
	chosen    map[string][]int64       // fees that the operator chose, by transaction
	ends      map[string]end           // of transactions
	promised  map[string]*big.Int      // for fees, by payout
	refused   map[string]bool          // requests that the signer refused
	deepest   map[string]int           // how deep a process saw a transaction, or what took the place of one
	seqs      map[string]int64         // of the last stored event, by payout
	told      map[string]payout.Status // by the feed
	undone    bool                     // the last event of the feed was an alarm
	position  int64
	history   []string
	defect    Defect
}

// made is a version that a signer has signed.
type made struct {
	network chain.Network
	id      string
	tx      tx
}

// byHand is a payment that is not ours.
type byHand struct{ txID, payout string }

// sale is an invoice of the shop, as the world knows it.
type sale struct {
	inv     invoice.Invoice
	payment *invoice.Payment
	deposit deposit
}

// crashed is the panic of a process that ends.
type crashed struct{}

const project = "shop"

var networks = map[kind]chain.Network{coins: "bip122:000000000019d6689c085ae165831e93", accounts: "eip155:1", expiring: "tron:0x2b6653dc"}

func newWorld(seed uint64, inner Store, defect Defect) *world {
	r := rand.New(rand.NewPCG(seed, 0x70a7))
	w := &world{
		rand: r, inner: inner, clock: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC), defect: defect,
		claims: map[string]string{}, marked: map[string]string{}, made: map[string][]made{}, chosen: map[string][]int64{}, ends: map[string]end{}, promised: map[string]*big.Int{}, seqs: map[string]int64{}, told: map[string]payout.Status{}, refused: map[string]bool{}, deepest: map[string]int{},
	}
	w.list = list{seed%5 == 4, map[string]payout.Receiver{}, map[string][]time.Time{}}
	odds := func(most float64) float64 {
		if r.IntN(3) == 0 {
			return 0
		}
		return r.Float64() * most
	}
	w.cfg = chances{
		crash: odds(0.05), interrupt: odds(0.15), node: odds(0.3), store: odds(0.1), later: odds(0.5), refusing: odds(0.1),
		outside: odds(0.3), failing: odds(0.2), stop: odds(0.05), foreign: max(0, odds(1)-0.5),
		dearer: odds(1),
	}
	w.poor = w.rand.IntN(3) == 0
	w.addChain(kind(seed % 3))
	w.openCustodian()
	for i := range 2 {
		w.procs = append(w.procs, w.start(i))
	}
	return w
}

func (w *world) addChain(k kind) {
	network := networks[k]
	native := string(network) + "/slip44:" + map[kind]string{coins: "0", accounts: "60", expiring: "195"}[k]
	assets := []string{native}
	switch k {
	case accounts:
		assets = append(assets, string(network)+"/erc20:0xdAC17F958D2ee523a2206206994597C13D831ec7")
	case expiring:
		assets = append(assets, string(network)+"/trc20:TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t")
	case coins:
	}
	s := &spender{w: w, c: newChain(k, assets), network: network, defect: w.defect}
	s.sweeps = k == accounts && w.rand.IntN(2) == 0
	s.c.firstSeen = k == coins && w.rand.IntN(2) == 0
	s.firstSeen = s.c.firstSeen && w.rand.IntN(2) == 0
	w.chains = append(w.chains, s)
}

// start starts a process: a service that has nothing but the store.
func (w *world) start(i int) *payout.Service {
	cfg := payout.Config{
		Store: w.shaky(), Invoices: w.inner, Holder: fmt.Sprintf("process %d", i), Now: w.now, Poll: time.Second, Random: w.random,
		Logger:   slog.New(slog.DiscardHandler),
		Policies: payout.Policies{Daily: map[chain.AssetID]*big.Int{}, ApproveAbove: map[chain.AssetID]*big.Int{}},
	}
	if w.list.demanded {
		cfg.Policies.Listed, cfg.Policies.Cooling = true, cooling
	}
	for _, s := range w.chains {
		n := payout.NetworkConfig{
			Spender: s, Signer: signer{w}, Confirm: chain.Confirmations{Depth: 2}, Resend: 5 * time.Second, Bump: 40 * time.Second,
			Retry: time.Second, MaxTries: 1000, BatchWait: 0,
		}
		if s.c.kind == coins {
			n.Bump = 16 * time.Second
		}
		for j, id := range s.c.assets {
			a := chain.Asset{ID: chain.AssetID(id), Code: fmt.Sprintf("C%d", j), Decimals: 0}
			n.Assets = append(n.Assets, payout.AssetConfig{Asset: a, MaxFee: big.NewInt(400)})
			if s.sweeps {
				n.Assets[j].MinSweep = big.NewInt(200)
			}
			cfg.Policies.ApproveAbove[a.ID] = big.NewInt(900)
		}
		cfg.Networks = append(cfg.Networks, n)
	}
	if w.custodian != nil {
		cfg.Networks = append(cfg.Networks, w.custodian.config())
	}
	svc, err := payout.New(cfg)
	if err != nil {
		panic(err)
	}
	return svc
}

// random fills b: all that processes draw comes from the seed.
func (w *world) random(b []byte) {
	for i := range b {
		b[i] = byte(w.rand.Uint32())
	}
}

func (w *world) now() time.Time { return w.clock }

func (w *world) next() int { w.numbers++; return w.numbers }

func (w *world) chance(p float64) bool { return !w.calm && w.rand.Float64() < p }

// fails reports whether a call to a node or a signer fails.
func (w *world) fails(what string) bool {
	if !w.chance(w.cfg.node) {
		return false
	}
	w.note("%s fails", what)
	return true
}

// pause is a call of a process to the outside: there it may end, and others may come between.
func (w *world) pause(at string) {
	if w.chance(w.cfg.crash) {
		w.note("the process ends at %s", at)
		panic(crashed{})
	}
	if w.depth < 2 && w.chance(w.cfg.interrupt) {
		w.note("meanwhile, at %s:", at)
		w.step()
	}
}

func (w *world) lag(*spender) int {
	if w.calm {
		return 0
	}
	return w.lags
}

func (w *world) chainOf(network chain.Network) *simChain {
	for _, s := range w.chains {
		if s.network == network {
			return s.c
		}
	}
	return nil
}

func (w *world) note(format string, args ...any) {
	w.history = append(w.history, strings.Repeat("  ", w.depth)+fmt.Sprintf(format, args...))
}

// act is something that may happen, with its odds.
type act struct {
	odds int
	do   func()
}

// step is one thing that happens. A process that ends in it is started again.
func (w *world) step() {
	w.depth++
	defer func() { w.depth-- }()
	i := w.rand.IntN(len(w.procs))
	defer func() {
		if r := recover(); r != nil {
			if _, ours := r.(crashed); !ours {
				panic(r)
			}
			w.procs[i] = w.start(i)
		}
	}()
	w.clock = w.clock.Add(time.Duration(w.rand.IntN(8000)) * time.Millisecond)
	s := w.chains[w.rand.IntN(len(w.chains))]
	svc := w.procs[i]
	acts := []act{
		{12, func() { w.request(svc, s) }},
		{30, func() { w.result("look %d", svc.Look(context.Background(), s.network), i) }},
		{12, func() { w.result("book %d", svc.Book(context.Background()), i) }},
		{16, func() { w.mine(s) }},
		{6, func() { w.sell(s) }},
		{4, func() { w.approve(svc) }},
		{4, func() { w.cancel(svc) }},
		{4, func() { w.cancelBumped(svc, s) }},
		{6, func() { w.hurry(svc, s) }},
		{4, func() { w.sweepNow(svc, s) }},
		{4, func() { w.refund(svc, s) }},
		{2, func() { w.claim(svc) }},
		{3, func() { w.reorganise(s) }},
		{2, func() { w.forget(s) }},
		{4, func() { w.pin(s) }},
		{2, func() { w.resend(s) }},
		{4, func() { w.reprice(s) }},
		{8, func() { w.build(s) }},
		{2, func() { w.lags = min(w.rand.IntN(3), s.c.height()); w.note("the node lags by %d", w.lags) }},
		{1, func() { w.stop(svc, s) }},
		{1, func() { w.fund(svc, s) }},
		{2, func() { w.bookFunds(svc, s) }},
		{2, func() { w.steal(s) }},
		{1, func() { w.payByHand(s) }},
		{2, func() { w.markPaid(svc) }},
	}
	if c := w.custodian; c != nil {
		acts = append(acts, []act{
			{6, func() { c.request(svc) }},
			{14, func() { w.result("look at the custodian %d", svc.Look(context.Background(), custody), i) }},
			{10, c.act},
			{3, func() { c.tell(svc) }},
		}...)
	}
	acts = append(acts, w.listActs(svc, s)...)
	sum := 0
	for _, a := range acts {
		sum += a.odds
	}
	n := w.rand.IntN(sum)
	for _, a := range acts {
		if n -= a.odds; n < 0 {
			a.do()
			return
		}
	}
}

// reprice changes what the network asks for, now and then to more than any payout has reserved.
func (w *world) reprice(s *spender) {
	s.c.rate = 1 + w.rand.IntN(6)
	switch w.rand.IntN(6) {
	case 0:
		s.c.rate *= 12
	case 1, 2:
		s.c.rate *= 3
	}
	if s.c.kind == coins && w.rand.IntN(2) == 0 { // what is under way is too cheap, and its payees are in a hurry
		s.c.rate = 8 + w.rand.IntN(8)
		w.pin(s)
	}
	w.note("the network's rate is %d", s.c.rate)
}

func (w *world) result(format string, err error, args ...any) {
	text := fmt.Sprintf(format, args...)
	if err != nil {
		text += ": " + err.Error()
	}
	w.note("%s", text)
	w.unexpected(err)
}

// unexpected fails the world for an error that no fault explains.
func (w *world) unexpected(err error) {
	if err == nil || errors.Is(err, errNode) || errors.Is(err, errStore) || errors.Is(err, payout.ErrConflict) ||
		errors.Is(err, invoice.ErrFenced) || errors.Is(err, invoice.ErrLeased) {
		return
	}
	var defect *payout.UnbalancedError
	if errors.As(err, &defect) {
		w.broken("a batch does not add up: %v", err)
	}
}

func (w *world) request(svc *payout.Service, s *spender) {
	r := payout.Request{
		Project: project, Key: fmt.Sprintf("order %d", len(w.asked)), To: fmt.Sprintf("payee %d", w.rand.IntN(4)),
		Asset: chain.AssetID(s.c.assets[w.rand.IntN(len(s.c.assets))]), Units: decimal.New(int64(5+w.rand.IntN(1000)), 0), Requester: "anna",
		FeeIncluded: w.rand.IntN(10) == 0,
	}
	if len(w.asked) > 0 && w.rand.IntN(4) == 0 {
		r = w.asked[w.rand.IntN(len(w.asked))]
	} else {
		w.asked = append(w.asked, r)
	}
	p, err := svc.Request(context.Background(), r)
	w.result("request %s of %s", err, r.Key, r.Units)
	if err == nil {
		w.know(p.ID)
	}
}

func (w *world) know(id string) {
	if !slices.Contains(w.payouts, id) {
		w.payouts = append(w.payouts, id)
	}
}

func (w *world) some() (payout.Payout, bool) {
	if len(w.payouts) == 0 {
		return payout.Payout{}, false
	}
	p, err := w.inner.Payout(context.Background(), w.payouts[w.rand.IntN(len(w.payouts))])
	return p, err == nil
}

func (w *world) approve(svc *payout.Service) {
	if p, ok := w.some(); ok {
		_, err := svc.Approve(context.Background(), project, p.ID, []string{"anna", "ben"}[w.rand.IntN(2)], "")
		w.result("approve %s", err, p.Key)
	}
}

func (w *world) cancel(svc *payout.Service) {
	p, ok := w.some()
	if !ok {
		return
	}
	if p.State.Transaction != "" && w.rand.IntN(4) == 0 {
		_, err := svc.CancelTransaction(context.Background(), p.State.Transaction, "ben")
		w.result("cancel the transaction of %s", err, p.Key)
		return
	}
	_, err := svc.Cancel(context.Background(), project, p.ID, "ben", "")
	w.result("cancel %s", err, p.Key)
}

// payByHand pays a payout with money that is not ours.
func (w *world) payByHand(s *spender) {
	p, ok := w.some()
	if !ok || p.To == "" || p.Asset.ID.Network() != s.network {
		return
	}
	h := byHand{fmt.Sprintf("hand:%d", w.next()), p.ID}
	w.hands = append(w.hands, h)
	w.note("somebody pays %s by hand with %s", p.Key, h.txID)
	w.mineWith(s, deposit{name: h.txID, asset: string(p.Asset.ID), units: p.Units, to: p.To})
}

// markPaid tells of what was paid by hand, also of what something else pays.
func (w *world) markPaid(svc *payout.Service) {
	if len(w.hands) == 0 {
		return
	}
	h := w.hands[w.rand.IntN(len(w.hands))]
	_, err := svc.MarkPaid(context.Background(), project, h.payout, h.txID, "ben", "")
	w.result("mark %s as paid by %s", err, h.payout[len(h.payout)-4:], h.txID)
}

func (w *world) refund(svc *payout.Service, s *spender) {
	if len(w.invoices) == 0 {
		return
	}
	sale := w.invoices[w.rand.IntN(len(w.invoices))]
	r := payout.RefundRequest{
		Project: project, Key: fmt.Sprintf("refund %d", w.next()), Invoice: sale.inv.ID, Over: w.rand.IntN(4) == 0,
	}
	if w.rand.IntN(2) == 0 {
		r.Units = decimal.New(int64(5+w.rand.IntN(300)), 0)
	}
	if w.rand.IntN(3) > 0 {
		r.To = "payee 1"
	} else if w.rand.IntN(2) == 0 {
		r.Window = time.Duration(10+w.rand.IntN(200)) * time.Second
	}
	p, token, err := svc.Refund(context.Background(), r)
	w.result("refund of %s", err, sale.inv.OrderID)
	if err == nil {
		w.know(p.ID)
		if token != "" {
			w.claims[p.ID] = token
		}
	}
}

func (w *world) claim(svc *payout.Service) {
	for _, id := range w.payouts {
		if token := w.claims[id]; token != "" {
			_, err := svc.Claim(context.Background(), token, "payee 2")
			w.result("claim %s", err, id[len(id)-4:])
			if err == nil || errors.Is(err, payout.ErrClaimed) {
				delete(w.claims, id)
			}
			return
		}
	}
}

func (w *world) stop(svc *payout.Service, s *spender) {
	if w.chance(w.cfg.stop * 10) {
		w.result("stop", svc.Stop(context.Background(), s.network, "a look", "ben"))
	} else {
		w.result("resume", svc.Resume(context.Background(), s.network))
	}
}

// fund sends coins of the operator to the wallet, and books those of before.
func (w *world) fund(svc *payout.Service, s *spender) {
	asset := s.c.assets[0]
	name := fmt.Sprintf("fund:%d", w.next())
	w.mineWith(s, deposit{name: name, asset: asset, units: big.NewInt(int64(2000 + w.rand.IntN(4000)))})
	w.bookFunds(svc, s)
}

// bookFunds books what the operator sent that no reorganisation reaches any more.
func (w *world) bookFunds(svc *payout.Service, s *spender) {
	for height, b := range s.c.blocks {
		for _, d := range b.deposits {
			if strings.HasPrefix(d.name, "fund:") && height < s.c.height()-depthBuried {
				owner := ""
				if w.poor && d.name == "fund:first" {
					owner = project
				}
				if err := svc.Fund(context.Background(), s.network, d.name, owner, "ben"); err != nil {
					w.result("fund with %s", err, d.name)
				}
			}
		}
	}
}

func (w *world) mine(s *spender) { w.mineWith(s) }

func (w *world) mineWith(s *spender, deposits ...deposit) {
	s.c.mine(func(id string) bool {
		if s.c.kind == coins && s.c.txs[id].Pays == nil {
			return w.chance(0.9) // a bump: what it pays for may be mined long before
		}
		return w.chance(0.4)
	}, deposits...)
	w.note("block %d: %d transactions", s.c.height(), len(s.c.blocks[s.c.height()-1].txs))
	w.follow(s)
}

// reorganise replaces the last blocks by others, deeper than what counts as final and less deep than what is buried.
func (w *world) reorganise(s *spender) {
	if w.calm || s.c.height() == 0 {
		return
	}
	n := min(1+w.rand.IntN(depthBuried-1), s.c.height())
	if w.rand.IntN(2) == 0 {
		n = min(n, depthFinal)
	}
	w.note("%d blocks leave the chain", n)
	w.build(s)
	lost := s.c.rewind(n, func(string) bool { return w.rand.IntN(3) > 0 })
	lost = slices.DeleteFunc(lost, func(d deposit) bool { return w.vanishes(s, d) })
	for i := range n + 1 {
		var again []deposit
		if i == n || w.rand.IntN(2) == 0 {
			again, lost = lost, nil
		}
		s.c.mine(func(string) bool { return w.chance(0.5) }, again...)
	}
	w.follow(s)
}

// vanishes reports whether a deposit that left the chain never comes back. A coin always does: what spends one that is
// gone for good waits for a proof that only the chain of its payer can give.
func (w *world) vanishes(s *spender, d deposit) bool {
	return s.c.kind != coins && !s.sweeps && d.asset == s.c.assets[0] && strings.HasPrefix(d.name, "sale:") && w.rand.IntN(4) == 0
}

// forget makes the pool lose transactions, as a node does that restarts or is full.
func (w *world) forget(s *spender) {
	s.c.pool = slices.DeleteFunc(s.c.pool, func(string) bool { return w.chance(0.5) })
	s.c.dropOrphans()
	w.note("the pool has %d transactions left", len(s.c.pool))
}

// signed notes that a version was signed: from now on anybody may send it.
func (w *world) signed(r payout.SignRequest, raw []byte) {
	t, _, err := parse(raw)
	w.must(err)
	w.made[r.Transaction] = append(w.made[r.Transaction], made{r.Network, w.chainOf(r.Network).kind.idOf(raw), t})
}

func (w *world) didSign(r payout.SignRequest) bool {
	id := w.chainOf(r.Network).kind.idOf(sign(r.Unsigned, 0))
	return slices.ContainsFunc(w.made[r.Transaction], func(m made) bool { return m.id == id })
}

// refuses reports whether the signer refuses the request. It keeps to what it said, and to what it signed, and never
// refuses what pays only ourselves.
func (w *world) refuses(r payout.SignRequest) bool {
	var t tx
	w.must(json.Unmarshal(r.Unsigned, &t))
	if len(t.Pays) == 0 {
		return false
	}
	request := fmt.Sprintf("%s/%d/%s", r.Transaction, r.N, r.Unsigned)
	if !w.refused[request] && !w.didSign(r) {
		w.refused[request] = w.chance(w.cfg.refusing)
	}
	if w.refused[request] && len(w.made[r.Transaction]) == 0 {
		w.refusedAll(r.Transaction)
	}
	return w.refused[request]
}
