package sqlite_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/evm"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store/internal/workload"
	"github.com/cointill/cointill/store/sqlite"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

// Growth is what creating and matching cost in a large shop beside what they cost in one of 1,000 open invoices,
// which is the limit. Both work in turns, so that what else the machine does concerns both alike:
//
//	go test -run '^$' -bench 'Growth|Start' -benchtime 1x ./store/sqlite
//
// The large shop has 1,000,000 open invoices. With more addresses than that the others have expired:
//
//	COINTILL_BENCH_ISSUED=10000000 COINTILL_BENCH_DIR=$HOME/bench go test -timeout 30m -run '^$' -bench 'Growth|Start' -benchtime 1x ./store/sqlite
//
// COINTILL_BENCH_DIR keeps the loaded database for the next time. It needs 2.6 KB for each address.
//
// What stands in the way of matching at the same rate: 200 payments to invoices from anywhere among a million rewrite,
// for each, a page of its own of the invoices, of the deadlines and of the events by invoice, and so many more pages go
// to the WAL than where many invoices share a page. With ten million addresses the file is larger than many machines' memory:
// then each of those pages may come from the disk. The 4,800 addresses that are nobody's are told in memory.

const (
	fewIssued   = 1_000
	manyOpen    = 1_000_000
	growthShop  = "0198c8d2-7a5e-7c11-9d7a-0f6a5d0c9e11"
	startEnv    = "COINTILL_BENCH_START" // makes BenchmarkStart the process that is looked at
	startResult = "cointill-start"
)

func manyIssued(b *testing.B) int {
	b.Helper()
	text := os.Getenv("COINTILL_BENCH_ISSUED")
	if text == "" {
		return manyOpen
	}
	n, err := strconv.Atoi(text)
	require.NoError(b, err)
	return n
}

func BenchmarkGrowth(b *testing.B) {
	issued := manyIssued(b)
	many := loaded(b, issued)
	b.Run(fmt.Sprintf("create/issued=%d/callers=8", issued), func(b *testing.B) { growthOfCreate(b, many) })
	b.Run(fmt.Sprintf("match/issued=%d", issued), func(b *testing.B) { growthOfMatch(b, many, min(issued, manyOpen)) })
}

// growthOfCreate creates on both databases in turns.
func growthOfCreate(b *testing.B, many string) {
	const callers, turn, turns = 8, 1000, 10
	var times [2][]time.Duration
	var elapsed [2]time.Duration
	var tills [2]*invoice.Service
	for i, path := range []string{loaded(b, fewIssued), many} {
		s, _ := openAt(b, path)
		tills[i], _ = benchTill(b, s)
	}
	run := time.Now().UnixNano() // in the order ids, because a kept database has those of the last time
	for n := range turns*b.N + 1 {
		for i, till := range tills {
			began := time.Now()
			took := spread(b, callers, turn, func(k int) error {
				_, err := till.Create(context.Background(), invoice.Request{
					Project: growthShop, OrderID: fmt.Sprintf("%d-%d", run, n*turn+k), Name: "Order of a chair",
					Price: invoice.Price{Currency: "EUR", Amount: decimal.New(1990+int64(k), -2)}, Asset: "ETH",
				})
				return err
			})
			if n > 0 { // the first turn fills the caches
				elapsed[i] += time.Since(began)
				times[i] = append(times[i], took...)
			}
		}
	}
	created := float64(turns * turn * b.N)
	few, lots := created/elapsed[0].Seconds(), created/elapsed[1].Seconds()
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(few, "creates/s-few")
	b.ReportMetric(lots, "creates/s-many")
	b.ReportMetric(lots/few, "many/few")
	b.ReportMetric(millis(percentile(times[0], 99)), "p99-ms-few")
	b.ReportMetric(millis(percentile(times[1], 99)), "p99-ms-many")
}

