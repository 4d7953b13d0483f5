package invoice

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// duty is something that one of several processes does. On a store that is no [Leaser] everybody holds
// every duty. It is used by one goroutine.
type duty struct {
	leaser Leaser // nil: no leases
	name   string
	holder string
	ttl    time.Duration
	now    func() time.Time

	lease Lease
	renew time.Time // when the lease is to be renewed
}

func (s *Service) duty(name string) *duty {
	leaser, _ := s.cfg.Store.(Leaser)
	return &duty{leaser: leaser, name: name, holder: s.cfg.Holder, ttl: s.cfg.Lease, now: s.cfg.Now}
}

// hold makes sure of the duty, and answers the fence for what is done under it; ErrLeased when it is
// somebody else's.
func (d *duty) hold(ctx context.Context) (Lease, error) {
	if d.leaser == nil {
		return Lease{}, nil
	}
	// The own clock only says when to ask; who has the lease is for the store's clock to say.
	if now := d.now(); d.lease == (Lease{}) || !now.Before(d.renew) || now.Before(d.renew.Add(-d.ttl)) {
		lease, err := d.leaser.Lease(ctx, d.name, d.holder, d.ttl)
		if err != nil {
			d.lease = Lease{}
			return Lease{}, fmt.Errorf("invoice: lease %s: %w", d.name, err)
		}
		d.lease, d.renew = lease, now.Add(d.ttl/3)
	}
	return d.lease, nil
}

// lose forgets the lease after the store has refused it.
func (d *duty) lose() { d.lease = Lease{} }

// release gives the duty up, so that another process need not wait for the lease to run out.
func (d *duty) release(ctx context.Context) {
	if d.lease == (Lease{}) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = d.leaser.Release(ctx, d.lease) // it runs out by itself
	d.lease = Lease{}
}

// notOurs says whether an error only means that another process has the duty.
func notOurs(err error) bool { return errors.Is(err, ErrLeased) || errors.Is(err, ErrFenced) }
