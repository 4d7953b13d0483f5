package bitcoin

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"testing"
	"time"

	"github.com/btcsuite/btcd/wire"
	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
)

func TestNew_RefusesByFieldName(t *testing.T) {
	_, err := New(Config{Params: Bitcoin()})
	require.ErrorContains(t, err, "Config.RPC")
	_, err = New(Config{RPC: &Client{}})
	require.ErrorContains(t, err, "Config.Params")
}

func TestTip_IsTheBestBlock(t *testing.T) {
	f := newCore(t, BitcoinRegtest())
	raw := f.mine(t)
	tip, err := f.node(t).Tip(t.Context())
	require.NoError(t, err)
	require.Equal(t, chain.Tip{Header: chain.Header{
		Height: 2, Hash: hashOf(raw).String(), Parent: hashOf(f.blocks[1]).String(), Time: time.Unix(1_700_001_200, 0).UTC(),
	}}, tip)
}

func TestHeader_BlockZeroHasNoParent(t *testing.T) {
	h, err := newCore(t, BitcoinRegtest()).node(t).Header(t.Context(), 0)
	require.NoError(t, err)
	require.Empty(t, h.Parent)
}

// info makes the node say something else of itself.
func (f *fakeCore) info(changes object) {
	f.override["getblockchaininfo"] = func(p []json.RawMessage) (any, *Error) {
		delete(f.override, "getblockchaininfo")
		defer f.info(changes)
		said, fault := f.answer("getblockchaininfo", p)
		for k, v := range changes {
			said.(object)[k] = v
		}
		return said, fault
	}
}

func TestTip_ANodeThatIsBehindIsRefusedByName(t *testing.T) {
	for name, c := range map[string]struct {
		info  object
		fault int
		ready bool
	}{
		"first download":                               {info: object{"initialblockdownload": true}},
		"headers only":                                 {info: object{"headers": 3}},
		"a block is on its way":                        {info: object{"headers": 2}, ready: true},
		"private chain that nobody mined for a day":    {info: object{"initialblockdownload": true, "chain": "regtest"}, ready: true},
		"private chain that is not there yet":          {info: object{"initialblockdownload": true, "chain": "regtest", "headers": 9}},
		"warming up":                                   {fault: codeWarmUp},
		"in its first download by the node's own code": {fault: codeDownload},
	} {
		t.Run(name, func(t *testing.T) {
			f := newCore(t, BitcoinRegtest())
			if f.info(c.info); c.fault != 0 {
				f.fail("getblockchaininfo", c.fault)
			}
			_, err := f.node(t).Tip(t.Context())
			if c.ready {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, chain.ErrBehind)
			require.ErrorContains(t, err, "Bitcoin regtest")
		})
	}
}

func TestIncident26_Incident27_TipChecksBlockZeroAndTheForkEachTime(t *testing.T) {
	f := newCore(t, BitcoinRegtest())
	f.mine(t)
	f.params.Fork = Fork{2, hashOf(f.blocks[2]).String()}
	n := f.node(t)
	_, err := n.Tip(t.Context())
	require.NoError(t, err)

	f.blocks[2] = simpleBlock(t, f.params, 2, hashOf(f.blocks[1]), pays(1, 0, out(1, scriptTo(1))))
	_, err = n.Tip(t.Context())
	require.ErrorIs(t, err, chain.ErrWrongNetwork, "another coin from block 2 on")

	f.blocks = f.blocks[:2]
	_, err = n.Tip(t.Context())
	require.ErrorIs(t, err, chain.ErrBehind, "nobody can tell yet")

	f.blocks[0] = simpleBlock(t, f.params, 7, hash{})
	_, err = n.Tip(t.Context())
	require.ErrorIs(t, err, chain.ErrWrongNetwork)
	require.ErrorContains(t, err, "Bitcoin regtest")
}

