package evm_test

import (
	"errors"
	"math/big"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	chainevm "github.com/cointill/cointill/chain/evm"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/payout/evm"
)

// receipt is what a fakeNode says of a mined transaction.
func receipt(txID string, height uint64, more map[string]any) map[string]any {
	r := map[string]any{
		"transactionHash": txID, "blockHash": blockHash(height), "blockNumber": hexutil.Uint64(height), "status": "0x1",
		"gasUsed": "0x5208", "effectiveGasPrice": "0x3", "logs": []any{},
	}
	for k, v := range more {
		r[k] = v
	}
	return r
}

// mined makes a node answer with a receipt.
func (f *fakeNode) mined(r map[string]any) {
	f.answers["eth_getTransactionReceipt"] = func(args []string) (any, error) {
		if args[0] != r["transactionHash"] {
			return nil, nil
		}
		return r, nil
	}
}

func TestLook_ReceiptsCountInTheBlocksOfTheChain(t *testing.T) {
	for _, c := range []struct {
		name   string
		height uint64
		more   map[string]any
		mend   func(f *fakeNode)
		want   payout.Sighting
		err    error
		config func(*evm.Config)
	}{
		{name: "newest", height: 1000, want: payout.Sighting{Height: 1000, Fee: big.NewInt(63_000)}},
		{name: "not deep enough", height: 992, want: payout.Sighting{Height: 992, Fee: big.NewInt(63_000)}},
		{name: "final", height: 991, want: payout.Sighting{Height: 991, Final: true, Fee: big.NewInt(63_000)}},
		{name: "not buried", height: 982, want: payout.Sighting{Height: 982, Final: true, Fee: big.NewInt(63_000)}},
		{name: "buried", height: 981, want: payout.Sighting{Height: 981, Final: true, Buried: true, Fee: big.NewInt(63_000)}},
		{
			name: "failed", height: 991, more: map[string]any{"status": "0x0"},
			want: payout.Sighting{Height: 991, Final: true, Failed: true, Fee: big.NewInt(63_000)},
		},
		{
			name: "layer 1", height: 1000, more: map[string]any{"l1Fee": "0x7"},
			want: payout.Sighting{Height: 1000, Fee: big.NewInt(63_007)},
		},
		{name: "another block", height: 990, mend: func(f *fakeNode) { f.hashes[990] = common.Hash{7} }, err: chain.ErrIncomplete},
		{name: "above the end", height: 1001, err: evm.ErrBehind},
		{name: "no status", height: 990, more: map[string]any{"status": nil}, err: chain.ErrIncomplete},
		{name: "no price", height: 990, more: map[string]any{"effectiveGasPrice": nil}, err: chain.ErrIncomplete},
		{
			name: "final by the node's word", height: 991, mend: func(f *fakeNode) { f.tag = f.header(991) },
			config: func(c *evm.Config) { c.Finality = evm.Finality{Tag: "finalized", Buried: 20} },
			want:   payout.Sighting{Height: 991, Final: true, Fee: big.NewInt(63_000)},
		},
		{
			name: "not final by the node's word", height: 991, mend: func(f *fakeNode) { f.tag = f.header(990) },
			config: func(c *evm.Config) { c.Finality.Tag = "safe" }, want: payout.Sighting{Height: 991, Fee: big.NewInt(63_000)},
		},
		{
			name: "a node without a word", height: 991, config: func(c *evm.Config) { c.Finality = evm.Finality{Tag: "safe"} },
			want: payout.Sighting{Height: 991, Fee: big.NewInt(63_000)},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake()
			b := fakeTill(t, f, func(config *evm.Config) {
				if c.config != nil {
					c.config(config)
				}
			})
			tx := b.sign(b.plan(b.payment(b.coin, someone, 1)))
			f.count = 1
			f.mined(receipt(tx.Last().TxID, c.height, c.more))
			if c.mend != nil {
				c.mend(f)
			}
			look, err := b.spender.Look(t.Context(), *tx)
			if c.err != nil {
				require.ErrorIs(t, err, c.err)
				require.Zero(t, look)
				return
			}
			require.NoError(t, err)
			require.Equal(t, payout.Look{Versions: []payout.Sighting{c.want}}, look)
		})
	}
}

