package desk_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain/chaintest"
	"github.com/cointill/cointill/httpapi/desk"
	"github.com/cointill/cointill/httpapi/internal/stage"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store/sqlite"
	"github.com/cointill/cointill/store/storetest"
)

// BenchmarkPages shows pages of a desk with 1,000,000 invoices on SQLite, or as many as COINTILL_BENCH_INVOICES says (2,000
// with -short), and reports the first view, the median and the 97th percentile of each, and how fast all are exported:
//
//	COINTILL_BENCH_INVOICES=1000000 go test -timeout 30m -run '^$' -bench Pages -benchtime 1x ./httpapi/desk
func BenchmarkPages(b *testing.B) {
	invoices := 1_000_000
	if testing.Short() {
		invoices = 2000
	} else if n, err := strconv.Atoi(os.Getenv("COINTILL_BENCH_INVOICES")); err == nil {
		invoices = n
	}
	db, err := sqlite.Open(filepath.Join(b.TempDir(), "desk.db"))
	require.NoError(b, err)
	defer db.Close()
	require.NoError(b, sqlite.Migrate(b.Context(), db))
	s, err := sqlite.New(db)
	require.NoError(b, err)
	storetest.Fill(b, s, invoices)
	office := officeOn(b, s)
	page, err := s.Invoices(b.Context(), invoice.Query{Limit: 100})
	require.NoError(b, err)
	for name, path := range map[string]string{
		"home": "/", "invoices": "/invoices", "filtered": "/invoices?status=completed&asset=USDT", "search": "/invoices?q=77",
		"invoice": "/invoices/" + page.Invoices[7].ID, "audit": "/audit", "projects": "/projects",
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				var took []time.Duration
				for range 50 {
					began := time.Now()
					w := &timed{ResponseRecorder: httptest.NewRecorder()}
					office.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
					took = append(took, w.at.Sub(began))
					require.Equal(b, http.StatusOK, w.Code)
				}
				first := took[0]
				slices.Sort(took)
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(float64(first.Microseconds())/1000, "first-ms")
				b.ReportMetric(float64(took[25].Microseconds())/1000, "p50-ms")
				b.ReportMetric(float64(took[48].Microseconds())/1000, "p97-ms")
			}
		})
	}
	b.Run("export", func(b *testing.B) {
		for b.Loop() {
			w := &sink{}
			office.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/invoices/export?format=csv", nil))
			require.Equal(b, invoices+1, w.lines, "with the names of the fields")
			b.ReportMetric(float64(invoices)/b.Elapsed().Seconds(), "rows/s")
			b.ReportMetric(float64(w.most)/(1<<20), "MiB-heap")
		}
	})
}

// timed knows when the page was written; the desk may go on after that.
type timed struct {
	*httptest.ResponseRecorder
	at time.Time
}

func (w *timed) Write(p []byte) (int, error) {
	n, err := w.ResponseRecorder.Write(p)
	w.at = time.Now()
	return n, err
}

// sink counts lines that are written to it, and looks at the memory of the process now and then.
type sink struct {
	header http.Header
	lines  int
	writes int
	most   uint64 // bytes of the heap, without garbage
}

func (s *sink) Header() http.Header {
	if s.header == nil {
		s.header = http.Header{}
	}
	return s.header
}

func (*sink) WriteHeader(int) {}

func (s *sink) Write(p []byte) (int, error) {
	s.lines += bytes.Count(p, []byte("\n"))
	if s.writes++; s.writes%500 == 0 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		s.most = max(s.most, m.HeapAlloc)
	}
	return len(p), nil
}

// officeOn returns a desk of an administrator on the store.
func officeOn(b *testing.B, s *sqlite.Store) http.Handler {
	b.Helper()
	chains, err := stage.Chain(chaintest.NewChain(chaintest.Config{Start: time.Now()}), time.Minute, stage.Addresses{Wallet: "sim", Format: "sim1bench%d"})
	require.NoError(b, err)
	service, err := invoice.New(invoice.Config{Store: s, Chains: []invoice.ChainConfig{chains}})
	require.NoError(b, err)
	projects, err := invoice.NewProjects(s, nil)
	require.NoError(b, err)
	office, err := desk.New(desk.Config{
		Invoices: service, Projects: projects, Records: s.Records(), Outbox: s,
		Authenticate: func(*http.Request) (desk.Person, error) {
			return desk.Person{ID: "bench", Role: desk.RoleAdministrator, Proved: time.Now()}, nil
		},
	})
	require.NoError(b, err)
	return office
}
