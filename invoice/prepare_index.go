package invoice

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/cointill/cointill/chain"
)

// indexes hands out the numbers of one wallet. It takes them from the store in ranges, because a durable write for each
// would halve the rate of creation. The ranges follow the demand, because the rest of one is lost when the process
// ends, as a gap that a wallet must search over.
type indexes struct {
	store  Store
	wallet string
	now    func() time.Time
	single bool     // take numbers one by one, for a transaction that may be rolled back
	parent *indexes // the indexes of the service that WithTx was called on
	pool   *Pool    // numbers may be handed out again; nil: never
	floors Floors   // may be nil
	// lost is called when the store knows of fewer numbers than were handed out, or is known to be an older one.
	lost func(ctx context.Context, wallet string, has, floor uint32) error

	mu       sync.Mutex // guards what follows
	free     []uint32   // numbers that were never shown to anybody
	doubtful map[chain.Network][]number
	size     uint32    // of the last range
	reserved time.Time // when the last range was taken
	fetching bool      // a goroutine is taking one
	ready    chan struct{}
	checked  bool      // the store was compared with the floor
	falls    int       // how often the store was found to be an older one, regardless of the floor ...
	mended   int       // ... and for how many of these the lost numbers were skipped
	floor    uint32    // the number below which all may have been shown
	rests    time.Time // no number of the pool is reused before this time
	waiting  [2]uint32 // numbers from the first to below the second wait for the floor to be raised
}

const (
	minRange = 4
	maxRange = 512
)

// number is a number that was handed out.
type number struct {
	index uint32
	maybe []string // ids of the invoices of which one may have it, since the outcomes of their commits are unknown
}

// next returns a number that no other caller gets, for an address on the network.
func (x *indexes) next(ctx context.Context, network chain.Network) (number, error) {
	if err := x.check(ctx); err != nil {
		return number{}, err
	}
	if n, ok, err := x.doubted(ctx, network); ok || err != nil {
		return n, err
	}
	if index, ok := x.kept(); ok {
		return number{index: index}, nil
	}
	take := x.fresh
	if x.pool != nil {
		take = x.pooled
	}
	index, err := take(ctx)
	return number{index: index}, err
}

// putBack takes back a number that its invoice did not get. One that an invoice may have is in doubt on the network if
// it is from a pool, and else becomes a gap: a store that loses its end no longer knows the invoice, and its address
// was shown.
func (x *indexes) putBack(n number, network chain.Network) {
	switch {
	case len(n.maybe) == 0:
		x.giveBack(n.index)
	case x.pool != nil:
		x.doubt(n, network)
	}
}

// root returns the indexes of the whole process, outside of any transaction.
func (x *indexes) root() *indexes {
	for x.parent != nil {
		x = x.parent
	}
	return x
}

// fellBack causes the store to be compared with the floor again: it is older than what was seen of it.
func (x *indexes) fellBack() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.checked = false
	x.falls++
}

// fallen returns how often the store was found to be an older one, and whether lost numbers are still to be skipped.
func (x *indexes) fallen() (falls int, older bool) {
	root := x.root()
	root.mu.Lock()
	falls, mended := root.falls, root.mended
	root.mu.Unlock()
	x.mu.Lock()
	defer x.mu.Unlock()
	return falls, falls > max(mended, x.mended)
}

func (x *indexes) isChecked() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.checked
}

