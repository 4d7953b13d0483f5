package pgserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// ErrNoServer means that there are no PostgreSQL binaries, neither in the directory named by the environment variable
// COINTILL_PGBIN, nor in PATH, nor in /usr/lib/postgresql/*/bin.
var ErrNoServer = errors.New("no PostgreSQL server binaries")

// superuser is the first account of the servers. It needs no password, because the socket's directory is private.
const superuser = "postgres"

// startTimeout bounds the time until a server responds.
const startTimeout = time.Minute

// Config configures a server. The zero value is a durable server in a temporary directory.
type Config struct {
	// Parent is the parent of the server's directory; default the system's temporary directory. The path must be short,
	// because the path of a socket has at most about a hundred characters.
	Parent string
	// NoSync gives up durability for speed.
	NoSync bool
	// Settings holds further lines of postgresql.conf.
	Settings map[string]string
}

// Server is a running server. Except for URL, its methods must not be called concurrently.
type Server struct {
	cfg      Config
	bin      string
	dir      string // has data, log and socket; owned by the operator
	cmd      *exec.Cmd
	leash    io.WriteCloser // receives the name of the signal that ends the server; closing it, also by the end of this process, ends the server
	standbys int
}

// Start starts a new, empty server and waits until it responds. The context bounds only the start.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	s, err := prepare(cfg)
	if err != nil {
		return nil, err
	}
	err = s.run(ctx, "initdb", "-D", s.data(), "-U", superuser, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	if err == nil {
		err = s.start(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("pgserver: start: %w", err), s.remove())
	}
	return s, nil
}

func prepare(cfg Config) (*Server, error) {
	bin, err := binaries()
	if err != nil {
		return nil, fmt.Errorf("pgserver: %w", err)
	}
	dir, err := os.MkdirTemp(cfg.Parent, "cointill-pg-")
	if err != nil {
		return nil, fmt.Errorf("pgserver: %w", err)
	}
	s := &Server{cfg: cfg, bin: bin, dir: dir}
	if err := handOver(dir); err != nil {
		return nil, errors.Join(fmt.Errorf("pgserver: %w", err), s.remove())
	}
	return s, nil
}

// Available returns nil if servers can be started, or [ErrNoServer].
func Available() error {
	_, err := binaries()
	return err
}

// binaries returns the directory of the newest server.
func binaries() (string, error) {
	dirs := []string{os.Getenv("COINTILL_PGBIN")}
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			dirs = append(dirs, filepath.Dir(path))
		}
	}
	installed, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return "", err
	}
	slices.SortFunc(installed, func(a, b string) int { return major(b) - major(a) })
	for _, dir := range append(dirs, installed...) {
		if _, err := os.Stat(filepath.Join(dir, "postgres")); dir != "" && err == nil {
			return dir, nil
		}
	}
	return "", ErrNoServer
}

// major returns the version in a path like /usr/lib/postgresql/15/bin, or 0 if there is none.
func major(path string) int {
	n, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
	if err != nil {
		return 0
	}
	return n
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }
func (s *Server) log() string  { return filepath.Join(s.dir, "log") }

// command returns a command that runs a program of PostgreSQL, as the operator if necessary, because a server refuses to run
// as root.
func (s *Server) command(ctx context.Context, name string, args ...string) (*exec.Cmd, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, name), args...)
	cmd.Dir = s.dir
	return cmd, demote(cmd)
}

func (s *Server) run(ctx context.Context, name string, args ...string) error {
	cmd, err := s.command(ctx, name, args...)
	if err != nil {
		return err
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, bytes.TrimSpace(out))
	}
	return nil
}

// start runs the server on its data and waits until it responds.
func (s *Server) start(ctx context.Context) error {
	// The shell ends the server when its input ends, which happens at the latest when this process ends for any reason.
	const leash = `"$@" & server=$!; read how; kill -${how:-INT} $server 2>/dev/null; wait $server`
	args := []string{"-c", leash, "sh", filepath.Join(s.bin, "postgres"), "-D", s.data(), "-k", s.dir, "-c", "listen_addresses="}
	settings := map[string]string{"max_connections": "200", "fsync": "on"}
	if s.cfg.NoSync {
		settings["fsync"], settings["full_page_writes"] = "off", "off"
	}
	for name, value := range s.cfg.Settings {
		settings[name] = value
	}
	for name, value := range settings {
		args = append(args, "-c", name+"="+value)
	}
	log, err := os.OpenFile(s.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	s.cmd = exec.Command("/bin/sh", args...)
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = s.dir, log, log
	if err := demote(s.cmd); err != nil {
		return err
	}
	if s.leash, err = s.cmd.StdinPipe(); err != nil {
		return err
	}
	if err := s.cmd.Start(); err != nil {
		return err
	}
	return s.await(ctx)
}

// await tries to connect until the server responds.
func (s *Server) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		err := s.query(ctx, "SELECT 1")
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			log, _ := os.ReadFile(s.log()) // only for the message
			return errors.Join(fmt.Errorf("it does not answer: %w: %s", err, tail(log)), s.end("QUIT"))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func tail(log []byte) string {
	lines := strings.Split(strings.TrimSpace(string(log)), "\n")
	return strings.Join(lines[max(0, len(lines)-10):], "\n")
}

// query runs a statement as the superuser.
func (s *Server) query(ctx context.Context, sql string) error {
	conn, err := pgx.Connect(ctx, s.URL("postgres"))
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, sql)
	return errors.Join(err, conn.Close(ctx))
}