func TestIncident31_ABlockOrHeaderOfAnotherHashIsRefused(t *testing.T) {
	f := newCore(t, BitcoinRegtest())
	f.mine(t)
	n := f.node(t)
	f.say("getblock", hexOf(f.blocks[1]))
	f.say("getblockheader", hexOf(f.blocks[1][:headerSize]))
	_, err := n.Block(t.Context(), 2)
	require.ErrorIs(t, err, chain.ErrIncomplete)
	_, err = n.Header(t.Context(), 2)
	require.ErrorIs(t, err, chain.ErrIncomplete)
	_, err = n.Tip(t.Context())
	require.ErrorIs(t, err, chain.ErrIncomplete)

	f.say("getblockheader", hexOf(f.blocks[2][:headerSize])+"00")
	_, err = n.Header(t.Context(), 2)
	require.ErrorIs(t, err, chain.ErrIncomplete)
	f.say("getblockheader", hexOf(f.blocks[2][:headerSize-1]))
	_, err = n.Header(t.Context(), 2)
	require.ErrorIs(t, err, chain.ErrIncomplete)
}

func TestA46_HeightsThatTheNodeDoesNotHaveAreNotFound(t *testing.T) {
	f := newCore(t, BitcoinRegtest())
	n := f.node(t)
	for _, code := range []int{codeRange, codeMisc} { // of Core and of btcd
		f.fail("getblockhash", code)
		_, err := n.Header(t.Context(), 5)
		require.ErrorIs(t, err, chain.ErrNotFound)
		_, err = n.Block(t.Context(), 5)
		require.ErrorIs(t, err, chain.ErrNotFound)
	}
	delete(f.override, "getblockhash")
	for _, code := range []int{codeMisc, codeNotFound} { // pruned, and gone since
		f.fail("getblock", code)
		_, err := n.Block(t.Context(), 1)
		require.ErrorIs(t, err, chain.ErrNotFound)
	}
	f.fail("getblock", -32603)
	_, err := n.Block(t.Context(), 1)
	require.Error(t, err)
	require.NotErrorIs(t, err, chain.ErrNotFound)
}

// A4: the follower decides what to do after a failure; the adapter must distinguish it from a missing block.
func TestA4_ABusyNodeIsAnErrorAndNothingElse(t *testing.T) {
	f := newCore(t, BitcoinRegtest())
	f.handler = func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "Work queue depth exceeded", http.StatusServiceUnavailable)
	}
	n := f.node(t)
	_, tip := n.Tip(t.Context())
	_, block := n.Block(t.Context(), 1)
	_, pool := n.Pool(t.Context())
	for _, err := range []error{tip, block, pool} {
		var status *StatusError
		require.ErrorAs(t, err, &status)
		require.False(t, errors.Is(err, chain.ErrNotFound) || errors.Is(err, chain.ErrBehind))
	}
}

func TestEveryCall_EndsWithItsContext(t *testing.T) {
	f := newCore(t, BitcoinRegtest())
	stall := make(chan struct{})
	f.handler = func(http.ResponseWriter, *http.Request) { <-stall }
	n := f.node(t)
	t.Cleanup(func() { close(stall) }) // before the server waits for its handlers
	for _, ask := range []func(context.Context) error{
		func(ctx context.Context) error { _, err := n.Tip(ctx); return err },
		func(ctx context.Context) error { _, err := n.Header(ctx, 1); return err },
		func(ctx context.Context) error { _, err := n.Block(ctx, 1); return err },
		func(ctx context.Context) error { _, err := n.Pool(ctx); return err },
	} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		require.ErrorIs(t, ask(ctx), context.DeadlineExceeded)
		cancel()
	}
}

func TestBlock_TransfersInChainOrder(t *testing.T) {
	f := newCore(t, BitcoinRegtest())
	one, two := scriptTo(1), witnessScript(1, make([]byte, 32))
	a, b := pays(1, 0, out(5, one), out(6, two)), pays(2, 0, out(7, one), out(0, one), out(8, one))
	f.mine(t, a, b)
	got, err := f.node(t).Block(t.Context(), 2)
	require.NoError(t, err)
	to1, to2 := addressOf(t, f.params, one), addressOf(t, f.params, two)
	require.Equal(t, []paid{{"vout:0", to1, 5}, {"vout:1", to2, 6}, {"vout:0", to1, 7}, {"vout:2", to1, 8}}, paidOf(got.Transfers))
	for i, x := range got.Transfers {
		require.Equal(t, []*wire.MsgTx{a, a, b, b}[i].TxHash().String(), x.TxID)
		require.Equal(t, f.params.Asset().ID, x.Asset)
		require.False(t, x.Replaceable)
		require.Empty(t, x.From)
	}
}

