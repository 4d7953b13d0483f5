package payout_test

import (
	"fmt"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/payout"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

func TestARefusedRequestStoresAndReservesNothing(t *testing.T) {
	invalid := func(field string) func(*testing.T, error) {
		return func(t *testing.T, err error) {
			var bad *payout.InvalidError
			require.ErrorAs(t, err, &bad)
			require.Equal(t, field, bad.Field, err)
		}
	}
	is := func(target error) func(*testing.T, error) {
		return func(t *testing.T, err error) { require.ErrorIs(t, err, target) }
	}
	as := func(target any) func(*testing.T, error) {
		return func(t *testing.T, err error) { require.ErrorAs(t, err, target) }
	}
	long := strings.Repeat("x", 3000)
	cases := map[string]struct {
		change func(*payout.Request)
		is     func(*testing.T, error)
	}{
		"no project":                     {func(r *payout.Request) { r.Project = "" }, invalid("Project")},
		"no key":                         {func(r *payout.Request) { r.Key = "" }, invalid("Key")},
		"a long key":                     {func(r *payout.Request) { r.Key = long }, invalid("Key")},
		"no receiver":                    {func(r *payout.Request) { r.To = "" }, invalid("To")},
		"a long receiver":                {func(r *payout.Request) { r.To = "addr" + long }, invalid("To")},
		"an address of another network":  {func(r *payout.Request) { r.To = "bc1q" }, invalid("To")},
		"a contract":                     {func(r *payout.Request) { r.To = "contract" }, invalid("To")},
		"a line break in a text":         {func(r *payout.Request) { r.Comment = "a\nb" }, invalid("Comment")},
		"a long name":                    {func(r *payout.Request) { r.Name = long }, invalid("Name")},
		"a name that is no text":         {func(r *payout.Request) { r.Name = "\xff" }, invalid("Name")},
		"too much data":                  {func(r *payout.Request) { r.Data = map[string]string{"k": long + long + long} }, invalid("Data")},
		"no amount":                      {func(r *payout.Request) { r.Units = decimal.Zero }, invalid("Units")},
		"a negative amount":              {func(r *payout.Request) { r.Units = decimal.NewFromInt(-1) }, invalid("Units")},
		"dust":                           {func(r *payout.Request) { r.Units = decimal.RequireFromString("0.04") }, invalid("Units")},
		"too many decimals":              {func(r *payout.Request) { r.Units = decimal.RequireFromString("1.001") }, invalid("Units")},
		"an endless amount":              {func(r *payout.Request) { r.Units = decimal.New(1, 1<<30) }, invalid("Units")},
		"an amount that is all fee":      {func(r *payout.Request) { r.Units, r.FeeIncluded = decimal.RequireFromString("0.1"), true }, invalid("Units")},
		"an unknown kind":                {func(r *payout.Request) { r.Kind = payout.KindRefund }, invalid("Kind")},
		"an asset that is not paid":      {func(r *payout.Request) { r.Asset = "eip155:1/erc20:0x1" }, invalid("Asset")},
		"a network without money out":    {func(r *payout.Request) { r.Asset = "eip155:9/slip44:60" }, is(payout.ErrNetwork)},
		"a callback that is no URL":      {func(r *payout.Request) { r.CallbackURL = "shop.example" }, invalid("CallbackURL")},
		"a callback that is refused":     {func(r *payout.Request) { r.CallbackURL = "https://refused.example" }, invalid("CallbackURL")},
		"a format without a notifier":    {func(r *payout.Request) { r.Format = "standard" }, invalid("Format")},
		"the whole balance and its fee":  {func(r *payout.Request) { r.Units = decimal.NewFromInt(10) }, as(new(*payout.InsufficientError))},
		"another project's money":        {func(r *payout.Request) { r.Project = "other" }, as(new(*payout.InsufficientError))},
		"the same key, another amount":   {func(r *payout.Request) { r.Key, r.Units = "first", decimal.NewFromInt(2) }, as(new(*payout.KeyError))},
		"the same key, other data":       {func(r *payout.Request) { r.Key, r.Data = "first", map[string]string{"a": "b"} }, as(new(*payout.KeyError))},
		"the same key, included fee":     {func(r *payout.Request) { r.Key, r.FeeIncluded = "first", true }, as(new(*payout.KeyError))},
		"the same key, another receiver": {func(r *payout.Request) { r.Key, r.To = "first", "addr2" }, as(new(*payout.KeyError))},
	}
	on(t, func(t *testing.T, s *shop) {
		s.open(func(c *payout.Config) {
			c.CheckCallback = func(url string) error {
				if strings.Contains(url, "refused") {
					return errUnloved
				}
				return nil
			}
		})
		s.fund("shop", coin, 1000)
		s.ask("first", "1")
		before := s.books()
		for name, c := range cases {
			t.Run(name, func(t *testing.T) {
				r := s.request("next", "1")
				c.change(&r)
				_, err := s.Request(t.Context(), r)
				require.Error(t, err)
				c.is(t, err)
				require.Equal(t, before, s.books())
				require.Less(t, len(err.Error()), 400)
			})
		}
		s.sound()
	})
}

var errUnloved = &payout.InvalidError{Field: "url", Reason: "is not loved"}

func TestThePoliciesOfAProjectRefuse(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		rules := payout.Policies{
			Daily: map[chain.AssetID]*big.Int{coin: big.NewInt(300)}, Listed: true, Cooling: time.Hour,
			ApproveAbove: map[chain.AssetID]*big.Int{coin: big.NewInt(100)}, Approvals: 2,
		}
		s.open(func(c *payout.Config) { c.ProjectPolicies = map[string]payout.Policies{"shop": rules} })
		s.fund("shop", coin, 1000)
		before := s.books()
		_, err := s.Request(t.Context(), s.request("a", "1"))
		require.ErrorIs(t, err, payout.ErrUnknownReceiver)
		require.Equal(t, before, s.books())

		_, err = s.AllowReceiver(t.Context(), "shop", network, "ADDR1", "the supplier", "anna")
		require.NoError(t, err)
		var limit *payout.LimitError
		_, err = s.Request(t.Context(), s.request("a", "3.01"))
		require.ErrorAs(t, err, &limit)
		require.Equal(t, before, s.books())

		p := s.ask("a", "2")
		require.Equal(t, "requested needs_approval", s.status(p))
		_, err = s.Request(t.Context(), s.request("b", "1.01"))
		require.ErrorAs(t, err, &limit, "the day has 1.00 left")
		for _, actor := range []string{"anna", ""} {
			_, err = s.Approve(t.Context(), "shop", p.ID, actor, "")
			require.Error(t, err, "%q is nobody else", actor)
		}
		_, err = s.Approve(t.Context(), "other", p.ID, "ben", "")
		require.ErrorIs(t, err, payout.ErrNotFound)
		_, err = s.Approve(t.Context(), "shop", p.ID, "ben", "")
		require.NoError(t, err)
		_, err = s.Approve(t.Context(), "shop", p.ID, "ben", "")
		require.ErrorIs(t, err, payout.ErrSamePerson)
		_, err = s.Approve(t.Context(), "shop", p.ID, "eve", "")
		require.NoError(t, err)
		require.Equal(t, "queued receiver_is_new", s.status(p))
		var status *payout.StatusError
		_, err = s.Approve(t.Context(), "shop", p.ID, "tom", "")
		require.ErrorAs(t, err, &status)
		s.look()
		require.Equal(t, "queued receiver_is_new", s.status(p), "nothing is planned while the receiver is new")
		s.wait(time.Hour)
		s.look()
		require.Equal(t, "sent", s.status(p))
		s.wait(24 * time.Hour)
		s.ask("c", "1")

		require.NoError(t, s.ForbidReceiver(t.Context(), "shop", network, "addr1"))
		_, err = s.Request(t.Context(), s.request("d", "1"))
		require.ErrorIs(t, err, payout.ErrUnknownReceiver)
		s.sound()
	})
}

