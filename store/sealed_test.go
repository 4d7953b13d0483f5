package store_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/store/kv"
	"github.com/cointill/cointill/store/storetest"
	"github.com/stretchr/testify/require"
)

var (
	oldKey = "2025:" + strings.Repeat("01", 32)
	newKey = "2026:" + strings.Repeat("02", 32)
)

func keyring(t *testing.T, entries ...string) store.Keyring {
	t.Helper()
	ring, err := store.ParseKeyring(strings.Join(entries, "\n"))
	require.NoError(t, err)
	return ring
}

func sealed(t *testing.T, b store.Backend, entries ...string) *store.Sealed {
	t.Helper()
	s, err := store.Seal(b, keyring(t, entries...))
	require.NoError(t, err)
	return s
}

func seal(t *testing.T, b store.Backend, entries ...string) store.Backend {
	t.Helper()
	return sealed(t, b, entries...).Backend()
}

func TestASealedBackendKeepsThePromisesOfABackend(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Backend { return seal(t, store.NewMemory(), newKey) }, storetest.WithListers())
}

func TestASealedBackendHasThePowersOfTheOneBehindIt(t *testing.T) {
	m := store.NewMemory()
	for _, b := range []store.Backend{
		m, kv.New(nil),
		struct {
			store.Backend
			invoice.Tidier
		}{m, nil},
		struct {
			store.Backend
			invoice.Leaser
			invoice.Tidier
		}{m, m, nil},
	} {
		_, leases := b.(invoice.Leaser)
		_, tidies := b.(invoice.Tidier)
		s := seal(t, b, newKey)
		_, still := s.(invoice.Leaser)
		require.Equal(t, leases, still)
		_, still = s.(invoice.Tidier)
		require.Equal(t, tidies, still)
		_, err := store.Seal(s, keyring(t, newKey))
		require.Error(t, err, "twice")
	}
}

func TestASealedBackendSaysWhatTheOneBehindItLacks(t *testing.T) {
	b := seal(t, struct{ store.Backend }{store.NewMemory()}, newKey)
	_, err := b.(invoice.SlotLister).HeldSlots(t.Context(), "sim:1", "a", "", "x", 9)
	require.ErrorIs(t, err, errors.ErrUnsupported)
	_, err = b.(invoice.PaidLister).PaidInvoices(t.Context(), "", 9)
	require.ErrorIs(t, err, errors.ErrUnsupported)
	_, err = b.(invoice.Transactor).WithTx(nil)
	require.ErrorIs(t, err, errors.ErrUnsupported)
}

// shop is a project with every kind of secret.
func shop(t *testing.T, projects invoice.ProjectStore) (ps *invoice.Projects, id string, secrets []string) {
	t.Helper()
	ps, err := invoice.NewProjects(projects, nil)
	require.NoError(t, err)
	p, _, err := ps.Create(t.Context(), invoice.NewProject{Owner: "me", Name: "shop"})
	require.NoError(t, err)
	_, err = ps.RotateSecret(t.Context(), p.ID, time.Hour)
	require.NoError(t, err)
	for range 2 {
		_, err = ps.MakeKey(t.Context(), p.ID, "payment", time.Hour)
		require.NoError(t, err)
	}
	e, err := ps.AddEndpoint(t.Context(), p.ID, invoice.NewEndpoint{URL: "https://shop.example/hook"})
	require.NoError(t, err)
	_, err = ps.RotateEndpointSecret(t.Context(), p.ID, e.ID, time.Hour)
	require.NoError(t, err)
	return ps, p.ID, secretsOf(t, ps, p.ID)
}

func secretsOf(t *testing.T, ps *invoice.Projects, id string) []string {
	t.Helper()
	p, err := ps.Project(t.Context(), id)
	require.NoError(t, err)
	out := append(p.ActiveSecrets(time.Now()), p.TakenKeys("payment", time.Now())...)
	for _, e := range p.Endpoints {
		out = append(out, e.ActiveSecrets(time.Now())...)
	}
	return out
}

func stored(t *testing.T, projects invoice.ProjectStore, id string) string {
	t.Helper()
	p, err := projects.Project(t.Context(), id)
	require.NoError(t, err)
	doc, err := json.Marshal(p)
	require.NoError(t, err)
	return string(doc)
}

func TestTheDatabaseHasNoSecretInPlainText(t *testing.T) {
	m := store.NewMemory()
	_, id, secrets := shop(t, seal(t, m, newKey))
	require.Len(t, secrets, 6)
	doc := stored(t, m, id)
	for _, secret := range secrets {
		require.NotContains(t, doc, secret)
		require.NotContains(t, doc, strings.TrimPrefix(secret, "whsec_"))
	}
	require.Equal(t, 6, strings.Count(doc, `"sealed:1:2026:`))
}

func TestResealPutsEverythingUnderTheNewestKey(t *testing.T) {
	m := store.NewMemory()
	_, clear, clearSecrets := shop(t, m)
	old := seal(t, m, oldKey)
	ps, err := invoice.NewProjects(old, nil)
	require.NoError(t, err)
	require.Equal(t, clearSecrets, secretsOf(t, ps, clear), "what was stored in clear is read as it is")
	p, _, err := ps.Create(t.Context(), invoice.NewProject{Owner: "me", Name: "another"})
	require.NoError(t, err)
	oldSecrets := secretsOf(t, ps, p.ID)

	both := sealed(t, m, newKey, oldKey)
	changed, err := both.Reseal(t.Context())
	require.NoError(t, err)
	require.Equal(t, 2, changed)
	changed, err = both.Reseal(t.Context())
	require.NoError(t, err)
	require.Zero(t, changed)

	alone, err := invoice.NewProjects(seal(t, m, newKey), nil)
	require.NoError(t, err)
	require.Equal(t, clearSecrets, secretsOf(t, alone, clear))
	require.Equal(t, oldSecrets, secretsOf(t, alone, p.ID))
	require.NotContains(t, stored(t, m, clear)+stored(t, m, p.ID), "sealed:1:2025:")
}

