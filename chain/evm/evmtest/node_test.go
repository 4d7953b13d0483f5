package evmtest

import (
	"context"
	"errors"
	"math/big"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/rpc"
	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
	"github.com/cointill/cointill/chain/evm"
	"github.com/cointill/cointill/internal/devchain"
)

func TestIncident12_RealContractThatIsNotAsConfigured(t *testing.T) {
	w := newFull(t)
	coin, token := w.assets[0], w.assets[1]
	tip := func(assets ...chain.Asset) error {
		_, err := w.node(t, w.network, assets).Tip(t.Context())
		return err
	}
	require.NoError(t, tip(coin, token))

	wrong := token
	wrong.Decimals = 18
	require.ErrorIs(t, tip(coin, wrong), chain.ErrWrongNetwork)
	require.ErrorContains(t, tip(wrong), "has 6 decimals, not 18")

	nothing, err := evm.ERC20(w.network, string(w.Address(t)), "TEUR", 6)
	require.NoError(t, err)
	held := func(a chain.Asset) {
		n := w.node(t, w.network, []chain.Asset{coin, a})
		_, err := n.Tip(t.Context())
		require.NoError(t, err)
		lacks := n.(chain.Lacker).Lacks()
		require.Len(t, lacks, 1)
		require.Equal(t, a.ID, lacks[0].Asset)
		require.Equal(t, chain.Decimals, lacks[0].What)
	}
	held(nothing)

	for _, code := range []string{revert, "00"} { // contracts, but no tokens
		contract := w.sender.deploy(t, code)
		w.Mine(t, 1)
		other, err := evm.ERC20(w.network, contract.Hex(), "TEUR", 6)
		require.NoError(t, err)
		held(other)
	}
}

func TestA3_SuiteOnGethThatRefusesWhatIsLarge(t *testing.T) {
	chaintest.Run(t, func(t *testing.T) chaintest.World { return picky{newFull(t)} })
}

func TestA3_SuiteOnAnvilThatRefusesWhatIsLarge(t *testing.T) {
	chaintest.Run(t, func(t *testing.T) chaintest.World { return picky{newFullAnvil(t)} })
}

// picky is a world whose node refuses whatever can be asked for in smaller parts, each time in other words.
type picky struct{ full }

func (w picky) Node(t *testing.T) chain.Node {
	n, err := evm.New(evm.Config{
		Network: w.network, RPC: &pickyCaller{Client: dial(t, w.url)}, Assets: w.assets, Traces: true,
	})
	require.NoError(t, err)
	return n
}

type pickyCaller struct {
	*evm.Client
	refused atomic.Int64
}

type coded int

func (c coded) Error() string  { return "please ask for less" }
func (c coded) ErrorCode() int { return int(c) }

func (c *pickyCaller) refusal() error {
	all := []error{
		coded(-32005), coded(-32602), coded(-32000), coded(-32600), errors.New("invalid character '<'"),
		rpc.HTTPError{StatusCode: http.StatusRequestEntityTooLarge}, rpc.HTTPError{StatusCode: http.StatusTooManyRequests},
		evm.ErrResponseTooLarge,
	}
	return all[int(c.refused.Add(1))%len(all)]
}

func (c *pickyCaller) CallContext(ctx context.Context, result any, method string, args ...any) error {
	switch method {
	case "eth_getBlockReceipts", "eth_getLogs", "debug_traceBlockByHash":
		if ctx.Err() == nil {
			return c.refusal()
		}
	}
	return c.Client.CallContext(ctx, result, method, args...)
}

func (c *pickyCaller) BatchCallContext(ctx context.Context, batch []rpc.BatchElem) error {
	if len(batch) > 3 && ctx.Err() == nil {
		return c.refusal()
	}
	return c.Client.BatchCallContext(ctx, batch)
}

func TestA3_CatchUpOverRefusalsLosesNothing(t *testing.T) {
	w := newFull(t)
	to := chain.Address(w.receiver(t).Hex())
	const payments = 40
	w.Mine(t, 7) // the first step is there to begin with
	for i := range payments {
		w.Pay(t, w.assets[i%2], to, big.NewInt(int64(i)+1))
		w.Mine(t, 1+i%3)
	}
	caller := &flaky{pickyCaller: pickyCaller{Client: dial(t, w.url)}}
	n, err := evm.New(evm.Config{Network: w.network, RPC: caller, Assets: w.assets, Traces: true})
	require.NoError(t, err)
	f, err := chain.NewFollower(chain.FollowConfig{Node: n, Batch: 7, MinBackoff: time.Millisecond, MaxBackoff: 2 * time.Millisecond})
	require.NoError(t, err)
	seen := make(map[chain.Key]string)
	first, err := f.Next(t.Context(), chain.CursorSince(time.Time{}))
	require.NoError(t, err)
	cursor, last := first.Cursor, first.Head.Height
	require.Less(t, last, uint64(payments))
	caller.begun.Store(true)
	for failures := 0; len(seen) < payments; {
		s, err := f.Next(t.Context(), cursor)
		if err != nil {
			failures++
			require.Less(t, failures, 5000, "%v", err)
			continue
		}
		for _, b := range s.Joined {
			last++
			require.Equal(t, last, b.Height, "no block is passed over")
			for _, x := range b.Transfers {
				if x.To == to {
					require.NotContains(t, seen, x.Key())
					seen[x.Key()] = x.Units.String()
				}
			}
		}
		cursor = s.Cursor
	}
	sum := new(big.Int)
	for _, units := range seen {
		u, _ := new(big.Int).SetString(units, 10)
		sum.Add(sum, u)
	}
	require.Equal(t, int64(payments*(payments+1)/2), sum.Int64())
}

