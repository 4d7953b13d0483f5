package devbtc

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"time"

	"github.com/cointill/cointill/chain/bitcoin"
)

const (
	awaitLimit = time.Minute      // until a node responds
	endLimit   = 20 * time.Second // until a node has ended on request
)

// Process is the process of any kind of node. Its methods may be called concurrently.
type Process struct {
	cmd   *exec.Cmd
	ended chan struct{}
	err   error // of the process; set when ended is closed
}

// Run starts a command. On Linux it is killed when this process ends for any reason, and it does not receive the signals
// that a terminal sends to this process.
func Run(cmd *exec.Cmd) (*Process, error) {
	bind(cmd)
	p := &Process{cmd: cmd, ended: make(chan struct{})}
	started := make(chan error)
	go func() {
		// For the kernel the parent is not this process but the thread that started the command, which must therefore not
		// end.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
			close(p.ended)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	return p, nil
}

// Await blocks until the node responds, has ended, or a time limit is over.
func (p *Process) Await(ctx context.Context, client *bitcoin.Client) error {
	ctx, cancel := context.WithTimeout(ctx, awaitLimit)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := client.Call(ctx, nil, "getblockcount")
		if err == nil {
			return nil
		}
		select {
		case <-p.ended:
			return fmt.Errorf("await %s: it has ended: %v", p.cmd.Path, p.cmd.ProcessState)
		case <-ctx.Done():
			return fmt.Errorf("await %s: %w: %w", p.cmd.Path, ctx.Err(), err)
		case <-tick.C:
		}
	}
}

// End requests the process to end, kills it if it does not, and waits for its end. It returns an error if the process did
// not end normally. Nodes wait for connections: close those of clients first.
func (p *Process) End() error {
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		_ = p.cmd.Process.Kill() // fails if it has ended already
	}
	late := time.AfterFunc(endLimit, func() { _ = p.cmd.Process.Kill() })
	defer late.Stop()
	if <-p.ended; p.err != nil {
		return fmt.Errorf("end %s: %w", p.cmd.Path, p.err)
	}
	return nil
}

// Kill kills the process and waits for its end.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // fails if it has ended already
	<-p.ended
}
