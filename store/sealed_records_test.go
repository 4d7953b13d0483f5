package store_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cointill/cointill/httpapi/desk"
	"github.com/cointill/cointill/httpapi/desk/desktest"
	"github.com/cointill/cointill/store"
	"github.com/stretchr/testify/require"
)

func TestSealedRecordsKeepTheContract(t *testing.T) {
	desktest.Records(t, func(t *testing.T) desk.Records {
		m := store.NewMemory()
		return sealed(t, m, newKey).Records(m.Records())
	})
}

func TestDocumentsAreSealedAndLogsAreNot(t *testing.T) {
	m := store.NewMemory()
	raw, r := m.Records(), sealed(t, m, newKey).Records(m.Records())
	_, err := r.PutDocument(t.Context(), "member", "ann", 0, []byte("a secret of a second factor"))
	require.NoError(t, err)
	_, body, err := raw.Document(t.Context(), "member", "ann")
	require.NoError(t, err)
	require.NotContains(t, string(body), "secret")
	_, err = r.AppendRecord(t.Context(), "audit", []byte("who did what"))
	require.NoError(t, err)
	_, bodies, err := raw.ReadRecords(t.Context(), "audit", 0, false, 1)
	require.NoError(t, err)
	require.Equal(t, "who did what", string(bodies[0]))
}

func TestASealedDocumentThatWasMovedIsNotOpened(t *testing.T) {
	m := store.NewMemory()
	raw, r := m.Records(), sealed(t, m, newKey).Records(m.Records())
	_, err := r.PutDocument(t.Context(), "member", "ann", 0, []byte("secret"))
	require.NoError(t, err)
	_, body, err := raw.Document(t.Context(), "member", "ann")
	require.NoError(t, err)
	for _, to := range [][2]string{{"member", "bob"}, {"membera", "nn"}, {"session", "ann"}} {
		_, err = raw.PutDocument(t.Context(), to[0], to[1], 0, body)
		require.NoError(t, err)
		_, _, err = r.Document(t.Context(), to[0], to[1])
		require.Error(t, err, to)
		require.NotContains(t, err.Error(), "secret")
	}
	_, _, err = r.Documents(t.Context(), "member", "", 10)
	require.Error(t, err)
	_, opened, err := r.Document(t.Context(), "member", "ann")
	require.NoError(t, err)
	require.Equal(t, "secret", string(opened))
}

func TestDocumentsAreResealed(t *testing.T) {
	m := store.NewMemory()
	raw := m.Records()
	put := func(r store.Records, kind, name string) {
		stored, err := r.PutDocument(t.Context(), kind, name, 0, []byte("secret of "+name))
		require.NoError(t, err)
		require.True(t, stored)
	}
	put(raw, "member", "plain")
	for n := range 150 {
		put(sealed(t, m, oldKey).Records(raw), "member", fmt.Sprint("old ", n))
	}
	put(sealed(t, m, newKey, oldKey).Records(raw), "session", "new")

	both := sealed(t, m, newKey, oldKey)
	changed, err := both.ResealRecords(t.Context(), raw, "member", "session")
	require.NoError(t, err)
	require.Equal(t, 151, changed)
	changed, err = both.ResealRecords(t.Context(), raw, "member", "session")
	require.NoError(t, err)
	require.Zero(t, changed)

	alone := sealed(t, m, newKey).Records(raw)
	names, bodies, err := alone.Documents(t.Context(), "member", "", 1000)
	require.NoError(t, err)
	require.Len(t, names, 151)
	for i, name := range names {
		require.Equal(t, "secret of "+name, string(bodies[i]))
	}
	version, _, err := alone.Document(t.Context(), "member", "plain")
	require.NoError(t, err)
	require.Equal(t, int64(2), version, "so that whoever has read the former one does not write over it")
}

func TestADocumentWithoutItsKeyIsAnErrorAndStays(t *testing.T) {
	m := store.NewMemory()
	raw := m.Records()
	_, err := sealed(t, m, oldKey).Records(raw).PutDocument(t.Context(), "member", "ann", 0, []byte("secret"))
	require.NoError(t, err)
	_, _, err = sealed(t, m, newKey).Records(raw).Document(t.Context(), "member", "ann")
	require.ErrorIs(t, err, store.ErrNoKey)
	_, err = sealed(t, m, newKey).ResealRecords(t.Context(), raw, "member")
	require.ErrorIs(t, err, store.ErrNoKey)
	_, body, err := raw.Document(t.Context(), "member", "ann")
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(body), "sealed:1:2025:"))
}
