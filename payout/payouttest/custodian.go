package payouttest

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"strings"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/payout"
	"github.com/shopspring/decimal"
)

const (
	custody chain.Network = "custody:main"
	euro    chain.AssetID = "custody:main/iso4217:EUR"
)

// custodian keeps an account of ours: a Provider that does not answer, answers late, and takes back what it has paid.
type custodian struct {
	w       *world
	balance *big.Int
	deeds   map[string]*deed
	loans   map[string]*big.Int
}

// deed is what became of an instruction, whatever was said about it.
type deed struct {
	in      payout.Instruction
	outcome payout.Outcome
	fee     *big.Int
	back    *big.Int // what came back after it was paid; nil if nothing
	told    bool     // that it came back
}

// openCustodian opens an account in some of the worlds.
func (w *world) openCustodian() {
	if w.rand.IntN(3) > 0 {
		return
	}
	w.custodian = &custodian{w: w, balance: big.NewInt(6000), deeds: map[string]*deed{}, loans: map[string]*big.Int{"loan:1": big.NewInt(6000)}}
}

func (c *custodian) config() payout.NetworkConfig {
	return payout.NetworkConfig{Provider: c, Resend: 5e9, Retry: 1e9, Assets: []payout.AssetConfig{
		{Asset: chain.Asset{ID: euro, Code: "EUR", Decimals: 0}, MaxFee: big.NewInt(5)},
	}}
}

// Network implements [payout.Provider].
func (c *custodian) Network() chain.Network { return custody }

// Account implements [payout.Provider].
func (c *custodian) Account() chain.Address { return "account" }

// Receiver implements [payout.Provider].
func (c *custodian) Receiver(_ context.Context, _ chain.Asset, to string, _ payout.Beneficiary, _ *big.Int) (chain.Address, error) {
	c.w.pause("receiver")
	if !strings.HasPrefix(to, "payee") {
		return "", &payout.RefusedError{Code: payout.RefusedAddress}
	}
	return chain.Address(to), nil
}

// Submit implements [payout.Provider].
func (c *custodian) Submit(ctx context.Context, in payout.Instruction) error {
	c.w.pause("submit")
	stored, err := c.w.inner.Document(ctx, fmt.Sprintf("own/%s/%s", custody, in.ID))
	if c.w.must(err); stored == nil {
		c.w.broken("stored-first: instruction %s is submitted and not stored", in.ID)
	}
	if c.w.fails("submit, lost") {
		return errNode
	}
	if c.deeds[in.ID] == nil {
		c.deeds[in.ID] = &deed{in: in, outcome: payout.OutcomePending}
	}
	if c.w.fails("submit, taken all the same") {
		return errNode
	}
	return nil
}

// Ask implements [payout.Provider].
func (c *custodian) Ask(_ context.Context, id string) (payout.Progress, error) {
	c.w.pause("ask")
	if c.w.fails("ask") {
		return payout.Progress{}, errNode
	}
	d := c.deeds[id]
	if d == nil {
		return payout.Progress{}, payout.ErrNotFound
	}
	out := payout.Progress{Outcome: d.outcome, Fee: d.fee}
	if d.back != nil {
		out.Returned, out.Why = d.back, "returned"
	}
	if d.outcome == payout.OutcomePaid {
		c.w.deepest[id] = depthBuried
	}
	return out, nil
}

// Withdraw implements [payout.Withdrawer].
func (c *custodian) Withdraw(_ context.Context, id string) error {
	c.w.pause("withdraw")
	if c.w.fails("withdraw") {
		return errNode
	}
	switch d := c.deeds[id]; {
	case d == nil:
		return payout.ErrNotFound
	case d.outcome != payout.OutcomePending && d.outcome != payout.OutcomeWithdrawn:
		return payout.ErrNoReplacement
	default:
		d.outcome = payout.OutcomeWithdrawn
	}
	return nil
}

// Funding implements [payout.Provider].
func (c *custodian) Funding(_ context.Context, id string) (chain.AssetID, *big.Int, error) {
	if units := c.loans[id]; units != nil {
		return euro, units, nil
	}
	return "", nil, payout.ErrNotFound
}

