package etcd_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cointill/cointill/internal/etcdserver"
	"github.com/cointill/cointill/internal/etcdtest"
	"github.com/cointill/cointill/store/etcd"
	"github.com/cointill/cointill/store/kv"
	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// proxy is a way to one member that can be cut.
type proxy struct {
	listener net.Listener
	to       string

	mu    sync.Mutex // guards what follows
	conns map[net.Conn]bool
	mute  bool // what the server says does not arrive
	down  bool // nobody can connect
}

func newProxy(t testing.TB, url string) *proxy {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{listener: l, to: strings.TrimPrefix(url, "http://"), conns: map[net.Conn]bool{}}
	go p.serve()
	t.Cleanup(func() {
		_ = l.Close()
		p.cut()
	})
	return p
}

func (p *proxy) url() string { return "http://" + p.listener.Addr().String() }

func (p *proxy) serve() {
	for {
		in, err := p.listener.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", p.to)
		if err != nil || !p.add(in, out) {
			_ = in.Close()
			continue
		}
		go p.pipe(out, in, false)
		go p.pipe(in, out, true)
	}
}

func (p *proxy) add(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		if p.conns[c] = true; p.down {
			_ = c.Close()
		}
	}
	return !p.down
}

func (p *proxy) pipe(to, from net.Conn, answers bool) {
	defer to.Close()
	defer from.Close()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		p.mu.Lock()
		mute := answers && p.mute
		p.mu.Unlock()
		if mute {
			continue
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// set changes what the proxy does.
func (p *proxy) set(mute, down bool) {
	p.mu.Lock()
	p.mute, p.down = mute, down
	p.mu.Unlock()
}

// cut ends all connections.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
		delete(p.conns, c)
	}
}

// count adds one to a counter, and says in the same update who did.
func count(ctx context.Context, db kv.DB, who string) error {
	return db.Update(ctx, func(tx kv.Tx) error { return errors.Join(increment(tx, "counter"), increment(tx, "by "+who)) })
}

func increment(tx kv.Tx, key string) error {
	value, err := tx.Get([]byte(key))
	if err != nil {
		return err
	}
	n, _ := strconv.Atoi(string(value))
	return tx.Put([]byte(key), []byte(strconv.Itoa(n+1)))
}

// countUnheard counts, and what the servers say of the commit is not heard.
func countUnheard(ctx context.Context, db kv.DB, way *proxy) error {
	return db.Update(ctx, func(tx kv.Tx) error {
		err := errors.Join(increment(tx, "counter"), increment(tx, "by me"))
		way.set(true, false)
		return err
	})
}

// counted returns the counter, and how often each has counted.
func counted(t *testing.T, db kv.DB) (total int, by map[string]int) {
	require.NoError(t, db.View(t.Context(), func(tx kv.Tx) error {
		by = map[string]int{}
		value, err := tx.Get([]byte("counter"))
		if err != nil {
			return err
		}
		total, _ = strconv.Atoi(string(value))
		return tx.Scan([]byte("by "), []byte("by!"), func(key, value []byte) bool {
			by[strings.TrimPrefix(string(key), "by ")], _ = strconv.Atoi(string(value))
			return true
		})
	}))
	return total, by
}

func TestACommitWhoseAnswerIsLostIsStoredOnce(t *testing.T) {
	for name, silent := range map[string]bool{"the connection is cut": false, "the request times out": true} {
		t.Run(name, func(t *testing.T) {
			way := newProxy(t, one.Client(t).Endpoints()[0])
			prefix := etcdtest.Prefix()
			db := open(t, etcdtest.Connect(t, []string{way.url()}), etcd.Config{Prefix: prefix, Timeout: time.Second})
			require.NoError(t, count(t.Context(), db, "me"))
			for n := range 3 {
				ended := make(chan error, 1)
				go func() { ended <- countUnheard(t.Context(), db, way) }()
				await(t, func() bool { // the other way to the server says when it is stored
					total, _ := counted(t, open(t, one.Client(t), etcd.Config{Prefix: prefix}))
					return total == n+2
				})
				if silent { // for longer than a request may take
					time.Sleep(1500 * time.Millisecond)
				}
				way.set(false, false)
				way.cut() // nor can what was unheard go on in the middle of a message
				require.NoError(t, <-ended)
			}
			total, by := counted(t, db)
			require.Equal(t, 4, total)
			require.Equal(t, map[string]int{"me": 4}, by)
		})
	}
}