func TestTheSameRequestIsRecognised_P29(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		s.fund("shop", coin, 1000)
		r := s.request("a", "10.00")
		r.FeeIncluded, r.To = true, "Addr1"
		first, err := s.Request(t.Context(), r)
		require.NoError(t, err)
		require.Equal(t, []int64{990, 10}, []int64{first.Units.Int64(), first.Fee.Int64()})
		require.Equal(t, "reserved 1000", s.balance("shop", coin))
		again := func() payout.Payout {
			t.Helper()
			before := s.books()
			p, err := s.Request(t.Context(), r)
			require.NoError(t, err)
			require.Equal(t, first.ID, p.ID)
			require.Equal(t, before, s.books())
			return p
		}
		again()
		r.To = "addr1" // the canonical spelling of the same
		r.Units = decimal.RequireFromString("10")
		again()
		for _, fee := range []int64{20, 5000} { // with the second, the amount would be all fee
			s.open(func(c *payout.Config) { c.Networks[0].Assets[0].MaxFee = big.NewInt(fee) })
			again()
		}
		s.open(func(c *payout.Config) { c.Networks[0].Assets = c.Networks[0].Assets[1:] })
		again()
		s.open(func(c *payout.Config) { *c = s.cfg; c.Networks[0].Assets = newShop(t, s.store).cfg.Networks[0].Assets })
		s.look()
		require.Equal(t, payout.StatusSent, again().State.Status, "the stored state is the answer, also while it is under way")
		s.mine(first)
		s.look()
		require.Equal(t, payout.StatusPaid, again().State.Status)
		require.Equal(t, "available 8", s.balance("shop", coin), "what the network did not take came back")
		s.sound()
	})
}

