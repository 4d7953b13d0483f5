// Package etcdserver runs real etcd clusters for tests and examples, on this machine and for this process only: their members
// listen on loopback, and end with the process.
//
//	cluster, err := etcdserver.Start(ctx, etcdserver.Config{Members: 3})
//	...
//	defer cluster.Stop()
//	err = cluster.Kill(1)
//	err = cluster.Restart(ctx, 1)
//
// It does not install etcd; the environment variable COINTILL_ETCD names the program.
package etcdserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// ErrNoServer means that COINTILL_ETCD names no program.
var ErrNoServer = errors.New("no etcd: COINTILL_ETCD names no program")

// startTimeout bounds the time until the members respond.
const startTimeout = time.Minute

// Config configures a cluster. The zero value is one durable member in a temporary directory.
type Config struct {
	// Members is how many there are; default 1.
	Members int
	// Parent is the parent of the members' directory; default the system's temporary directory.
	Parent string
	// NoSync gives up durability for speed.
	NoSync bool
	// Flags are further flags of every member, in addition to those that the store needs.
	Flags []string
}

// Cluster is a running cluster. Its methods must not be called concurrently, except for URLs.
type Cluster struct {
	program string
	cfg     Config
	dir     string
	members []*member
}

type member struct {
	name   string
	client string // address
	peer   string
	cmd    *exec.Cmd
	leash  io.WriteCloser // receives the name of the signal that ends the member; closing it, also by the end of this process, ends it
}

// Available returns nil if clusters can be started, or [ErrNoServer].
func Available() error {
	if _, err := os.Stat(os.Getenv("COINTILL_ETCD")); err != nil {
		return ErrNoServer
	}
	return nil
}

// Start starts a new, empty cluster and waits until each member responds. The context bounds only the start.
func Start(ctx context.Context, cfg Config) (*Cluster, error) {
	if err := Available(); err != nil {
		return nil, fmt.Errorf("etcdserver: %w", err)
	}
	dir, err := os.MkdirTemp(cfg.Parent, "cointill-etcd-")
	if err != nil {
		return nil, fmt.Errorf("etcdserver: %w", err)
	}
	c := &Cluster{program: os.Getenv("COINTILL_ETCD"), cfg: cfg, dir: dir}
	if err := c.startAll(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("etcdserver: start: %w", err), c.Stop())
	}
	return c, nil
}

func (c *Cluster) startAll(ctx context.Context) error {
	addresses, err := free(2 * max(1, c.cfg.Members))
	if err != nil {
		return err
	}
	for i := range max(1, c.cfg.Members) {
		c.members = append(c.members, &member{name: fmt.Sprint("member", i), client: addresses[2*i], peer: addresses[2*i+1]})
	}
	for _, m := range c.members {
		if err := c.run(m); err != nil {
			return err
		}
	}
	for _, m := range c.members {
		if err := m.await(ctx); err != nil {
			said, _ := os.ReadFile(c.log(m))
			return fmt.Errorf("%s: %w: %s", m.name, err, said[max(0, len(said)-2000):])
		}
	}
	return nil
}

// free returns addresses that nothing listens on.
func free(n int) (addresses []string, err error) {
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		addresses = append(addresses, l.Addr().String())
	}
	return addresses, nil
}

func (c *Cluster) log(m *member) string { return filepath.Join(c.dir, m.name+".log") }

// run runs a member on its data.
func (c *Cluster) run(m *member) error {
	// The shell ends the member when its input ends, which happens at the latest when this process ends for any reason.
	const leash = `"$@" & server=$!; read how; kill -${how:-KILL} $server 2>/dev/null; wait $server`
	peers := make([]string, len(c.members))
	for i, p := range c.members {
		peers[i] = p.name + "=http://" + p.peer
	}
	args := []string{
		"-c", leash, "sh", c.program, "--name", m.name, "--data-dir", filepath.Join(c.dir, m.name), "--log-level", "warn",
		"--listen-client-urls", "http://" + m.client, "--advertise-client-urls", "http://" + m.client,
		"--listen-peer-urls", "http://" + m.peer, "--initial-advertise-peer-urls", "http://" + m.peer,
		"--initial-cluster", strings.Join(peers, ","), "--heartbeat-interval", "50", "--election-timeout", "500",
		"--max-txn-ops", "32768", "--max-request-bytes", "10485760", "--quota-backend-bytes", "8589934592",
	}
	if c.cfg.NoSync {
		args = append(args, "--unsafe-no-fsync")
	}
	args = append(args, c.cfg.Flags...)
	log, err := os.OpenFile(c.log(m), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	m.cmd = exec.Command("/bin/sh", args...)
	m.cmd.Stdout, m.cmd.Stderr = log, log
	if m.leash, err = m.cmd.StdinPipe(); err != nil {
		return err
	}
	return m.cmd.Start()
}

// await waits until the member can read, which needs a majority.
func (m *member) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		if m.healthy(ctx) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("it does not respond: %w", ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (m *member) healthy(ctx context.Context) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+m.client+"/health", nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	return resp.Body.Close() == nil && resp.StatusCode == http.StatusOK
}

// URLs returns where the members are.
func (c *Cluster) URLs() []string {
	var urls []string
	for _, m := range c.members {
		urls = append(urls, "http://"+m.client)
	}
	return urls
}

// Kill kills a member, as in a crash.
func (c *Cluster) Kill(i int) error { return c.members[i].end("KILL") }

// Restart runs a killed member again on its data. With wait it returns when the member responds, which needs a majority.
func (c *Cluster) Restart(ctx context.Context, i int, wait bool) error {
	err := c.run(c.members[i])
	if err == nil && wait {
		err = c.members[i].await(ctx)
	}
	if err != nil {
		return fmt.Errorf("etcdserver: restart: %w", err)
	}
	return nil
}

// Stop ends the cluster and removes its directory. It is idempotent.
func (c *Cluster) Stop() error {
	var errs []error
	for _, m := range c.members {
		errs = append(errs, m.end("KILL"))
	}
	return errors.Join(append(errs, os.RemoveAll(c.dir))...)
}

// end sends the named signal, and waits until the member has ended.
func (m *member) end(signal string) error {
	if m.cmd == nil || m.leash == nil {
		return nil
	}
	_, err := io.WriteString(m.leash, signal+"\n")
	err = errors.Join(err, m.leash.Close())
	// The exit code only shows how it was ended.
	if exit := new(exec.ExitError); err == nil {
		if err = m.cmd.Wait(); errors.As(err, &exit) {
			err = nil
		}
	}
	m.cmd = nil
	return err
}
