package evm_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"sync"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/rpc"
	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/evm"
)

// rawBlock is the JSON of a block of 2,500 native and 2,500 token transfers as go-ethereum writes it.
type rawBlock struct{ block, receipts json.RawMessage }

var bigBlock = sync.OnceValues(func() (rawBlock, error) {
	key, err := crypto.ToECDSA(crypto.Keccak256([]byte("payer")))
	if err != nil {
		return rawBlock{}, err
	}
	var (
		from     = crypto.PubkeyToAddress(key.PublicKey)
		contract = common.HexToAddress(usdtContract)
		signer   = types.LatestSignerForChainID(big.NewInt(1))
		hash     = common.HexToHash(blockHash)
		all      types.Receipts
		txs      []object
	)
	for i := range 5000 {
		to := common.BytesToAddress(crypto.Keccak256(fmt.Append(nil, i)))
		inner := &types.DynamicFeeTx{ChainID: big.NewInt(1), Nonce: uint64(i), GasTipCap: big.NewInt(1e9), GasFeeCap: big.NewInt(3e10),
			Gas: 60_000, To: &to, Value: big.NewInt(int64(i) + 1)}
		receipt := &types.Receipt{Type: 2, Status: 1, CumulativeGasUsed: uint64(i) * 21000, GasUsed: 21000, BlockHash: hash,
			BlockNumber: big.NewInt(100), TransactionIndex: uint(i), EffectiveGasPrice: big.NewInt(1e9), Logs: []*types.Log{}}
		if i%2 == 1 {
			inner.To, inner.Value = &contract, new(big.Int)
			units := common.BigToHash(big.NewInt(int64(i)))
			inner.Data = append([]byte{0xa9, 0x05, 0x9c, 0xbb}, append(common.LeftPadBytes(to[:], 32), units[:]...)...)
			receipt.Logs = []*types.Log{{Address: contract, Data: units[:], BlockNumber: 100, BlockHash: hash, TxIndex: uint(i), Index: uint(i / 2),
				Topics: []common.Hash{common.HexToHash(transferTopic), common.BytesToHash(from[:]), common.BytesToHash(to[:])}}}
		}
		tx, err := types.SignNewTx(key, signer, inner)
		if err != nil {
			return rawBlock{}, err
		}
		receipt.TxHash = tx.Hash()
		for _, l := range receipt.Logs {
			l.TxHash = tx.Hash()
		}
		receipt.Bloom = types.CreateBloom(receipt)
		all = append(all, receipt)
		raw, err := tx.MarshalJSON()
		if err != nil {
			return rawBlock{}, err
		}
		var o object
		if err := json.Unmarshal(raw, &o); err != nil {
			return rawBlock{}, err
		}
		o["from"], o["blockHash"], o["blockNumber"], o["transactionIndex"] = from, hash, "0x64", fmt.Sprintf("%#x", i)
		txs = append(txs, o)
	}
	head, err := (&types.Header{Number: big.NewInt(100), GasUsed: 105_000_000, Time: 1_700_000_000, Difficulty: new(big.Int),
		Bloom: types.MergeBloom(all), BaseFee: big.NewInt(1e9)}).MarshalJSON()
	if err != nil {
		return rawBlock{}, err
	}
	var block object
	if err := json.Unmarshal(head, &block); err != nil {
		return rawBlock{}, err
	}
	block["hash"], block["transactions"] = hash, txs
	var b rawBlock
	if b.block, err = json.Marshal(block); err != nil {
		return rawBlock{}, err
	}
	b.receipts, err = json.Marshal(all)
	return b, err
})

// CallContext and BatchCallContext make a rawBlock a Caller without a network.
func (b rawBlock) CallContext(_ context.Context, result any, method string, _ ...any) error {
	if method == "eth_getBlockByNumber" {
		return json.Unmarshal(b.block, result)
	}
	return json.Unmarshal(b.receipts, result)
}

func (b rawBlock) BatchCallContext(context.Context, []rpc.BatchElem) error { panic("not used") }

func bigBlockOf(t testing.TB) (rawBlock, *evm.Node) {
	b, err := bigBlock()
	require.NoError(t, err)
	n, err := evm.New(evm.Config{Network: network, RPC: b, Assets: []chain.Asset{ether, usdt}})
	require.NoError(t, err)
	return b, n
}

func TestBlock_OfFiveThousandTransfers(t *testing.T) {
	_, n := bigBlockOf(t)
	block, err := n.Block(t.Context(), 100)
	require.NoError(t, err)
	require.Len(t, block.Transfers, 5000)
	keys := make(map[chain.Key]bool)
	for _, x := range block.Transfers {
		keys[x.Key()] = true
	}
	require.Len(t, keys, 5000)
}

// BenchmarkDecodeBlock is what Block costs without the network: decode, prove, extract.
func BenchmarkDecodeBlock(b *testing.B) {
	raw, n := bigBlockOf(b)
	b.SetBytes(int64(len(raw.block) + len(raw.receipts)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := n.Block(b.Context(), 100); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDecodeBlockGoEthereum decodes the same bytes into the types of go-ethereum and does nothing more.
func BenchmarkDecodeBlockGoEthereum(b *testing.B) {
	raw, _ := bigBlockOf(b)
	b.SetBytes(int64(len(raw.block) + len(raw.receipts)))
	b.ReportAllocs()
	for b.Loop() {
		var head types.Header
		var body struct {
			Transactions []*types.Transaction `json:"transactions"`
		}
		var receipts []*types.Receipt
		for _, err := range []error{
			json.Unmarshal(raw.block, &head), json.Unmarshal(raw.block, &body), json.Unmarshal(raw.receipts, &receipts),
		} {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}
