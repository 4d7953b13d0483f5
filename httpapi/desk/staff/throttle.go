package staff

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/cointill/cointill/httpapi/internal/client"
)

// throttle slows down guessing. Each lane has some attempts for nothing; then every further one doubles the wait for the
// next, up to longest. It is kept in memory, and counts an attempt before it is known whether it fails, so that many at once
// gain nothing.
type throttle struct {
	now func() time.Time

	mu    sync.Mutex // guards what follows
	lanes map[string]*lane
}

type lane struct {
	count int
	until time.Time // no attempt before
	last  time.Time
}

// How long a lane is closed at most, after which time it is forgotten, and how many there are.
const (
	firstWait  = time.Second
	longest    = 15 * time.Minute
	forgotten  = 24 * time.Hour
	maxLanes   = 20_000
	freeName   = 5  // attempts with the name of a member
	freeDevice = 10 // attempts on a device that the member was signed in on before
	freeFrom   = 30 // attempts from an address, which many people may share
)

// attempt names the lanes that an attempt counts in, with what they have for nothing.
type attempt []struct {
	lane string
	free int
}

func (a *attempt) add(lane string, free int) {
	*a = append(*a, struct {
		lane string
		free int
	}{lane, free})
}

// addFrom adds the lane of an address.
func (a *attempt) addFrom(from netip.Addr) { a.add("from "+client.Network(from), freeFrom) }

// attemptOf returns the lanes of an attempt to sign in: that of the device if it is known to be the member's, so that nobody
// else can close it, and otherwise those of the name and of the address.
func attemptOf(name string, from netip.Addr, device string) (a attempt) {
	if device != "" {
		a.add("device "+device, freeDevice)
		return a
	}
	a.add("name "+name, freeName)
	a.addFrom(from)
	return a
}

// begin counts the attempt, or returns how long it has to wait, and counts nothing then.
func (t *throttle) begin(a attempt) (wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	for _, at := range a {
		if l := t.lanes[at.lane]; l != nil && now.Sub(l.last) < forgotten {
			wait = max(wait, l.until.Sub(now))
		}
	}
	if wait > 0 {
		return wait
	}
	for _, at := range a {
		l := t.lane(at.lane, now)
		l.count, l.last = l.count+1, now
		if over := l.count - at.free; over >= 0 {
			l.until = now.Add(min(firstWait<<min(over, 20), longest))
		}
	}
	return 0
}

// lane returns the lane, a new one if it was forgotten. If there is no room, it makes some.
func (t *throttle) lane(name string, now time.Time) *lane {
	if l := t.lanes[name]; l != nil && now.Sub(l.last) < forgotten {
		return l
	}
	if len(t.lanes) >= maxLanes {
		t.clear(now)
	}
	l := &lane{}
	t.lanes[name] = l
	return l
}

// clear removes what is forgotten and, if that is little, an eighth of the lanes: those that are open, or open first, and of
// these the oldest. It is not needed again soon.
func (t *throttle) clear(now time.Time) {
	maps.DeleteFunc(t.lanes, func(_ string, l *lane) bool { return now.Sub(l.last) >= forgotten })
	over := len(t.lanes) - maxLanes*7/8
	if over <= 0 {
		return
	}
	names := slices.SortedFunc(maps.Keys(t.lanes), func(a, b string) int {
		x, y := t.lanes[a], t.lanes[b]
		return cmp.Or(x.until.Compare(y.until), x.last.Compare(y.last))
	})
	for _, name := range names[:over] {
		delete(t.lanes, name)
	}
}

// succeed takes the attempt back, and forgets the failures of the name or the device. Those of the address stay: somebody who
// can sign in must not be able to guess for others in between.
func (t *throttle) succeed(a attempt) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.lanes, a[0].lane)
	t.takeBack(a[1:])
}

// forgive takes an attempt back that was right, but not all of it.
func (t *throttle) forgive(a attempt) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.takeBack(a)
}

func (t *throttle) takeBack(a attempt) {
	for _, at := range a {
		if l := t.lanes[at.lane]; l != nil && l.count > 0 {
			l.count--
			if l.count < at.free {
				l.until = time.Time{}
			}
		}
	}
}