func TestLook_P27_ATokenMustLogExactlyWhatWasAskedFor(t *testing.T) {
	token, err := chainevm.ERC20(fakeNetwork, string(someone), "TKN", 6)
	require.NoError(t, err)
	const receiver = chain.Address("0x0000000000000000000000000000000000000009")
	word := func(a chain.Address) common.Hash { return common.BytesToHash(common.HexToAddress(string(a)).Bytes()) }
	const transfer = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
	log := func(contract, from, to chain.Address, units int64) map[string]any {
		return map[string]any{
			"address": contract, "topics": []any{transfer, word(from), word(to)}, "data": common.BigToHash(big.NewInt(units)),
		}
	}
	f := newFake()
	f.answers["eth_call"] = func([]string) (any, error) { return hexutil.Bytes{}, nil }
	f.answers["eth_getCode"] = func([]string) (any, error) { return hexutil.Bytes{1}, nil }
	b := fakeTill(t, f, func(c *evm.Config) { c.Assets = append(c.Assets, evm.Asset{Asset: token}) })
	name := string(b.spender.Lane()) + "/" + string(token.ID)
	b.holdings[name] = payout.Holding{Name: name, Asset: token.ID, Units: big.NewInt(100)}
	tx := b.sign(b.plan(b.payment(token, receiver, 40)))
	lane := b.spender.Lane()
	odd := log(someone, lane, receiver, 40)
	odd["topics"] = []any{transfer, word(lane)}
	for _, c := range []struct {
		name   string
		logs   []any
		failed bool
		err    bool
	}{
		{name: "exact", logs: []any{log(someone, lane, receiver, 40)}},
		{name: "beside others", logs: []any{odd, log(someone, receiver, lane, 3), log(someone, lane, someone, 1), log(someone, lane, receiver, 40)}},
		{name: "none", failed: true},
		{name: "of another contract", logs: []any{log(receiver, lane, receiver, 40)}, failed: true},
		{name: "from somebody else", logs: []any{log(someone, receiver, receiver, 40)}, failed: true},
		{name: "less", logs: []any{log(someone, lane, receiver, 39)}, err: true},
		{name: "to somebody else", logs: []any{log(someone, lane, someone, 40)}, err: true},
	} {
		f.mined(receipt(tx.Last().TxID, 990, map[string]any{"logs": c.logs}))
		look, err := b.spender.Look(t.Context(), *tx)
		if c.err {
			require.Error(t, err, c.name)
			continue
		}
		require.NoError(t, err, c.name)
		require.Equal(t, c.failed, look.Versions[0].Failed, c.name)
	}
}

// history makes a node count the lane's transactions by height, and have transactions in one block.
func (f *fakeNode) history(usedAt uint64, txs ...any) {
	f.count = 1
	f.answers["eth_getTransactionCount"] = func(args []string) (any, error) {
		height := f.height
		if args[1] != "latest" {
			height = hexutil.MustDecodeUint64(args[1])
		}
		if height < usedAt {
			return "0x0", nil
		}
		return "0x1", nil
	}
	f.answers["eth_getBlockByNumber"] = func(args []string) (any, error) {
		if args[0] == "latest" {
			return f.header(f.height), nil
		}
		h := f.header(hexutil.MustDecodeUint64(args[0]))
		if args[0] == hexutil.EncodeUint64(usedAt) && args[1] == "true" {
			h["transactions"] = txs
		}
		return h, nil
	}
}

