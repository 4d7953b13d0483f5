package invoicetest

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
	"github.com/cointill/cointill/invoice"
	"github.com/shopspring/decimal"
)

// kind is a kind of step.
type kind struct {
	name    string
	weight  int
	trouble bool // only in some worlds
	play    func(w *world, r *rand.Rand)
}

const endpointInTrouble = "endpoint in trouble"

// kinds lists all kinds of steps.
var kinds = []kind{
	{"create", 20, false, (*world).create},
	{"pay", 32, false, (*world).pay},
	{"mine", 22, false, (*world).mineSome},
	{"dust flood", 2, true, (*world).flood},
	{"strangers pay", 2, true, (*world).strangers},
	{"caller goes away", 6, true, (*world).goAway},
	{"choose", 4, false, (*world).choose},
	{"open for deposits", 2, false, (*world).openForDeposits},
	{"refresh", 3, true, (*world).refresh},
	{"time passes", 3, false, func(w *world, r *rand.Rand) { w.pass(time.Duration(r.IntN(20)) * time.Minute) }},
	{"rest", 2, false, (*world).rest},
	{"create one order twice at once", 3, true, (*world).createTwice},
	{"everything at once", 5, true, (*world).rush},
	{"reorganise", 9, false, (*world).reorganise},
	{"replace or evict", 8, false, (*world).replace},
	{"node in trouble", 9, true, (*world).nodeTrouble},
	{"node heals", 4, true, (*world).nodeHeals},
	{"store in trouble", 8, true, (*world).storeTrouble},
	{"die", 5, true, (*world).die},
	{"stop", 3, true, (*world).stop},
	{"start", 8, false, (*world).startOne},
	{"slow", 5, true, (*world).slow},
	{"clock jumps", 4, true, (*world).clockJumps},
	{endpointInTrouble, 7, true, (*world).endpointTrouble},
	{"endpoints heal", 2, true, func(w *world, _ *rand.Rand) { w.endpoints.heal() }},
	{"operator", 7, true, (*world).operate},
	{"rates", 5, true, (*world).changeRates},
}

// pick draws a kind by weight.
func pick(r *rand.Rand, from []kind) kind {
	sum := 0
	for _, k := range from {
		sum += k.weight
	}
	n := r.IntN(sum)
	for _, k := range from {
		if n -= k.weight; n < 0 {
			return k
		}
	}
	return from[0]
}

func one[T any](r *rand.Rand, from []T) (T, bool) {
	if len(from) == 0 {
		var zero T
		return zero, false
	}
	return from[r.IntN(len(from))], true
}

// jitter returns the error of a block's stamp.
func jitter(r *rand.Rand) time.Duration {
	if r.IntN(4) > 0 {
		return 0
	}
	return time.Duration(r.IntN(600)-300) * time.Second
}

// shop holds what the shop and its payers know.
type shop struct {
	orders []*order
	lost   []invoice.Invoice // that were shown, and that a restored store lacks
	noted  map[string]int64  // the recorded version of each invoice
}

// order is an order of the shop, and its invoice as last returned.
type order struct {
	id  string
	inv invoice.Invoice
}

// live returns one of the running processes.
func (w *world) live(r *rand.Rand) (*Process, bool) { return one(r, w.living()) }

// payable returns the orders that have an address.
func (w *world) payable() []*order {
	return slices.DeleteFunc(slices.Clone(w.shop.orders), func(o *order) bool { return o.inv.Quote == nil || o.inv.Quote.Address == "" })
}

