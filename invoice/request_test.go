package invoice_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/stretchr/testify/require"
)

// requester is a source that makes two addresses and a text for each request, as a node of Lightning beside a wallet does.
type requester struct {
	wallet
	mu     sync.Mutex
	asked  []invoice.PaymentRequest
	closed []invoice.ClosedRequest
	bad    invoice.Payable // what it returns instead; none when it has no address
	err    error
}

func (r *requester) Address(context.Context, uint32) (chain.Address, error) {
	return "", errors.New("addresses are made for requests")
}

func (r *requester) Request(ctx context.Context, ask invoice.PaymentRequest) (invoice.Payable, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = append(r.asked, ask)
	if r.err != nil || r.bad.Address != "" {
		return r.bad, r.err
	}
	first, err := r.wallet.Address(ctx, 2*ask.Number)
	if err != nil {
		return invoice.Payable{}, err
	}
	second, err := r.wallet.Address(ctx, 2*ask.Number+1)
	return invoice.Payable{Address: first, Also: []chain.Address{second}, Text: fmt.Sprint("lnsim", ask.Number)}, err
}

func (r *requester) Close(_ context.Context, c invoice.ClosedRequest) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = append(r.closed, c)
	return errors.New("not reachable")
}

func (r *requester) over() []invoice.ClosedRequest {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]invoice.ClosedRequest{}, r.closed...)
}

func requesting(r *requester) func(*invoice.Config) {
	return func(cfg *invoice.Config) {
		r.wallet = cfg.Chains[0].Addresses.(wallet)
		cfg.Chains[0].Addresses = r
	}
}

func TestASourceMakesAPlaceForEachRequestAndIsToldWhenItIsOver(t *testing.T) {
	r := &requester{}
	inWorld(t, func(w *world) {
		inv := w.create(func(r *invoice.Request) { r.Name = "two books" })
		require.Equal(t, invoice.PaymentRequest{
			Invoice: inv.ID, Number: 0, Asset: w.chain.Asset("SIM"), Units: inv.Quote.Due, Deadline: inv.Deadline, Name: "two books",
		}, r.asked[0])
		uri, err := w.svc.PaymentURI(inv)
		require.NoError(t, err)
		require.Equal(t, "lnsim0", uri)
		require.Len(t, inv.Quote.Also, 1)

		w.chain.Pay(inv.Quote.Also[0], w.chain.Asset("SIM"), w.units("SIM", "4"))
		w.mine(1)
		w.chain.Pay(inv.Quote.Address, w.chain.Asset("SIM"), w.units("SIM", "6"))
		w.mine(1)
		require.Empty(t, r.over(), "it is not deep enough yet")
		w.mine(3)
		require.Equal(t, invoice.StatusCompleted, w.get(inv).State.Status)
		w.mine(1)
		require.Equal(t, []invoice.ClosedRequest{{Invoice: inv.ID, Number: 0, Address: inv.Quote.Address}}, r.over(), "told once, although it failed")
		w.chain.Pay(inv.Quote.Also[0], w.chain.Asset("SIM"), w.units("SIM", "1"))
		w.mine(1)
		require.Len(t, w.get(inv).Payments, 3, "what comes late is still its")

		expires := w.create()
		require.NotEqual(t, inv.Quote.Address, expires.Quote.Address)
		w.pass(31 * time.Minute)
		w.mine(1)
		require.Equal(t, expires.ID, r.over()[1].Invoice)
	}, requesting(r))
}

