package postgres_test

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cointill/cointill/httpapi/desk"
	"github.com/cointill/cointill/httpapi/desk/desktest"
	"github.com/cointill/cointill/internal/pgtest"
	"github.com/cointill/cointill/store/postgres"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

// sharedRecords are the records of two processes. Every call goes to one of them by chance.
type sharedRecords [2]*postgres.Records

func (s sharedRecords) any() *postgres.Records { return s[rand.IntN(2)] }

func (s sharedRecords) AppendRecord(ctx context.Context, log string, body []byte) (int64, error) {
	return s.any().AppendRecord(ctx, log, body)
}
func (s sharedRecords) ReadRecords(ctx context.Context, log string, position int64, descending bool, limit int) ([]int64, [][]byte, error) {
	return s.any().ReadRecords(ctx, log, position, descending, limit)
}
func (s sharedRecords) Document(ctx context.Context, kind, name string) (int64, []byte, error) {
	return s.any().Document(ctx, kind, name)
}
func (s sharedRecords) PutDocument(ctx context.Context, kind, name string, version int64, body []byte) (bool, error) {
	return s.any().PutDocument(ctx, kind, name, version, body)
}
func (s sharedRecords) Documents(ctx context.Context, kind, after string, limit int) ([]string, [][]byte, error) {
	return s.any().Documents(ctx, kind, after, limit)
}

func TestRecordsOfTwoProcessesKeepTheContract(t *testing.T) {
	desktest.Records(t, func(t *testing.T) desk.Records {
		both := openTwice(t)
		return sharedRecords{both[0].Records(), both[1].Records()}
	})
}

// Whatever isolation the host's connections ask for by themselves.
func TestRecordsKeepTheContractOnSerializableConnections(t *testing.T) {
	pools := map[desk.Records]*pgxpool.Pool{}
	open := func(t *testing.T, pool *pgxpool.Pool) desk.Records {
		r := open(t, pool).Records()
		pools[r] = pool
		return r
	}
	desktest.Records(t, func(t *testing.T) desk.Records {
		return open(t, migrated(t, func(c *pgxpool.Config) {
			c.ConnConfig.RuntimeParams["default_transaction_isolation"] = "serializable"
		}))
	}, desktest.WithReopen(func(t *testing.T, old desk.Records) desk.Records {
		url := pools[old].Config().ConnString()
		pools[old].Close()
		return open(t, pgtest.Connect(t, url))
	}))
}

// A record whose transaction has got a position and is not committed yet must not be passed by another one.
func TestARecordIsNotAppendedBehindOneThatIsNotCommitted(t *testing.T) {
	pool := migrated(t)
	r := open(t, pool).Records()
	_, err := r.AppendRecord(t.Context(), "log", []byte("first"))
	require.NoError(t, err)
	slow, err := pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = slow.Exec(t.Context(), "UPDATE cointill_logs SET length = length + 1") // as an append does, up to its commit
	require.NoError(t, err)

	done := make(chan int64, 1)
	go func() {
		position, _ := r.AppendRecord(context.WithoutCancel(t.Context()), "log", []byte("next"))
		done <- position
	}()
	require.Eventually(t, func() bool {
		var waiting int
		err := pool.QueryRow(t.Context(), "SELECT count(*) FROM pg_locks WHERE NOT granted").Scan(&waiting)
		return err == nil && waiting > 0
	}, time.Minute, time.Millisecond)
	select {
	case position := <-done:
		t.Fatalf("position %d was given out while another transaction has the log", position)
	default:
	}
	other, err := r.AppendRecord(t.Context(), "another log", []byte("not kept waiting"))
	require.NoError(t, err)
	require.Equal(t, int64(1), other)
	require.NoError(t, slow.Rollback(t.Context()))
	require.Equal(t, int64(2), <-done, "no gap where a transaction was rolled back")
}
