package postgres_test

import (
	"fmt"
	"testing"

	"github.com/cointill/cointill/store/postgres"
	"github.com/cointill/cointill/store/storetest"
	"github.com/stretchr/testify/require"
)

// BenchmarkBacklog creates and tells beside the messages of an endpoint that is dead. With -benchtime 20000x it takes
// long enough to be compared; each size is measured beside none in the same run.
func BenchmarkBacklog(b *testing.B) {
	for _, backlog := range storetest.Backlogs(b) {
		b.Run(fmt.Sprintf("messages=%d", backlog), func(b *testing.B) {
			pool := durablePool(b, 16)
			require.NoError(b, postgres.Migrate(b.Context(), pool))
			_, err := pool.Exec(b.Context(), `INSERT INTO cointill_outbox (id, event, invoice, seq, project, url, endpoint, at, body, format, secret, receiver,
					due, since, state, ready, claimed, token, tried)
				SELECT 'dead-' || n, 'invoice.created', 'dead-' || n, 1, 'p', 'https://dead.example/x', 'https://dead.example:443',
					'2026-01-01T00:00:00Z', decode(repeat('7b', 600), 'hex'), 'standard', '', '', n, 0, 'due', true, false, 0, 0
				FROM generate_series(1, $1) n`, backlog)
			require.NoError(b, err)
			_, err = pool.Exec(b.Context(), "VACUUM ANALYZE")
			require.NoError(b, err)
			storetest.Backlog(b, open(b, pool), "https://dead.example:443")
		})
	}
}
