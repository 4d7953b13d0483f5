package store

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// prefix begins every sealed text. After it come the id of the key, a colon, and the nonce and text of AES-256-GCM in
// base64.
const prefix = "sealed:1:"

// box seals and opens texts. Each text has an owner, such as one secret of one project; a sealed text that is moved to
// another owner cannot be opened.
type box struct{ keys Keyring }

// seal returns the text, sealed with the newest key.
func (b box) seal(owner, text string) (string, error) {
	id, key := b.keys.Newest()
	gcm, err := sealer(key)
	if err == nil && !keyID(id) {
		err = errors.New("the id must be of letters, digits, '-' and '_'")
	}
	if err != nil {
		return "", fmt.Errorf("key %q: %w", id, err)
	}
	nonce := make([]byte, gcm.NonceSize())
	rand.Read(nonce) // never fails: crypto/rand ends the program instead
	return prefix + id + ":" + base64.RawStdEncoding.EncodeToString(gcm.Seal(nonce, nonce, []byte(text), []byte(owner))), nil
}

// open returns what was sealed. A text that is not sealed is returned as it is.
func (b box) open(owner, text string) (string, error) {
	rest, sealed := strings.CutPrefix(text, prefix)
	if !sealed {
		return text, nil
	}
	id, text, _ := strings.Cut(rest, ":")
	key, has := b.keys.Key(id)
	if !has {
		return "", fmt.Errorf("sealed with key %q: %w", id, ErrNoKey)
	}
	gcm, err := sealer(key)
	if err != nil {
		return "", fmt.Errorf("key %q: %w", id, err)
	}
	raw, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil || len(raw) < gcm.NonceSize() {
		return "", fmt.Errorf("sealed with key %q: damaged", id)
	}
	plain, err := gcm.Open(nil, raw[:gcm.NonceSize()], raw[gcm.NonceSize():], []byte(owner))
	if err != nil {
		return "", fmt.Errorf("sealed with key %q: damaged, or sealed with another key of this id: %w", id, err)
	}
	return string(plain), nil
}

// stale reports whether a stored text is not sealed with the newest key.
func (b box) stale(text string) bool {
	newest, _ := b.keys.Newest()
	return !strings.HasPrefix(text, prefix+newest+":")
}

func sealer(key []byte) (cipher.AEAD, error) {
	if len(key) != 32 {
		return nil, fmt.Errorf("must have 32 bytes, not %d", len(key))
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// keyID reports whether the text can be the id of a key.
func keyID(id string) bool {
	return id != "" && len(id) <= 64 && strings.Trim(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == ""
}

// isSealed reports whether a text was sealed, with whichever key.
func isSealed(text string) bool { return strings.HasPrefix(text, prefix) }