// growthOfMatch gives each database a block in turn. A shop of 1,000 is used up after five blocks of 200
// payments: after that its invoices would have more payments than those of the large one.
func growthOfMatch(b *testing.B, many string, open int) {
	const blocks, rounds = 4, 5 // and one before, that fills the caches
	var times [2][]time.Duration
	large := follow(b, many, open)
	for range rounds * b.N {
		small := follow(b, loaded(b, fewIssued), fewIssued)
		for n := range blocks + 1 {
			for i, f := range []*followed{small, large} {
				took := f.block()
				if n > 0 {
					times[i] = append(times[i], took)
				}
			}
		}
		small.end()
	}
	large.end()
	few, lots := percentile(times[0], 50), percentile(times[1], 50)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(millis(few), "ms/block-few")
	b.ReportMetric(millis(lots), "ms/block-many")
	b.ReportMetric(float64(few)/float64(lots), "many/few") // as a rate, so that 0.8 is the budget here as well
	b.ReportMetric(millis(percentile(times[0], 99)), "p99-ms-few")
	b.ReportMetric(millis(percentile(times[1], 99)), "p99-ms-many")
}

// followed is a shop whose service runs.
type followed struct {
	b       *testing.B
	watcher *benchWatcher
	height  int
	open    int
	end     func()
}

func follow(b *testing.B, path string, open int) *followed {
	b.Helper()
	s, db := openAt(b, path)
	p, err := s.Network(b.Context(), "eip155:1")
	require.NoError(b, err)
	for !s.Knows() { // as it is some minutes after the start
		require.NoError(b, s.Tidy(b.Context(), math.MaxInt))
	}
	till, watcher := benchTill(b, s)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- till.Run(ctx) }()
	return &followed{b: b, watcher: watcher, height: int(p.Head.Height), open: open, end: func() {
		cancel()
		require.NoError(b, <-done)
		require.NoError(b, db.Close())
	}}
}

// block matches one block and answers how long that took.
func (f *followed) block() time.Duration {
	f.height++
	step := benchBlock(f.height, f.open)
	began := time.Now()
	f.watcher.give <- step
	<-f.watcher.asked
	return time.Since(began)
}

// BenchmarkStart is from opening the database to the first question to the node, which comes after everything
// that was due is done; and the memory with all addresses in the filter, after 20 blocks and 2,000 creations. A process of its own does it, whose
// memory has no traces of loading. The same with 1,000 addresses is the limit.
func BenchmarkStart(b *testing.B) {
	if path := os.Getenv(startEnv); path != "" {
		startAndMeasure(b, path)
		return
	}
	for _, issued := range []int{fewIssued, manyIssued(b)} {
		b.Run(fmt.Sprintf("issued=%d", issued), func(b *testing.B) {
			path := loaded(b, issued)
			var sum [4]float64
			for range b.N {
				cmd := exec.Command(os.Args[0], "-test.run=^$", "-test.bench=^BenchmarkStart$", "-test.benchtime=1x")
				cmd.Env = append(os.Environ(), startEnv+"="+path, fmt.Sprintf("COINTILL_BENCH_ISSUED=%d", issued))
				out, err := cmd.CombinedOutput()
				require.NoError(b, err, "%s", out)
				_, figures, found := strings.Cut(string(out), startResult)
				require.True(b, found, "%s", out)
				for i, text := range strings.Fields(figures)[:len(sum)] {
					figure, err := strconv.ParseFloat(text, 64)
					require.NoError(b, err)
					sum[i] += figure / float64(b.N)
				}
			}
			b.ReportMetric(0, "ns/op")
			for i, unit := range []string{"ms/start", "go-MB", "rss-MB", "rss-MB-at-start"} {
				b.ReportMetric(sum[i], unit)
			}
		})
	}
}

