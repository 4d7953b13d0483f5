package pgserver

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"
)

// Bouncer is a running pgbouncer in front of a server, in transaction mode: each transaction gets any of its connections.
type Bouncer struct {
	server *Server
	cmd    *exec.Cmd
}

// Bouncer runs the program, a pgbouncer, in front of the server, and waits until it responds. The context bounds only the
// start.
func (s *Server) Bouncer(ctx context.Context, program string) (*Bouncer, error) {
	b := &Bouncer{server: s}
	if err := b.start(ctx, program); err != nil {
		return nil, errors.Join(fmt.Errorf("pgserver: start pgbouncer: %w", err), b.Stop())
	}
	return b, nil
}

const bouncerPort = "6432"

func (b *Bouncer) start(ctx context.Context, program string) error {
	// Connections of databases that are not used any more end soon, so that there are enough for those that are.
	config := fmt.Sprintf(`[databases]
* = host=%[1]s user=%[2]s
[pgbouncer]
unix_socket_dir = %[1]s
listen_port = %[3]s
auth_type = any
pool_mode = transaction
default_pool_size = 20
server_idle_timeout = 1
max_client_conn = 1000
`, b.server.dir, superuser, bouncerPort)
	file := filepath.Join(b.server.dir, "pgbouncer.ini")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return err
	}
	if err := handOver(file); err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(b.server.dir, "pgbouncer.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	b.cmd = exec.Command(program, file)
	b.cmd.Dir, b.cmd.Stdout, b.cmd.Stderr = b.server.dir, log, log
	if err := demote(b.cmd); err != nil {
		return err
	}
	if err := b.cmd.Start(); err != nil {
		b.cmd = nil
		return err
	}
	return b.await(ctx)
}

func (b *Bouncer) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, b.URL("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-ctx.Done():
			log, _ := os.ReadFile(filepath.Join(b.server.dir, "pgbouncer.log")) // only for the message
			return fmt.Errorf("it does not answer: %w: %s", err, tail(log))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// URL returns the connection string of a database through it.
func (b *Bouncer) URL(database string) string {
	return (&url.URL{
		Scheme: "postgres", User: url.User(superuser), Path: "/" + database,
		RawQuery: url.Values{"host": {b.server.dir}, "port": {bouncerPort}, "sslmode": {"disable"}}.Encode(),
	}).String()
}

// Stop ends it. It is idempotent.
func (b *Bouncer) Stop() error {
	if b.cmd == nil {
		return nil
	}
	err := b.cmd.Process.Kill()
	_ = b.cmd.Wait() // which says that it was killed
	b.cmd = nil
	return err
}
