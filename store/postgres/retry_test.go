package postgres_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/cointill/cointill/internal/pgtest"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/store/internal/workload"
	"github.com/cointill/cointill/store/postgres"
	"github.com/cointill/cointill/store/storetest"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

// refusals makes the server refuse statements as if it could not serialize their transactions: in the place of a statement
// it gets one that raises this error, so that it really ends the transaction. It may be used concurrently.
type refusals struct {
	// choose decides about a statement by its place in its transaction, from 0 for the one that begins it, or 0 for a
	// statement alone, and by whether the same one was sent before, after the same ones in its transaction.
	choose func(place int, again bool) bool

	mu     sync.Mutex // guards what follows
	sent   map[[32]byte]bool
	alike  map[[32]byte]int
	places map[int]int // how many were refused at each place
}

// mostAlike is how many statements are refused that differ only in arguments, theirs or of those before in the transaction:
// tests that store thousands of invoices would take minutes.
const mostAlike = 20

// refusable prepares a database for refusals.
func refusable(ctx context.Context, pool *pgxpool.Pool) error {
	if err := postgres.Migrate(ctx, pool); err != nil {
		return err
	}
	_, err := pool.Exec(ctx, `CREATE FUNCTION refuse() RETURNS int LANGUAGE plpgsql AS
		$$ BEGIN RAISE EXCEPTION 'could not serialize' USING ERRCODE = '40001'; END $$`)
	return err
}

// use makes the connections of a pool serializable, and refuses what is chosen of what is sent by them.
func (r *refusals) use(cfg *pgxpool.Config) {
	cfg.ConnConfig.RuntimeParams["default_transaction_isolation"] = "serializable"
	cfg.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		return &refusing{Conn: conn, of: r, texts: map[string]string{}, place: -1}, err
	}
	cfg.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Prepare(ctx, refusedName, "SELECT refuse()")
		return err
	}
}

const refusedName = "refused"

func (r *refusals) refuses(place int, history, texts [32]byte) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	again := r.sent[history]
	if r.sent == nil {
		r.sent, r.alike, r.places = map[[32]byte]bool{}, map[[32]byte]int{}, map[int]int{}
	}
	r.sent[history] = true
	if !r.choose(place, again) || r.alike[texts] >= mostAlike {
		return false
	}
	r.alike[texts]++
	r.places[place]++
	return true
}

// refusing is a connection to a server that reads what is sent.
type refusing struct {
	net.Conn
	of      *refusals
	begun   bool // the first message, which has no kind, was sent
	rest    []byte
	texts   map[string]string // of prepared statements, by their names
	history [32]byte          // of what was sent in the transaction ...
	spoken  [32]byte          // ... and the same without arguments
	place   int               // of the last statement in its transaction, or -1 outside of one
}

func (c *refusing) Write(p []byte) (int, error) {
	c.rest = append(c.rest, p...)
	var out []byte
	for {
		message := c.next()
		if message == nil {
			break
		}
		out = append(out, message...)
	}
	if _, err := c.Conn.Write(out); err != nil {
		return 0, err
	}
	return len(p), nil
}

// next takes the next whole message, and returns what is sent for it.
func (c *refusing) next() []byte {
	head := 1
	if !c.begun {
		head = 0
	}
	if len(c.rest) < head+4 {
		return nil
	}
	size := head + int(binary.BigEndian.Uint32(c.rest[head:]))
	if len(c.rest) < size {
		return nil
	}
	message := bytes.Clone(c.rest[:size])
	c.rest = c.rest[size:]
	if !c.begun {
		c.begun = true
		return message
	}
	switch body := message[5:]; message[0] {
	case 'P': // prepare
		name, body, _ := bytes.Cut(body, []byte{0})
		text, _, _ := bytes.Cut(body, []byte{0})
		c.texts[string(name)] = string(text)
	case 'B': // bind and run, because pgx does nothing else with it
		portal, body, _ := bytes.Cut(body, []byte{0})
		name, _, _ := bytes.Cut(body, []byte{0})
		if c.refuses(c.texts[string(name)], body) {
			instead := append(append(portal, 0), refusedName...)
			return frame('B', append(instead, 0, 0, 0, 0, 0, 0, 0)) // no formats, no arguments, no formats of results
		}
	case 'Q':
		text := string(bytes.TrimRight(body, "\x00"))
		if c.refuses(text, nil) {
			return frame('Q', []byte("SELECT refuse()\x00"))
		}
	}
	return message
}