func (w *world) request(r *rand.Rand, id string) invoice.Request {
	t := w.chains[r.IntN(len(w.chains))]
	asset := t.chain.Assets()[r.IntN(2)]
	req := invoice.Request{
		Project: "shop", OrderID: id, Price: invoice.Price{Currency: "EUR", Amount: decimal.New(int64(1+r.IntN(5000)), -2)},
		Asset: asset.Code, CallbackURL: fmt.Sprintf("https://shop%d.example/%s", r.IntN(3), id),
		Late:  []invoice.LatePolicy{"", invoice.LateHold, invoice.LateAccept, invoice.LateRerate}[r.IntN(4)],
		Other: []invoice.OtherPolicy{"", invoice.OtherAccept, invoice.OtherHold}[r.IntN(3)],
	}
	switch r.IntN(8) {
	case 0:
		req.Asset = ""
	case 1:
		req.Price.Currency = asset.Code
	case 2:
		req.CallbackURL = ""
	case 3:
		percent := decimal.New(int64(r.IntN(100)), -1)
		req.Tolerance = &percent
	case 4:
		req.ToleranceAmount = decimal.New(1, -3)
	}
	if req.Asset == "" {
		req.ToleranceAmount = decimal.Decimal{}
	}
	return req
}

// create lets the shop create an invoice, and repeat the request with the same order id after errors.
func (w *world) create(r *rand.Rand) {
	req := w.request(r, fmt.Sprintf("order-%03d", w.step))
	for range 1 + r.IntN(4) {
		p, ok := w.live(r)
		if !ok || w.createAt(p, req) {
			return
		}
	}
}

// createAt requests an invoice from one process, and reports whether the shop now has it.
func (w *world) createAt(p *Process, req invoice.Request) bool {
	inv, err := w.order(p, req)
	w.note("    %s creates %s for %s %s in %q: %s", p.name, req.OrderID, req.Price.Amount, req.Price.Currency, req.Asset, outcomeOf(err))
	if err != nil {
		return false
	}
	w.learn(inv)
	return true
}

// order requests the invoice of an order, which may exist already, from a process.
func (w *world) order(p *Process, req invoice.Request) (invoice.Invoice, error) {
	return limited(w, p, func(ctx context.Context) (invoice.Invoice, error) {
		inv, err := p.svc.Create(ctx, req)
		var taken *invoice.DuplicateOrderError
		if errors.As(err, &taken) {
			return p.svc.Invoice(ctx, req.Project, taken.Invoice)
		}
		return inv, err
	})
}

// limited makes a call to a service and makes sure that it ends.
func limited[T any](w *world, p *Process, call func(context.Context) (T, error)) (T, error) {
	return limitedBy(context.Background(), w, p, call)
}

// limitedBy makes a call whose caller may go away.
func limitedBy[T any](ctx context.Context, w *world, p *Process, call func(context.Context) (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	done := make(chan answer, 1)
	go func() {
		value, err := call(ctx)
		done <- answer{value, err}
	}()
	a := <-done
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		w.fail(ruleRuns, "a call of %s does not end", p.name)
	}
	if !reasonable(a.err) {
		w.fail(ruleErrors, "a call of %s answers %v", p.name, a.err)
	}
	return a.value, a.err
}

func outcomeOf(err error) string {
	if err != nil {
		return "refused"
	}
	return "done"
}

// learn records a service's response to the shop.
func (w *world) learn(inv invoice.Invoice) {
	if before, known := w.promised[inv.OrderID]; !known || before.Version < inv.Version {
		w.promised[inv.OrderID] = inv
	}
	for _, o := range w.shop.orders {
		if o.id == inv.OrderID {
			if o.inv.ID != inv.ID {
				w.fail(ruleOrderID, "%s was answered as invoice %s and as invoice %s", o.id, o.inv.ID, inv.ID)
			}
			o.inv = inv
			w.shows(inv)
			return
		}
	}
	w.shop.orders = append(w.shop.orders, &order{inv.OrderID, inv})
	w.shows(inv)
}

// goAway lets the shop request an invoice without waiting for the response: then it is unknown whether the invoice exists,
// and the shop may repeat the request.
func (w *world) goAway(r *rand.Rand) {
	p, ok := w.live(r)
	if !ok {
		return
	}
	req := w.request(r, fmt.Sprintf("order-%03d", w.step))
	ctx, cancel := context.WithCancel(context.Background())
	timer := time.AfterFunc(time.Duration(r.Int64N(int64(8*time.Millisecond))), cancel)
	defer timer.Stop()
	inv, err := limitedBy(ctx, w, p, func(ctx context.Context) (invoice.Invoice, error) { return p.svc.Create(ctx, req) })
	cancel()
	w.note("    %s is asked for %s by somebody who goes away: %s", p.name, req.OrderID, outcomeOf(err))
	if err == nil {
		w.learn(inv)
	} else if again, ok := w.live(r); ok && r.IntN(2) == 0 {
		w.createAt(again, req)
	}
}

