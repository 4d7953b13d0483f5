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
	awaitLimit = time.Minute      // for a node to answer
	endLimit   = 20 * time.Second // for a node to end when it is asked to
)

// Process is the process of a node of any kind. Its methods may be called concurrently.
type Process struct {
	cmd   *exec.Cmd
	ended chan struct{}
	err   error // of the process; set when ended is closed
}

// Run starts a command. On Linux it is killed when this process ends, however that comes about, and is out of reach of
// the signals that a terminal sends to us.
func Run(cmd *exec.Cmd) (*Process, error) {
	bind(cmd)
	p := &Process{cmd: cmd, ended: make(chan struct{})}
	started := make(chan error)
	go func() {
		// To the kernel the parent is not our process but the thread that started the command, which must last.
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

// Await blocks until the node answers, has ended, or is too late.
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

// End asks the process to end, makes it if it does not, and waits for that. The error is about a process that did
// not end well. Nodes wait for connections: close those of clients before.
func (p *Process) End() error {
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		_ = p.cmd.Process.Kill() // fails when it has ended already
	}
	late := time.AfterFunc(endLimit, func() { _ = p.cmd.Process.Kill() })
	defer late.Stop()
	if <-p.ended; p.err != nil {
		return fmt.Errorf("end %s: %w", p.cmd.Path, p.err)
	}
	return nil
}

// Kill ends the process at once, and waits for that.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // fails when it has ended already
	<-p.ended
}
