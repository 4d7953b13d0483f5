package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/cointill/cointill/internal/etcdserver"
	"github.com/cointill/cointill/internal/pgserver"
	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/store/etcd"
	"github.com/cointill/cointill/store/kv"
	"github.com/cointill/cointill/store/postgres"
	"github.com/jackc/pgx/v5/pgxpool"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// location is where a database is: one of both is given.
type location struct {
	database string // URL of a PostgreSQL; includes the standby, if there is one
	members  string // URLs of the members of etcd
}

// open opens the store there.
func (at location) open(ctx context.Context) (s store.Backend, closeStore func(), err error) {
	if at.members != "" {
		return openEtcd(ctx, strings.Split(at.members, ","))
	}
	pool, err := pgxpool.New(ctx, at.database)
	if err != nil {
		return nil, nil, err
	}
	if err = postgres.Migrate(ctx, pool); err == nil {
		s, err = postgres.New(ctx, pool)
	}
	if err != nil {
		pool.Close()
		return nil, nil, err
	}
	return s, pool.Close, nil
}

func openEtcd(ctx context.Context, members []string) (store.Backend, func(), error) {
	client, err := clientv3.New(clientv3.Config{
		Endpoints: members, DialKeepAliveTime: 2 * time.Second, DialKeepAliveTimeout: time.Second, MaxCallSendMsgSize: 10 << 20, Logger: zap.NewNop(),
	})
	if err != nil {
		return nil, nil, err
	}
	db, err := etcd.New(ctx, client, etcd.Config{Timeout: 2 * time.Second})
	if err != nil {
		return nil, nil, errors.Join(err, client.Close())
	}
	return kv.New(db), func() { _ = client.Close() }, nil
}

// database is the database of the cluster, and what happens to it.
type database interface {
	location() location
	detach(ctx context.Context) error            // makes the standby lack what is committed from now on
	fail(ctx context.Context) error              // loses the primary and promotes the standby
	harass(ctx context.Context, o options) error // all the time
	close() error
}

var errNoStandby = errors.New("-failover and -lossy need a standby, and -etcd has none")

func openDatabase(ctx context.Context, o options) (database, error) {
	if o.etcd {
		cluster, err := etcdserver.Start(ctx, etcdserver.Config{Members: 3})
		if err != nil {
			return nil, err
		}
		return members{cluster}, nil
	}
	return openServers(ctx, o)
}

// members is a cluster of etcd, which has no standby.
type members struct{ *etcdserver.Cluster }

func (m members) location() location { return location{members: strings.Join(m.URLs(), ",")} }

func (m members) detach(context.Context) error { return errNoStandby }

func (m members) fail(context.Context) error { return errNoStandby }

// harass kills a random member with kill -9, and restarts it a moment later.
func (m members) harass(ctx context.Context, o options) error {
	rng := rand.New(rand.NewPCG(o.seed, 3))
	for range o.kills {
		if !pause(ctx, time.Duration(rng.Int64N(int64(time.Second)))) {
			break
		}
		i := rng.IntN(3)
		if err := m.Kill(i); err != nil {
			return err
		}
		pause(ctx, time.Duration(rng.Int64N(int64(time.Second))))
		if err := m.Restart(ctx, i, true); err != nil {
			return err
		}
	}
	return nil
}

func (m members) close() error { return m.Stop() }

// servers is a PostgreSQL, maybe with a standby.
type servers struct {
	url     string
	servers []*pgserver.Server
}

func openServers(ctx context.Context, o options) (*servers, error) {
	if given := os.Getenv("DATABASE_URL"); given != "" && !o.failover {
		return &servers{url: given}, nil
	}
	primary, err := pgserver.Start(ctx, pgserver.Config{})
	if err != nil {
		return nil, err
	}
	db := &servers{url: primary.URL("postgres"), servers: []*pgserver.Server{primary}}
	if !o.failover {
		return db, nil
	}
	begin := primary.Standby
	if o.lossy {
		begin = primary.AsyncStandby
	}
	standby, err := begin(ctx)
	if err != nil {
		return nil, errors.Join(err, db.close())
	}
	db.servers = append(db.servers, standby)
	db.url, err = either(primary.URL("postgres"), standby.URL("postgres"))
	return db, err
}

// either returns a URL that connects to whichever of two servers accepts writes.
func either(first, second string) (string, error) {
	a, err := url.Parse(first)
	if err != nil {
		return "", err
	}
	b, err := url.Parse(second)
	if err != nil {
		return "", err
	}
	q := a.Query()
	q.Set("host", q.Get("host")+","+b.Query().Get("host"))
	q.Set("target_session_attrs", "read-write")
	q.Set("connect_timeout", "5")
	a.RawQuery = q.Encode()
	return a.String(), nil
}

func (db *servers) location() location { return location{database: db.url} }

func (db *servers) detach(ctx context.Context) error { return db.servers[1].Detach(ctx) }

func (db *servers) fail(ctx context.Context) error {
	if err := db.servers[0].Kill(); err != nil {
		return err
	}
	return db.servers[1].Promote(ctx)
}

func (db *servers) harass(context.Context, options) error { return nil }

func (db *servers) close() error {
	var errs []error
	for _, s := range db.servers {
		errs = append(errs, s.Stop())
	}
	return errors.Join(errs...)
}