// flood lets a stranger send tiny amounts many times.
func (w *world) flood(r *rand.Rand) {
	o, ok := one(r, w.payable())
	if !ok {
		return
	}
	t := w.truth(o.inv.Network())
	outputs := make([]chaintest.Output, 10+r.IntN(60))
	for i := range outputs {
		asset := t.chain.Assets()[r.IntN(2)]
		outputs[i] = chaintest.Output{To: payTo(r, o.inv.Quote), Asset: asset, Units: big.NewInt(int64(1 + r.IntN(1000)))}
	}
	w.note("    %s gets next to nothing %d times by %s", o.id, len(outputs), shorten(t.send(r.IntN(3) == 0, outputs)))
}

// pourIn sends so many payments to the oldest invoice that most of them are settled.
func (w *world) pourIn(r *rand.Rand) {
	orders := w.payable()
	if len(orders) == 0 {
		return
	}
	o := orders[0]
	outputs := make([]chaintest.Output, 30+r.IntN(50))
	for i := range outputs {
		outputs[i] = o.output(int64(1 + r.IntN(3)))
	}
	txid := w.truth(o.inv.Network()).send(false, outputs)
	w.note("    %s is paid a little %d times by %s", o.id, len(outputs), shorten(txid))
}

// strangers sends arbitrary amounts to the addresses of invoices.
func (w *world) strangers(r *rand.Rand) {
	for range 1 + r.IntN(12) {
		o, ok := one(r, w.payable())
		if !ok {
			return
		}
		t := w.chains[r.IntN(len(w.chains))]
		asset := t.chain.Assets()[r.IntN(2)]
		t.send(r.IntN(4) == 0, []chaintest.Output{{To: payTo(r, o.inv.Quote), Asset: asset, Units: pocketMoney(r, asset)}})
	}
	w.note("    strangers pay")
}

// createTwice requests one order from two processes at the same time.
func (w *world) createTwice(r *rand.Rand) {
	living := w.living()
	if len(living) < 2 {
		return
	}
	req := w.request(r, fmt.Sprintf("order-%03d", w.step))
	found := make([]invoice.Invoice, len(living))
	var wg sync.WaitGroup
	for i, p := range living {
		wg.Go(func() {
			found[i], _ = w.order(p, req)
		})
	}
	wg.Wait()
	w.learnAll(found)
}

func (w *world) learnAll(found []invoice.Invoice) {
	for _, inv := range found {
		if inv.ID != "" {
			w.learn(inv)
		}
	}
}

func (w *world) choose(r *rand.Rand) {
	again := r.IntN(3) == 0 // what was chosen before is still watched
	open := slices.DeleteFunc(slices.Clone(w.shop.orders), func(o *order) bool { return o.inv.Quote != nil && !again })
	o, ok := one(r, open)
	p, alive := w.live(r)
	if !ok || !alive {
		return
	}
	asset := w.chains[r.IntN(len(w.chains))].chain.Assets()[r.IntN(2)].Code
	inv, err := limited(w, p, func(ctx context.Context) (invoice.Invoice, error) {
		inv, err := p.svc.Choose(ctx, "shop", o.inv.ID, asset)
		if err != nil { // it may have succeeded nevertheless
			if now, readErr := p.svc.Invoice(ctx, "shop", o.inv.ID); readErr == nil && now.Quote != nil {
				return now, nil
			}
		}
		return inv, err
	})
	w.note("    %s chooses %s for %s: %s", p.name, asset, o.id, outcomeOf(err))
	if err == nil {
		w.learn(inv)
	}
}

