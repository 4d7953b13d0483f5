package chain_test

import (
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
)

func TestParseNetworkFollowsCAIP2(t *testing.T) {
	for s, want := range map[string][2]string{
		"eip155:1": {"eip155", "1"},
		"bip122:000000000019d6689c085ae165831e93": {"bip122", "000000000019d6689c085ae165831e93"},
		"tron:0x2b6653dc":                         {"tron", "0x2b6653dc"},
	} {
		n, err := chain.ParseNetwork(s)
		require.NoError(t, err, s)
		require.Equal(t, want, [2]string{n.Namespace(), n.Reference()})
	}
	for _, s := range []string{"", "eip155", "eip155:", ":1", "e:1", "EIP155:1", "eip155:1/slip44:60", "eip155:1 ", "eip155:1\n",
		"namespace9:1", "eip155:" + strings.Repeat("1", 33)} {
		_, err := chain.ParseNetwork(s)
		require.Error(t, err, "%q", s)
	}
}

func TestParseAssetIDFollowsCAIP19(t *testing.T) {
	id, err := chain.ParseAssetID("eip155:1/erc20:0xdAC17F958D2ee523a2206206994597C13D831ec7")
	require.NoError(t, err)
	require.Equal(t, chain.Network("eip155:1"), id.Network())
	require.Equal(t, "erc20", id.Namespace())
	require.Equal(t, "0xdAC17F958D2ee523a2206206994597C13D831ec7", id.Reference())
	for _, s := range []string{"", "eip155:1", "eip155:1/slip44", "eip155:1/slip44:", "eip155:1/slip44:60/1", "/slip44:60",
		"eip155:1/slip44:" + strings.Repeat("1", 129)} {
		_, err := chain.ParseAssetID(s)
		require.Error(t, err, "%q", s)
	}
}

func FuzzParseAssetID(f *testing.F) {
	f.Add("eip155:1/slip44:60")
	f.Add("a:b/c:d")
	f.Fuzz(func(t *testing.T, s string) {
		id, err := chain.ParseAssetID(s)
		if err != nil {
			return
		}
		n, err := chain.ParseNetwork(string(id.Network()))
		require.NoError(t, err)
		require.Equal(t, s, fmt.Sprintf("%s:%s/%s:%s", n.Namespace(), n.Reference(), id.Namespace(), id.Reference()))
	})
}

func TestAssetValidate(t *testing.T) {
	good := chain.Asset{ID: "eip155:1/slip44:60", Code: "ETH", Decimals: 18}
	require.NoError(t, good.Validate())
	for name, spoil := range map[string]func(*chain.Asset){
		"no id":             func(a *chain.Asset) { a.ID = "" },
		"no code":           func(a *chain.Asset) { a.Code = "" },
		"long code":         func(a *chain.Asset) { a.Code = strings.Repeat("X", 33) },
		"negative decimals": func(a *chain.Asset) { a.Decimals = -1 },
		"too many decimals": func(a *chain.Asset) { a.Decimals = chain.MaxDecimals + 1 },
	} {
		a := good
		spoil(&a)
		require.Error(t, a.Validate(), name)
	}
}

// One third, and its negative, is between two base units whatever the decimals.
func TestA34_RoundingDirectionIsFixed(t *testing.T) {
	for decimals := range chain.MaxDecimals + 1 {
		a := chain.Asset{Code: "X", Decimals: decimals}
		third := decimal.RequireFromString("0." + strings.Repeat("3", chain.MaxDecimals+4))
		down, _ := new(big.Int).SetString("0"+strings.Repeat("3", decimals), 10)
		up := new(big.Int).Add(down, big.NewInt(1))

		require.Equal(t, down.String(), a.UnitsDown(third).String())
		require.Equal(t, up.String(), a.UnitsUp(third).String())
		require.Equal(t, new(big.Int).Neg(up).String(), a.UnitsDown(third.Neg()).String(), "towards negative infinity")
		require.Equal(t, new(big.Int).Neg(down).String(), a.UnitsUp(third.Neg()).String(), "towards positive infinity")
		_, err := a.UnitsExact(third)
		require.ErrorIs(t, err, chain.ErrNotExact)

		exact, err := a.UnitsExact(a.Decimal(down))
		require.NoError(t, err)
		require.Equal(t, down.String(), exact.String())
		require.Equal(t, down.String(), a.UnitsUp(a.Decimal(down)).String(), "an exact amount is not rounded")
		require.Equal(t, down.String(), a.UnitsDown(a.Decimal(down)).String(), "an exact amount is not rounded")
	}
}

func TestDecimalIsExact(t *testing.T) {
	wei, _ := new(big.Int).SetString("123456789012345678901234567890", 10)
	eth := chain.Asset{Code: "ETH", Decimals: 18}
	require.Equal(t, "123456789012.34567890123456789", eth.Decimal(wei).String())
	require.Equal(t, "0", eth.Decimal(nil).String())
}

func TestConfirmationsAreCountedFromTheHead(t *testing.T) {
	head := chain.Head{Height: 100}
	for height, want := range map[uint64]uint64{100: 1, 99: 2, 95: 6, 0: 101, 101: 0} {
		require.Equal(t, want, head.Confirmations(height), "block %d", height)
	}
}

func TestHeadReportsWhetherItIsTheTip(t *testing.T) {
	require.True(t, chain.Head{Height: 5}.AtTip(), "a watcher that does not say")
	require.True(t, chain.Head{Height: 5, Tip: 5}.AtTip())
	require.False(t, chain.Head{Height: 5, Tip: 6}.AtTip())
}

func TestLagCountsBlocks(t *testing.T) {
	require.Equal(t, uint64(5), chain.Lag{Height: 5, Tip: 10}.Blocks())
	require.Zero(t, chain.Lag{Height: 10, Tip: 5}.Blocks(), "a node that is behind us")
}

func TestKeyDoesNotDependOnWhereTheTransferIsSeen(t *testing.T) {
	a := chain.Transfer{TxID: "0x1", Index: "log:3", Asset: "eip155:1/slip44:60", To: "0xA", Units: big.NewInt(1), Replaceable: true}
	b := chain.Transfer{TxID: "0x1", Index: "log:3", Asset: "eip155:1/slip44:60"}
	require.Equal(t, a.Key(), b.Key())
	require.Equal(t, chain.Key{Network: "eip155:1", TxID: "0x1", Index: "log:3"}, a.Key())
}