// await waits until something holds.
func await(t *testing.T, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !holds(); time.Sleep(5 * time.Millisecond) {
		require.True(t, time.Now().Before(end), "it has not happened within a minute")
	}
}

// Writers of two processes count while members are killed with kill -9 and the ways to them are cut in the middle of what is
// said: whatever was confirmed is there once, what was refused is not, and what is not known is there once or not.
func TestWhatWasConfirmedIsThereOnceWhateverIsKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("kills programs often: not with -short")
	}
	cluster := etcdtest.Start(t, etcdserver.Config{Members: 3})
	var ways []*proxy
	var urls []string
	for _, url := range cluster.URLs() {
		ways = append(ways, newProxy(t, url))
		urls = append(urls, ways[len(ways)-1].url())
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var wg sync.WaitGroup
	var mu sync.Mutex
	confirmed, unknown := map[string]int{}, map[string]int{}
	for process := range 2 {
		db := open(t, etcdtest.Connect(t, urls), etcd.Config{Timeout: time.Second, Patience: 5 * time.Second})
		for writer := range 4 {
			wg.Go(func() {
				who := fmt.Sprint(process, ".", writer)
				for ctx.Err() == nil {
					err := count(t.Context(), db, who)
					mu.Lock()
					if err == nil {
						confirmed[who]++
					} else if errors.Is(err, etcd.ErrUnknown) {
						unknown[who]++
					}
					mu.Unlock()
				}
			})
		}
	}
	rng := rand.New(rand.NewPCG(1, uint64(time.Now().UnixNano())))
	progress := func() (sum int) {
		mu.Lock()
		defer mu.Unlock()
		for _, n := range confirmed {
			sum += n
		}
		return sum
	}
	for range 25 {
		time.Sleep(time.Duration(rng.IntN(300)) * time.Millisecond)
		switch i := rng.IntN(3); rng.IntN(3) {
		case 0:
			require.NoError(t, cluster.Kill(i))
			time.Sleep(time.Duration(rng.IntN(500)) * time.Millisecond)
			require.NoError(t, cluster.Restart(t.Context(), i, true))
		case 1: // whatever is on its way arrives, and nobody hears of it
			ways[i].set(true, false)
			time.Sleep(time.Duration(rng.IntN(50)) * time.Millisecond)
			ways[i].set(false, true)
			ways[i].cut()
			time.Sleep(time.Duration(rng.IntN(500)) * time.Millisecond)
			ways[i].set(false, false)
		case 2:
			ways[i].cut()
		}
		before := progress()
		await(t, func() bool { return progress() > before })
	}
	cancel()
	wg.Wait()
	total, by := counted(t, open(t, etcdtest.Connect(t, cluster.URLs()), etcd.Config{}))
	sum, doubtful := 0, 0
	for who, n := range by {
		sum += n
		doubtful += unknown[who]
		require.GreaterOrEqual(t, n, confirmed[who], who)
		require.LessOrEqual(t, n, confirmed[who]+unknown[who], who)
	}
	require.Equal(t, total, sum, "each update is there as a whole")
	require.Len(t, by, 8)
	t.Logf("%d confirmed, %d unknown, %d stored", progress(), doubtful, total)
}