// openForDeposits lets the shop request an address for deposits.
func (w *world) openForDeposits(r *rand.Rand) {
	p, ok := w.live(r)
	if !ok {
		return
	}
	d := invoice.Deposit{
		Project: "shop", OrderID: fmt.Sprintf("order-%03d", w.step), Asset: w.chains[r.IntN(len(w.chains))].chain.Assets()[r.IntN(2)].Code,
		CallbackURL: fmt.Sprintf("https://shop%d.example/%d", r.IntN(3), w.step),
	}
	inv, err := limited(w, p, func(ctx context.Context) (invoice.Invoice, error) { return p.svc.CreateStanding(ctx, d) })
	w.note("    %s opens %s for deposits of %s: %s", p.name, d.OrderID, d.Asset, outcomeOf(err))
	if err == nil {
		w.learn(inv)
	}
}

func (w *world) refresh(r *rand.Rand) {
	over := slices.DeleteFunc(slices.Clone(w.shop.orders), func(o *order) bool {
		inv, err := w.store().Invoice(context.Background(), o.inv.ID)
		return err != nil || inv.State.Status != invoice.StatusExpired
	})
	o, ok := one(r, over)
	p, alive := w.live(r)
	if !ok || !alive {
		return
	}
	how, again := "refreshes", p.svc.Refresh
	if r.IntN(2) == 0 {
		how, again = "quotes anew", p.svc.Requote
	}
	inv, err := limited(w, p, func(ctx context.Context) (invoice.Invoice, error) {
		return again(ctx, invoice.Act{Project: "shop", Invoice: o.inv.ID, Actor: "payer"}, time.Duration(r.IntN(10))*time.Minute)
	})
	w.note("    %s %s %s: %s", p.name, how, o.id, outcomeOf(err))
	if err == nil {
		w.learn(inv)
	}
}

// pay sends a payment.
func (w *world) pay(r *rand.Rand) {
	orders := w.payable()
	o, ok := one(r, orders[max(0, len(orders)-6):]) // mostly the new ones, which are still open
	if !ok {
		return
	}
	if r.IntN(6) == 0 {
		o, _ = one(r, orders)
	}
	t := w.truth(o.inv.Network())
	how := "on whichever network"
	var outputs []chaintest.Output
	switch n := r.IntN(16); n {
	case 0, 15:
		t = w.chains[r.IntN(len(w.chains))]
		asset := t.chain.Assets()[r.IntN(2)]
		outputs = []chaintest.Output{{To: payTo(r, o.inv.Quote), Asset: asset, Units: pocketMoney(r, asset)}}
	case 1:
		how = "and for another one too"
		outputs = append(outputs, o.output(100))
		if other, _ := one(r, orders); other.inv.Network() == t.net {
			outputs = append(outputs, other.output(100))
		}
	default:
		how, outputs = o.payment(r, t, n)
	}
	r.Shuffle(len(outputs), func(i, j int) { outputs[i], outputs[j] = outputs[j], outputs[i] })
	replaceable := r.IntN(3) == 0
	txid := t.send(replaceable, outputs)
	w.note("    %s is paid %s by %s: %d outputs, replaceable %t", o.id, how, shorten(txid), len(outputs), replaceable)
}

// payment returns one of the ways to pay an order.
func (o *order) payment(r *rand.Rand, t *truth, n int) (string, []chaintest.Output) {
	out := o.output(100)
	switch n {
	case 2, 3:
		return "short", []chaintest.Output{o.output(int64(5 + r.IntN(94)))}
	case 4:
		return "too much", []chaintest.Output{o.output(int64(101 + r.IntN(150)))}
	case 5:
		out.Units = big.NewInt(1)
		return "with dust", []chaintest.Output{out}
	case 6:
		out.Units = new(big.Int)
		return "nothing", []chaintest.Output{out}
	case 7:
		return "twice in one transaction", []chaintest.Output{out, o.output(100)}
	case 8:
		half := o.output(50)
		out.Units.Sub(out.Units, half.Units)
		return "in two parts", []chaintest.Output{half, out}
	case 9:
		for _, a := range t.chain.Assets() {
			if a.ID != out.Asset.ID {
				out.Asset, out.Units = a, pocketMoney(r, a)
				break
			}
		}
		return "in the other asset", []chaintest.Output{out}
	}
	return "exactly", []chaintest.Output{out}
}

