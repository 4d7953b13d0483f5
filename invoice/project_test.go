package invoice_test

import (
	"context"
	"errors"
	"fmt"
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
			_, err := ps.MakeKey(t.Context(), id, "payment")
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
