package invoice

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// duty is work that one of several processes does. On a store that is no [Leaser] every process holds every duty.
type duty struct {
	leaser Leaser // nil: no leases
	name   string
	holder string
	ttl    time.Duration

	mu    sync.Mutex // guards what follows
	lease Lease
}

func (s *Service) duty(name string) *duty {
	leaser, _ := s.cfg.Store.(Leaser)
	return &duty{leaser: leaser, name: name, holder: s.cfg.Holder, ttl: s.cfg.Lease}
}

// during gets the duty, does its work and renews the lease for as long as the work lasts: a slow node or a slow store
// must not hand the duty to a process that is no quicker. If the duty is lost all the same, the work's context ends. It
// returns ErrLeased when another process has the duty.
func (d *duty) during(ctx context.Context, work func(context.Context) error) error {
	if d.leaser == nil {
		return work(ctx)
	}
	if err := d.ask(ctx); err != nil {
		return err
	}
	inner, cancel := context.WithCancelCause(ctx)
	var renewal sync.WaitGroup
	renewal.Go(func() { d.renew(inner, cancel) })
	err := work(inner)
	cancel(nil)
	renewal.Wait()
	if lost := context.Cause(inner); err != nil && notOurs(lost) {
		return lost
	}
	return err
}

// renew renews the lease until ctx ends or another process has it.
func (d *duty) renew(ctx context.Context, lost context.CancelCauseFunc) {
	for {
		pause(ctx, d.ttl/3)
		if ctx.Err() != nil {
			return
		}
		// A store that does not respond leaves open who has the lease: the fence decides then.
		if err := d.ask(ctx); notOurs(err) {
			lost(err)
			return
		}
	}
}

// ask gets or renews the lease.
func (d *duty) ask(ctx context.Context) error {
	lease, err := d.leaser.Lease(ctx, d.name, d.holder, d.ttl)
	if err != nil {
		if notOurs(err) {
			d.lose()
		}
		return fmt.Errorf("invoice: lease %s: %w", d.name, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lease = lease
	return nil
}

// fence returns the lease that guards what is committed now.
func (d *duty) fence() Lease {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.lease
}

// lose forgets the lease after the store has refused it.
func (d *duty) lose() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lease = Lease{}
}

// release gives the duty up, so that another process need not wait until the lease expires.
func (d *duty) release(ctx context.Context) {
	lease := d.fence()
	if lease == (Lease{}) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = d.leaser.Release(ctx, lease) // it expires by itself
	d.lose()
}

// notOurs reports whether an error only means that another process has the duty.
func notOurs(err error) bool { return errors.Is(err, ErrLeased) || errors.Is(err, ErrFenced) }