// output pays a percentage of the amount due.
func (o *order) output(percent int64) chaintest.Output {
	q := o.inv.Quote
	units := new(big.Int).Set(q.Due)
	if o.inv.Terms.Standing {
		units = q.Asset.UnitsUp(decimal.NewFromInt(5))
	}
	to := q.Address
	if percent != 100 {
		units = share(units, percent)
		if len(q.Also) > 0 {
			to = q.Also[0]
		}
	}
	return chaintest.Output{To: to, Asset: q.Asset, Units: units}
}

// pocketMoney is some amount of an asset.
func pocketMoney(r *rand.Rand, a chain.Asset) *big.Int {
	return a.UnitsUp(decimal.New(int64(1+r.IntN(3000)), -2))
}

func share(units *big.Int, percent int64) *big.Int {
	out := new(big.Int).Mul(units, big.NewInt(percent))
	return out.Add(out.Quo(out, big.NewInt(100)), big.NewInt(1))
}

// mine adds blocks to every chain, stamped with the current time.
func (w *world) mine(n int) {
	for _, t := range w.chains {
		t.mine(n, 0)
	}
}

func (t *truth) mine(n int, wrong time.Duration) {
	for i := range n {
		t.chain.MineAt(time.Now().Add(wrong + time.Duration(i)*time.Second))
	}
	t.sync()
}

func (w *world) mineSome(r *rand.Rand) {
	t := w.chains[r.IntN(len(w.chains))]
	if r.IntN(3) == 0 { // blocks that leave the pool as it is
		t.chain.MineEmpty(1 + r.IntN(3))
	}
	if w.traits.ahead && r.IntN(6) == 0 { // and the blocks after it are stamped rightly
		t.mine(1, time.Duration(60+r.IntN(60))*time.Minute)
	}
	t.mine(1+r.IntN(3), jitter(r))
}

// pass lets time pass with a block a minute.
func (w *world) pass(d time.Duration) {
	for range int(d / time.Minute) {
		w.sleep(time.Minute)
		w.mine(1)
	}
}

// deepest returns the maximum depth of forks: a follower must still know a block from before.
const deepest = 16

// recent returns the depths of the blocks with payments of invoices.
func (w *world) recent(t *truth) []int {
	var out []int
	blocks := t.view().blocks
	for depth := 1; depth <= deepest && depth < len(blocks); depth++ {
		for _, x := range blocks[len(blocks)-depth].Transfers {
			if w.ownerOf(x.To) != "somebody else" {
				out = append(out, depth)
			}
		}
	}
	return out
}

func (w *world) reorganise(r *rand.Rand) {
	t := w.chains[r.IntN(len(w.chains))]
	depth := 1 + r.IntN(4)
	switch r.IntN(4) {
	case 0:
		depth = 1 + r.IntN(deepest)
	case 1, 2: // just deep enough that a payment leaves, or does not
		if at, ok := one(r, w.recent(t)); ok {
			depth = max(1, at-r.IntN(2))
		}
	}
	extra := r.IntN(4) - 1
	if depth+extra < 1 {
		extra = 0
	}
	// What a follower has let go of does not come back to it when the chain becomes shorter.
	if fork := int(t.chain.Head().Height) - depth; int(t.tallest)-fork >= w.traits.reach {
		w.blur()
	}
	fate := []chaintest.Fate{chaintest.Remined, chaintest.Pooled, chaintest.Lost}[r.IntN(3)]
	t.chain.Reorganise(depth, extra, fate)
	t.sync()
	w.totals.Forks++
	w.note("    the last %d blocks of %s leave for %d, fate %d, head %d", depth, t.net, depth+extra, fate, t.chain.Head().Height)
}

