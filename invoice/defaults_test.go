package invoice_test

import (
	"context"
	"testing"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

// suggesting is a watcher whose network suggests confirmations and a floor for SIM alone.
type suggesting struct{ invoice.ChainWatcher }

func (suggesting) Defaults(a chain.Asset) chain.Defaults {
	if a.Code != "SIM" {
		return chain.Defaults{}
	}
	return chain.Defaults{
		Floor:   decimal.RequireFromString("0.25"),
		Confirm: []chain.Tier{{UpTo: decimal.NewFromInt(10), Need: chain.Confirmations{Depth: 2}}, {Need: chain.Confirmations{Depth: 5}}},
	}
}

// bare is a watcher that suggests nothing.
type bare struct{ w invoice.ChainWatcher }

func (b bare) Network() chain.Network { return b.w.Network() }
func (b bare) Lag() chain.Lag         { return b.w.Lag() }
func (b bare) Next(ctx context.Context, c chain.Cursor) (chain.Step, error) {
	return b.w.Next(ctx, c)
}

func TestWhatIsNotConfiguredIsWhatTheNetworkSuggests(t *testing.T) {
	inWorld(t, func(w *world) {
		assets := w.svc.Assets()
		require.Equal(t, "0.25", assets[0].Floor.String())
		require.Equal(t, "0.25", assets[0].Minimum.String())
		require.Equal(t, "0", assets[1].Floor.String())
		require.EqualValues(t, 2, w.create().Terms.Confirm.Depth, "10 SIM")
		require.EqualValues(t, 5, w.create(func(r *invoice.Request) { r.Price = price("21", "EUR") }).Terms.Confirm.Depth)
		inv := w.create(func(r *invoice.Request) { r.Asset = "TOK" })
		require.EqualValues(t, 12, inv.Terms.Confirm.Depth)
	}, func(cfg *invoice.Config) {
		c := &cfg.Chains[0]
		c.Watcher = suggesting{c.Watcher}
		c.Assets = []invoice.AssetConfig{{Asset: c.Assets[0].Asset}, {Asset: c.Assets[1].Asset}}
	})
	inWorld(t, func(w *world) {
		assets := w.svc.Assets()
		require.Equal(t, "0.1", assets[0].Floor.String(), "no more than the minimum that is configured")
		require.Equal(t, []chain.Tier{{Need: chain.Confirmations{Depth: 12}}}, assets[1].Confirm)
		require.EqualValues(t, 3, w.create().Terms.Confirm.Depth, "what is configured counts")
	}, func(cfg *invoice.Config) {
		c := &cfg.Chains[0]
		c.Watcher = suggesting{c.Watcher}
		c.Assets[0].Minimum = decimal.RequireFromString("0.1")
		c.Assets[1] = invoice.AssetConfig{Asset: c.Assets[1].Asset}
	})
	inWorld(t, func(w *world) {
		require.Equal(t, "0", w.svc.Assets()[0].Floor.String())
		require.EqualValues(t, 12, w.create().Terms.Confirm.Depth)
	}, func(cfg *invoice.Config) {
		c := &cfg.Chains[0]
		c.Watcher = bare{c.Watcher}
		c.Assets[0] = invoice.AssetConfig{Asset: c.Assets[0].Asset}
	})
}