// startAndMeasure is the process that is looked at.
func startAndMeasure(b *testing.B, path string) {
	began := time.Now()
	db, err := sqlite.Open(path)
	require.NoError(b, err)
	defer db.Close()
	s, err := sqlite.New(db)
	require.NoError(b, err)
	till, watcher := benchTill(b, s)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- till.Run(ctx) }()
	p, err := s.Network(b.Context(), "eip155:1")
	require.NoError(b, err)
	watcher.give <- chain.Step{Cursor: p.Cursor, Head: p.Head} // nothing is new
	took := time.Since(began)
	<-watcher.asked
	atStart := rssMB(b)
	for !s.Knows() { // as it is some minutes after the start
		require.NoError(b, s.Tidy(b.Context(), math.MaxInt))
	}
	f := followed{b: b, watcher: watcher, height: int(p.Head.Height), open: min(manyIssued(b), manyOpen)}
	run := time.Now().UnixNano()
	for n := range 20 {
		f.block()
		spread(b, 8, 100, func(k int) error {
			_, err := till.Create(context.Background(), invoice.Request{
				Project: growthShop, OrderID: fmt.Sprintf("%d-%d-%d", run, n, k), Asset: "ETH",
				Price: invoice.Price{Currency: "EUR", Amount: decimal.NewFromInt(20)},
			})
			return err
		})
	}
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	fmt.Printf("%s %f %f %f %f\n", startResult, millis(took), float64(mem.HeapInuse+mem.StackInuse)/1e6, rssMB(b), atStart)
	cancel()
	require.NoError(b, <-done)
}

// rssMB is the resident memory of this process, 0 where the system does not tell.
func rssMB(b *testing.B) float64 {
	b.Helper()
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	pages, err := strconv.Atoi(strings.Fields(string(statm))[1])
	require.NoError(b, err)
	return float64(pages*os.Getpagesize()) / 1e6
}

// spread makes n calls from several callers at once and answers how long each took.
func spread(b *testing.B, callers, n int, call func(k int) error) []time.Duration {
	b.Helper()
	took := make([]time.Duration, n)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for k := int(next.Add(1)) - 1; k < n; k = int(next.Add(1)) - 1 {
				began := time.Now()
				if err := call(k); err != nil {
					b.Error(err)
					return
				}
				took[k] = time.Since(began)
			}
		})
	}
	wg.Wait()
	return took
}

func percentile(times []time.Duration, p int) time.Duration {
	sorted := slices.Sorted(slices.Values(times))
	return sorted[min(len(sorted)*p/100, len(sorted)-1)]
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// loaded answers a database with so many issued addresses, each with an invoice and its first event. Those
// that benchBlock pays, at most manyOpen of them, are open and spread among the others, which have expired.
func loaded(b *testing.B, issued int) string {
	b.Helper()
	dir := os.Getenv("COINTILL_BENCH_DIR")
	if dir == "" || issued == fewIssued {
		dir = b.TempDir()
	}
	path := filepath.Join(dir, fmt.Sprintf("issued-%d.db", issued))
	if _, err := os.Stat(path); err == nil {
		return path
	}
	began := time.Now()
	part := path + ".part"
	for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
		os.Remove(part + suffix)
	}
	loadInto(b, part, issued, min(issued, manyOpen))
	require.NoError(b, syncFile(part)) // else the system does it while others are measured
	require.NoError(b, os.Rename(part, path))
	if issued > fewIssued {
		b.Logf("%d invoices loaded in %s", issued, time.Since(began).Round(time.Second))
	}
	return path
}

