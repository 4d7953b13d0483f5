package cryptosteroid_test

import (
	"path/filepath"
	"sync"
	"testing"

	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/httpapi/cryptosteroid"
	"github.com/cointill/cointill/httpapi/internal/contract"
	"github.com/cointill/cointill/httpapi/internal/stage"
	"github.com/cointill/cointill/store/sqlite"
	"github.com/stretchr/testify/require"
)

// inFile returns the replies in a file. A second call is like a restart.
func inFile(t testing.TB) func() httpapi.Replies {
	path, end := filepath.Join(t.TempDir(), "shop.db"), func() error { return nil }
	t.Cleanup(func() { require.NoError(t, end()) })
	return func() httpapi.Replies {
		require.NoError(t, end())
		db, err := sqlite.Open(path)
		require.NoError(t, err)
		end = db.Close
		require.NoError(t, sqlite.Migrate(t.Context(), db))
		s, err := sqlite.New(db)
		require.NoError(t, err)
		return s.Replies()
	}
}

// durable returns the subject with replies that survive a restart.
func durable(t testing.TB) contract.Subject {
	s := subject(t)
	s.Replies = func(t testing.TB) httpapi.Replies { return inFile(t)() }
	return s
}

func TestDurableRepliesKeepTheContract(t *testing.T) { contract.Examine(t, durable) }

func TestIncident45_DurableRepliesAreTheShopsAlone(t *testing.T) { contract.Walk(t, durable) }

func TestA42_ACreationThatIsRepeatedMakesOneInvoice(t *testing.T) {
	memory := httpapi.NewReplies(0)
	for name, open := range map[string]func() httpapi.Replies{"in memory": func() httpapi.Replies { return memory }, "in a file": inFile(t)} {
		t.Run(name, func(t *testing.T) {
			keeping := options{api: func(c *cryptosteroid.Config) { c.Replies = open() }}
			w := newWorld(t, keeping)
			ask := func(amount string) answer {
				r := w.request("POST", w.invoices(), w.key, `{"fiatAmount":"`+amount+`","fiatCurrency":"USD","description":"A chair"}`)
				r.Header.Set("Idempotency-Key", `"k"`)
				return w.send(t, w.api, r)
			}
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() { ask("20") })
			}
			wg.Wait()
			got := ask("20")
			require.Equal(t, 201, got.status, "%s", got.body)
			require.Equal(t, "true", got.header.Get("Idempotent-Replayed"))
			w.api = w.newAPI(t, keeping)
			require.Equal(t, got.body, ask("20").body)
			require.Equal(t, "The Idempotency-Key was used for another request.", ask("21").refused(t, 422))
			require.Equal(t, 1, stage.Count(t, w.service))
		})
	}
}