func TestAnUpdateWhoseContextEndsWhileItIsStoredIsUnknown(t *testing.T) {
	way := newProxy(t, one.Client(t).Endpoints()[0])
	prefix := etcdtest.Prefix()
	db := open(t, etcdtest.Connect(t, []string{way.url()}), etcd.Config{Prefix: prefix, Timeout: time.Second, Patience: time.Second})
	require.NoError(t, count(t.Context(), db, "me"))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- countUnheard(ctx, db, way) }()
	await(t, func() bool {
		total, _ := counted(t, open(t, one.Client(t), etcd.Config{Prefix: prefix}))
		return total == 2
	})
	cancel()
	err := <-ended
	require.ErrorIs(t, err, etcd.ErrUnknown)
	require.ErrorIs(t, err, context.Canceled)

	// Nor does a caller wait for ever who has no end.
	go func() { ended <- count(t.Context(), db, "me") }()
	require.Error(t, <-ended)
	way.set(false, false)
	way.cut()
	await(t, func() bool { return count(t.Context(), db, "me") == nil })
	total, by := counted(t, db)
	require.Equal(t, total, by["me"])
}

// An update that reads nothing of what another process has stored since would otherwise be made from an old state.
func TestAnUpdateThatOnlyRefusesHasSeenWhatWasStoredBefore(t *testing.T) {
	prefix := etcdtest.Prefix()
	mine, theirs := open(t, one.Client(t), etcd.Config{Prefix: prefix}), open(t, one.Client(t), etcd.Config{Prefix: prefix})
	errSeen := errors.New("seen")
	for n := range 20 {
		key := []byte(fmt.Sprint("key ", n))
		require.NoError(t, count(t.Context(), mine, "me")) // whose state is now known here
		require.NoError(t, theirs.Update(t.Context(), func(tx kv.Tx) error { return tx.Put(key, []byte("1")) }))
		err := mine.Update(t.Context(), func(tx kv.Tx) error {
			value, err := tx.Get(key)
			if value != nil {
				return errSeen
			}
			return err
		})
		require.ErrorIs(t, err, errSeen)
	}
}