// check compares the store with the floor, once. A transaction does so too, if it was not done outside: there the store
// may be locked, and what the transaction skips is lost when it is rolled back. A floor that cannot be read is no
// reason to go on where the end of a store that is known to be older was lost.
func (x *indexes) check(ctx context.Context) error {
	_, older := x.fallen()
	if !older && (x.isChecked() || x.root().isChecked()) {
		return nil
	}
	learned := x.learn(ctx)
	if learned != nil && !older {
		return learned
	}
	if err := x.lift(ctx, x.known()); err != nil {
		return err
	}
	if learned != nil {
		return learned
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.checked = true
	return nil
}

// learn reads the floor, which other processes raise too. As it is read before the store, it covers only numbers that
// the store had handed out, unless the store has lost its end.
func (x *indexes) learn(ctx context.Context) error {
	x = x.root()
	if x.floors == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, floorTime)
	defer cancel()
	floor, err := x.floors.Floor(ctx, x.wallet)
	if err != nil {
		return fmt.Errorf("read the floor of %s: %w: %w", x.wallet, errFloor, err)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.floor = max(x.floor, floor)
	return nil
}

// lift makes sure that the store hands out nothing below the floor. Skipping the numbers comes last: until then the
// store still shows that it has lost its end, and a caller that fails before repeats all of it.
func (x *indexes) lift(ctx context.Context, floor uint32) error {
	has, err := x.store.ReserveIndexes(ctx, x.wallet, 0)
	if err != nil {
		return fmt.Errorf("look how many address numbers were handed out: %w", err)
	}
	falls, older := x.fallen()
	if has >= floor && !older {
		return x.raise(ctx, has)
	}
	x.rest()
	if x.lost != nil {
		if err := x.lost(ctx, x.wallet, has, floor); err != nil {
			return err
		}
	}
	if err := x.passOver(ctx, has, floor); err != nil {
		return err
	}
	x.mu.Lock()
	x.mended = max(x.mended, falls)
	x.mu.Unlock()
	return x.raise(ctx, max(has, floor))
}

// passOver makes the store, which has handed out has numbers, skip those below the floor.
func (x *indexes) passOver(ctx context.Context, has, floor uint32) error {
	for next := has; next < floor; {
		first, err := x.store.ReserveIndexes(ctx, x.wallet, floor-next)
		if err != nil {
			return fmt.Errorf("skip address numbers below the floor: %w", err)
		}
		next = max(next, first) + (floor - next)
	}
	return nil
}

// restored skips that many numbers beyond all that are known to have been handed out.
func (x *indexes) restored(ctx context.Context, numbers uint32) error {
	x.rest()
	if err := x.learn(ctx); err != nil {
		return err
	}
	has, err := x.store.ReserveIndexes(ctx, x.wallet, 0)
	if err != nil {
		return fmt.Errorf("look how many address numbers were handed out: %w", err)
	}
	floor := x.within(max(has, x.known()), numbers)
	if err := x.passOver(ctx, has, floor); err != nil {
		return err
	}
	return x.raise(ctx, floor)
}

// within returns next plus beyond, limited to the count of numbers that exist.
func (x *indexes) within(next, beyond uint32) uint32 {
	size := uint32(math.MaxUint32)
	if x.pool != nil && x.pool.Size > 0 {
		size = x.pool.Size
	}
	return next + min(beyond, size-min(size, next))
}

// rest keeps numbers from use that an invoice lost by the store may hold: those of a pool that are free, for a while,
// and those that are in doubt, for ever. What a transaction has found out applies to the whole process.
func (x *indexes) rest() {
	for ; x != nil; x = x.parent {
		x.mu.Lock()
		x.doubtful = nil
		if x.pool != nil {
			x.rests = x.now().Add(x.pool.Quarantine)
		}
		x.mu.Unlock()
	}
}

// resting reports whether the free numbers of the pool rest.
func (x *indexes) resting() bool {
	x = x.root()
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.now().Before(x.rests)
}

// poolTime bounds how long a pool waits for the store after its caller has gone away.
const poolTime = 10 * time.Second

// outlasting returns a context that ends a while after ctx.
func outlasting(ctx context.Context) (context.Context, context.CancelFunc) {
	inner, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		pause(inner, poolTime)
		cancel()
	})
	return inner, func() {
		stop()
		cancel()
	}
}

// pooled returns a number that has rested, or a new one while the pool is not full. A caller that goes away does not
// interrupt it: a number that was taken but not returned would be lost to the pool.
func (x *indexes) pooled(ctx context.Context) (uint32, error) {
	ctx, cancel := outlasting(ctx)
	defer cancel()
	if !x.resting() {
		index, err := x.store.TakeIndex(ctx, x.wallet)
		if err == nil {
			return index, nil
		}
		if !errors.Is(err, ErrNotFound) {
			return 0, fmt.Errorf("take a number that has rested: %w", err)
		}
	}
	full := fmt.Errorf("all %d of %s are in use: %w", x.pool.Size, x.wallet, ErrNoAddress)
	if x.pool.Size > 0 {
		used, err := x.store.ReserveIndexes(ctx, x.wallet, 0)
		if err != nil {
			return 0, fmt.Errorf("look how many addresses are in use: %w", err)
		}
		if used >= x.pool.Size {
			return 0, full
		}
	}
	index, _, err := x.reserve(ctx, 1)
	switch {
	case err != nil:
		return 0, err
	case x.pool.Size > 0 && index >= x.pool.Size: // concurrent callers were faster
		return 0, full
	}
	return index, nil
}

// doubted returns a number that is in doubt on the network. Once an invoice is known to have it, it belongs to that
// one: when it gives the number up, the store hands it out again, to any process.
func (x *indexes) doubted(ctx context.Context, network chain.Network) (number, bool, error) {
	for {
		n, some := x.firstDoubt(network)
		if !some {
			return number{}, false, nil
		}
		given, err := x.given(ctx, n)
		if err != nil {
			x.doubt(n, network)
			return number{}, false, err
		}
		if !given {
			return n, true, nil
		}
	}
}

func (x *indexes) firstDoubt(network chain.Network) (number, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	list := x.doubtful[network]
	if len(list) == 0 {
		return number{}, false
	}
	x.doubtful[network] = list[1:]
	return list[0], true
}

// given reports whether an invoice has the number, or had it.
func (x *indexes) given(ctx context.Context, n number) (bool, error) {
	has := func(q Quote) bool { return q.Wallet == x.wallet && q.Index == n.index && q.Slot == "" }
	for _, id := range n.maybe {
		inv, err := x.store.Invoice(ctx, id)
		_, damaged := errors.AsType[*DamagedError](err)
		switch {
		case damaged, err == nil && slices.ContainsFunc(inv.quotes(), has):
			return true, nil
		case err != nil && !errors.Is(err, ErrNotFound):
			return false, fmt.Errorf("look whose number %d of %s is: %w", n.index, x.wallet, err)
		}
	}
	return false, nil
}