func frame(kind byte, body []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(body)+4)), body...)
}

// refuses follows the transactions of the connection.
func (c *refusing) refuses(text string, args []byte) bool {
	is := func(word string) bool { return strings.HasPrefix(strings.ToLower(text), word) }
	switch {
	case is("begin"):
		c.place = 0
		c.history, c.spoken = [32]byte{}, [32]byte{}
	case is("rollback to"), is("release"):
		return false
	case is("rollback"):
		c.place = -1
		return false
	case c.place < 0:
		c.history, c.spoken = [32]byte{}, [32]byte{}
	default:
		c.place++
	}
	c.history = sha256.Sum256(append(append(c.history[:], text...), args...))
	c.spoken = sha256.Sum256(append(c.spoken[:], text...))
	refused := c.of.refuses(max(c.place, 0), c.history, c.spoken)
	if is("commit") || refused && c.place == 0 {
		c.place = -1
	}
	return refused
}

// Every statement of every operation is refused, in two runs, since an operation is repeated a limited number of times.
// Nothing is lost, doubled or told to the caller.
func TestWhatCannotBeSerializedIsRepeatedWhereverThatHappens(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the whole suite twice: not with -short")
	}
	for _, half := range []int{0, 1} {
		t.Run(fmt.Sprint("half ", half), func(t *testing.T) {
			refused := map[int]int{}
			storetest.Run(t, func(t *testing.T) store.Backend {
				r := &refusals{choose: func(place int, again bool) bool { return !again && place%2 == half }}
				s := open(t, pgtest.Connect(t, server.Copy(t, "refusable", refusable), r.use))
				t.Cleanup(func() {
					for place, n := range r.places {
						refused[place] += n
					}
				})
				return s
			}, storetest.WithListers())
			t.Log("refused at each place of a transaction: ", refused)
			require.NotEmpty(t, refused)
		})
	}
}

// A transaction of the host's can be repeated by the host alone, who is told so.
func TestTheHostIsToldWhatCannotBeSerialized(t *testing.T) {
	at := 0
	r := &refusals{choose: func(place int, _ bool) bool { return at > 0 && place == at }}
	pool := pgtest.Connect(t, server.Copy(t, "refusable", refusable), r.use)
	s := open(t, pool)
	ctx := t.Context()
	require.NoError(t, s.CommitPayouts(ctx, workload.Deposit()))
	whole := func() error {
		return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
			within := inTx(t, s, tx)
			if err := within.Commit(ctx, workload.Creation(1)); err != nil {
				return err
			}
			if _, err := within.Invoice(ctx, workload.Creation(1).Insert[0].ID); err != nil {
				return err
			}
			if _, err := within.TakeIndex(ctx, "hot"); !errors.Is(err, invoice.ErrNotFound) {
				return err
			}
			if _, err := within.Invoices(ctx, invoice.Query{Limit: 1}); err != nil {
				return err
			}
			return within.(payout.Store).CommitPayouts(ctx, workload.PayoutRequest(2))
		})
	}
	for at = 1; ; at++ {
		err := whole()
		if err == nil {
			break
		}
		var native *pgconn.PgError
		require.ErrorAs(t, err, &native, "place %d", at)
		require.Equal(t, "40001", native.Code)
		_, err = s.Invoice(ctx, workload.Creation(1).Insert[0].ID)
		require.ErrorIs(t, err, invoice.ErrNotFound)
	}
	require.Greater(t, at, 15, "so many statements were refused, one after the other")
	at = 0
	_, err := s.Payout(ctx, workload.PayoutRequest(2).Payouts[0].ID)
	require.NoError(t, err)
	entries, err := s.Entries(ctx, 0, 10)
	require.NoError(t, err)
	require.Len(t, entries, 2)
	requireWholeFeed(t, s)
}
