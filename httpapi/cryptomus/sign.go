package cryptomus

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
)

// Signature returns the signature of a body: the MD5, in lower-case hexadecimal, of its base64 followed by the key.
func Signature(body []byte, key string) string {
	sum := md5.Sum([]byte(base64.StdEncoding.EncodeToString(body) + key))
	return hex.EncodeToString(sum[:])
}

// signed returns a JSON object with its signature as the last member.
func signed(body []byte, key string) ([]byte, error) {
	if len(body) < 3 || body[0] != '{' || body[len(body)-1] != '}' {
		return nil, errors.New("cryptomus: sign webhook: not an object with members")
	}
	if key == "" {
		return nil, errors.New("cryptomus: sign webhook: the project has no such key")
	}
	out := slices.Clone(body[:len(body)-1])
	return fmt.Appendf(out, `,"sign":"%s"}`, Signature(body, key)), nil
}