// flaky is picky, and once begun fails every ninth call whatever it is.
type flaky struct {
	pickyCaller
	begun atomic.Bool
	calls atomic.Int64
}

func (c *flaky) fails() bool { return c.begun.Load() && c.calls.Add(1)%9 == 0 }

func (c *flaky) CallContext(ctx context.Context, result any, method string, args ...any) error {
	if c.fails() {
		return c.refusal()
	}
	return c.pickyCaller.CallContext(ctx, result, method, args...)
}

func (c *flaky) BatchCallContext(ctx context.Context, batch []rpc.BatchElem) error {
	if c.fails() {
		return c.refusal()
	}
	return c.pickyCaller.BatchCallContext(ctx, batch)
}

func TestHeads_OfRealNodesCutTheRestShort(t *testing.T) {
	eachFull(t, func(t *testing.T, w full) {
		heads, err := evm.NewHeads(evm.HeadsConfig{URL: w.ws, MinBackoff: tick})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- heads.Run(ctx) }()
		defer func() {
			cancel()
			require.ErrorIs(t, <-ended, context.Canceled)
			leftovers(t)
		}()
		n, err := evm.New(evm.Config{Network: w.network, RPC: dial(t, w.url), Assets: w.assets, Hints: heads})
		require.NoError(t, err)
		require.Eventually(t, func() bool { return n.Wait(ctx) == nil }, awaited, tick)

		f, err := chain.NewFollower(chain.FollowConfig{Node: n, Poll: time.Hour, MinPoll: tick})
		require.NoError(t, err)
		s, err := f.Next(ctx, chain.CursorSince(time.Time{}))
		require.NoError(t, err)
		to := chain.Address(w.receiver(t).Hex())
		for i := range int64(3) {
			w.Pay(t, w.assets[0], to, big.NewInt(i+1))
			w.Mine(t, 1)
			for paid := false; !paid; { // a hint may be superfluous
				limited, done := context.WithTimeout(ctx, awaited)
				s, err = f.Next(limited, s.Cursor)
				done()
				require.NoError(t, err)
				for _, b := range s.Joined {
					paid = paid || len(b.Transfers) > 0 && b.Transfers[0].To == to
				}
			}
		}
	})
}

// leftovers fails while anything of a WebSocket client is still running.
func leftovers(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool {
		buf := make([]byte, 1<<20)
		stacks := string(buf[:runtime.Stack(buf, true)])
		return !strings.Contains(stacks, "evm.(*Heads)") && !strings.Contains(stacks, "rpc.(*ClientSubscription)")
	}, awaited, 10*tick)
}

func TestIncident7_WhatIsInNoBlockIsNeverReported(t *testing.T) {
	w := newFull(t)
	n := w.traced(t)
	to := w.receiver(t)
	txid := w.Pay(t, w.assets[0], chain.Address(to.Hex()), big.NewInt(5))
	tip, err := n.Tip(t.Context())
	require.NoError(t, err)
	for h := range tip.Height + 1 {
		b, err := n.Block(t.Context(), h)
		require.NoError(t, err)
		for _, x := range b.Transfers {
			require.NotEqual(t, txid, x.TxID)
		}
	}
	_, lists := chain.Node(n).(chain.Pooler)
	require.False(t, lists)
	w.Mine(t, 1)
	require.Equal(t, []string{"value 5"}, w.received(t, n, to))
}

func TestA37_Incident22_OfATransactionAndItsReplacementOneCounts(t *testing.T) {
	w := newFull(t)
	n := w.traced(t)
	to, elsewhere := w.receiver(t), w.receiver(t)
	nonce := w.sender.nonce(t)
	replaced := w.sender.sendAs(t, nonce, 1e9, &to, 5, nil)
	require.Eventually(t, func() bool { return w.sender.nonce(t) > nonce }, awaited, tick)
	w.sender.sendAs(t, nonce, 2e9, &elsewhere, 5, nil)
	require.Eventually(t, func() bool {
		_, _, err := w.sender.client.TransactionByHash(t.Context(), common.HexToHash(replaced))
		return err != nil
	}, awaited, tick)
	w.Mine(t, 1)
	require.Empty(t, w.received(t, n, to))
	require.Equal(t, []string{"value 5"}, w.received(t, n, elsewhere))
}

