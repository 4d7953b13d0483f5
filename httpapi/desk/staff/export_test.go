package staff

import (
	"cmp"
	"context"
	"net/netip"
	"time"

	"github.com/cointill/cointill/httpapi/internal/client"
)

// What the tests of the package see of its inside.
var (
	Code      = code
	StepOf    = stepOf
	KeyURI    = keyURI
	NextPath  = func(next, otherwise string) string { return cmp.Or(nextPath(next), otherwise) }
	InvitedID = invitedID
	ParsePHC  = func(phc string) error { _, _, _, err := parsePHC(phc); return err }
	ValidID   = validID
	Network   = client.Network
	Browser   = browser
)

const CodeStep, MaxLanes, MaxSessions = codeStep, maxLanes, maxSessions

func (s *Staff) hashers() []*hasher { return []*hasher{s.hasher, s.known} }

// Quick makes hashes cheap, and calls ran for each of them.
func (s *Staff) Quick(ran func()) {
	s.Hashing(ran)
	for _, h := range s.hashers() {
		h.cost = cost{memory: 64, passes: 1, lanes: 1}
		h.dummy = h.phc(random(saltSize), random(hashSize))
	}
}

// Hashing calls ran before each hash from now on.
func (s *Staff) Hashing(ran func()) {
	for _, h := range s.hashers() {
		h.hashing(ran)
	}
}

// HashingOfStrangers calls ran before each hash of a stranger's password from now on.
func (s *Staff) HashingOfStrangers(ran func()) { s.hasher.hashing(ran) }

func (h *hasher) hashing(ran func()) {
	derive := h.derive
	h.derive = func(password, salt []byte, passes, memory uint32, lanes uint8, size uint32) []byte {
		ran()
		return derive(password, salt, passes, memory, lanes, size)
	}
}

// Costly hashes like a program that was built later, when hashes cost more.
func (s *Staff) Costly() {
	for _, h := range s.hashers() {
		h.cost.passes++
	}
}

// Impatient bounds how long a password waits.
func (s *Staff) Impatient(wait time.Duration) {
	for _, h := range s.hashers() {
		h.wait = wait
	}
}

// PasswordOf returns the stored hash.
func (s *Staff) PasswordOf(ctx context.Context, id string) string {
	m, _ := s.find(ctx, id)
	return m.Password
}

// SecretOf returns the stored secret of codes.
func (s *Staff) SecretOf(ctx context.Context, id string) []byte {
	m, _ := s.find(ctx, id)
	return m.Secret
}

// UseCode uses up a code, and reports whether it did.
func (s *Staff) UseCode(ctx context.Context, id, code string) (bool, error) {
	_, _, err := s.useCode(ctx, id, code)
	return err == nil, err
}

// Sessions returns how many sessions of the member are stored.
func (s *Staff) Sessions(ctx context.Context, id string) (int, error) {
	all, err := s.sessionsOf(ctx, id)
	return len(all), err
}

// Throttle is the bound on attempts alone.
type Throttle struct{ t *throttle }

func NewThrottle(now func() time.Time) Throttle {
	return Throttle{&throttle{now: now, lanes: map[string]*lane{}}}
}

// Try counts an attempt, which fails, or returns how long it has to wait.
func (t Throttle) Try(name string, from netip.Addr, device string) time.Duration {
	return t.t.begin(attemptOf(name, from, device))
}

func (t Throttle) Succeed(name string, from netip.Addr, device string) {
	t.t.succeed(attemptOf(name, from, device))
}

func (t Throttle) Lanes() int { return len(t.t.lanes) }
