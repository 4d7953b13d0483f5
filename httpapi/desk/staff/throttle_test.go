package staff_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/httpapi/desk"
	"github.com/cointill/cointill/httpapi/desk/staff"
	"github.com/cointill/cointill/httpapi/internal/stage"
)

func address(n int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})
}

func TestEveryFailureDoublesTheWait(t *testing.T) {
	c := stage.NewClock(time.Unix(1_700_000_000, 0))
	th := staff.NewThrottle(c.Now)
	for n := range 5 {
		require.Zero(t, th.Try("ann", address(n), ""), "attempt %d", n)
	}
	for want := time.Second; want < 15*time.Minute; want *= 2 {
		require.Equal(t, want, th.Try("ann", address(9), ""))
		require.Equal(t, want, th.Try("ann", address(10), ""), "whatever the address, and an attempt that waits does not count")
		require.Zero(t, th.Try("bob", address(int(want)), ""), "another name")
		c.Add(want)
		require.Zero(t, th.Try("ann", address(11+int(want)), ""))
	}
	require.Equal(t, 15*time.Minute, th.Try("ann", address(9), ""))
	c.Add(15 * time.Minute)
	require.Zero(t, th.Try("ann", address(9), ""))
	require.Equal(t, 15*time.Minute, th.Try("ann", address(9), ""), "no longer than that, for ever")
	c.Add(24 * time.Hour)
	for range 5 {
		require.Zero(t, th.Try("ann", address(9), ""), "forgotten after a day")
	}
}

func TestAnAddressIsSlowedDownWhateverTheNames(t *testing.T) {
	c := stage.NewClock(time.Unix(1_700_000_000, 0))
	th := staff.NewThrottle(c.Now)
	from := func(n int) netip.Addr { return netip.MustParseAddr(fmt.Sprintf("2001:db8:0:7::%x", n+1)) }
	for n := range 30 {
		require.Zero(t, th.Try(fmt.Sprint("name ", n), from(n), ""))
	}
	require.Positive(t, th.Try("another", from(99), ""), "another address of the same /64")
	require.Zero(t, th.Try("another", netip.MustParseAddr("2001:db8:0:8::1"), ""))
	c.Add(time.Second)
	require.Zero(t, th.Try("attacker", from(1), ""))
	th.Succeed("attacker", from(1), "") // who can sign in with a name of their own
	require.Positive(t, th.Try("another one", from(99), ""))
}

func TestAddressesOfOneCustomerAreOne(t *testing.T) {
	for text, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64",
	} {
		require.Equal(t, want, staff.Network(netip.MustParseAddr(text)))
	}
}

// However many names a stranger makes up, the memory is bounded, and what is closed stays closed.
func TestTheThrottleHasABoundAndKeepsWhatIsClosed(t *testing.T) {
	c := stage.NewClock(time.Unix(1_700_000_000, 0))
	th := staff.NewThrottle(c.Now)
	for n := range 12 {
		th.Try("ann", address(n), "")
		c.Add(15 * time.Minute)
	}
	require.Zero(t, th.Try("ann", address(99), ""))
	for n := range staff.MaxLanes {
		th.Try(fmt.Sprint("made up ", n), address(1000+n), "")
	}
	require.LessOrEqual(t, th.Lanes(), staff.MaxLanes)
	require.Positive(t, th.Try("ann", address(100), ""))
}

func TestManyAttemptsAtOnceGainNothing(t *testing.T) {
	s := open(t)
	s.member(staff.Member{ID: "ann", Role: desk.RoleViewer})
	answers := make(chan int, 40)
	for n := range 40 {
		b := s.browser()
		b.from = fmt.Sprintf("198.51.100.%d:1", n)
		go func() { answers <- b.post("sign-in", "name", "ann", "password", "wrong password").status }()
	}
	tried := 0
	for range 40 {
		if <-answers == http.StatusUnauthorized {
			tried++
		}
	}
	require.Equal(t, 5, tried)
}

// A stranger who guesses all day closes neither the browser on which the member was signed in before, nor other members.
func TestAStrangerDoesNotLockAMemberOut(t *testing.T) {
	s := open(t)
	ann, _ := s.member(staff.Member{ID: "ann", Role: desk.RoleViewer})
	bob, _ := s.member(staff.Member{ID: "bob", Role: desk.RoleViewer})
	s.clock.Add(13 * time.Hour)
	ann.signedOut()
	stranger := s.browser()
	for n := range 30 {
		stranger.from = fmt.Sprintf("198.51.100.%d:1", n)
		stranger.post("sign-in", "name", "ann", "password", "wrong password")
		s.clock.Add(time.Minute)
	}
	closed := stranger.post("sign-in", "name", "ann", "password", password).shows(http.StatusTooManyRequests, "Too many attempts")
	wait, err := strconv.Atoi(closed.header.Get("Retry-After"))
	require.NoError(t, err)
	require.LessOrEqual(t, wait, 15*60)

	ann.signs("ann")
	bob.signs("bob")

	// The lane of a device is not open without end either, and it is that of one member.
	thief := s.browser()
	thief.cookies[deviceName] = ann.cookies[deviceName]
	for range 10 {
		thief.post("sign-in", "name", "ann", "password", "wrong password").shows(http.StatusUnauthorized, "wrong")
	}
	thief.post("sign-in", "name", "ann", "password", password).shows(http.StatusTooManyRequests, "Too many attempts")
	forged := s.browser()
	forged.cookies[deviceName] = bob.cookies[deviceName]
	forged.post("sign-in", "name", "ann", "password", password).shows(http.StatusTooManyRequests, "Too many attempts")
	for _, value := range []string{"", "x", ann.cookies[deviceName] + "A", "A" + ann.cookies[deviceName][1:]} {
		forged.cookies[deviceName] = value
		forged.post("sign-in", "name", "ann", "password", password).shows(http.StatusTooManyRequests, "Too many attempts")
	}
}

func TestADeviceIsForgottenAfterHalfAYear(t *testing.T) {
	s := open(t)
	ann, _ := s.member(staff.Member{ID: "ann", Role: desk.RoleViewer})
	twin := openOn(t, s.records) // another process knows the device as well
	twin.clock.Add(s.clock.Now().Sub(twin.clock.Now()))
	fail := func(on *shop, want int) {
		stranger := on.browser()
		for n := range 6 {
			stranger.from = fmt.Sprintf("198.51.100.%d:1", n)
			stranger.post("sign-in", "name", "ann", "password", "wrong password")
		}
		b := on.browser()
		b.cookies[deviceName] = ann.cookies[deviceName]
		require.Equal(t, want, b.post("sign-in", "name", "ann", "password", password).status)
	}
	fail(twin, http.StatusSeeOther)
	s.clock.Add(180 * 24 * time.Hour)
	fail(s, http.StatusTooManyRequests)
}

// Who has learnt the password can guess codes for a while, and then waits like everybody.
func TestCodesCannotBeGuessed(t *testing.T) {
	s := open(t)
	s.member(staff.Member{ID: "ann", Role: desk.RoleViewer})
	tries := 0
	for n := range 20 {
		b := s.browser()
		b.from = fmt.Sprintf("198.51.100.%d:1", n)
		if b.post("sign-in", "name", "ann", "password", password).status != http.StatusSeeOther {
			continue
		}
		if b.post("second", "code", "000000").status == http.StatusUnauthorized {
			tries++
		}
	}
	require.Equal(t, 5, tries)
}