// URL returns the connection string of a database of the server as its superuser. A new server has the
// database "postgres".
func (s *Server) URL(database string) string {
	return (&url.URL{
		Scheme: "postgres", User: url.User(superuser), Path: "/" + database,
		RawQuery: url.Values{"host": {s.dir}, "sslmode": {"disable"}}.Encode(),
	}).String()
}

// CreateDatabase creates an empty database.
func (s *Server) CreateDatabase(ctx context.Context, name string) error {
	if err := s.query(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize()); err != nil {
		return fmt.Errorf("pgserver: create database %s: %w", name, err)
	}
	return nil
}

// AsyncStandby starts a standby that the server's commits do not wait for.
func (s *Server) AsyncStandby(ctx context.Context) (*Server, error) {
	standby, err := prepare(s.cfg)
	if err != nil {
		return nil, err
	}
	source := fmt.Sprintf("host=%s user=%s application_name=%s", s.dir, superuser, filepath.Base(standby.dir))
	err = standby.run(ctx, "pg_basebackup", "-d", source, "-D", standby.data(), "-R", "-X", "stream", "-c", "fast", "--no-sync")
	if err == nil {
		err = standby.start(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("pgserver: start standby: %w", err), standby.remove())
	}
	return standby, nil
}

// Detach ends what a standby receives: it does not get what its primary commits from then on.
func (s *Server) Detach(ctx context.Context) error {
	for _, sql := range []string{"ALTER SYSTEM SET primary_conninfo = ''", "SELECT pg_reload_conf()"} {
		if err := s.query(ctx, sql); err != nil {
			return fmt.Errorf("pgserver: detach: %w", err)
		}
	}
	return nil
}

// Standby starts a standby of the server. From then on every commit of the server waits until all of its standbys have it on
// disk.
func (s *Server) Standby(ctx context.Context) (*Server, error) {
	standby, err := s.AsyncStandby(ctx)
	if err != nil {
		return nil, err
	}
	s.standbys++
	for _, sql := range []string{
		fmt.Sprintf("ALTER SYSTEM SET synchronous_standby_names = 'FIRST %d (*)'", s.standbys),
		"SELECT pg_reload_conf()",
	} {
		if err == nil {
			err = s.query(ctx, sql)
		}
	}
	if err == nil {
		err = s.awaitStandbys(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("pgserver: start standby: %w", err), standby.Stop())
	}
	return standby, nil
}

// awaitStandbys waits until commits wait for every standby, because the server applies a setting with a delay.
func (s *Server) awaitStandbys(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		// An error of the arithmetic while it is not so.
		err := s.query(ctx, fmt.Sprintf(`SELECT 1 / (count(*) = %d AND current_setting('synchronous_standby_names') <> '')::int
			FROM pg_stat_replication WHERE sync_state = 'sync'`, s.standbys))
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("commits do not wait for it: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Promote turns a standby into an independent server, which waits for no other.
func (s *Server) Promote(ctx context.Context) error {
	if err := s.query(ctx, "SELECT pg_promote(true, 60)"); err != nil {
		return fmt.Errorf("pgserver: promote: %w", err)
	}
	for _, sql := range []string{"ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()"} {
		if err := s.query(ctx, sql); err != nil {
			return fmt.Errorf("pgserver: promote: %w", err)
		}
	}
	return nil
}

// Stop ends the server, closes its connections, and removes its directory. It is idempotent.
func (s *Server) Stop() error { return errors.Join(s.end(""), s.remove()) }

// Kill kills the server, as in a crash: nothing is finished and nothing is written. The directory stays until Stop.
func (s *Server) Kill() error { return s.end("QUIT") }

// Restart runs a killed server again on its data.
func (s *Server) Restart(ctx context.Context) error {
	if err := s.start(ctx); err != nil {
		return fmt.Errorf("pgserver: restart: %w", err)
	}
	return nil
}

// end sends the named signal, by default the one for an orderly end, and waits until the server has ended.
func (s *Server) end(signal string) error {
	if s.cmd == nil {
		return nil
	}
	_, err := io.WriteString(s.leash, signal+"\n")
	err = errors.Join(err, s.leash.Close())
	// The exit code only shows how it was ended.
	if exit := new(exec.ExitError); err == nil {
		if err = s.cmd.Wait(); errors.As(err, &exit) {
			err = nil
		}
	}
	s.cmd = nil
	return err
}

func (s *Server) remove() error { return os.RemoveAll(s.dir) }
