package sqlite_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/rpc"
	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/evm"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store/internal/workload"
)

// BenchmarkCatchUp is a service that was away for some hundred blocks of 3,000 transactions, ten of which are payments to 2,000
// issued addresses: from its start to the commit of the last block. The limit is bare decoding of the same blocks, with as many
// goroutines as the follower has and nobody who looks at what they say; x-bare is the ratio. The node writes its answers from
// templates, in both.
//
//	COINTILL_BENCH_BLOCKS=10000 go test -timeout 60m -run '^$' -bench CatchUp -benchtime 1x ./store/sqlite
func BenchmarkCatchUp(b *testing.B) {
	blocks := 300
	if testing.Short() {
		blocks = 30
	}
	if text := os.Getenv("COINTILL_BENCH_BLOCKS"); text != "" {
		n, err := strconv.Atoi(text)
		require.NoError(b, err)
		blocks = n
	}
	const parallel = 4
	node := newTemplates(blocks)
	reader, err := evm.New(evm.Config{Network: "eip155:1", RPC: node, Assets: []chain.Asset{evm.Native("eip155:1", "ETH")}})
	require.NoError(b, err)
	var bare, ours time.Duration
	var peak uint64
	for b.Loop() {
		bare += decodeAll(b, reader, blocks, parallel)
		s, db := openAt(b, filepath.Join(b.TempDir(), "bench.db"))
		load(b, db, issuedBefore)
		runtime.GC()
		follower, err := chain.NewFollower(chain.FollowConfig{Node: reader, Parallel: parallel})
		require.NoError(b, err)
		require.NoError(b, s.Commit(b.Context(), invoice.Batch{Progress: []invoice.Progress{{
			Network: "eip155:1", Version: 1, Cursor: chain.CursorSince(time.Unix(0, 0)),
		}}}))
		ctx, cancel := context.WithCancel(b.Context())
		watcher := &following{Follower: follower, b: b, last: uint64(blocks), done: make(chan struct{})}
		till := tillOn(b, s, watcher, func(c *invoice.Config) {
			c.Chains[0].Assets[0].Confirm = []chain.Tier{{Need: chain.Confirmations{Depth: 1 << 20}}}
		})
		ended := make(chan error, 1)
		began := time.Now()
		go func() { ended <- till.Run(ctx) }()
		<-watcher.done
		ours += time.Since(began)
		cancel()
		require.NoError(b, <-ended)
		peak = max(peak, watcher.heap)
		require.NoError(b, db.Close())
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(b.N*blocks)/ours.Seconds(), "blocks/s")
	b.ReportMetric(float64(ours)/float64(bare), "x-bare")
	b.ReportMetric(float64(peak)/1e6, "heap-MB")
}

// decodeAll reads all blocks, in order, and returns how long that took.
func decodeAll(b *testing.B, node *evm.Node, blocks, parallel int) time.Duration {
	heights := make(chan uint64)
	var wg sync.WaitGroup
	began := time.Now()
	for range parallel {
		wg.Go(func() {
			for height := range heights {
				if _, err := node.Block(b.Context(), height); err != nil {
					b.Error(err)
				}
			}
		})
	}
	for height := range blocks {
		heights <- uint64(height + 1)
	}
	close(heights)
	wg.Wait()
	return time.Since(began)
}

// following tells when the step after the last block is asked for, and so the last block is stored.
type following struct {
	*chain.Follower
	b    *testing.B
	last uint64
	head uint64
	done chan struct{}
	once sync.Once
	heap uint64
}

func (f *following) Next(ctx context.Context, c chain.Cursor) (chain.Step, error) {
	if f.head >= f.last {
		f.once.Do(func() { close(f.done) })
	}
	step, err := f.Follower.Next(ctx, c)
	if err != nil && ctx.Err() == nil {
		f.once.Do(func() { close(f.done) })
		f.b.Error(err)
	}
	f.head = max(f.head, step.Head.Height)
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	f.heap = max(f.heap, mem.HeapAlloc)
	return step, err
}

// templates is a node whose blocks differ in their numbers and hashes, and in whom they pay.
type templates struct {
	blocks        uint64
	txs, receipts []string // see filled
}

const (
	paymentsEach = 3000
	oursEach     = 10
	issuedBefore = 2000
)