// Two processes write beside each other: neither sees what is no more, however much it remembers.
func TestWhatOthersStoreIsNotReadFromMemory(t *testing.T) {
	prefix := etcdtest.Prefix()
	cfg := etcd.Config{Prefix: prefix, Cache: 2000} // so that it is dropped now and then
	var dbs []*etcd.DB
	for range 3 {
		dbs = append(dbs, open(t, one.Client(t), cfg))
		cfg.Cache = 0
	}
	var wg sync.WaitGroup
	for i, db := range dbs {
		for range 4 {
			wg.Go(func() {
				for range 20 {
					if err := count(t.Context(), db, strconv.Itoa(i)); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	wg.Wait()
	total, by := counted(t, dbs[0])
	require.Equal(t, 240, total)
	require.Equal(t, map[string]int{"0": 80, "1": 80, "2": 80}, by)
}

// Many updates look for what must not be there, in three processes: one finds nothing.
func TestOneOfAllThatFindARangeEmptyWritesThere(t *testing.T) {
	prefix := etcdtest.Prefix()
	var dbs []*etcd.DB
	for range 3 {
		dbs = append(dbs, open(t, one.Client(t), etcd.Config{Prefix: prefix}))
	}
	for round := range 15 {
		from := fmt.Sprint("seat ", round, " ")
		var wg sync.WaitGroup
		for i := range 9 {
			wg.Go(func() {
				if err := dbs[i%3].Update(t.Context(), func(tx kv.Tx) error { return takeSeat(tx, from, i) }); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		taken := 0
		require.NoError(t, dbs[0].View(t.Context(), func(tx kv.Tx) error {
			taken = 0
			return tx.Scan([]byte(from), []byte(from+"\xff"), func(_, _ []byte) bool { taken++; return true })
		}))
		require.Equal(t, 1, taken)
	}
}

// takeSeat takes a seat if none is taken, after it has freed and looked at another range.
func takeSeat(tx kv.Tx, from string, i int) error {
	taken := false
	if err := tx.Scan([]byte(from), []byte(from+"\xff"), func(_, _ []byte) bool { taken = true; return false }); err != nil || taken {
		return err
	}
	if err := tx.Delete([]byte(from + "none")); err != nil {
		return err
	}
	return tx.Put([]byte(from+strconv.Itoa(i)), []byte("1"))
}

func compact(t *testing.T, client *clientv3.Client) {
	resp, err := client.Get(t.Context(), "anything")
	require.NoError(t, err)
	_, err = client.Compact(t.Context(), resp.Header.Revision)
	require.NoError(t, err)
}

func TestAStateThatIsCompactedAwayIsReplacedByANewOne(t *testing.T) {
	client, prefix := one.Client(t), etcdtest.Prefix()
	db, other := open(t, client, etcd.Config{Prefix: prefix}), open(t, client, etcd.Config{Prefix: prefix})
	require.NoError(t, count(t.Context(), db, "me"))
	for what, run := range map[string]func(context.Context, func(kv.Tx) error) error{"View": db.View, "Update": db.Update} {
		t.Run(what, func(t *testing.T) {
			runs := 0
			err := run(t.Context(), func(tx kv.Tx) error {
				runs++
				first, err := tx.Get([]byte("by me"))
				if err != nil {
					return err
				}
				if runs <= 2 {
					require.NoError(t, count(t.Context(), other, "me"))
					compact(t, client)
				}
				second, err := tx.Get([]byte("a key of run " + strconv.Itoa(runs)))
				if err != nil {
					return err
				}
				require.Nil(t, second)
				require.Equal(t, strconv.Itoa(mustTotal(t, other)), string(first), "the run that counts is on the newest state")
				return nil
			})
			require.NoError(t, err)
			require.Equal(t, 3, runs)
		})
	}
	runs := 0
	err := db.View(t.Context(), func(tx kv.Tx) error {
		if runs++; runs > 100 {
			return io.ErrUnexpectedEOF
		}
		if _, err := tx.Get([]byte("by me")); err != nil {
			return err
		}
		require.NoError(t, count(t.Context(), other, "me"))
		compact(t, client)
		_, err := tx.Get([]byte("by me"))
		return err
	})
	require.Error(t, err)
	require.Equal(t, 10, runs, "it gives up")
}

func mustTotal(t *testing.T, db kv.DB) int {
	total, _ := counted(t, db)
	return total
}

func TestWhatIsTooLargeIsRefusedAndItsNeighboursAreNot(t *testing.T) {
	db := open(t, one.Client(t), etcd.Config{Prefix: etcdtest.Prefix(), MaxOps: 10, MaxBytes: 1 << 20})
	large := func(tx kv.Tx) error { return tx.Put([]byte("large"), make([]byte, 2<<20)) }
	many := func(tx kv.Tx) error {
		for i := range 11 {
			if err := tx.Put([]byte(fmt.Sprint("many ", i)), []byte("1")); err != nil {
				return err
			}
		}
		return nil
	}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if err := count(t.Context(), db, "me"); err != nil {
				t.Error(err)
			}
		})
		for _, f := range []func(kv.Tx) error{large, many} {
			wg.Go(func() {
				if err := db.Update(t.Context(), f); !errors.Is(err, etcd.ErrTooLarge) {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	require.Equal(t, 20, mustTotal(t, db))
	require.NoError(t, db.View(t.Context(), func(tx kv.Tx) error {
		value, err := tx.Get([]byte("large"))
		require.Nil(t, value)
		return err
	}))
}

// The servers and the client are set up as OPERATING.md says.
func TestAnUpdateMayHaveAllThatIsAllowed(t *testing.T) {
	db, err := etcd.New(t.Context(), one.Client(t), etcd.Config{Prefix: etcdtest.Prefix()})
	require.NoError(t, err)
	const keys, each = 20_000, 8 << 20 / 20_000
	require.NoError(t, db.Update(t.Context(), func(tx kv.Tx) error {
		for i := range keys {
			key := fmt.Sprintf("a key as long as those of messages are, with the id of its project, its invoice and its URL %06d", i)
			if err := tx.Put([]byte(key), make([]byte, each-len(key))); err != nil {
				return err
			}
		}
		return nil
	}))
}

func TestWhatTheServersOrTheClientRefuseAsTooLargeIsNotStored(t *testing.T) {
	cfg := etcdtest.ClientConfig(one.Client(t).Endpoints())
	for name, size := range map[string]int{"client": 2 << 20, "servers": 30 << 20} {
		t.Run(name, func(t *testing.T) {
			cfg := cfg
			cfg.MaxCallSendMsgSize = size
			client, err := clientv3.New(cfg)
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, client.Close()) })
			db := open(t, client, etcd.Config{Prefix: etcdtest.Prefix(), MaxBytes: 40 << 20})
			err = db.Update(t.Context(), func(tx kv.Tx) error { return tx.Put([]byte("large"), make([]byte, 12<<20)) })
			require.ErrorIs(t, err, etcd.ErrTooLarge)
			require.NotErrorIs(t, err, etcd.ErrUnknown)
			require.NoError(t, count(t.Context(), db, "me"))
		})
	}
}

func TestServersThatTakeTooFewOperationsAreNotOpened(t *testing.T) {
	_, err := etcd.New(t.Context(), one.Client(t), etcd.Config{Prefix: etcdtest.Prefix(), MaxOps: 32_768})
	require.ErrorIs(t, err, etcd.ErrServerLimit)
	open(t, one.Client(t), etcd.Config{Prefix: etcdtest.Prefix(), MaxOps: 32_766})
	_, err = etcd.New(t.Context(), one.Client(t), etcd.Config{MaxOps: -1})
	require.Error(t, err)
}

// Servers store the write that fills them up, and say of it that they have no space.
func TestAFullClusterRefusesAndWhatItSaysOfTheLastWriteIsFoundOut(t *testing.T) {
	cluster := etcdtest.Start(t, etcdserver.Config{NoSync: true, Flags: []string{"--quota-backend-bytes", "3000000"}})
	client := etcdtest.Connect(t, cluster.URLs())
	db := open(t, client, etcd.Config{})
	confirmed := 0
	var err error
	for err == nil && confirmed < 100 {
		err = db.Update(t.Context(), func(tx kv.Tx) error {
			return errors.Join(tx.Put([]byte("filling"+strconv.Itoa(confirmed)), make([]byte, 400_000)), tx.Put([]byte("filled"), []byte(strconv.Itoa(confirmed))))
		})
		if err == nil {
			confirmed++
		}
	}
	require.ErrorIs(t, err, etcd.ErrNoSpace)
	require.NotErrorIs(t, err, etcd.ErrUnknown)
	require.NoError(t, db.View(t.Context(), func(tx kv.Tx) error {
		value, err := tx.Get([]byte("filled"))
		require.Equal(t, strconv.Itoa(confirmed-1), string(value), "what was refused is not stored, and what was stored was not refused")
		return err
	}))
}

// A panic of one caller's function ends its own update.
func TestAFunctionThatDoesNotReturnHarmsNobodyElse(t *testing.T) {
	db := fresh(t)
	var wg sync.WaitGroup
	for i := range 30 {
		wg.Go(func() {
			if i%3 > 0 {
				if err := count(t.Context(), db, "me"); err != nil {
					t.Error(err)
				}
				return
			}
			defer func() {
				if recover() == nil {
					t.Error("the panic is gone")
				}
			}()
			runs := 0
			_ = db.Update(t.Context(), func(tx kv.Tx) error {
				if err := tx.Put([]byte("never"), []byte("1")); err != nil {
					return err
				}
				if runs++; runs > i%2 { // at once, or when it is its turn
					panic("on purpose")
				}
				_, err := tx.Get([]byte("counter"))
				return errors.Join(err, errAgain)
			})
			panic("it had one turn only")
		})
	}
	wg.Wait()
	require.Equal(t, 20, mustTotal(t, db))
}

var errAgain = errors.New("again")