func TestLook_P11_OnlyABlockProvesThatANonceIsTaken(t *testing.T) {
	setup := func(t *testing.T) (*fakeNode, *till, *payout.Transaction) {
		f := newFake()
		b := fakeTill(t, f)
		return f, b, b.sign(b.plan(b.payment(b.coin, someone, 1)))
	}
	foreign := func(b *till, more map[string]any) map[string]any {
		x := map[string]any{
			"hash": common.Hash{9}, "from": b.spender.Lane(), "to": b.spender.TopUpLane(), "nonce": "0x0", "value": "0x1", "input": "0x",
		}
		for k, v := range more {
			x[k] = v
		}
		return x
	}
	t.Run("foreign", func(t *testing.T) {
		for _, height := range []uint64{1, 2, 500, 981, 982, 991, 999, 1000} {
			f, b, tx := setup(t)
			f.history(height, foreign(b, nil))
			require.Equal(t, payout.Look{Versions: []payout.Sighting{{}}, Taken: true, TakenFinal: height <= 981}, b.look(tx))
		}
	})
	t.Run("an authorization of EIP-7702 is no transaction of the address", func(t *testing.T) {
		f, b, tx := setup(t)
		f.history(995, foreign(b, map[string]any{"from": someone}))
		require.True(t, b.look(tx).Taken)
	})
	t.Run("another node has not heard of our own", func(t *testing.T) {
		f, b, tx := setup(t)
		f.history(990, map[string]any{"hash": tx.Last().TxID})
		_, err := b.spender.Look(t.Context(), *tx)
		require.ErrorIs(t, err, chain.ErrIncomplete)
	})
	t.Run("a block without a receipt", func(t *testing.T) {
		f, b, tx := setup(t)
		f.answers["eth_getTransactionByHash"] = func([]string) (any, error) {
			return map[string]any{"hash": tx.Last().TxID, "blockHash": blockHash(999)}, nil
		}
		_, err := b.spender.Look(t.Context(), *tx)
		require.ErrorIs(t, err, chain.ErrIncomplete)
	})
	t.Run("the same under another id", func(t *testing.T) {
		f, b, tx := setup(t)
		f.history(990, foreign(b, map[string]any{"to": someone}))
		f.mined(receipt(common.Hash{9}.Hex(), 990, nil))
		look := b.look(tx)
		require.False(t, look.Taken)
		require.True(t, look.Versions[0].Final)
	})
	t.Run("the next nonce of the same block does what ours does", func(t *testing.T) {
		f, b, tx := setup(t)
		f.history(990, foreign(b, map[string]any{"hash": common.Hash{8}, "to": someone, "nonce": "0x1"}), foreign(b, nil))
		f.mined(receipt(common.Hash{8}.Hex(), 990, nil))
		require.True(t, b.look(tx).Taken)
	})
	t.Run("two versions with receipts", func(t *testing.T) {
		f, b, tx := setup(t)
		v, err := b.spender.Replace(t.Context(), b, *tx, ether)
		require.NoError(t, err)
		tx.Versions = append(tx.Versions, v)
		b.sign(tx)
		f.count = 1
		f.answers["eth_getTransactionReceipt"] = func(args []string) (any, error) { return receipt(args[0], 990, nil), nil }
		_, err = b.spender.Look(t.Context(), *tx)
		require.ErrorIs(t, err, chain.ErrIncomplete)
	})
	t.Run("a node without the state", func(t *testing.T) {
		f, b, tx := setup(t)
		f.history(500, foreign(b, nil))
		counts := f.answers["eth_getTransactionCount"]
		f.answers["eth_getTransactionCount"] = func(args []string) (any, error) {
			if args[1] != "latest" && hexutil.MustDecodeUint64(args[1]) < 900 {
				return nil, codedError{-32000, "missing trie node"}
			}
			return counts(args)
		}
		look, err := b.spender.Look(t.Context(), *tx)
		require.ErrorContains(t, err, "missing trie node")
		require.Zero(t, look)
	})
	t.Run("a reorganisation meanwhile", func(t *testing.T) {
		f, b, tx := setup(t)
		f.history(990, foreign(b, nil))
		blocks := f.answers["eth_getBlockByNumber"]
		f.answers["eth_getBlockByNumber"] = func(args []string) (any, error) {
			if args[1] == "true" {
				defer func() { f.hashes[990] = common.Hash{1} }()
			}
			return blocks(args)
		}
		_, err := b.spender.Look(t.Context(), *tx)
		require.ErrorIs(t, err, chain.ErrIncomplete)
	})
}

