package sqlite_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/cointill/cointill/store/internal/workload"
	"github.com/cointill/cointill/store/sqlite"
	"github.com/stretchr/testify/require"
)

// BenchmarkCommitPayout stores what the request of a payout stores: the payout, what finds it, an entry of three postings
// and an event, which are 15 new rows. The goal is 0.4 of BenchmarkRawPayout, which inserts the same rows and knows no
// rules, at the same number of callers, in the same run. This prints the ratios:
//
//	go test ./store/sqlite -run '^$' -bench '^(BenchmarkRawPayout|BenchmarkCommitPayout)$/callers=(1|8|32)$' -benchtime 3s |
//		awk '/callers/ { split($1, at, /[\/-]/); for (i = 2; i < NF; i++) if ($(i+1) == "commits/s") rate[at[1], at[2]] = $i }
//			END { for (k in rate) { split(k, at, SUBSEP); if (at[1] ~ /Commit/) print at[2], rate[k] / rate["BenchmarkRawPayout", at[2]] } }'
func BenchmarkCommitPayout(b *testing.B) {
	for _, callers := range []int{1, 8, 32} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			s, _ := openAt(b, filepath.Join(b.TempDir(), "bench.db"))
			require.NoError(b, s.CommitPayouts(b.Context(), workload.Deposit()))
			workload.Run(b, callers, "commits/s", func(n int) error { return s.CommitPayouts(context.Background(), workload.PayoutRequest(n)) })
			b.ReportMetric(float64(b.N)/float64(s.BookCommits()), "batches/group")
		})
	}
}

// BenchmarkRawPayout is what the engine and the driver give for the rows of the request of a payout, inserted in groups by
// one goroutine. The rows were made before.
func BenchmarkRawPayout(b *testing.B) {
	for _, callers := range []int{1, 8, 32} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			db, err := sqlite.Open(filepath.Join(b.TempDir(), "raw.db"))
			require.NoError(b, err)
			defer db.Close()
			_, err = db.Exec(`CREATE TABLE raw (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID`)
			require.NoError(b, err)
			rows := workload.PayoutRows(b)
			rawGroups(b, db, callers, func(n int) []rawRow { return rowsOf(rows[n]) })
		})
	}
}

// rowsOf returns a row for each key.
func rowsOf(rows workload.Rows) (out []rawRow) {
	for i, key := range rows.Keys {
		out = append(out, rawRow{"INSERT INTO raw (key, value) VALUES (?, ?)", []any{key, rows.Values[i]}})
	}
	return out
}
