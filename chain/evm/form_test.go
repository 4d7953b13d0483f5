package evm_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/evm"
)

// plain adds the log of a transfer without indexed arguments.
func (x *fakeTx) plain(contract, to string, units int64) *fakeTx {
	return x.log(contract, "0x"+topic(payer)[2:]+topic(to)[2:]+fmt.Sprintf("%064x", units), transferTopic)
}

func TestTransferLogs_OfAnotherFormAreNamed(t *testing.T) {
	for name, add := range map[string]func(x *fakeTx){
		"nothing indexed": func(x *fakeTx) { x.plain(usdtContract, shop, 7) },
		"one indexed":     func(x *fakeTx) { x.log(usdtContract, "0x"+strings.Repeat("0", 128), transferTopic, topic(payer)) },
		"all indexed":     func(x *fakeTx) { x.log(usdtContract, "0x", transferTopic, topic(payer), topic(shop), blockHash) },
	} {
		t.Run(name, func(t *testing.T) {
			bothWays(t, func(t *testing.T, f *fakeNode) {
				add(f.tx(shop, 5).transfer(usdcContract, shop, 6))
				n := f.node(t)
				for blocks := range uint64(3) {
					b, err := n.Block(t.Context(), 100)
					require.NoError(t, err)
					require.Len(t, b.Transfers, 2, "the others are seen")
					lacks := n.Lacks()
					require.Len(t, lacks, 1)
					require.Equal(t, usdt.ID, lacks[0].Asset)
					require.Equal(t, chain.TransferLogs, lacks[0].What)
					require.Equal(t, blocks+1, lacks[0].Blocks)
				}
			})
		})
	}
	t.Run("of a transaction that failed they are nothing", func(t *testing.T) {
		f := newFake()
		f.tx(shop, 5).plain(usdtContract, shop, 7).status = "0x0"
		n := f.node(t)
		_, err := n.Block(t.Context(), 100)
		require.NoError(t, err)
		require.Empty(t, n.Lacks())
	})
}

func TestTransferLogs_OfAnotherFormAreNamedAtTheStart(t *testing.T) {
	readable := (&fakeTx{}).transfer(usdtContract, shop, 6).logs[0]
	strange := (&fakeTx{}).plain(usdtContract, shop, 6).logs[0]
	foreign := (&fakeTx{}).plain(usdcContract, shop, 6).logs[0]
	for name, c := range map[string]struct {
		logs  []object // ten blocks back, a hundred, a thousand
		fault *rpcFault
		named bool
		asked int
	}{
		"readable":       {logs: []object{readable}, asked: 1},
		"strange":        {logs: []object{strange}, named: true, asked: 1},
		"strange, later": {logs: []object{nil, nil, strange}, named: true, asked: 3},
		"of another":     {logs: []object{foreign, foreign, foreign}, asked: 3},
		"none":           {asked: 3},
		"refused":        {fault: &rpcFault{-32005, "limit exceeded"}, asked: 1},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake()
			asked := 0
			f.override["eth_getLogs"] = func([]json.RawMessage) (any, *rpcFault) {
				asked++
				if asked > len(c.logs) || c.logs[asked-1] == nil {
					return []object{}, c.fault
				}
				return []object{c.logs[asked-1], c.logs[asked-1]}, c.fault
			}
			n := f.node(t, ether, usdt)
			for range 2 {
				_, err := n.Tip(t.Context())
				require.NoError(t, err)
			}
			require.Equal(t, c.named, len(n.Lacks()) == 1)
			require.Equal(t, c.asked, asked)
		})
	}
	t.Run("among others that can be read", func(t *testing.T) {
		f := newFake()
		f.say("eth_getLogs", []object{strange, readable})
		n := f.node(t, usdt)
		_, err := n.Tip(t.Context())
		require.NoError(t, err)
		require.Empty(t, n.Lacks())
	})
}

// On Celo the coin is a token too, whose contract logs its own transfers and none of the others.
func TestCoinThatIsAlsoAToken_EachPaymentIsSeenOnceAsWhatItWasMadeAs(t *testing.T) {
	bothWays(t, func(t *testing.T, f *fakeNode) {
		f.traced = true
		f.tx(shop, 5)                                         // the value of a transaction
		f.tx(usdtContract, 0).transfer(usdtContract, shop, 6) // a call of the contract, which moves the coin in its own way
		sees(t, f, paid{"value", "ETH", shop, 5}, paid{usdtContract + "#0", "USDT", shop, 6})
	})
}

// widened is the block with a filter that has more in it than its receipts.
func widened(f *fakeNode) {
	h := f.full()
	bloom := []byte(fmt.Sprintf("%#x", h["logsBloom"]))
	copy(bloom[2:], "ffff")
	h["logsBloom"] = string(bloom)
	f.say("eth_getBlockByNumber", h)
}

