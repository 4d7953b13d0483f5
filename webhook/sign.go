package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Errors of [Verify] and [VerifyRequest]. A receiver should respond to each with status 401, except to [ErrBadSecret], which
// is an error of its own configuration.
var (
	// ErrNoSignature is returned for a request without a valid id or without a signature of version v1.
	ErrNoSignature = errors.New("webhook is not signed")
	// ErrBadTimestamp is returned for a request whose timestamp is missing, malformed, or more than [Tolerance] away from
	// the receiver's clock, as in a replayed request.
	ErrBadTimestamp = errors.New("webhook timestamp is not acceptable")
	// ErrBadSignature is returned for a request without a signature of its bytes by one of the secrets.
	ErrBadSignature = errors.New("webhook signature does not match")
	// ErrBadSecret is returned if a secret is not "whsec_" followed by 24 to 64 bytes in base64, or if there is none.
	ErrBadSecret = errors.New("webhook secret is not valid")
)

// Tolerance is the maximum difference between the clocks of sender and receiver, in either direction.
const Tolerance = 5 * time.Minute

// Headers of Standard Webhooks.
const (
	HeaderID        = "Webhook-Id"
	HeaderTimestamp = "Webhook-Timestamp"
	HeaderSignature = "Webhook-Signature"
)

const (
	secretPrefix    = "whsec_"
	signatureScheme = "v1,"
	maxHeader       = 4096 // maximum length of the signature headers, in bytes
	maxSignatures   = 32   // maximum number of signatures that are checked
	maxRequestBody  = 1 << 20
)

// Sign returns one entry of the Standard Webhooks signature header of a message: "v1," followed by the base64 of the
// HMAC-SHA256 of id, time and body. It returns [ErrBadSecret] for an invalid secret, and an error for an id that is empty,
// has more than 256 bytes, or has a dot, a space, or another character that is not printable ASCII.
func Sign(secret, id string, at time.Time, body []byte) (string, error) {
	key, err := parseSecret(secret)
	if err != nil {
		return "", err
	}
	if !validID(id) {
		return "", fmt.Errorf("webhook: sign: id %.64q is empty or not plain", id)
	}
	return sign(key, id, strconv.FormatInt(at.Unix(), 10), body), nil
}

// Verify verifies a received message, and returns its id if it was signed with one of the secrets within [Tolerance] of now.
// Otherwise it returns ErrNoSignature, ErrBadTimestamp, ErrBadSignature or ErrBadSecret. body must be the bytes as they were
// received: verify before decoding. A verified message may be a repetition, which has the same id as the first.
func Verify(secrets []string, header http.Header, body []byte, now time.Time) (id string, err error) {
	keys := make([][]byte, 0, len(secrets))
	for _, secret := range secrets {
		key, err := parseSecret(secret)
		if err != nil {
			return "", err
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return "", fmt.Errorf("%w: none given", ErrBadSecret)
	}
	id = header.Get(HeaderID)
	signatures := parseSignatures(header.Values(HeaderSignature))
	if !validID(id) || len(signatures) == 0 {
		return "", ErrNoSignature
	}
	timestamp := header.Get(HeaderTimestamp)
	if err := checkTimestamp(timestamp, now); err != nil {
		return "", err
	}
	if !anyMatches(keys, signatures, id, timestamp, body) {
		return "", ErrBadSignature
	}
	return id, nil
}

// VerifyRequest reads the body of a request, verifies it like [Verify], and returns the message's id and the verified bytes.
// It returns an *http.MaxBytesError for a body of more than 1 MiB.
func VerifyRequest(r *http.Request, secrets []string, now time.Time) (id string, body []byte, err error) {
	body, err = io.ReadAll(http.MaxBytesReader(nil, r.Body, maxRequestBody))
	if err != nil {
		return "", nil, fmt.Errorf("webhook: read request: %w", err)
	}
	id, err = Verify(secrets, r.Header, body, now)
	if err != nil {
		return "", nil, err
	}
	return id, body, nil
}

func sign(key []byte, id, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + timestamp + ".")) // a hash never returns an error
	mac.Write(body)
	return signatureScheme + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// signAll returns the value of the signature header, with one entry for each secret, so that a receiver with any of them can
// verify the message during a rotation.
func signAll(secrets []string, id string, at time.Time, body []byte) (string, error) {
	if len(secrets) == 0 {
		return "", fmt.Errorf("%w: none is active", ErrBadSecret)
	}
	entries := make([]string, len(secrets))
	for i, secret := range secrets {
		entry, err := Sign(secret, id, at, body)
		if err != nil {
			return "", err
		}
		entries[i] = entry
	}
	return strings.Join(entries, " "), nil
}

// parseSecret returns the key in a secret. Its errors never contain the secret.
func parseSecret(secret string) ([]byte, error) {
	encoded, ok := strings.CutPrefix(secret, secretPrefix)
	if !ok {
		return nil, fmt.Errorf("%w: it does not begin with %s", ErrBadSecret, secretPrefix)
	}
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, fmt.Errorf("%w: it is not base64", ErrBadSecret)
	}
	if len(key) < 24 || len(key) > 64 {
		return nil, fmt.Errorf("%w: it has %d bytes, not 24 to 64", ErrBadSecret, len(key))
	}
	return key, nil
}

// validID reports whether an id makes neither the signed text ambiguous nor the header invalid.
func validID(id string) bool {
	if id == "" || len(id) > 256 {
		return false
	}
	for _, c := range []byte(id) {
		if c <= ' ' || c >= 0x7f || c == '.' {
			return false
		}
	}
	return true
}

// parseSignatures returns the v1 entries of the signature headers, and ignores those of other schemes.
func parseSignatures(values []string) []string {
	joined := strings.Join(values, " ")
	if len(joined) > maxHeader {
		return nil
	}
	var out []string
	for _, entry := range strings.Fields(joined) {
		if strings.HasPrefix(entry, signatureScheme) && len(out) < maxSignatures {
			out = append(out, entry)
		}
	}
	return out
}

func checkTimestamp(timestamp string, now time.Time) error {
	const digits = 15 // enough for thirty million years, and no overflow
	if timestamp == "" || len(timestamp) > digits || strings.Trim(timestamp, "0123456789") != "" {
		return fmt.Errorf("%w: it is not a Unix time", ErrBadTimestamp)
	}
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return fmt.Errorf("%w: it is not a Unix time", ErrBadTimestamp)
	}
	at := time.Unix(seconds, 0)
	if at.Before(now.Add(-Tolerance)) || at.After(now.Add(Tolerance)) {
		return fmt.Errorf("%w: it is more than %s from now", ErrBadTimestamp, Tolerance)
	}
	return nil
}

// anyMatches reports whether a signature matches a key. It compares every pair, each in constant time.
func anyMatches(keys [][]byte, signatures []string, id, timestamp string, body []byte) bool {
	found := false
	for _, key := range keys {
		want := []byte(sign(key, id, timestamp, body))
		for _, got := range signatures {
			if hmac.Equal(want, []byte(got)) {
				found = true
			}
		}
	}
	return found
}