// replace replaces or evicts a transaction in a pool.
func (w *world) replace(r *rand.Rand) {
	t := w.chains[r.IntN(len(w.chains))]
	x, ok := one(r, t.view().pool)
	if !ok {
		return
	}
	if r.IntN(4) == 0 {
		t.chain.Evict(x.TxID)
		t.sync()
		w.note("    %s is evicted", shorten(x.TxID))
		return
	}
	asset := t.chain.Assets()[0]
	for _, a := range t.chain.Assets() {
		if a.ID == x.Asset {
			asset = a
		}
	}
	var outputs []chaintest.Output
	switch r.IntN(3) {
	case 0: // the same, with a better fee
		outputs = append(outputs, chaintest.Output{To: x.To, Asset: asset, Units: x.Units})
	case 1:
		outputs = append(outputs, chaintest.Output{To: t.chain.Address("thief"), Asset: asset, Units: x.Units})
	}
	w.note("    %s is replaced by %s with %d outputs", shorten(x.TxID), shorten(t.replace(x.TxID, outputs)), len(outputs))
}

func (w *world) someNode(r *rand.Rand) (*node, bool) {
	p, ok := w.live(r)
	if !ok {
		return nil, false
	}
	return one(r, p.nodes)
}

func (w *world) nodeTrouble(r *rand.Rand) {
	n, ok := w.someNode(r)
	if !ok {
		return
	}
	t := []trouble{nodeDown, nodeStalled, nodeLagging, nodeTorn, nodeShy, nodeLying, nodeStuttery, nodePoolless, nodeOldPool, nodeDim}[r.IntN(10)]
	if t == nodeDim && w.traits.pool != nil {
		// What cannot be examined until its address has other holders, in a block that a wrong clock or a deep fork makes
		// older than them, is for a person to decide.
		t = nodeDown
	}
	lag, lie := 1+r.IntN(5), lies[r.IntN(len(lies))]
	w.blur()
	n.set(t, lag, lie)
	w.note("    node of %s on %s: %s, lag %d, lie %d", n.p.name, n.t.net, t, lag, lie)
}

func (w *world) blur() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.blurred = true
}

func (w *world) nodeHeals(r *rand.Rand) {
	if n, ok := w.someNode(r); ok {
		n.set(nodeHonest, 0, chaintest.Honest)
		w.note("    node of %s on %s heals", n.p.name, n.t.net)
	}
}

func (w *world) storeTrouble(r *rand.Rand) {
	p, ok := w.live(r)
	if !ok {
		return
	}
	pl := plan{
		method: []string{"Commit", "Commit", "Commit", "", "Record", "Claim", "ReserveIndexes", "InvoicesPaid", "InvoicesWaking"}[r.IntN(9)],
		kind:   []fault{faultBefore, faultAfter, faultCrashBefore, faultCrashAfter, faultLater}[r.IntN(5)],
		after:  r.IntN(4), times: 1 + r.IntN(3),
	}
	p.mu.Lock()
	p.plan = pl
	p.mu.Unlock()
	w.note("    %s: %q %s, after %d, %d times", p.name, pl.method, pl.kind, pl.after, pl.times)
}

func (w *world) die(r *rand.Rand) {
	if p, ok := w.live(r); ok {
		p.die()
		w.totals.Crashes++
		w.note("    %s dies", p.name)
	}
}

func (w *world) stop(r *rand.Rand) {
	if p, ok := w.live(r); ok {
		p.cancel()
		w.note("    %s stops", p.name)
	}
}

func (w *world) startOne(*rand.Rand) {
	for _, p := range w.processes {
		if !p.alive() {
			w.launch(p)
			w.note("    %s starts", p.name)
			return
		}
	}
}

func (w *world) slow(r *rand.Rand) {
	if p, ok := w.live(r); ok {
		slow := time.Duration(1+r.IntN(6000)) * time.Millisecond
		p.slowDown(slow)
		w.note("    calls of %s take up to %s", p.name, slow)
	}
}

func (p *Process) slowDown(most time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.slow = most
}

