package invoice_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store"
	"github.com/stretchr/testify/require"
)

// busy is a store in which others change a project before each of so many updates.
type busy struct {
	*store.Memory
	others int
}

func (b *busy) UpdateProject(ctx context.Context, p invoice.Project) error {
	if b.others > 0 {
		b.others--
		other, err := b.Memory.Project(ctx, p.ID)
		if err != nil {
			return err
		}
		other.Description = fmt.Sprint(b.others)
		other.Version++
		if err := b.Memory.UpdateProject(ctx, other); err != nil {
			return err
		}
	}
	return b.Memory.UpdateProject(ctx, p)
}

func newProjects(t *testing.T) (*invoice.Projects, *busy, string) {
	t.Helper()
	b := &busy{Memory: store.NewMemory()}
	ps, err := invoice.NewProjects(b, nil)
	require.NoError(t, err)
	p, _, err := ps.Create(t.Context(), invoice.NewProject{Owner: "me", Name: "shop"})
	require.NoError(t, err)
	return ps, b, p.ID
}

func TestADiscountIsSetChangedAndRemoved(t *testing.T) {
	ps, _, id := newProjects(t)
	for _, step := range []struct {
		code    string
		percent int
		want    map[string]int
	}{
		{"BTC", 0, map[string]int{}},
		{"BTC", 100, map[string]int{"BTC": 100}},
		{"USDT_TRC20", -99, map[string]int{"BTC": 100, "USDT_TRC20": -99}},
		{"BTC", 5, map[string]int{"BTC": 5, "USDT_TRC20": -99}},
		{"BTC", 5, map[string]int{"BTC": 5, "USDT_TRC20": -99}},
		{"USDT_TRC20", 0, map[string]int{"BTC": 5}},
		{"BTC", 0, map[string]int{}},
	} {
		require.NoError(t, ps.SetDiscount(t.Context(), id, step.code, step.percent))
		p, err := ps.Project(t.Context(), id)
		require.NoError(t, err)
		require.Len(t, p.Discounts, len(step.want))
		for code, percent := range step.want {
			require.Equal(t, percent, p.Discounts[code], code)
		}
	}
}

func TestADiscountIsRefused(t *testing.T) {
	ps, _, id := newProjects(t)
	for _, c := range []struct {
		code, field string
		percent     int
	}{
		{"BTC", "percent", -100}, {"BTC", "percent", 101},
		{"", "code", 1}, {strings.Repeat("X", 33), "code", 1}, {"a\x00", "code", 1}, {"\xff", "code", 1},
	} {
		err := ps.SetDiscount(t.Context(), id, c.code, c.percent)
		bad, ok := errors.AsType[*invoice.InvalidError](err)
		require.True(t, ok, "%q %d: %v", c.code, c.percent, err)
		require.Equal(t, c.field, bad.Field)
	}
	require.ErrorIs(t, ps.SetDiscount(t.Context(), "nobody", "BTC", 1), invoice.ErrNotFound)
}

func TestDiscountsAreBounded(t *testing.T) {
	ps, _, id := newProjects(t)
	n := 0
	for ; ; n++ {
		if err := ps.SetDiscount(t.Context(), id, fmt.Sprint("A", n), 1); err != nil {
			bad, ok := errors.AsType[*invoice.InvalidError](err)
			require.True(t, ok, "%v", err)
			require.Equal(t, "Discounts", bad.Field)
			break
		}
		require.Less(t, n, 1000)
	}
	require.NoError(t, ps.SetDiscount(t.Context(), id, "A0", 2), "one that is there can be changed")
	require.NoError(t, ps.SetDiscount(t.Context(), id, "A0", 0))
	require.NoError(t, ps.SetDiscount(t.Context(), id, "new", 1), "and makes room when it is removed")
}

func TestAChangeOfAProjectIsMadeAgainWhenOthersWereQuicker(t *testing.T) {
	ps, b, id := newProjects(t)
	changes := map[string]func() error{
		"key": func() error {
			_, err := ps.MakeKey(t.Context(), id, "payment", 0)
			return err
		},
		"secret": func() error {
			_, err := ps.RotateSecret(t.Context(), id, time.Hour)
			return err
		},
		"discount": func() error { return ps.SetDiscount(t.Context(), id, "BTC", 5) },
	}
	for name, change := range changes {
		b.others = 3
		require.NoError(t, change(), name)
		require.Zero(t, b.others)
		b.others = 1000
		require.ErrorIs(t, change(), invoice.ErrConflict, name)
		b.others = 0
	}
	p, err := ps.Project(t.Context(), id)
	require.NoError(t, err)
	require.Contains(t, p.Keys, "payment")
	require.Len(t, p.Secrets, 2)
	require.Equal(t, map[string]int{"BTC": 5}, p.Discounts)
	require.NotEmpty(t, p.Description, "what the others have changed stays")
}

func TestProjectsAreFoundByAPartOfTheirOwner(t *testing.T) {
	projects, b, id := newProjects(t)
	p, err := b.Project(t.Context(), id)
	require.NoError(t, err)
	ids, err := projects.ByOwner(t.Context(), strings.ToUpper(p.Owner[1:]))
	require.NoError(t, err)
	require.Equal(t, []string{id}, ids)
	for _, text := range []string{"nobody at all", "\x00", "\xff"} { // the last two are no text, which a database might refuse
		ids, err := projects.ByOwner(t.Context(), text)
		require.NoError(t, err)
		require.Empty(t, ids)
	}
}

func opens(t *testing.T, ps *invoice.Projects, key string) bool {
	t.Helper()
	_, err := ps.Authenticate(t.Context(), key)
	if err != nil {
		require.ErrorIs(t, err, invoice.ErrNotFound)
	}
	return err == nil
}

