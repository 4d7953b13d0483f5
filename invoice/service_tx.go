package invoice

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cointill/cointill/chain"
)

// CreateTx creates an invoice as [Service.Create] does, within a transaction of the host: the host's rows and the
// invoice exist together once the host commits, or not at all. tx is the transaction, such as an *sql.Tx for
// store/sqlite or a pgx.Tx for store/postgres; the host commits it or rolls it back. Nothing that CreateTx returns may
// be shown to anybody before the commit, and after an error the transaction can go on. It refuses as [Service.WithTx]
// and [Service.Create] do.
//
// There is nothing to call after the commit: see [Service.WithTx] for when the messages are sent.
func (s *Service) CreateTx(ctx context.Context, tx any, r Request) (Invoice, error) {
	within, err := s.WithTx(tx)
	if err != nil {
		return Invoice{}, err
	}
	return within.Create(ctx, r)
}

// WithTx returns a copy of s that works within a transaction of the host, for more than [Service.CreateTx] does: to
// cancel an invoice together with its order, for example. The copy is valid for that transaction only, is for one
// goroutine and must not Run. What its methods return holds only once the transaction is committed. WithTx returns an
// [InvalidError] when tx is no transaction of the kind that Config.Store works in, and an error that wraps
// [errors.ErrUnsupported] when Config.Store is no [Transactor].
//
// The commit of the host is not reported to s. While s runs, it hints Config.Dispatcher 50 and 250 milliseconds after
// messages were stored in a transaction. If the commit comes later, or if only other processes run, the messages are
// sent at the dispatcher's next poll.
func (s *Service) WithTx(tx any) (*Service, error) {
	transactor, able := s.cfg.Store.(Transactor)
	if !able {
		return nil, fmt.Errorf("invoice: Config.Store, a %T, does not work in transactions of the host: %w", s.cfg.Store, errors.ErrUnsupported)
	}
	store, err := transactor.WithTx(tx)
	if err != nil {
		return nil, fmt.Errorf("invoice: work in a transaction: %w", err)
	}
	return s.within(store), nil
}

// within returns a copy of s that works through the store of a transaction.
func (s *Service) within(store Store) *Service {
	out := &Service{
		cfg: s.cfg, log: s.log, chains: map[chain.Network]*network{}, prices: s.prices, outer: s, late: s.late, troubled: s.troubled,
	}
	out.cfg.Store = store
	wallets := map[string]*indexes{}
	for id, n := range s.chains {
		wallet := n.indexes.wallet
		if wallets[wallet] == nil {
			// A rollback frees the transaction's numbers, which may be handed out again, so none is kept here.
			wallets[wallet] = &indexes{
				store: store, wallet: wallet, now: s.cfg.Now, single: true, pool: n.Pool, floors: s.cfg.Floors, lost: out.lost, parent: n.indexes,
			}
		}
		out.chains[id] = &network{ChainConfig: n.ChainConfig, id: id, indexes: wallets[wallet]}
	}
	return out
}

// hint wakes the dispatcher, now or, for messages in a transaction of the host, when that is probably committed.
func (s *Service) hint() {
	switch {
	case s.cfg.Dispatcher == nil:
	case s.outer == nil:
		s.cfg.Dispatcher.Hint()
	default:
		select {
		case s.late <- struct{}{}:
		default: // one is waiting already
		}
	}
}

// hintsAfter are the pauses before each hint for a transaction of the host. Most commit at once; a hint costs a query.
var hintsAfter = [...]time.Duration{50 * time.Millisecond, 200 * time.Millisecond}

// hintLate hints for transactions of the host until ctx ends.
func (s *Service) hintLate(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.late:
		}
		for i := 0; i < len(hintsAfter); i++ {
			pause(ctx, hintsAfter[i])
			s.cfg.Dispatcher.Hint()
			select {
			case <-s.late: // of a transaction that has begun since: it gets all of its hints
				i = -1
			default:
			}
		}
	}
}