func (w *world) clockJumps(r *rand.Rand) {
	if p, ok := w.live(r); ok {
		skew := time.Duration(r.IntN(2400)-1200) * time.Second
		if w.traits.ahead && r.IntN(2) == 0 {
			skew *= 15
		}
		p.mu.Lock()
		p.skew = skew
		p.mu.Unlock()
		w.skews = append(w.skews, skew)
		w.endpoints.clocksDiffer()
		w.note("    the clock of %s is wrong by %s", p.name, skew)
	}
}

func (w *world) endpointTrouble(r *rand.Rand) {
	host, m := fmt.Sprintf("shop%d.example", r.IntN(3)), manners[r.IntN(len(manners))]
	w.endpoints.set(host, m)
	w.note("    %s %s", host, m)
}

func (w *world) operate(r *rand.Rand) {
	o, ok := one(r, w.shop.orders)
	p, alive := w.live(r)
	if !ok || !alive {
		return
	}
	act := invoice.Act{Project: "shop", Invoice: o.inv.ID, Actor: "ann", Comment: fmt.Sprint("step ", w.step)}
	to := invoice.Statuses()[r.IntN(7)]
	late := r.IntN(4) == 0
	label := w.step%4 == 1
	what := string(to)
	inv, err := limited(w, p, func(ctx context.Context) (invoice.Invoice, error) {
		switch {
		case label:
			return p.svc.SetLabel(ctx, act, fmt.Sprint("label ", w.step%3))
		case late:
			return p.svc.AcceptLate(ctx, act)
		}
		return p.svc.SetStatus(ctx, act, to)
	})
	switch {
	case label:
		what = "another label"
		w.labelled(inv, err)
	case late:
		what = "late money is fine"
	}
	w.note("    an operator says of %s at %s: %s: %s", o.id, p.name, what, outcomeOf(err))
	if err == nil {
		w.learn(inv)
	}
}

// labelled checks that an invoice has the label that an operator has just given it.
func (w *world) labelled(inv invoice.Invoice, err error) {
	if want := fmt.Sprint("label ", w.step%3); err == nil && inv.Label() != want {
		w.fail(rulePromise, "%s was labelled %q, and has the label %q", inv.OrderID, want, inv.Label())
	}
}

// rush lets operators act on one invoice at every process while a payment arrives and a block is mined.
func (w *world) rush(r *rand.Rand) {
	orders := w.payable()
	o, ok := one(r, orders[max(0, len(orders)-4):])
	if !ok {
		return
	}
	t := w.truth(o.inv.Network())
	t.send(false, []chaintest.Output{o.output(int64(20 + r.IntN(100)))})
	if r.IntN(2) == 0 {
		w.mine(1)
	}
	living := w.living()
	found := make([]invoice.Invoice, len(living))
	var wg sync.WaitGroup
	for i, p := range living {
		p.slowDown(time.Duration(1+r.IntN(4000)) * time.Millisecond)
		defer p.slowDown(0)
		act := invoice.Act{Project: "shop", Invoice: o.inv.ID, Actor: p.name, Comment: fmt.Sprint("step ", w.step)}
		wait, to := time.Duration(r.Int64N(int64(w.traits.poll))), invoice.Statuses()[r.IntN(7)]
		wg.Go(func() {
			time.Sleep(wait)
			found[i], _ = limited(w, p, func(ctx context.Context) (invoice.Invoice, error) { return p.svc.SetStatus(ctx, act, to) })
		})
	}
	wg.Wait()
	w.learnAll(found)
	w.note("    %s is paid, and %d operators act", o.id, len(living))
}

func (w *world) changeRates(r *rand.Rand) {
	switch r.IntN(3) {
	case 0:
		w.rates.fail(true)
		w.note("    no rates")
	case 1:
		w.rates.fail(false)
		w.note("    rates again")
	default:
		t := w.chains[r.IntN(len(w.chains))]
		code := t.chain.Assets()[r.IntN(2)].Code
		price := decimal.New(int64(10+r.IntN(400)), -2).String()
		w.rates.set(code, price)
		w.note("    %s costs %s", code, price)
	}
}
