package bitcoin_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	btc "github.com/cointill/cointill/chain/bitcoin"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/payout/bitcoin"
)

func TestNew_NamesTheFieldThatIsWrong(t *testing.T) {
	client, err := btc.Dial(btc.ClientConfig{URL: "http://127.0.0.1:1"})
	require.NoError(t, err)
	_, public := account(t, 1)
	wallet, err := btc.NewWallet(btc.BitcoinRegtest(), public, btc.P2WPKH)
	require.NoError(t, err)
	good := bitcoin.Config{RPC: client, Wallet: wallet}
	s, err := bitcoin.New(good)
	require.NoError(t, err)
	require.Equal(t, btc.BitcoinRegtest().Network, s.Network())
	require.Equal(t, btc.BitcoinRegtest().Asset().ID, s.FeeAsset())
	lane, err := wallet.Key(btc.BranchChange, 0)
	require.NoError(t, err)
	require.Equal(t, lane.Address, s.Lane())

	for field, change := range map[string]func(c *bitcoin.Config){
		"Config.RPC":                   func(c *bitcoin.Config) { c.RPC = nil },
		"Config.Wallet":                func(c *bitcoin.Config) { c.Wallet = nil },
		"Config.Fees: Floor":           func(c *bitcoin.Config) { c.Fees.Floor = -1 },
		"Config.Fees: Floor, Fallback": func(c *bitcoin.Config) { c.Fees.Fallback = -1 },
		"Config.Fees.Cap: 500":         func(c *bitcoin.Config) { c.Fees.Cap = 500 },
		"beyond all money":             func(c *bitcoin.Config) { c.Fees.Cap = 1 << 62 },
		"Config.Fees.Blocks: 1009":     func(c *bitcoin.Config) { c.Fees.Blocks = 1009 },
		"Config.Buried: 3":             func(c *bitcoin.Config) { c.Final, c.Buried = 5, 3 },
		"Config.Batch: 501":            func(c *bitcoin.Config) { c.Batch = 501 },
	} {
		c := good
		change(&c)
		s, err := bitcoin.New(c)
		require.ErrorContains(t, err, field)
		require.Nil(t, s)
	}
}

// The name of an output whose transaction has no id yet is completed with the id.
func TestPlan_ChangeOfATransactionWithoutAnID(t *testing.T) {
	s, f := newFakeShop(t, btc.DogecoinRegtest(), btc.P2PKH)
	f.put(t, s, 6, 900_000_000)
	v := s.plan(t, s.payout(t, "a", s.stranger(t, 1), 250_000_000, 10_000_000)).Last()
	require.Empty(t, v.TxID)
	require.Regexp(t, "^:[01]$", v.Moves[1].Holding.Name)
	moves := v.Effects("abc")
	require.Equal(t, "abc"+v.Moves[1].Holding.Name, moves[1].Holding.Name)
	require.Equal(t, v.Moves[0], moves[0])
	require.Regexp(t, "^:[01]$", v.Moves[1].Holding.Name, "the version has not changed")
	require.NoError(t, payout.Transaction{ID: "x", Network: "n", Anchor: v.Spends[0], Versions: []payout.Version{v}}.Check())
}