// kept returns a number of a pool that was given back.
func (x *indexes) kept() (uint32, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.pool == nil || len(x.free) == 0 {
		return 0, false
	}
	index := x.free[0]
	x.free = x.free[1:]
	return index, true
}

// fresh returns a number that was never handed out. When half of a range is gone, the caller that notices takes the
// next one while the others continue with the rest.
func (x *indexes) fresh(ctx context.Context) (uint32, error) {
	for {
		x.mu.Lock()
		if len(x.free) > int(x.size/2) || len(x.free) > 0 && x.fetching {
			index := x.free[0]
			x.free = x.free[1:]
			x.mu.Unlock()
			return index, nil
		}
		if !x.fetching {
			break
		}
		ready := x.ready
		x.mu.Unlock()
		select {
		case <-ready:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	x.fetching, x.ready = true, make(chan struct{})
	size := x.grow()
	x.mu.Unlock()

	first, got, err := x.reserve(ctx, size)

	x.mu.Lock()
	defer x.mu.Unlock()
	x.fetching = false
	close(x.ready)
	if err == nil {
		for i := range got {
			x.free = append(x.free, first+i)
		}
	}
	if len(x.free) == 0 {
		return 0, err
	}
	index := x.free[0]
	x.free = x.free[1:]
	return index, nil
}

// reserve takes n numbers from the store, or those that it took before and could not raise the floor for: none of them
// was shown to anybody, even if the store has lost its end since this process took its last ones.
func (x *indexes) reserve(ctx context.Context, n uint32) (first, got uint32, err error) {
	if err := x.learn(ctx); err != nil {
		return 0, 0, err
	}
	first, got = x.waited()
	for got == 0 {
		floor := x.known() // read before others take the next numbers and raise it
		first, err = x.store.ReserveIndexes(ctx, x.wallet, n)
		if err != nil {
			return 0, 0, fmt.Errorf("reserve address numbers: %w", err)
		}
		if first >= floor {
			got = n
		} else if err := x.lift(ctx, floor); err != nil {
			return 0, 0, err
		}
	}
	if err := x.raise(ctx, first+got); err != nil {
		if x.parent == nil {
			x.mu.Lock()
			x.waiting = [2]uint32{first, first + got}
			x.mu.Unlock()
		}
		return 0, 0, err
	}
	return first, got, nil
}

// waited returns the numbers that wait for the floor to be raised, unless it was raised beyond them since: then a store
// that has lost its end may have given the same numbers to others.
func (x *indexes) waited() (first, got uint32) {
	x.mu.Lock()
	defer x.mu.Unlock()
	first, got = x.waiting[0], x.waiting[1]-x.waiting[0]
	x.waiting = [2]uint32{}
	if first < x.floor {
		return 0, 0
	}
	return first, got
}

// errFloor is wrapped by errors of Floors, to tell them from those of the store.
var errFloor = errors.New("not known")

// floorTime bounds how long one call of Floors may take.
const floorTime = 10 * time.Second

// raise records that all numbers below next may be shown from now on.
func (x *indexes) raise(ctx context.Context, next uint32) error {
	if x.floors != nil {
		ctx, cancel := context.WithTimeout(ctx, floorTime)
		defer cancel()
		if err := x.floors.Raise(ctx, x.wallet, next); err != nil {
			return fmt.Errorf("raise the floor of %s: %w: %w", x.wallet, errFloor, err)
		}
	}
	if x.parent == nil { // after a rollback, the next transaction gets the same numbers
		x.mu.Lock()
		defer x.mu.Unlock()
		x.floor = max(x.floor, next)
	}
	return nil
}

// known returns the number below which this process knows all to have been handed out.
func (x *indexes) known() uint32 {
	x = x.root()
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.floor
}

// grow doubles the range while ranges last less than a second, and resets it when they last longer than a minute.
func (x *indexes) grow() uint32 {
	now := x.now()
	switch {
	case x.single:
		x.size = 1
	case x.size == 0 || now.Sub(x.reserved) > time.Minute:
		x.size = minRange
	case now.Sub(x.reserved) < time.Second:
		x.size = min(2*x.size, maxRange)
	}
	x.reserved = now
	return x.size
}

// giveBack takes back a number that certainly nobody was shown. A transaction's number stays with the transaction: if
// it is rolled back, the store hands the number out again by itself.
func (x *indexes) giveBack(index uint32) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.free = append(x.free, index)
}

// doubt takes back a number that either an invoice on the network has or nobody, since the outcome of the commit is
// unknown. On that network the invoice's claim, if it was stored or still will be, keeps others from the number. On
// another network nothing would.
func (x *indexes) doubt(n number, network chain.Network) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.doubtful == nil {
		x.doubtful = map[chain.Network][]number{}
	}
	x.doubtful[network] = append(x.doubtful[network], n)
}
