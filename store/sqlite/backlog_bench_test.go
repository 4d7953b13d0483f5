package sqlite_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/cointill/cointill/store/storetest"
	"github.com/stretchr/testify/require"
)

// BenchmarkBacklog creates and tells beside the messages of an endpoint that is dead. With -benchtime 20000x it takes
// long enough to be compared; each size is measured beside none in the same run.
func BenchmarkBacklog(b *testing.B) {
	for _, backlog := range storetest.Backlogs(b) {
		b.Run(fmt.Sprintf("messages=%d", backlog), func(b *testing.B) {
			s, db := openAt(b, filepath.Join(b.TempDir(), "shop.db"))
			_, err := db.Exec(`INSERT INTO cointill_outbox (id, event, invoice, seq, project, url, endpoint, at, body, format, secret, receiver,
					due, since, state, ready, claimed, token, tried)
				WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < ?1)
				SELECT 'dead-' || x, 'invoice.created', 'dead-' || x, 1, 'p', 'https://dead.example/x', 'https://dead.example:443',
					'2026-01-01T00:00:00Z', zeroblob(600), 'standard', '', '', x, 0, 'due', 1, 0, 0, 0 FROM c WHERE ?1 > 0`, backlog)
			require.NoError(b, err)
			storetest.Backlog(b, s, "https://dead.example:443")
		})
	}
}