func TestAMissingOrWrongKeyIsAClearErrorAndChangesNothing(t *testing.T) {
	m := store.NewMemory()
	_, id, _ := shop(t, seal(t, m, oldKey))
	before := stored(t, m, id)
	without := seal(t, m, newKey)
	_, err := without.Project(t.Context(), id)
	require.ErrorIs(t, err, store.ErrNoKey)
	require.ErrorContains(t, err, `"2025"`)
	_, err = without.Projects(t.Context(), "", 10)
	require.ErrorIs(t, err, store.ErrNoKey)
	_, err = sealed(t, m, newKey).Reseal(t.Context())
	require.ErrorIs(t, err, store.ErrNoKey)
	ps, err := invoice.NewProjects(without, nil)
	require.NoError(t, err)
	_, err = ps.RotateSecret(t.Context(), id, time.Hour)
	require.ErrorIs(t, err, store.ErrNoKey)

	wrong := seal(t, m, "2025:"+strings.Repeat("03", 32))
	_, err = wrong.Project(t.Context(), id)
	require.ErrorContains(t, err, "another key of this id")
	require.NotErrorIs(t, err, store.ErrNoKey)
	require.Equal(t, before, stored(t, m, id))
}

func TestASealedSecretFitsNoOtherPlace(t *testing.T) {
	m := store.NewMemory()
	s := seal(t, m, newKey)
	_, mine, _ := shop(t, s)
	ps, err := invoice.NewProjects(s, nil)
	require.NoError(t, err)
	other, _, err := ps.Create(t.Context(), invoice.NewProject{Owner: "me", Name: "another"})
	require.NoError(t, err)
	from, err := m.Project(t.Context(), mine)
	require.NoError(t, err)
	to, err := m.Project(t.Context(), other.ID)
	require.NoError(t, err)
	to.Secrets, to.Version = from.Secrets, to.Version+1
	require.NoError(t, m.UpdateProject(t.Context(), to))
	_, err = s.Project(t.Context(), other.ID)
	require.ErrorContains(t, err, "damaged")

	from.Keys["payout"], from.Version = from.Keys["payment"], from.Version+1
	require.NoError(t, m.UpdateProject(t.Context(), from))
	_, err = s.Project(t.Context(), mine)
	require.ErrorContains(t, err, "damaged", "nor the place of another key")
}

func TestResealGoesOnPastWhatItCannotSeal(t *testing.T) {
	m := store.NewMemory()
	var ids []string
	for _, key := range []string{newKey, oldKey, newKey} {
		ps, err := invoice.NewProjects(seal(t, m, key), nil)
		require.NoError(t, err)
		p, _, err := ps.Create(t.Context(), invoice.NewProject{Owner: "me", Name: fmt.Sprint(len(ids))})
		require.NoError(t, err)
		ids = append(ids, p.ID)
	}
	third := "third:" + strings.Repeat("0a", 32)
	changed, err := sealed(t, m, third, newKey).Reseal(t.Context())
	require.ErrorIs(t, err, store.ErrNoKey)
	require.ErrorContains(t, err, ids[1])
	require.Equal(t, 2, changed)
	changed, err = sealed(t, m, third, newKey, oldKey).Reseal(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, changed)
}

func TestParseKeyring(t *testing.T) {
	ring := keyring(t, "# made on the first of March", " "+newKey+" "+oldKey, "", "third:"+strings.Repeat("aB", 32))
	id, key := ring.Newest()
	require.Equal(t, "2026", id)
	require.Len(t, key, 32)
	for _, id := range []string{"2025", "2026", "third"} {
		_, has := ring.Key(id)
		require.True(t, has)
	}
	_, has := ring.Key("fourth")
	require.False(t, has)
	require.NotContains(t, fmt.Sprintf("%v %#v %s", ring, ring, ring), "0202")

	digits := strings.Repeat("02", 32)
	for _, bad := range []string{"", "# none", digits, "a:" + digits[1:], "a:" + digits + "02", ":" + digits, "a b:" + digits, "ä:" + digits, "a:" + digits + "\na:" + digits} {
		_, err := store.ParseKeyring(bad)
		require.Error(t, err, bad)
		require.NotContains(t, err.Error(), "0202")
	}
	_, err := store.Seal(nil, ring)
	require.Error(t, err)
	_, err = store.Seal(store.NewMemory(), nil)
	require.Error(t, err)
}

func FuzzOpenSealed(f *testing.F) {
	f.Add("sealed:1:2026:")
	f.Add("sealed:1:2026:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Add("whsec_clear")
	f.Fuzz(func(t *testing.T, value string) {
		m := store.NewMemory()
		ring, err := store.ParseKeyring(newKey)
		require.NoError(t, err)
		s, err := store.Seal(m, ring)
		require.NoError(t, err)
		p := invoice.Project{ID: "p", KeyHash: "h", Secrets: []invoice.Secret{{Value: value}}, Version: 1}
		require.NoError(t, m.InsertProject(t.Context(), p))
		got, err := s.Backend().Project(t.Context(), "p")
		if strings.HasPrefix(value, "sealed:1:") {
			require.Error(t, err)
			return
		}
		require.NoError(t, err)
		require.Equal(t, value, got.Secrets[0].Value)
	})
}
