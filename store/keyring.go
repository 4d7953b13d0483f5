package store

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// keyring is a [Keyring] that was read from a text.
type keyring struct {
	newest string
	keys   map[string][]byte
}

// ParseKeyring reads the keys for [Seal] from a text, such as a file or an environment variable: one key in each line,
// or separated by spaces, as an id, a colon and 64 hexadecimal digits. The first key is the newest one, which seals;
// the others only open. Lines that begin with # are skipped. To replace a key, put the new one in front. When all
// processes have it and [Sealed.Reseal] has returned nil, the former keys can be removed, a day later if replies are
// sealed. The error repeats no key.
func ParseKeyring(text string) (Keyring, error) {
	ring := &keyring{keys: map[string][]byte{}}
	for number, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		for _, entry := range strings.Fields(line) {
			id, digits, _ := strings.Cut(entry, ":")
			key, err := hex.DecodeString(digits)
			if err != nil || len(key) != 32 || !keyID(id) {
				return nil, fmt.Errorf("store: keyring: line %d: want an id, a colon and 64 hexadecimal digits", number+1)
			}
			if _, twice := ring.keys[id]; twice {
				return nil, fmt.Errorf("store: keyring: duplicate key %q", id)
			}
			if ring.newest == "" {
				ring.newest = id
			}
			ring.keys[id] = key
		}
	}
	if ring.newest == "" {
		return nil, errors.New("store: keyring: no key")
	}
	return ring, nil
}

func (k *keyring) Newest() (id string, key []byte) { return k.newest, k.keys[k.newest] }

func (k *keyring) Key(id string) (key []byte, has bool) {
	key, has = k.keys[id]
	return key, has
}

// String hides the keys from logs.
func (k *keyring) String() string {
	return fmt.Sprintf("keyring of %d, newest %s", len(k.keys), k.newest)
}

// GoString hides the keys from logs.
func (k *keyring) GoString() string { return k.String() }
