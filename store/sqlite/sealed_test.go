package sqlite_test

import (
	"bytes"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/store/sqlite"
	"github.com/cointill/cointill/webhook"
	"github.com/stretchr/testify/require"
)

func sealedWith(t *testing.T, b store.Backend, keys ...string) *store.Sealed {
	t.Helper()
	ring, err := store.ParseKeyring(strings.Join(keys, " "))
	require.NoError(t, err)
	s, err := store.Seal(b, ring)
	require.NoError(t, err)
	return s
}

var sealingKeys = []string{"old:" + strings.Repeat("01", 32), "new:" + strings.Repeat("02", 32)}

// life does with a database whatever stores secrets, and returns them.
type life struct {
	*testing.T
	backend store.Backend
	replies store.Replies
	db      *sql.DB
	store   *sqlite.Store
	secrets []string
}

func (l *life) lead() {
	ctx := l.Context()
	projects, err := invoice.NewProjects(l.backend, nil)
	require.NoError(l, err)
	p, _, err := projects.Create(ctx, invoice.NewProject{Owner: "me", Name: "shop"})
	require.NoError(l, err)
	l.secrets = append(l.secrets, p.Secrets[0].Value)
	for range 3 {
		secret, err := projects.RotateSecret(ctx, p.ID, time.Hour)
		require.NoError(l, err)
		key, err := projects.MakeKey(ctx, p.ID, "payment", time.Hour)
		require.NoError(l, err)
		l.secrets = append(l.secrets, secret, key)
	}
	for n := range 50 {
		l.invoice(p.ID, n)
	}
	_, err = l.replies.Begin(ctx, "scope", "key", []byte("run"), created, created.Add(time.Hour))
	require.NoError(l, err)
	l.secrets = append(l.secrets, "shown once")
	require.NoError(l, l.replies.Finish(ctx, "scope", "key", []byte("run"), []byte(`{"key":"shown once"}`), created.Add(time.Hour)))
	if tidier, able := l.backend.(invoice.Tidier); able {
		require.NoError(l, tidier.Tidy(ctx, 0))
	}
}

var created = time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC)

// invoice goes from its creation, in a transaction of the host's, to the archive, and its message is sent twice.
func (l *life) invoice(project string, n int) {
	ctx := l.Context()
	secret := fmt.Sprintf("t0ken/%d of an \"invoice\"", n)
	l.secrets = append(l.secrets, secret, fmt.Sprintf("t0ken/%d", n))
	inv := invoice.Invoice{
		ID: fmt.Sprint("inv-", n), Project: project, Version: 1, CreatedAt: created.Add(time.Duration(n)), Name: "Chair",
		Data:  map[string]string{"cryptosteroid.secret": secret, "cryptosteroid.externalId": "7"},
		Quote: &invoice.Quote{Asset: chain.Asset{ID: "sim:1/slip44:1", Code: "SIM"}, Address: "place"},
	}
	tx, err := l.db.BeginTx(ctx, nil)
	require.NoError(l, err)
	require.NoError(l, inTx(l, l.backend.(invoice.Transactor), tx).Commit(ctx, invoice.Batch{Insert: []invoice.Invoice{inv}, Messages: []invoice.Message{{
		ID: "evt-" + inv.ID, Invoice: inv.ID, Seq: 1, Project: project, URL: "https://shop.example/", Endpoint: "shop", Body: []byte("{}"), Secret: secret,
	}}}))
	require.NoError(l, tx.Commit())
	for _, status := range []invoice.Status{invoice.StatusPending, invoice.StatusCompleted, invoice.StatusArchived} {
		inv, err = l.backend.Invoice(ctx, inv.ID)
		require.NoError(l, err)
		require.Equal(l, secret, inv.Data["cryptosteroid.secret"])
		inv.Version, inv.State.Status = inv.Version+1, status
		require.NoError(l, l.backend.Commit(ctx, invoice.Batch{Update: []invoice.Invoice{inv}}))
	}
	for range 2 {
		claimed, err := l.backend.Claim(ctx, webhook.ClaimQuery{Lease: time.Hour, Limit: 9})
		require.NoError(l, err)
		require.Len(l, claimed, 1)
		require.Equal(l, secret, claimed[0].Message.Secret)
		require.NoError(l, l.backend.Record(ctx, claimed[0].Claim, webhook.Attempt{At: created, Status: 200}, webhook.Next{State: webhook.StateDelivered}))
		_, err = l.backend.Resend(ctx, inv.ID, "")
		require.NoError(l, err)
	}
	claimed, err := l.backend.Claim(ctx, webhook.ClaimQuery{Lease: time.Hour, Limit: 9})
	require.NoError(l, err)
	require.NoError(l, l.backend.Record(ctx, claimed[0].Claim, webhook.Attempt{At: created}, webhook.Next{State: webhook.StateDead}))
}

// found returns the secrets whose bytes are in any of the files of the database, as text or as JSON has it.
func (l *life) found(dir string) (found []string) {
	files, err := os.ReadDir(dir)
	require.NoError(l, err)
	var all []byte
	for _, f := range files {
		content, err := os.ReadFile(filepath.Join(dir, f.Name()))
		require.NoError(l, err)
		all = append(all, content...)
	}
	for _, secret := range l.secrets {
		forms := []string{strings.TrimPrefix(secret, "whsec_"), strings.ReplaceAll(secret, `"`, `\"`)}
		if slices.ContainsFunc(forms, func(form string) bool { return bytes.Contains(all, []byte(form)) }) {
			found = append(found, secret)
		}
	}
	return found
}

func TestTheFilesOfASealedStoreHaveNoSecretAfterAWholeLife(t *testing.T) {
	for _, sealing := range []bool{true, false} {
		t.Run(fmt.Sprint("sealed ", sealing), func(t *testing.T) {
			dir := t.TempDir()
			s, db := openAt(t, filepath.Join(dir, "shop.db"))
			l := &life{T: t, backend: s, replies: s.Replies(), db: db, store: s}
			if sealing {
				old := sealedWith(t, s, sealingKeys[0])
				l.backend, l.replies = old.Backend(), old.Replies(s.Replies())
			}
			l.lead()
			if !sealing {
				l.secrets = l.secrets[5:] // those before are replaced, and perhaps overwritten
				require.ElementsMatch(t, l.secrets, l.found(dir), "they would be seen")
				return
			}
			require.Empty(t, l.found(dir), "with the WAL")
			changed, err := sealedWith(t, s, sealingKeys[1], sealingKeys[0]).Reseal(t.Context())
			require.NoError(t, err)
			require.Equal(t, 1+50+50, changed)
			require.NoError(t, db.Close())
			require.Empty(t, l.found(dir))
		})
	}
}

func TestAfterResealAndVacuumNoFileHasAFormerPlainText(t *testing.T) {
	dir := t.TempDir()
	s, db := openAt(t, filepath.Join(dir, "shop.db"))
	l := &life{T: t, backend: s, replies: s.Replies(), db: db, store: s}
	l.lead()
	_, err := sealedWith(t, s, sealingKeys...).Reseal(t.Context())
	require.NoError(t, err)
	_, err = db.Exec("DELETE FROM cointill_replies") // as a day does
	require.NoError(t, err)
	_, err = db.Exec("VACUUM")
	require.NoError(t, err)
	_, err = db.Exec("PRAGMA wal_checkpoint(TRUNCATE)")
	require.NoError(t, err)
	require.NoError(t, db.Close())
	require.Empty(t, l.found(dir))
}