func TestAReceiverThatIsAnInvoiceOfOursIsShown(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		s.fund("shop", coin, 1000)
		s.sell("x", 100, 0)
		r := s.request("a", "1")
		r.To = "addr of x"
		p, err := s.Request(t.Context(), r)
		require.NoError(t, err)
		require.True(t, p.Own)
		require.False(t, s.ask("b", "1").Own)
	})
}

func TestTwoPayoutsToOneAddressAreTwo_P23(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		s.fund("shop", coin, 1000)
		a, b := s.ask("a", "1"), s.ask("b", "1")
		require.NotEqual(t, a.ID, b.ID)
		s.look()
		require.NotEqual(t, s.get(a).State.TxID, s.get(b).State.TxID)
		s.mine(a)
		s.look()
		require.Equal(t, []string{"paid", "sent"}, []string{s.status(a), s.status(b)}, "each is told by its own transaction")
	})
}

// Two processes get the same request, or one gets it twice, before either has stored it.
func TestOneKeyIsOnePayoutHoweverManyAskAtOnce_A50(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		s.fund("shop", coin, 110) // enough for one
		second, err := payout.New(s.cfg)
		require.NoError(t, err)
		var wg sync.WaitGroup
		ids := make([]string, 16)
		errs := make([]error, len(ids))
		for i := range ids {
			svc := []*payout.Service{s.Service, second}[i%2]
			wg.Go(func() {
				p, err := svc.Request(t.Context(), s.request("a", "1"))
				ids[i], errs[i] = p.ID, err
			})
		}
		wg.Wait()
		for i := range ids {
			require.NoError(t, errs[i])
			require.Equal(t, ids[0], ids[i])
		}
		require.Equal(t, "reserved 110", s.balance("shop", coin))
		s.look()
		s.look()
		require.Len(t, s.spender.sent, 1)
		s.sound()
	})
}

// Parallel requests must not pass the check of a balance together: it was a real theft.
func TestParallelRequestsDoNotSpendABalanceTwice_Incident18_P7(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		s.fund("shop", coin, 5*110)
		var wg sync.WaitGroup
		var mu sync.Mutex
		accepted := 0
		for i := range 200 {
			wg.Go(func() {
				_, err := s.Request(t.Context(), s.request(fmt.Sprint("order ", i), "1"))
				var short *payout.InsufficientError
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					accepted++
				} else {
					require.ErrorAs(t, err, &short)
				}
			})
		}
		wg.Wait()
		require.Equal(t, 5, accepted)
		require.Equal(t, "reserved 550", s.balance("shop", coin))
		s.sound()
	})
}