func TestTheKeyBeforeOpensTheProjectForTheOverlap(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	ps, err := invoice.NewProjects(store.NewMemory(), func() time.Time { return now })
	require.NoError(t, err)
	p, first, err := ps.Create(t.Context(), invoice.NewProject{Owner: "me", Name: "shop"})
	require.NoError(t, err)
	second, err := ps.RotateKey(t.Context(), p.ID, time.Hour)
	require.NoError(t, err)
	require.True(t, opens(t, ps, first) && opens(t, ps, second))
	now = now.Add(time.Hour - 1)
	require.True(t, opens(t, ps, first) && opens(t, ps, second))
	now = now.Add(1)
	require.False(t, opens(t, ps, first))
	require.True(t, opens(t, ps, second))

	third, err := ps.RotateKey(t.Context(), p.ID, 0)
	require.NoError(t, err)
	require.False(t, opens(t, ps, second), "no overlap")
	_, err = ps.RotateKey(t.Context(), p.ID, time.Hour)
	require.NoError(t, err)
	fifth, err := ps.RotateKey(t.Context(), p.ID, time.Hour)
	require.NoError(t, err)
	require.False(t, opens(t, ps, third), "two keys at most")

	require.NoError(t, ps.RevokeKeys(t.Context(), p.ID))
	require.NoError(t, ps.RevokeKeys(t.Context(), p.ID))
	require.False(t, opens(t, ps, fifth))
	sixth, err := ps.RotateKey(t.Context(), p.ID, time.Hour)
	require.NoError(t, err)
	require.True(t, opens(t, ps, sixth))
	stored, err := ps.Project(t.Context(), p.ID)
	require.NoError(t, err)
	require.Empty(t, stored.FormerKeyHash, "what was revoked does not come back")
	_, err = ps.RotateKey(t.Context(), "nobody", 0)
	require.ErrorIs(t, err, invoice.ErrNotFound)
	require.ErrorIs(t, ps.RevokeKeys(t.Context(), "nobody"), invoice.ErrNotFound)
}

func TestWhatIsSignedWithTheKeyBeforeIsTakenForTheOverlap(t *testing.T) {
	ps, _, id := newProjects(t)
	taken := func(after time.Duration) []string {
		p, err := ps.Project(t.Context(), id)
		require.NoError(t, err)
		return p.TakenKeys("payment", time.Now().Add(after))
	}
	require.Empty(t, taken(0))
	first, err := ps.MakeKey(t.Context(), id, "payment", time.Hour)
	require.NoError(t, err)
	require.Equal(t, []string{first}, taken(0))
	second, err := ps.MakeKey(t.Context(), id, "payment", time.Hour)
	require.NoError(t, err)
	require.Equal(t, []string{second, first}, taken(0))
	require.Equal(t, []string{second}, taken(time.Hour+time.Minute))
	key, err := ps.Key(t.Context(), id, "payment")
	require.NoError(t, err)
	require.Equal(t, second, key, "what is signed is signed with the new one")
	third, err := ps.MakeKey(t.Context(), id, "payment", 0)
	require.NoError(t, err)
	require.Equal(t, []string{third}, taken(0))
	_, err = ps.MakeKey(t.Context(), id, "payment", time.Hour)
	require.NoError(t, err)
	for range 2 {
		require.NoError(t, ps.RevokeKey(t.Context(), id, "payment"))
		require.Empty(t, taken(0))
	}
	_, err = ps.Key(t.Context(), id, "payment")
	require.ErrorIs(t, err, invoice.ErrNotFound)
	require.ErrorIs(t, ps.RevokeKey(t.Context(), "nobody", "payment"), invoice.ErrNotFound)
}

func TestTheListOfAddressesCanBeChanged(t *testing.T) {
	ps, _, id := newProjects(t)
	allows := func(ip string) bool {
		p, err := ps.Project(t.Context(), id)
		require.NoError(t, err)
		return p.Allows(netip.MustParseAddr(ip))
	}
	require.True(t, allows("192.0.2.1"))
	require.NoError(t, ps.SetAllowedIPs(t.Context(), id, "198.51.100.7, ::ffff:192.0.2.0/120"))
	require.True(t, allows("192.0.2.1"), "a block of IPv4 addresses within IPv6")
	require.True(t, allows("::ffff:192.0.2.255"))
	require.False(t, allows("192.0.3.0"))
	for _, bad := range []string{"::ffff:0:0/95", "::ffff:192.0.2.0/33", "192.0.2", "192.0.2.0/33"} {
		var refused *invoice.InvalidError
		require.ErrorAs(t, ps.SetAllowedIPs(t.Context(), id, bad), &refused, bad)
		require.Equal(t, "AllowedIPs", refused.Field)
	}
	require.True(t, allows("192.0.2.1"), "a bad list changes nothing")
	require.NoError(t, ps.SetAllowedIPs(t.Context(), id, ""))
	require.True(t, allows("203.0.113.1"))
}

func TestProjectsAreListedPageByPage(t *testing.T) {
	ps, _, _ := newProjects(t)
	for n := range 7 {
		_, _, err := ps.Create(t.Context(), invoice.NewProject{Owner: "me", Name: fmt.Sprint(n)})
		require.NoError(t, err)
	}
	var names []string
	for after := ""; ; {
		page, err := ps.List(t.Context(), after, 3)
		require.NoError(t, err)
		if len(page) == 0 {
			break
		}
		for _, p := range page {
			names = append(names, p.Name)
			after = p.ID
		}
	}
	require.ElementsMatch(t, []string{"shop", "0", "1", "2", "3", "4", "5", "6"}, names)
	_, err := ps.List(t.Context(), "\x00", 3)
	require.Error(t, err)
}
