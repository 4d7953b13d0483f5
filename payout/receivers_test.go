package payout_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/store"
	"github.com/stretchr/testify/require"
)

// addresses returns all allowed addresses of the project, read in pages of the size.
func (s *shop) addresses(project string, on chain.Network, size int) (out []string) {
	s.t.Helper()
	for after := ""; ; {
		page, next, err := s.Receivers(s.t.Context(), project, on, after, size)
		require.NoError(s.t, err)
		require.LessOrEqual(s.t, len(page), size)
		for _, r := range page {
			require.Equal(s.t, on, r.Network)
			out = append(out, string(r.Address))
		}
		if next == "" {
			return out
		}
		require.Len(s.t, page, size)
		require.Less(s.t, len(out), 5000, "it comes to an end")
		after = next
	}
}

func TestReceiversAreListedInPagesByProjectAndNetwork(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		second := newFakeSpender()
		other := chain.Network("eip155:10")
		s.open(func(c *payout.Config) {
			n := c.Networks[0]
			n.Spender = elsewhere{second, other}
			n.Assets = []payout.AssetConfig{{Asset: chain.Asset{ID: "eip155:10/slip44:60", Code: "OP", Decimals: 2}, MaxFee: n.Assets[0].MaxFee}}
			c.Networks = append(c.Networks, n)
		})
		var want []string
		for i := range 25 {
			address := fmt.Sprintf("addr%02d", i)
			r, err := s.AllowReceiver(t.Context(), "shop", network, strings.ToUpper(address), fmt.Sprint("supplier ", i), "anna")
			require.NoError(t, err)
			require.Equal(t, payout.Receiver{Network: network, Address: chain.Address(address), Name: fmt.Sprint("supplier ", i), At: r.At, Actor: "anna"}, r)
			want = append(want, address)
		}
		for _, x := range []struct {
			project string
			on      chain.Network
		}{{"shop", other}, {"shop2", network}, {"sho", network}, {"shop/" + string(network), other}, {"shop/" + string(network), network}} {
			_, err := s.AllowReceiver(t.Context(), x.project, x.on, "addr of "+x.project, "", "anna")
			require.NoError(t, err)
			require.Equal(t, []string{"addr of " + x.project}, s.addresses(x.project, x.on, 2), "of %s on %s", x.project, x.on)
		}
		for _, size := range []int{1, 7, 24, 25, 26, 1000} {
			require.Equal(t, want, s.addresses("shop", network, size), "in pages of %d", size)
		}
		require.NoError(t, s.ForbidReceiver(t.Context(), "shop", network, "addr07"))
		require.NoError(t, s.ForbidReceiver(t.Context(), "shop", network, "addr07"))
		require.Equal(t, append(want[:7:7], want[8:]...), s.addresses("shop", network, 3))
		page, _, err := s.Receivers(t.Context(), "shop", network, "addr07", 1)
		require.NoError(t, err)
		require.Equal(t, chain.Address("addr08"), page[0].Address, "a cursor need not be there any more")
	})
}

func TestAPageOfReceiversHasBounds(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		for i := range 1003 {
			_, err := s.AllowReceiver(t.Context(), "shop", network, fmt.Sprintf("addr%04d", i), "", "anna")
			require.NoError(t, err)
		}
		page, next, err := s.Receivers(t.Context(), "shop", network, "", 1<<30)
		require.NoError(t, err)
		require.Len(t, page, 1000)
		require.Equal(t, "addr0999", next)
		for _, limit := range []int{0, -1} {
			page, next, err = s.Receivers(t.Context(), "shop", network, "", limit)
			require.NoError(t, err)
			require.Empty(t, page)
			require.Empty(t, next)
		}
		var bad *payout.InvalidError
		_, _, err = s.Receivers(t.Context(), "shop", network, strings.Repeat("x", 201), 5)
		require.ErrorAs(t, err, &bad)
		page, next, err = s.Receivers(t.Context(), "nobody", "eip155:99", "", 5)
		require.NoError(t, err)
		require.Empty(t, page)
		require.Empty(t, next)
	})
}

func TestABadReceiverIsNotAllowed(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		before := s.books()
		for name, c := range map[string]struct{ project, to, name, actor string }{
			"no project": {"", "addr1", "", "anna"}, "a long project": {strings.Repeat("p", 191), "addr1", "", "anna"}, "a project that is no text": {"a\nb", "addr1", "", "anna"},
			"no address": {"shop", "", "", "anna"}, "a long address": {"shop", "addr" + strings.Repeat("1", 190), "", "anna"}, "an address that is no text": {"shop", "addr\n", "", "anna"},
			"a long name": {"shop", "addr1", strings.Repeat("n", 100_000), "anna"}, "a long actor": {"shop", "addr1", "", strings.Repeat("a", 191)},
		} {
			_, err := s.AllowReceiver(t.Context(), c.project, network, c.to, c.name, c.actor)
			var bad *payout.InvalidError
			require.ErrorAs(t, err, &bad, name)
			require.Less(t, len(err.Error()), 300, name)
		}
		var refused *payout.RefusedError
		_, err := s.AllowReceiver(t.Context(), "shop", network, "bc1q", "", "anna")
		require.ErrorAs(t, err, &refused)
		_, err = s.AllowReceiver(t.Context(), "shop", "eip155:99", "addr1", "", "anna")
		require.ErrorIs(t, err, payout.ErrNetwork)
		require.Equal(t, before, s.books())
		_, err = s.Receiver(t.Context(), "shop", network, "addr1")
		require.ErrorIs(t, err, payout.ErrNotFound)
	})
}

