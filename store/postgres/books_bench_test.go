package postgres_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/cointill/cointill/store/internal/workload"
	"github.com/cointill/cointill/store/postgres"
	"github.com/stretchr/testify/require"
)

// BenchmarkCommitPayout stores what the request of a payout stores: the payout, what finds it, an entry of three postings
// and an event, which are 15 new rows. The goal is 0.4 of BenchmarkRawPayout, which inserts the same rows and knows no
// rules, at the same number of callers, in the same run. This prints the ratios:
//
//	go test ./store/postgres -run '^$' -bench '^(BenchmarkRawPayout|BenchmarkCommitPayout)$/callers=(1|8|32)$' -benchtime 3s |
//		awk '/callers/ { split($1, at, /[\/-]/); for (i = 2; i < NF; i++) if ($(i+1) == "rows/s") rate[at[1], at[2]] = $i }
//			END { for (k in rate) { split(k, at, SUBSEP); if (at[1] ~ /Commit/) print at[2], rate[k] / rate["BenchmarkRawPayout", at[2]] } }'
func BenchmarkCommitPayout(b *testing.B) {
	for _, callers := range []int{1, 8, 32} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			pool := durablePool(b, 16)
			require.NoError(b, postgres.Migrate(b.Context(), pool))
			s := open(b, pool)
			require.NoError(b, s.CommitPayouts(b.Context(), workload.Deposit()))
			workload.Run(b, callers, "rows/s", func(n int) error { return s.CommitPayouts(context.Background(), workload.PayoutRequest(n)) })
			b.ReportMetric(float64(b.N)/float64(s.BookCommits()), "batches/group")
		})
	}
}

// BenchmarkRawPayout is what the server gives to as many connections as there are callers: the rows of the request of a
// payout in one statement and a transaction of its own. The rows were made before.
func BenchmarkRawPayout(b *testing.B) {
	for _, callers := range []int{1, 8, 32} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			pool := durablePool(b, callers)
			_, err := pool.Exec(b.Context(), `CREATE TABLE raw (key bytea PRIMARY KEY, value bytea NOT NULL)`)
			require.NoError(b, err)
			requests := workload.PayoutRows(b)
			workload.Run(b, callers, "rows/s", func(n int) error {
				_, err := pool.Exec(context.Background(), "INSERT INTO raw (key, value) SELECT * FROM unnest($1::bytea[], $2::bytea[])",
					requests[n].Keys, requests[n].Values)
				return err
			})
		})
	}
}
