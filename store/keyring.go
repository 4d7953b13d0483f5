package store

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// keyring is a [Keyring] of a text.
type keyring struct {
	newest string
	keys   map[string][]byte
}

// ParseKeyring reads the keys that secrets are sealed with, as a file or a variable of the environment has them: one key
// in each line, or separated by spaces, as an id, a colon and 64 hexadecimal digits. The first is the newest, which is
// sealed with; the others only open. Lines that begin with # are left out. A new key is put in front of the others; when
// all processes have it and [Sealed.Reseal] is done, the others can go. The error repeats no key.
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
				return nil, fmt.Errorf("store: keyring: line %d has what is no id, colon and 64 hexadecimal digits", number+1)
			}
			if _, twice := ring.keys[id]; twice {
				return nil, fmt.Errorf("store: keyring: key %q is there twice", id)
			}
			if ring.newest == "" {
				ring.newest = id
			}
			ring.keys[id] = key
		}
	}
	if ring.newest == "" {
		return nil, fmt.Errorf("store: keyring: it has no key")
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
