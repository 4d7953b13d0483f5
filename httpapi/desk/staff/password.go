package staff

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
)

// cost is what a hash of Argon2id costs, as OWASP recommends (Password Storage Cheat Sheet): 19 MiB, two passes, one lane.
type cost struct {
	memory uint32 // KiB
	passes uint32
	lanes  uint8
}

var usual = cost{memory: 19 * 1024, passes: 2, lanes: 1}

// The most that a stored hash may ask for, so that whoever can write to the database cannot take the host's memory by it.
const (
	maxMemory = 256 * 1024
	maxPasses = 16
	saltSize  = 16
	hashSize  = 32
)

// Bounds of a password. Length is what makes it hard to guess (NIST SP 800-63B).
const (
	minPassword = 12  // characters
	maxPassword = 256 // bytes
)

// errBusy means that too many passwords are being checked.
var errBusy = errors.New("too many sign-ins at once")

// checkPassword returns why a new password is not accepted, in words for the person, or an empty text.
func checkPassword(password string, m member) string {
	lower := strings.ToLower(password)
	switch {
	case !utf8.ValidString(password):
		return "The password has characters that cannot be typed again everywhere."
	case utf8.RuneCountInString(password) < minPassword:
		return fmt.Sprintf("The password must have at least %d characters. Four or five random words are good.", minPassword)
	case len(password) > maxPassword:
		return fmt.Sprintf("The password must not have more than %d bytes.", maxPassword)
	case strings.Trim(lower, lower[:1]) == "":
		return "The password must not be one character repeated."
	case len(m.ID) >= 4 && strings.Contains(lower, m.ID), len(m.Name) >= 4 && strings.Contains(lower, strings.ToLower(m.Name)):
		return "The password must not contain your name."
	}
	return ""
}

// hasher hashes passwords, few at once: each hash needs 19 MiB.
type hasher struct {
	slots chan struct{} // as many as may run at once
	queue chan struct{} // as many as may run or wait
	wait  time.Duration // for a slot
	cost  cost          // of new hashes
	dummy string        // compared with when there is no password, so that the answer takes as long

	derive func(password, salt []byte, passes, memory uint32, lanes uint8, size uint32) []byte
}

// Passwords of people who are known, by a session, an invitation or their browser, are hashed beside those of strangers, this
// many at once, so that a flood of sign-ins does not keep them waiting.
const knownAtOnce = 2

func newHasher(atOnce int) *hasher {
	h := &hasher{slots: make(chan struct{}, atOnce), queue: make(chan struct{}, 16*atOnce), wait: 5 * time.Second, cost: usual, derive: argon2.IDKey}
	h.dummy = h.phc(random(saltSize), random(hashSize)) // the hash of no password that anybody knows
	return h
}

func random(size int) []byte {
	b := make([]byte, size)
	rand.Read(b) // never fails: crypto/rand ends the program instead
	return b
}

// phc returns a hash of the usual cost in the PHC string format.
func (h *hasher) phc(salt, key []byte) string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.cost.memory, h.cost.passes, h.cost.lanes, raw64(salt), raw64(key))
}

// run waits for a slot and runs f in it. It returns errBusy if the queue is full or the wait is too long.
func (h *hasher) run(ctx context.Context, f func()) error {
	select {
	case h.queue <- struct{}{}:
		defer func() { <-h.queue }()
	default:
		return errBusy
	}
	patience := time.NewTimer(h.wait)
	defer patience.Stop()
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
		f()
		return nil
	case <-patience.C:
		return errBusy
	case <-ctx.Done():
		return ctx.Err()
	}
}

// hash returns the hash of a password with a new salt, in the PHC string format.
func (h *hasher) hash(ctx context.Context, password string) (phc string, err error) {
	salt := random(saltSize)
	err = h.run(ctx, func() {
		phc = h.phc(salt, h.derive([]byte(password), salt, h.cost.passes, h.cost.memory, h.cost.lanes, hashSize))
	})
	return phc, err
}

// verify reports whether the password has the hash. It takes as long for an empty hash, which no password has.
func (h *hasher) verify(ctx context.Context, password, phc string) (same bool, err error) {
	known := phc != ""
	if !known {
		phc = h.dummy
	}
	c, salt, want, err := parsePHC(phc)
	if err != nil {
		return false, err
	}
	if len(password) > maxPassword {
		password, known = password[:maxPassword], false
	}
	err = h.run(ctx, func() {
		key := h.derive([]byte(password), salt, c.passes, c.memory, c.lanes, uint32(len(want)))
		same = subtle.ConstantTimeCompare(key, want) == 1 && known
	})
	return same, err
}

// weaker reports whether the hash costs less than a new one would.
func (h *hasher) weaker(phc string) bool {
	c, _, _, err := parsePHC(phc)
	return err == nil && (c.memory < h.cost.memory || c.passes < h.cost.passes)
}

// parsePHC reads a hash of Argon2id in the PHC string format.
func parsePHC(phc string) (c cost, salt, key []byte, err error) {
	bad := func(what string) (cost, []byte, []byte, error) {
		return cost{}, nil, nil, fmt.Errorf("staff: a stored password hash is damaged: %s", what)
	}
	parts := strings.Split(phc, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return bad("its form")
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &c.memory, &c.passes, &c.lanes); err != nil || parts[3] != fmt.Sprintf("m=%d,t=%d,p=%d", c.memory, c.passes, c.lanes) {
		return bad("its cost")
	}
	if c.passes < 1 || c.passes > maxPasses || c.lanes < 1 || c.lanes > 16 || c.memory < 8*uint32(c.lanes) || c.memory > maxMemory {
		return bad("its cost")
	}
	salt, err = base64.RawStdEncoding.Strict().DecodeString(parts[4])
	if err != nil || len(salt) < 8 || len(salt) > 64 {
		return bad("its salt")
	}
	key, err = base64.RawStdEncoding.Strict().DecodeString(parts[5])
	if err != nil || len(key) < 16 || len(key) > 64 {
		return bad("its key")
	}
	return c, salt, key, nil
}

func raw64(b []byte) string { return base64.RawStdEncoding.EncodeToString(b) }
