package invoice

import (
	"context"
	"errors"
)

// portions stores what a step has for invoices as parts of it that the store takes, each with the progress that the step
// follows, until there is nothing left but what is refused. It returns the progress then.
//
// Whoever follows the network meanwhile, perhaps after a crash, reads the blocks again: what is stored of them changes
// nothing, and what of it is in none of them any more is taken back.
func (s *Service) portions(ctx context.Context, n *network, p Progress, v view, most int, refused *refusals) (Progress, error) {
	for {
		now := s.cfg.Now().UTC()
		// By the old head: nothing of these blocks is deep enough, and no deadline has passed, before all of them count.
		b, _, err := s.digest(ctx, v, p, clock{head: p.Head, now: now, most: most}, refused)
		if err != nil || len(b.Update) == 0 {
			return p, err
		}
		next := p
		next.Version, next.At, next.Aside = p.Version+1, now, p.inPortions(b.Payments, now)
		b.Progress, b.Fence = []Progress{next}, n.duty.fence()
		if err := s.stands(ctx, n, p); err != nil {
			return p, err
		}
		switch err = s.store(ctx, b); {
		case err == nil:
			p = next
		case errors.Is(err, ErrTooLarge):
			if most = fewer(most, len(b.Payments)); most == 0 {
				most = 1
				refused.tooLarge(b, err)
			}
		default:
			if err := s.refused(ctx, n, p, b, err, refused); err != nil {
				return p, err
			}
		}
	}
}