func TestA14_ACoinIsOneAsset(t *testing.T) {
	f := newCore(t, LitecoinRegtest())
	f.mine(t, pays(1, 0, out(5, scriptTo(1))))
	b, err := f.node(t).Block(t.Context(), 2)
	require.NoError(t, err)
	require.Equal(t, LitecoinRegtest().Asset().ID, b.Transfers[0].Asset)
	require.Equal(t, LitecoinRegtest().Network, b.Transfers[0].Key().Network)
}

func TestIncident9_OnlyExactScriptsAreCredited(t *testing.T) {
	shop := scriptTo(1)
	key := append([]byte{33, 2}, make([]byte, 32)...)
	multisig := append(append([]byte{0x51}, key...), 0x51, 0xae)
	note := append([]byte{0x6a, byte(len(shop))}, shop...)
	f := newCore(t, BitcoinRegtest())
	f.mine(t, pays(1, 0, out(1, multisig), out(2, note), out(3, append(shop, 0)), out(4, append([]byte{0}, shop...)),
		out(5, nil), out(6, append(key, 0xac)), out(7, shop)))
	b, err := f.node(t).Block(t.Context(), 2)
	require.NoError(t, err)
	require.Equal(t, []paid{{"vout:6", addressOf(t, f.params, shop), 7}}, paidOf(b.Transfers))
}

func TestIncident13_MoreThanThereCanBeIsRefused(t *testing.T) {
	for _, value := range []int64{maxBitcoin + 1, -1, math.MinInt64} {
		f := newCore(t, BitcoinRegtest())
		tx := pays(1, 0, out(value, scriptTo(1)))
		f.mine(t, tx)
		n := f.node(t)
		_, err := n.Block(t.Context(), 2)
		require.ErrorIs(t, err, chain.ErrIncomplete)
		f.wait(tx)
		_, err = n.Pool(t.Context())
		require.ErrorIs(t, err, chain.ErrIncomplete)
	}
	f := newCore(t, DogecoinRegtest())
	f.mine(t, pays(1, 0, out(maxDogecoin, scriptTo(1))))
	b, err := f.node(t).Block(t.Context(), 2)
	require.NoError(t, err)
	require.Equal(t, int64(maxDogecoin), b.Transfers[0].Units.Int64())
}

// Tokens of Bitcoin Cash stand before the script within its field, after the byte 0xef (CHIP-2022-02 CashTokens).
func TestA14_CashTokensAreNotCredited(t *testing.T) {
	shop := scriptTo(1)
	token := append([]byte{0xef}, make([]byte, 32)...) // category
	fungible := append(append([]byte{}, token...), 0x10, 1)
	nft := append(append([]byte{}, token...), 0x60, 1, 0xcc)
	f := newCore(t, BitcoinCashRegtest())
	f.mine(t, pays(1, 0, out(1000, append(fungible, shop...)), out(1000, append(nft, shop...)), out(800, token[:5]), out(900, shop)))
	b, err := f.node(t).Block(t.Context(), 2)
	require.NoError(t, err)
	require.Equal(t, []paid{{"vout:3", addressOf(t, f.params, shop), 900}}, paidOf(b.Transfers))
}

func TestBlock_DogecoinIsAskedWithAFlag(t *testing.T) {
	for _, c := range []struct {
		params Params
		want   string
	}{{DogecoinRegtest(), "false"}, {BitcoinRegtest(), "0"}} {
		f := newCore(t, c.params)
		f.override["getblock"] = func(p []json.RawMessage) (any, *Error) {
			require.Equal(t, c.want, string(p[1]))
			return hexOf(f.blocks[1]), nil
		}
		_, err := f.node(t).Block(t.Context(), 1)
		require.NoError(t, err)
	}
}
