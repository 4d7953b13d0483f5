package etcd_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/cointill/cointill/internal/etcdserver"
	"github.com/cointill/cointill/internal/etcdtest"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store/etcd"
	"github.com/cointill/cointill/store/internal/workload"
	"github.com/cointill/cointill/store/kv"
	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// durable starts a cluster that loses nothing at a power failure, as it would run for a shop.
func durable(b *testing.B, members int) *clientv3.Client {
	return etcdtest.Connect(b, etcdtest.Start(b, etcdserver.Config{Members: members}).URLs())
}

var benchCallers = []int{1, 8, 32}

// BenchmarkCommitInvoice stores created invoices, and says how much the database of a member grows by each.
func BenchmarkCommitInvoice(b *testing.B) {
	for _, members := range []int{1, 3} {
		client := durable(b, members)
		for _, callers := range benchCallers {
			b.Run(fmt.Sprintf("members=%d/callers=%d", members, callers), func(b *testing.B) {
				s := kv.New(open(b, client, etcd.Config{Prefix: etcdtest.Prefix()}))
				before := size(b, client)
				workload.Run(b, callers, "invoices/s", func(n int) error { return s.Commit(b.Context(), workload.Creation(n)) })
				b.ReportMetric(float64(size(b, client)-before)/float64(b.N), "B/invoice")
			})
		}
	}
}

func size(b *testing.B, client *clientv3.Client) int64 {
	status, err := client.Status(b.Context(), client.Endpoints()[0])
	require.NoError(b, err)
	return status.DbSizeInUse
}

// BenchmarkRawTxn puts the keys of a created invoice, and compares and reads nothing.
func BenchmarkRawTxn(b *testing.B) {
	for _, members := range []int{1, 3} {
		client := durable(b, members)
		for _, callers := range benchCallers {
			b.Run(fmt.Sprintf("members=%d/callers=%d", members, callers), func(b *testing.B) {
				kept := &recording{DB: open(b, client, etcd.Config{Prefix: etcdtest.Prefix()})}
				require.NoError(b, kv.New(kept).Commit(b.Context(), workload.Creation(1)))
				prefix := etcdtest.Prefix()
				workload.Run(b, callers, "invoices/s", func(n int) error {
					var ops []clientv3.Op
					for key, value := range kept.put {
						ops = append(ops, clientv3.OpPut(fmt.Sprint(prefix, n, key), value))
					}
					_, err := client.Txn(b.Context()).Then(ops...).Commit()
					return err
				})
			})
		}
	}
}

// recording remembers what its last update wrote.
type recording struct {
	kv.DB
	put map[string]string
}

func (r *recording) Update(ctx context.Context, f func(kv.Tx) error) error {
	return r.DB.Update(ctx, func(tx kv.Tx) error {
		r.put = map[string]string{}
		return f(recordingTx{tx, r})
	})
}

type recordingTx struct {
	kv.Tx
	r *recording
}

func (tx recordingTx) Put(key, value []byte) error {
	tx.r.put[string(key)] = string(value)
	return tx.Tx.Put(key, value)
}

// BenchmarkInvoicesAt finds the invoices at the addresses of a block, of which at most 20 are ours.
func BenchmarkInvoicesAt(b *testing.B) {
	for _, members := range []int{1, 3} {
		s := kv.New(open(b, durable(b, members), etcd.Config{}))
		var batch invoice.Batch
		for n := range 20 {
			c := workload.Creation(n)
			batch.Insert, batch.Claims = append(batch.Insert, c.Insert...), append(batch.Claims, c.Claims...)
		}
		require.NoError(b, s.Commit(b.Context(), batch))
		for _, addresses := range []int{10, 200, 5000} {
			b.Run(fmt.Sprintf("members=%d/addresses=%d", members, addresses), func(b *testing.B) {
				var places []invoice.Place
				for n := range addresses {
					places = append(places, invoice.Place{Address: workload.Address(n)})
				}
				for b.Loop() {
					found, err := s.InvoicesAt(b.Context(), places)
					require.NoError(b, err)
					require.Len(b, found, min(20, addresses))
				}
			})
		}
	}
}