func TestA10_PaymentThatMovesToAnEarlierBlockIsTheSame(t *testing.T) {
	w := newFull(t)
	to := chain.Address(w.receiver(t).Hex())
	f, err := chain.NewFollower(chain.FollowConfig{Node: w.traced(t), Poll: tick, MinPoll: tick})
	require.NoError(t, err)
	w.Mine(t, 2)
	w.Pay(t, w.assets[1], to, big.NewInt(5))
	w.Mine(t, 1)
	find := func(s chain.Step) (at []uint64, keys []chain.Key) {
		for _, b := range s.Joined {
			for _, x := range b.Transfers {
				if x.To == to {
					at, keys = append(at, b.Height), append(keys, x.Key())
				}
			}
		}
		return at, keys
	}
	first, err := f.Next(t.Context(), chain.CursorSince(time.Time{}))
	require.NoError(t, err)
	was, before := find(first)
	require.Len(t, was, 1)
	w.Reorganise(t, 3)
	second, err := f.Next(t.Context(), first.Cursor)
	require.NoError(t, err)
	require.True(t, second.Rewound)
	is, after := find(second)
	require.Equal(t, before, after)
	require.Less(t, second.Fork, is[0])
	require.Less(t, is[0], was[0])
}

func TestIncident25_NodesOnTwoChainsAreNotBelieved(t *testing.T) {
	one, two := newFull(t), newFull(t)
	require.Eventually(t, func() bool { // blocks are stamped in seconds, and only then differ
		one.Mine(t, 1)
		two.Mine(t, 1)
		a, err := one.traced(t).Tip(t.Context())
		require.NoError(t, err)
		b, err := two.traced(t).Tip(t.Context())
		require.NoError(t, err)
		one.Pay(t, one.assets[0], one.Address(t), big.NewInt(5))
		return a.Hash != b.Hash
	}, awaited, tick)
	n, err := chain.NewNodes(chain.NodesConfig{Agree: 2, Members: []chain.Member{
		{Name: "one", Node: one.traced(t)}, {Name: "two", Node: two.traced(t)},
	}})
	require.NoError(t, err)
	tip, err := one.traced(t).Tip(t.Context())
	require.NoError(t, err)
	_, err = n.Block(t.Context(), tip.Height)
	require.ErrorIs(t, err, chain.ErrDisagree)
	_, err = n.Block(t.Context(), 0)
	require.NoError(t, err, "they agree on how the chain began")
}

func TestTraces_AccountWithCodeIsAnAccount(t *testing.T) {
	w := newFull(t)
	shop := w.receiver(t)
	key, err := crypto.GenerateKey()
	require.NoError(t, err)
	account := crypto.PubkeyToAddress(key.PublicKey)
	code := w.sender.deploy(t, passing(shop, "00"))
	w.Mine(t, 1)
	zero := common.U2560
	id, value := zero.Clone().SetUint64(1337), zero.Clone().SetUint64(5)
	authorised, err := types.SignSetCode(key, types.SetCodeAuthorization{ChainID: *id, Address: code})
	require.NoError(t, err)
	tx, err := types.SignNewTx(w.sender.key, w.sender.signer, &types.SetCodeTx{
		ChainID: id, Nonce: w.sender.nonce(t), To: account, Value: value, Gas: 1_000_000, GasTipCap: zero.Clone().SetUint64(1e9),
		GasFeeCap: zero.Clone().SetUint64(1e11), AuthList: []types.SetCodeAuthorization{authorised},
	})
	require.NoError(t, err)
	require.NoError(t, w.sender.client.SendTransaction(t.Context(), tx))
	w.Mine(t, 1)
	n := w.traced(t)
	require.Equal(t, []string{"call#0 5"}, w.received(t, n, shop))
	tip, err := n.Tip(t.Context())
	require.NoError(t, err)
	b, err := n.Block(t.Context(), tip.Height)
	require.NoError(t, err)
	require.Equal(t, chain.Address(account.Hex()), b.Transfers[0].To)
	require.Equal(t, "value", b.Transfers[0].Index)
}

func TestCapabilities_OfRealNodes(t *testing.T) {
	all := evm.Capabilities{BlockReceipts: true, Traces: true, Safe: true, Finalized: true}
	eachFull(t, func(t *testing.T, w full) {
		got, err := w.traced(t).Capabilities(t.Context())
		require.NoError(t, err)
		require.Equal(t, all, got)
		fee, err := w.traced(t).Fee(t.Context(), w.assets[1].ID)
		require.NoError(t, err)
		require.Positive(t, fee.Sign())
	})
	plain := NewGeth(t).(*world)
	got, err := plain.node(t, plain.network, plain.assets).(*evm.Node).Capabilities(t.Context())
	require.NoError(t, err)
	all.Traces = false
	require.Equal(t, all, got)

	n, err := evm.New(evm.Config{Network: devchain.Network, RPC: dial(t, plain.url), Assets: plain.assets, Traces: true})
	require.NoError(t, err)
	plain.Pay(t, plain.assets[0], plain.Address(t), big.NewInt(1))
	plain.Mine(t, 1)
	tip, err := n.Tip(t.Context())
	require.NoError(t, err)
	_, err = n.Block(t.Context(), tip.Height)
	require.ErrorIs(t, err, evm.ErrNoTraces)
}
