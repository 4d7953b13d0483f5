package evm_test

import (
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	chainevm "github.com/cointill/cointill/chain/evm"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/payout/evm"
)

func TestNew_NamesTheFieldThatIsWrong(t *testing.T) {
	coin := evm.Asset{Asset: chainevm.Native(fakeNetwork, "ETH")}
	token := func(id, code string, decimals int, least int64) evm.Asset {
		a := evm.Asset{Asset: chain.Asset{ID: chain.AssetID(id), Code: code, Decimals: decimals}}
		if least != 0 {
			a.MinSweep = big.NewInt(least)
		}
		return a
	}
	for text, change := range map[string]func(*evm.Config){
		"Config.Network":               func(c *evm.Config) { c.Network = "bip122:1" },
		"Config.RPC":                   func(c *evm.Config) { c.RPC = nil },
		"Config.Wallet":                func(c *evm.Config) { c.Wallet = nil },
		"Config.InFlight 17":           func(c *evm.Config) { c.InFlight = 17 },
		"Config.SweepFees -1":          func(c *evm.Config) { c.SweepFees = -1 },
		"Config.Finality needs":        func(c *evm.Config) { c.Finality = evm.Finality{} },
		`Config.Finality.Tag "latest"`: func(c *evm.Config) { c.Finality.Tag = "latest" },
		"Config.Fees.MinTip -1":        func(c *evm.Config) { c.Fees.MinTip = big.NewInt(-1) },
		"Config.Fees.Extra -1":         func(c *evm.Config) { c.Fees.Extra = big.NewInt(-1) },
		"Config.Fees.MaxGas 16777217":  func(c *evm.Config) { c.Fees.MaxGas = 16_777_217 },
		"needs the native coin":        func(c *evm.Config) { c.Assets = nil },
		"a native coin already":        func(c *evm.Config) { c.Assets = append(c.Assets, coin) },
		"MinSweep -5 must be positive": func(c *evm.Config) { c.Assets[0].MinSweep = big.NewInt(-5) },
		"is not of eip155:777":         func(c *evm.Config) { c.Assets = append(c.Assets, token("eip155:1/slip44:60", "ETH", 18, 0)) },
		"has 18 decimals":              func(c *evm.Config) { c.Assets = []evm.Asset{token("eip155:777/slip44:60", "ETH", 6, 0)} },
		"write it as": func(c *evm.Config) {
			c.Assets = append(c.Assets, token("eip155:777/erc20:0x9858effd232b4033e47d90003d41ec34ecaeda94", "T", 6, 0))
		},
		"wrong checksum": func(c *evm.Config) {
			c.Assets = append(c.Assets, token("eip155:777/erc20:0x9858EffD232B4033E47d90003D41EC34EcaEda94", "T", 6, 0))
		},
	} {
		c := evm.Config{
			Network: fakeNetwork, RPC: newFake(), Wallet: newAccount(t).wallet(t), Finality: evm.Finality{Depth: 1},
			Assets: []evm.Asset{coin},
		}
		_, err := evm.New(c)
		require.NoError(t, err)
		change(&c)
		_, err = evm.New(c)
		require.ErrorContains(t, err, text)
	}
}

func TestReceiver_RefusesWhatCanNeverBePaid(t *testing.T) {
	f := newFake()
	b := fakeTill(t, f)
	got, err := b.spender.Receiver(t.Context(), b.coin, "0x9858effd232b4033e47d90003d41ec34ecaeda94", big.NewInt(1))
	require.NoError(t, err)
	require.Equal(t, someone, got)
	for _, c := range []struct {
		name  string
		asset chain.Asset
		to    string
		units *big.Int
		want  payout.Refusal
	}{
		{"no address", b.coin, "bc1qxyz", big.NewInt(1), payout.RefusedAddress},
		{"wrong checksum", b.coin, "0x9858EffD232B4033E47d90003D41EC34EcaEda94", big.NewInt(1), payout.RefusedAddress},
		{"zero", b.coin, "0x0000000000000000000000000000000000000000", big.NewInt(1), payout.RefusedAddress},
		{"the lane", b.coin, string(b.spender.Lane()), big.NewInt(1), payout.RefusedAddress},
		{"the other lane", b.coin, string(b.spender.TopUpLane()), big.NewInt(1), payout.RefusedAddress},
		{"nothing", b.coin, string(someone), new(big.Int), payout.RefusedDust},
		{"less", b.coin, string(someone), big.NewInt(-1), payout.RefusedDust},
		{"nil", b.coin, string(someone), nil, payout.RefusedDust},
		{"more than there is", b.coin, string(someone), new(big.Int).Lsh(big.NewInt(1), 256), payout.RefusedCoins},
		{"another asset", chainevm.Native("eip155:1", "ETH"), string(someone), big.NewInt(1), payout.RefusedAsset},
	} {
		_, err := b.spender.Receiver(t.Context(), c.asset, c.to, c.units)
		refused(t, err, c.want)
	}
	f.answers["eth_estimateGas"] = func([]string) (any, error) {
		return nil, codedError{-32000, "insufficient funds for gas * price + value"}
	}
	_, err = b.spender.Receiver(t.Context(), b.coin, string(someone), big.NewInt(1))
	require.NoError(t, err, "the lane may have the coins later")
	f.answers["eth_estimateGas"] = func([]string) (any, error) { return nil, codedError{-32005, "rate limit"} }
	_, err = b.spender.Receiver(t.Context(), b.coin, string(someone), big.NewInt(1))
	require.ErrorContains(t, err, "rate limit")
}

func TestPlan_APayoutWithoutAFeeInTheCoinIsNeverPaid(t *testing.T) {
	b := fakeTill(t, newFake())
	for _, spoil := range []func(*payout.Payout){
		func(p *payout.Payout) { p.Fee = nil }, func(p *payout.Payout) { p.FeeAsset = "eip155:1/slip44:60" },
		func(p *payout.Payout) { p.To = "" }, func(p *payout.Payout) { p.Units = new(big.Int) },
	} {
		p := b.payment(b.coin, someone, 1)
		spoil(&p)
		plan, err := b.spender.Plan(t.Context(), b, []payout.Payout{p})
		require.NoError(t, err)
		require.Contains(t, plan.Refused, p.ID)
	}
	_, err := b.spender.Plan(t.Context(), b, nil)
	require.ErrorIs(t, err, payout.ErrNoCoins)
}