func TestAllowingAReceiverAgainDoesNotBeginItsTimeAnew(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		s.open(func(c *payout.Config) {
			c.ProjectPolicies = map[string]payout.Policies{"shop": {Listed: true, Cooling: time.Hour}}
		})
		first, err := s.AllowReceiver(t.Context(), "shop", network, "addr1", "the supplier", "anna")
		require.NoError(t, err)
		s.wait(time.Minute)
		again, err := s.AllowReceiver(t.Context(), "shop", network, "ADDR1", "another name", "ben")
		require.NoError(t, err)
		require.Equal(t, first, again)
		one, err := s.Receiver(t.Context(), "shop", network, "addr1")
		require.NoError(t, err)
		require.Equal(t, first, one)
		listed, cooling := s.ReceiverPolicy("shop")
		require.Equal(t, []any{true, time.Hour}, []any{listed, cooling})
		listed, cooling = s.ReceiverPolicy("other")
		require.Equal(t, []any{false, time.Duration(0)}, []any{listed, cooling})
	})
}

// Receivers of projects with long names were stored where no list finds them.
func TestReceiversWithFormerNamesAreHonouredAndMove(t *testing.T) {
	for name, length := range map[string]int{"all names are too long": 190, "names with long addresses are too long": 160, "names of the present differ": 130, "no name is too long": 80} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t, store.NewMemory())
			long := strings.Repeat("p", length)
			s.open(func(c *payout.Config) { c.Policies.Listed = true })
			s.fund(long, coin, 1000)
			at := s.cfg.Now().UTC()
			addresses := []string{"addr1", "addr2", "addr3", "addr4" + strings.Repeat("x", 90)}
			for _, address := range addresses {
				storeFormerly(t, s, long, address, at)
				storeFormerly(t, s, strings.Repeat("q", length), address, at)
			}
			r := s.request("a", "1")
			r.Project, r.To = long, "addr1"
			_, err := s.Request(t.Context(), r)
			require.NoError(t, err, "it is honoured where it is")
			require.NoError(t, s.ForbidReceiver(t.Context(), long, network, "addr1"))
			r.Key = "b"
			_, err = s.Request(t.Context(), r)
			require.ErrorIs(t, err, payout.ErrUnknownReceiver)
			again, err := s.AllowReceiver(t.Context(), long, network, "addr2", "other", "ben")
			require.NoError(t, err)
			require.Equal(t, payout.Receiver{Network: network, Address: "addr2", Name: "former", At: at, Actor: "anna"}, again)

			require.ElementsMatch(t, addresses[1:], s.addresses(long, network, 2))
			require.ElementsMatch(t, addresses, s.addresses(strings.Repeat("q", length), network, 1000))
			for _, size := range []int{1, 3} {
				require.ElementsMatch(t, addresses[1:], s.addresses(long, network, size), "in pages of %d", size)
			}
			docs, err := s.store.Documents(t.Context(), "receiver/", "", 100)
			require.NoError(t, err)
			require.Len(t, docs, 7, "each is there once")
			r.Key, r.To = "c", addresses[3]
			_, err = s.Request(t.Context(), r)
			require.NoError(t, err)
			require.NoError(t, s.ForbidReceiver(t.Context(), long, network, chain.Address(addresses[3])))
			require.ElementsMatch(t, addresses[1:3], s.addresses(long, network, 1000))
		})
	}
}

// storeFormerly stores a receiver as versions did that hashed long names as a whole.
func storeFormerly(t *testing.T, s *shop, project, address string, at time.Time) {
	t.Helper()
	value, err := json.Marshal(map[string]any{"address": address, "name": "former", "at": at, "actor": "anna"})
	require.NoError(t, err)
	name := fmt.Sprintf("receiver/%s/%s/%s", project, network, address)
	if len(name) > 200 {
		name = fmt.Sprintf("receiver/%x", sha256.Sum256([]byte(name)))
	}
	require.NoError(t, s.store.CommitPayouts(t.Context(), payout.Batch{Documents: []payout.Document{{Name: name, Value: value}}}))
}

// elsewhere is a spender of another network.
type elsewhere struct {
	*fakeSpender
	network chain.Network
}

func (e elsewhere) Network() chain.Network  { return e.network }
func (e elsewhere) FeeAsset() chain.AssetID { return chain.AssetID(e.network + "/slip44:60") }