func TestLook_ErrorsConcludeNothing(t *testing.T) {
	for _, method := range []string{
		"eth_chainId", "eth_getBlockByNumber", "eth_getTransactionCount", "eth_getTransactionReceipt", "eth_getTransactionByHash",
	} {
		for _, failure := range []error{codedError{-32005, "rate limit"}, errors.New("connection reset")} {
			f := newFake()
			b := fakeTill(t, f)
			tx := b.sign(b.plan(b.payment(b.coin, someone, 1)))
			f.answers[method] = func([]string) (any, error) { return nil, failure }
			look, err := b.spender.Look(t.Context(), *tx)
			require.Error(t, err, method)
			require.Zero(t, look, method)
		}
	}
	f := newFake()
	b := fakeTill(t, f)
	tx := b.sign(b.plan(b.payment(b.coin, someone, 1)))
	damaged := *tx
	damaged.Anchor = "nonce:" + string(b.spender.Lane()) + ":1"
	_, err := b.spender.Look(t.Context(), damaged)
	require.ErrorContains(t, err, "the anchor is")
	damaged.Versions = nil
	_, err = b.spender.Look(t.Context(), damaged)
	require.ErrorContains(t, err, "no versions")
	tx.Mined, tx.Height = 0, 1001
	_, err = b.spender.Look(t.Context(), *tx)
	require.ErrorIs(t, err, evm.ErrBehind)
}

func TestFunding_IgnoresWhatIsOurs(t *testing.T) {
	f := newFake()
	b := fakeTill(t, f)
	id := common.Hash{5}.Hex()
	tx := map[string]any{"hash": id, "from": someone, "to": b.spender.TopUpLane(), "value": "0x10", "nonce": "0x0", "input": "0x"}
	f.answers["eth_getTransactionByHash"] = func([]string) (any, error) { return tx, nil }
	f.mined(receipt(id, 991, nil))
	moves, err := b.spender.Funding(t.Context(), id)
	require.NoError(t, err)
	require.Len(t, moves, 1)
	require.Equal(t, b.spender.TopUpLane(), moves[0].Holding.Address)
	require.Equal(t, uint32(1), moves[0].Holding.Branch)
	require.Equal(t, uint32(1), moves[0].Holding.Index)
	require.Equal(t, "16", moves[0].Units.String())

	tx["from"] = b.spender.Lane()
	_, err = b.spender.Funding(t.Context(), id)
	require.ErrorIs(t, err, payout.ErrNotFound)
	tx["from"] = someone
	f.mined(receipt(id, 991, map[string]any{"status": "0x0"}))
	_, err = b.spender.Funding(t.Context(), id)
	require.ErrorIs(t, err, payout.ErrNotFound)
	f.mined(receipt(id, 992, nil))
	_, err = b.spender.Funding(t.Context(), id)
	require.ErrorIs(t, err, payout.ErrNotFound)
}

func TestAudit_DamagedBalancesAreErrors(t *testing.T) {
	f := newFake()
	b := fakeTill(t, f)
	h := []payout.Holding{{Network: fakeNetwork, Name: "x", Asset: b.coin.ID, Address: someone}}
	for _, balance := range []any{nil, "", "0x", "0xzz", "12", "0x-1", "0x" + string(make([]byte, 65))} {
		f.answers["eth_getBalance"] = func([]string) (any, error) { return balance, nil }
		_, err := b.spender.Audit(t.Context(), h)
		require.ErrorIs(t, err, chain.ErrIncomplete, balance)
	}
	f.answers["eth_getBalance"] = func(args []string) (any, error) {
		require.Equal(t, hexutil.EncodeUint64(1000), args[1], "all of one block")
		return "0x10", nil
	}
	units, err := b.spender.Audit(t.Context(), h)
	require.NoError(t, err)
	require.Equal(t, "16", units[0].String())
	h[0].Network = "eip155:1"
	_, err = b.spender.Audit(t.Context(), h)
	require.Error(t, err)
}
