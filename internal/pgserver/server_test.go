package pgserver_test

import (
	"context"
	"testing"
	"time"

	"github.com/cointill/cointill/internal/pgserver"
	"github.com/cointill/cointill/internal/pgtest"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

func start(t *testing.T) *pgserver.Server { return pgtest.Start(t, pgserver.Config{}) }

func connect(t *testing.T, s *pgserver.Server) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.URL("postgres"))
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func count(t *testing.T, s *pgserver.Server) (n int) {
	t.Helper()
	require.NoError(t, connect(t, s).QueryRow(t.Context(), "SELECT count(*) FROM facts").Scan(&n))
	return n
}

func TestWhatWasCommittedSurvivesACrash(t *testing.T) {
	s := start(t)
	_, err := connect(t, s).Exec(t.Context(), "CREATE TABLE facts (n int); INSERT INTO facts VALUES (1)")
	require.NoError(t, err)
	require.NoError(t, s.Kill())
	_, err = pgx.Connect(t.Context(), s.URL("postgres"))
	require.Error(t, err, "it is gone")
	require.NoError(t, s.Restart(t.Context()))
	require.Equal(t, 1, count(t, s))
}

func TestAStandbyHasWhatItsPrimaryCommitted(t *testing.T) {
	primary := start(t)
	standby, err := primary.Standby(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, standby.Stop()) })
	_, err = connect(t, primary).Exec(t.Context(), "CREATE TABLE facts (n int); INSERT INTO facts VALUES (1)")
	require.NoError(t, err)
	require.NoError(t, primary.Kill())
	require.NoError(t, standby.Promote(t.Context()))
	require.Equal(t, 1, count(t, standby))
	_, err = connect(t, standby).Exec(t.Context(), "INSERT INTO facts VALUES (2)")
	require.NoError(t, err)
}

func TestADetachedStandbyLacksWhatCameAfterwards(t *testing.T) {
	primary := start(t)
	standby, err := primary.AsyncStandby(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, standby.Stop()) })
	_, err = connect(t, primary).Exec(t.Context(), "CREATE TABLE facts (n int); INSERT INTO facts VALUES (1)")
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		var has bool
		err := connect(t, standby).QueryRow(t.Context(), "SELECT to_regclass('facts') IS NOT NULL").Scan(&has)
		return err == nil && has
	}, time.Minute, 10*time.Millisecond)
	require.NoError(t, standby.Detach(t.Context()))
	require.Eventually(t, func() bool {
		var attached bool
		err := connect(t, primary).QueryRow(t.Context(), "SELECT EXISTS (SELECT 1 FROM pg_stat_replication)").Scan(&attached)
		return err == nil && !attached
	}, time.Minute, 10*time.Millisecond)
	_, err = connect(t, primary).Exec(t.Context(), "INSERT INTO facts VALUES (2)")
	require.NoError(t, err)
	require.NoError(t, primary.Kill())
	require.NoError(t, standby.Promote(t.Context()))
	require.Equal(t, 1, count(t, standby))
}