func newTemplates(blocks int) *templates {
	t := &templates{blocks: uint64(blocks)}
	var txs, receipts []string
	for i := range paymentsEach {
		to := fmt.Sprintf("0x%08xdeadbeef%024x", uint32(i)*2654435761, i)
		if i%(paymentsEach/oursEach) == 0 {
			to = fmt.Sprintf("@ours%03d@", i*oursEach/paymentsEach)
		}
		hash := fmt.Sprintf("0x%032x@number@", i)
		txs = append(txs, fmt.Sprintf(`{"blockHash":"@hash@","blockNumber":"@height@","from":"0x1111111111111111111111111111111111111111",`+
			`"gas":"0x5208","gasPrice":"0x3b9aca00","maxFeePerGas":"0x3b9aca00","maxPriorityFeePerGas":"0x3b9aca00","hash":"%s","input":"0x",`+
			`"nonce":"0x%x","to":"%s","transactionIndex":"0x%x","value":"0x38d7ea4c68000","type":"0x2","accessList":[],"chainId":"0x1","v":"0x1",`+
			`"r":"0x8f3ea2d3a2d1c1b8d65e5e4b4bb0a29cf62b52c9b6cc28ad5bd5b1ee8a2a3f10","s":"0x1f3ea2d3a2d1c1b8d65e5e4b4bb0a29cf62b52c9b6cc28ad5bd5b1ee8a2a3f10",`+
			`"yParity":"0x1"}`, hash, i, to, i))
		receipts = append(receipts, fmt.Sprintf(`{"blockHash":"@hash@","blockNumber":"@height@","contractAddress":null,"cumulativeGasUsed":"0x%x",`+
			`"effectiveGasPrice":"0x3b9aca00","from":"0x1111111111111111111111111111111111111111","gasUsed":"0x5208","logs":[],"logsBloom":"0x%0512x",`+
			`"status":"0x1","to":"0x2222222222222222222222222222222222222222","transactionHash":"%s","transactionIndex":"0x%x","type":"0x2"}`, i*21000, 0, hash, i))
	}
	t.txs = strings.Split(`,"transactions":[`+strings.Join(txs, ",")+"]}", "@")
	t.receipts = strings.Split("["+strings.Join(receipts, ",")+"]", "@")
	return t
}

// filled returns a template written for a block. Every second part of it names a field.
func filled(template []string, height uint64) []byte {
	fields := map[string]string{"hash": hashOf(height), "height": fmt.Sprintf("%#x", height), "number": fmt.Sprintf("%032x", height)}
	for k := range uint64(oursEach) {
		fields[fmt.Sprintf("ours%03d", k)] = strings.ToLower(string(workload.Address(int((height*oursEach + k) * 4999 % issuedBefore))))
	}
	var out bytes.Buffer
	for i, part := range template {
		if i%2 == 1 {
			part = fields[part]
		}
		out.WriteString(part)
	}
	return out.Bytes()
}

func hashOf(height uint64) string {
	return fmt.Sprintf("0x%s%032x", strings.Repeat("c", 32), height)
}

func (t *templates) header(height uint64) string {
	return fmt.Sprintf(`"number":"%#x","hash":"%s","parentHash":"%s","timestamp":"%#x","gasUsed":"0x3c14dc0","logsBloom":"0x%0512x"`,
		height, hashOf(height), hashOf(height-min(height, 1)), uint64(1_700_000_000)+12*height, 0)
}

// CallContext implements [evm.Caller].
func (t *templates) CallContext(_ context.Context, result any, method string, args ...any) error {
	if method == "eth_chainId" {
		return json.Unmarshal([]byte(`"0x1"`), result)
	}
	height := t.blocks
	switch of := fmt.Sprint(args[0]); of {
	case "latest":
	case "safe", "finalized":
		height -= min(height, 64)
	default: // a height, or a hash that ends with it
		n, err := strconv.ParseUint(strings.TrimPrefix(of[max(0, len(of)-32):], "0x"), 16, 64)
		if err != nil {
			return err
		}
		height = n
	}
	switch {
	case height > t.blocks:
		return json.Unmarshal([]byte("null"), result)
	case method == "eth_getBlockReceipts":
		return json.Unmarshal(filled(t.receipts, height), result)
	case args[1] == true:
		return json.Unmarshal(append([]byte("{"+t.header(height)), filled(t.txs, height)...), result)
	default:
		return json.Unmarshal([]byte("{"+t.header(height)+`,"transactions":[]}`), result)
	}
}

// BatchCallContext implements [evm.Caller].
func (t *templates) BatchCallContext(ctx context.Context, batch []rpc.BatchElem) error {
	for i := range batch {
		batch[i].Error = t.CallContext(ctx, batch[i].Result, batch[i].Method, batch[i].Args...)
	}
	return nil
}