// Balance implements [payout.Provider].
func (c *custodian) Balance(context.Context, chain.AssetID) (*big.Int, error) { return c.balance, nil }

// act goes on with one of the instructions that the custodian has, or takes back what is paid.
func (c *custodian) act() {
	for _, id := range sortedKeys(c.deeds) {
		d := c.deeds[id]
		if c.w.rand.IntN(3) > 0 {
			continue
		}
		switch d.outcome {
		case payout.OutcomePending, payout.OutcomeConfirm:
			c.decide(d)
		case payout.OutcomePaid:
			if d.back == nil && c.w.chance(0.2) {
				d.back = new(big.Int).Sub(d.in.Units, big.NewInt(int64(c.w.rand.IntN(3))))
				c.balance = new(big.Int).Add(c.balance, d.back)
				c.w.note("%s of instruction %s come back", d.back, id[len(id)-4:])
			}
		case payout.OutcomeFailed, payout.OutcomeWithdrawn:
		}
		return
	}
}

// decide decides about an instruction that is pending.
func (c *custodian) decide(d *deed) {
	d.fee = big.NewInt(int64(c.w.rand.IntN(6)))
	switch c.w.rand.IntN(5) {
	case 0:
		d.outcome, d.fee = payout.OutcomeFailed, new(big.Int)
	case 1:
		if !c.w.calm {
			d.outcome = payout.OutcomeConfirm
			break
		}
		fallthrough
	default:
		d.outcome = payout.OutcomePaid
		c.balance = new(big.Int).Sub(c.balance, new(big.Int).Add(d.in.Units, d.fee))
	}
	c.w.note("instruction %s is %s", d.in.ID[len(d.in.ID)-4:], d.outcome)
}

// tell is a callback of what came back, which may come twice; one that fails comes again.
func (c *custodian) tell(svc *payout.Service) {
	for _, id := range sortedKeys(c.deeds) {
		d := c.deeds[id]
		if d.back == nil || d.told && c.w.rand.IntN(4) > 0 {
			continue
		}
		_, err := svc.Returned(context.Background(), payout.Return{Network: custody, Instruction: id, Units: d.back, Reason: "returned"})
		c.w.result("return of instruction %s", err, id[len(id)-4:])
		d.told = d.told || err == nil || errors.Is(err, payout.ErrNotFound)
		return
	}
}

// request asks for a payout from the account.
func (c *custodian) request(svc *payout.Service) {
	n := c.w.next()
	p, err := svc.Request(context.Background(), payout.Request{
		Project: project, Key: fmt.Sprintf("transfer %d", n), To: fmt.Sprintf("payee %d", n%3), Asset: euro,
		Units: decimal.New(int64(5+c.w.rand.IntN(600)), 0), Requester: "anna", Beneficiary: &payout.Beneficiary{Name: "Erika"},
	})
	c.w.result("request transfer %d", err, n)
	if err == nil {
		c.w.know(p.ID)
	}
}

// check compares one payout with what the custodian did.
func (c *custodian) check(p payout.Payout) {
	var all []*deed
	for _, d := range c.deeds {
		if d.in.Payout == p.ID {
			all = append(all, d)
		}
	}
	if len(all) > 1 {
		c.w.broken("paid-once: payout %s has %d instructions", p.ID, len(all))
	}
	paid, back := false, false
	if len(all) == 1 {
		paid, back = all[0].outcome == payout.OutcomePaid, all[0].back != nil
	}
	switch s := p.State.Status; {
	case back != (s == payout.StatusReturned):
		c.w.broken("paid-means-paid: payout %s is %s, and its money came back: %t", p.ID, s, back)
	case !back && paid != (s == payout.StatusPaid):
		c.w.broken("paid-means-paid: payout %s is %s, and the custodian has paid it: %t", p.ID, s, paid)
	}
}

// quiet lets the custodian come to an end with everything.
func (c *custodian) quiet(svc *payout.Service) {
	for _, id := range sortedKeys(c.deeds) {
		if d := c.deeds[id]; d.outcome == payout.OutcomePending || d.outcome == payout.OutcomeConfirm {
			c.decide(d)
		}
	}
	for range len(c.deeds) {
		c.tell(svc)
	}
}