func unproven(t *testing.T, f *fakeNode) *evm.Node {
	t.Helper()
	return f.nodeBy(t, func(c *evm.Config) { c.UnprovenLogs = true })
}

func TestUnprovenLogs_FilterThatProvesNothing(t *testing.T) {
	bothWays(t, func(t *testing.T, f *fakeNode) {
		f.tx(shop, 5).transfer(usdtContract, shop, 6)
		widened(f)
		n := unproven(t, f)
		before := n.Lacks()
		require.Len(t, before, 1)
		require.Contains(t, before[0].Reason, "Config.UnprovenLogs")
		b, err := n.Block(t.Context(), 100)
		require.NoError(t, err)
		require.Len(t, b.Transfers, 2)
		found, err := n.Examine(t.Context(), chain.Unexamined{TxID: f.txs[0].hash, Height: 100, Block: blockHash})
		require.NoError(t, err)
		require.Len(t, found, 2)
		lacks := n.Lacks()
		require.Len(t, lacks, 1)
		require.Equal(t, chain.ProofOfLogs, lacks[0].What)
		require.Empty(t, lacks[0].Asset)
		require.Equal(t, before[0].Reason, lacks[0].Reason)
		require.EqualValues(t, 1, lacks[0].Blocks)
	})
	t.Run("is refused unless it is said", func(t *testing.T) {
		f := newFake()
		f.tx(shop, 5).transfer(usdtContract, shop, 6)
		widened(f)
		_, err := f.node(t).Block(t.Context(), 100)
		require.ErrorIs(t, err, chain.ErrIncomplete)
		require.ErrorContains(t, err, "Config.UnprovenLogs")
	})
	t.Run("and receipts must still be of each transaction", func(t *testing.T) {
		f := newFake()
		f.tx(shop, 5).transfer(usdtContract, shop, 6)
		f.say("eth_getBlockReceipts", []object{})
		f.say("eth_getTransactionReceipt", nil)
		_, err := unproven(t, f).Block(t.Context(), 100)
		require.ErrorIs(t, err, chain.ErrIncomplete)
	})
	t.Run("is named where headers have none", func(t *testing.T) {
		f := newFake()
		f.tx(shop, 5).transfer(usdtContract, shop, 6)
		h := f.full()
		h["logsBloom"] = "0x" + strings.Repeat("0", 512)
		f.say("eth_getBlockByNumber", h)
		n := f.node(t)
		_, err := n.Block(t.Context(), 100)
		require.NoError(t, err)
		require.Len(t, n.Lacks(), 1)
		require.EqualValues(t, 1, n.Lacks()[0].Blocks)
	})
}

func TestRecorded_CronosBlockWhoseFilterHasMoreThanItsReceipts(t *testing.T) {
	const cronos = chain.Network("eip155:25")
	block, receipts := recordedPair(t, "evm-cronos-11446765")
	if block == nil {
		return
	}
	contract, logs := "", 0 // a token that was transferred
	for _, r := range receipts {
		for _, l := range r["logs"].([]any) {
			topics := l.(object)["topics"].([]any)
			if r["status"] != "0x1" || len(topics) != 3 || topics[0] != transferTopic {
				continue
			}
			if at := l.(object)["address"].(string); contract == "" || contract == at {
				contract = at
				logs++
			}
		}
	}
	require.NotEmpty(t, contract)
	spelled, err := evm.ParseAddress(contract)
	require.NoError(t, err)
	for _, bulk := range []bool{true, false} {
		f := newFake()
		f.say("eth_getBlockByNumber", block)
		f.say("eth_getBlockReceipts", receipts)
		if !bulk {
			f.fail("eth_getBlockReceipts", noMethod)
			f.fail("eth_getLogs", noMethod)
		}
		f.sayEach(t, receipts)
		assets := []chain.Asset{evm.Native(cronos, "CRO"), tokenOf(t, cronos, string(spelled), "T", 6)}
		_, err := f.nodeOn(t, cronos, assets...).Block(t.Context(), 11446765)
		require.ErrorIs(t, err, chain.ErrIncomplete)
		n := f.nodeBy(t, func(c *evm.Config) { c.Network, c.Assets, c.UnprovenLogs = cronos, assets, true })
		b, err := n.Block(t.Context(), 11446765)
		require.NoError(t, err)
		tokens := 0
		for _, x := range b.Transfers {
			if x.Asset == assets[1].ID {
				tokens++
			}
		}
		require.Equal(t, logs, tokens)
		require.Len(t, n.Lacks(), 1)
	}
}
