package sqlite_test

import (
	"context"
	"fmt"
	"math/big"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/evm"
	"github.com/cointill/cointill/invoice"
)

// Two account keys, since two databases must not count the numbers of one wallet.
var shardKeys = []string{
	benchKey,
	"xpub6ASuArnXKPbfEwhqN6e3mwBcDTgzisQN1wXN9BJcM47sSikHjJf3UFHKkNAWbWMiGj7Wf5uMash7SyYq527Hqck2AxYysAA7xmALppuCkwQ",
}

// BenchmarkShards spreads projects over two databases in one process, each with a service of its own that reads the same
// blocks, and creates in turns on both and on one of them alone, from 32 callers: two/one is what the second database
// gives on the cores that there are. Then one block pays everything, and each database has to find what is its own.
//
//	go test -run '^$' -bench Shards -benchtime 1x ./store/sqlite
func BenchmarkShards(b *testing.B) {
	const callers, turns = 32, 10
	turn := 2000
	if testing.Short() {
		turn = 100
	}
	var shards [2]shard
	for i, key := range shardKeys {
		shards[i] = newShard(b, key)
	}
	var elapsed [2]time.Duration
	var transfers []chain.Transfer
	for n := range turns * b.N {
		for count := 1; count <= 2; count++ {
			made := make([]invoice.Invoice, turn)
			began := time.Now()
			spread(b, callers, turn, func(k int) (err error) {
				made[k], err = shards[k%count].till.Create(context.Background(), invoice.Request{
					Project: growthShop, OrderID: fmt.Sprintf("%d-%d-%d", n, count, k), Asset: "ETH",
					Price: invoice.Price{Currency: "EUR", Amount: decimal.New(1990+int64(k), -2)},
				})
				return err
			})
			elapsed[count-1] += time.Since(began)
			transfers = append(transfers, paymentsOf(made, len(transfers))...)
		}
	}
	began := time.Now()
	for _, s := range shards {
		s.follow(transfers)
	}
	followed := time.Since(began)
	paid := 0
	for _, s := range shards {
		paid += s.paid()
		s.stop()
	}
	require.Equal(b, len(transfers), paid, "each payment is found once, in one of the databases")
	created := float64(turns * turn * b.N)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(created/elapsed[0].Seconds(), "creates/s-one")
	b.ReportMetric(created/elapsed[1].Seconds(), "creates/s-two")
	b.ReportMetric(elapsed[0].Seconds()/elapsed[1].Seconds(), "two/one")
	b.ReportMetric(float64(len(transfers))/followed.Seconds(), "payments/s")
}

// shard is a database with its service.
type shard struct {
	b       *testing.B
	till    *invoice.Service
	watcher *benchWatcher
	stop    func()
}

func newShard(b *testing.B, key string) shard {
	b.Helper()
	s, _ := openAt(b, filepath.Join(b.TempDir(), "bench.db"))
	wallet, err := evm.NewWallet(key)
	require.NoError(b, err)
	watcher := &benchWatcher{give: make(chan chain.Step), asked: make(chan struct{})}
	till := tillOn(b, s, watcher, func(c *invoice.Config) {
		c.Chains[0].Addresses = wallet
		c.Chains[0].Assets[0].Confirm = []chain.Tier{{Need: chain.Confirmations{Depth: 1}}}
	})
	return shard{b: b, till: till, watcher: watcher, stop: runAll(b, till.Run)}
}

// paymentsOf returns transfers that pay the invoices, numbered from first.
func paymentsOf(invoices []invoice.Invoice, first int) []chain.Transfer {
	out := make([]chain.Transfer, len(invoices))
	for k, inv := range invoices {
		out[k] = chain.Transfer{
			TxID: fmt.Sprintf("0x%064x", first+k), Index: "value", Asset: inv.Quote.Asset.ID, To: inv.Quote.Address,
			Units: new(big.Int).Set(inv.Quote.Due),
		}
	}
	return out
}

// follow gives the transfers in blocks of a thousand.
func (s shard) follow(transfers []chain.Transfer) {
	height := uint64(0)
	for some := range slices.Chunk(transfers, 1000) {
		height++
		block := chain.Block{Header: chain.Header{Height: height, Hash: fmt.Sprintf("0x%064x", height), Time: time.Now()}, Transfers: some}
		s.watcher.give <- chain.Step{
			Cursor: chain.Cursor("bench"), Joined: []chain.Block{block},
			Head: chain.Head{Height: height, Hash: block.Hash, Time: block.Time},
		}
		<-s.watcher.asked
	}
}

// paid counts the invoices that the feed says are paid.
func (s shard) paid() (n int) {
	for after := int64(0); ; {
		events, err := s.till.Events(s.b.Context(), after, 1000)
		require.NoError(s.b, err)
		if len(events) == 0 {
			return n
		}
		for _, ev := range events {
			if after = ev.Position; ev.To == invoice.StatusCompleted && ev.From != ev.To {
				n++
			}
		}
	}
}