func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// loadInto writes the rows without the care that committing takes: a crash means loading again.
func loadInto(b *testing.B, path string, issued, open int) {
	b.Helper()
	_, db := openAt(b, path)
	defer db.Close()
	conn, err := db.Conn(b.Context())
	require.NoError(b, err)
	defer conn.Close()
	for _, q := range []string{"PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF", "PRAGMA cache_size = -2000000", "BEGIN"} {
		_, err := conn.ExecContext(b.Context(), q)
		require.NoError(b, err, q)
	}
	invoices, err := conn.PrepareContext(b.Context(), `INSERT INTO cointill_invoices (id, version, project, standing, order_id,
		created, network, wake_tag, wake_height, wake_time, doc)
		VALUES (?1, 1, ?2, 0, ?3, ?4, 'eip155:1', '', NULL, ?5, ?6)`)
	require.NoError(b, err)
	defer invoices.Close()
	places, err := conn.PrepareContext(b.Context(), `INSERT INTO cointill_places (place, network, address, slot, invoice, released)
		VALUES (?1, 'eip155:1', ?2, '', ?3, 0)`)
	require.NoError(b, err)
	defer places.Close()
	events, err := conn.PrepareContext(b.Context(), `INSERT INTO cointill_events (invoice, seq, id, project, type, from_status,
		to_status, at, comment, actor, body) VALUES (?1, 1, 'evt_' || ?1 || '_1', ?2, 'invoice.created', '', 'new', ?3, '', '', ?4)`)
	require.NoError(b, err)
	defer events.Close()
	document := newDocument(b)
	for n := range issued {
		status, key := invoice.StatusNew, n*open/issued
		if n > 0 && key == (n-1)*open/issued { // not the first with this key, so not one that is paid
			status, key = invoice.StatusExpired, open+n
		}
		inv := skeleton(n)
		var wake any
		if status == invoice.StatusNew {
			wake = inv.Deadline.UnixNano()
		}
		address := workload.Address(key)
		_, err = invoices.Exec(inv.ID, growthShop, inv.OrderID, inv.CreatedAt.UnixNano(), wake,
			document.write(status, inv.ID, inv.OrderID, string(address), inv.CreatedAt.Format(time.RFC3339Nano)))
		require.NoError(b, err)
		_, err = places.Exec(sqlite.KeyOf(address), string(address), inv.ID)
		require.NoError(b, err)
		_, err = events.Exec(inv.ID, growthShop, inv.CreatedAt.Format(time.RFC3339Nano), []byte("{}"))
		require.NoError(b, err)
	}
	_, err = conn.ExecContext(b.Context(), "COMMIT")
	require.NoError(b, err)
	// The journal of the last connection is what the file is opened with.
	_, err = conn.ExecContext(b.Context(), "PRAGMA journal_mode = WAL")
	require.NoError(b, err)
}

// skeleton is what the rows of an invoice differ in.
func skeleton(n int) invoice.Invoice {
	created := time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC).Add(time.Duration(n) * time.Millisecond)
	return invoice.Invoice{
		ID:      fmt.Sprintf("%08x-%04x-7abc-8def-%012x", n>>8, n&0xff<<8, uint64(n)*0x9e3779b97f4a7c15>>16),
		OrderID: fmt.Sprintf("order-%08d", n), CreatedAt: created, Deadline: created.Add(time.Hour),
	}
}

// document writes invoices as they are stored, by filling in a form, since encoding each takes a while.
type document struct {
	open, expired [][]byte
}

var documentFields = []string{"@id", "@order", "@address", "2099-01-02T03:04:05.123456789Z"}

func newDocument(b *testing.B) document {
	b.Helper()
	inv := workload.Creation(1).Insert[0]
	quote := *inv.Quote
	inv.ID, inv.OrderID, quote.Address, quote.Asset = documentFields[0], documentFields[1], "@address", evm.Native("eip155:1", "ETH")
	inv.Quote = &quote
	inv.CreatedAt, _ = time.Parse(time.RFC3339Nano, documentFields[3])
	// So deep that nothing matures here: the work of a block is to be the same for all.
	inv.Terms.Confirm = chain.Confirmations{Depth: 1 << 30}
	split := func() [][]byte {
		doc, err := json.Marshal(&inv)
		require.NoError(b, err)
		var parts [][]byte
		for _, field := range documentFields {
			before, after, found := bytes.Cut(doc, []byte(field))
			require.True(b, found, "%s in %s", field, doc)
			parts, doc = append(parts, before), after
		}
		return append(parts, doc)
	}
	d := document{open: split()}
	inv.State = invoice.State{Status: invoice.StatusExpired, Closed: true}
	d.expired = split()
	return d
}

func (d document) write(status invoice.Status, values ...string) string {
	parts := d.open
	if status == invoice.StatusExpired {
		parts = d.expired
	}
	var out []byte
	for i, value := range values {
		out = append(append(out, parts[i]...), value...)
	}
	return sqlite.Roomy(append(out, parts[len(parts)-1]...))
}