func TestAnotherChoiceAndARefreshAreRequestsOfTheirOwn(t *testing.T) {
	r := &requester{}
	inWorld(t, func(w *world) {
		inv := w.create()
		chosen, err := w.svc.Choose(t.Context(), "shop", inv.ID, "TOK")
		require.NoError(t, err)
		require.NotEqual(t, inv.Quote.Address, chosen.Quote.Address, "an earlier request is of another amount")
		w.pass(31 * time.Minute)
		w.mine(1)
		require.Len(t, r.over(), 2, "both are over")
		fresh, err := w.svc.Refresh(t.Context(), invoice.Act{Project: "shop", Invoice: inv.ID}, time.Hour)
		require.NoError(t, err)
		require.NotEqual(t, chosen.Quote.Address, fresh.Quote.Address)
		require.Equal(t, fresh.EffectiveDeadline(), r.asked[2].Deadline)
		deposit, err := w.svc.CreateStanding(t.Context(), invoice.Deposit{Project: "shop", Asset: "SIM"})
		require.NoError(t, err)
		require.Zero(t, r.asked[3].Units.Sign())
		require.Zero(t, r.asked[3].Deadline)
		require.NotEmpty(t, deposit.Quote.Text)
	}, requesting(r))
}

// unreleasing is a store that fails when places are given up, some times.
type unreleasing struct {
	backend
	times int
}

func (u *unreleasing) Commit(ctx context.Context, b invoice.Batch) error {
	if len(b.Releases) > 0 && u.times > 0 {
		u.times--
		return errors.New("disk is full")
	}
	return u.backend.Commit(ctx, b)
}

func TestARequestThatIsOverIsToldAgainWhenTheCommitFails(t *testing.T) {
	r, u := &requester{}, &unreleasing{backend: newStore(), times: 1}
	inWorld(t, func(w *world) {
		inv := w.create()
		w.pass(31 * time.Minute)
		w.pass(time.Minute)
		require.Zero(t, u.times)
		w.pass(time.Minute)
		require.NotZero(t, w.get(inv).State.ReleasedAt)
		require.Equal(t, []invoice.ClosedRequest{{Invoice: inv.ID, Address: inv.Quote.Address}, {Invoice: inv.ID, Address: inv.Quote.Address}}, r.over())
	}, requesting(r), func(cfg *invoice.Config) { cfg.Store = u })
}

func TestWhatASourceMayNotMakeIsRefused(t *testing.T) {
	r := &requester{}
	inWorld(t, func(w *world) {
		long := make([]byte, 2049)
		for i := range long {
			long[i] = 'x'
		}
		many := make([]chain.Address, 9)
		for i := range many {
			many[i] = chain.Address(fmt.Sprint("a", i))
		}
		for name, bad := range map[string]invoice.Payable{
			"long address":  {Address: chain.Address(long[:191])},
			"control":       {Address: "a\n"},
			"twice":         {Address: "a", Also: []chain.Address{"a"}},
			"empty further": {Address: "a", Also: []chain.Address{""}},
			"many":          {Address: "a", Also: many},
			"long text":     {Address: "a", Text: string(long)},
			"unclean text":  {Address: "a", Text: "\xff"},
		} {
			r.bad = bad
			_, err := w.createFor("shop")
			require.ErrorContains(t, err, "Payable", name)
		}
		r.bad, r.err = invoice.Payable{}, errors.New("node is away")
		_, err := w.createFor("shop")
		require.ErrorIs(t, err, r.err)
		page, err := w.svc.List(t.Context(), invoice.Query{Limit: 9})
		require.NoError(t, err)
		require.Zero(t, page.Total)
	}, requesting(r))
}

func TestASourceOfRequestsSharesNoAddresses(t *testing.T) {
	inWorld(t, func(w *world) {
		for _, change := range []func(*invoice.ChainConfig){
			func(c *invoice.ChainConfig) { c.Pool = &invoice.Pool{} },
			func(c *invoice.ChainConfig) { c.Shared = &invoice.Shared{Project: "till"} },
		} {
			cfg := w.cfg
			cfg.Chains = append([]invoice.ChainConfig{}, cfg.Chains...)
			cfg.Chains[0].Addresses = &requester{wallet: wallet{w.chain}}
			change(&cfg.Chains[0])
			_, err := invoice.New(cfg)
			require.ErrorContains(t, err, "Chains[0]: Addresses")
		}
	})
}
