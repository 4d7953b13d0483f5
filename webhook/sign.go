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

// Why a message is not believed. A receiver answers each of them with 401, except [ErrBadSecret],
// which is its own mistake.
var (
	// ErrNoSignature: the request lacks an id or a signature of version v1.
	ErrNoSignature = errors.New("webhook is not signed")
	// ErrBadTimestamp: the request's timestamp is missing, unreadable, or more than [Tolerance] away
	// from the receiver's clock, as that of a recorded and replayed request is.
	ErrBadTimestamp = errors.New("webhook timestamp is not acceptable")
	// ErrBadSignature: none of the signatures was made with any of the secrets over these bytes.
	ErrBadSignature = errors.New("webhook signature does not match")
	// ErrBadSecret: a secret is not "whsec_" and 24 to 64 bytes in base64, or there is none.
	ErrBadSecret = errors.New("webhook secret is not valid")
)

// Tolerance is how far the clocks of sender and receiver may be apart, in both directions.
const Tolerance = 5 * time.Minute

// The headers of Standard Webhooks.
const (
	HeaderID        = "Webhook-Id"
	HeaderTimestamp = "Webhook-Timestamp"
	HeaderSignature = "Webhook-Signature"
)

const (
	secretPrefix    = "whsec_"
	signatureScheme = "v1,"
	maxHeader       = 4096 // characters of one header that Verify reads
	maxSignatures   = 32   // in one request
	maxRequestBody  = 1 << 20
)

// Sign makes one entry of the signature header of a message as Standard Webhooks writes it: "v1," and
// the base64 of HMAC-SHA256 over id, time and body. It refuses with [ErrBadSecret], or when the id
// is empty or has a character that could be taken for the end of it.
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

// Verify is for receivers: it answers the id of a message that was signed with one of the secrets
// within [Tolerance] of now, and otherwise ErrNoSignature, ErrBadTimestamp, ErrBadSignature or
// ErrBadSecret. The body must be the bytes as they arrived: verify first, decode then. A message
// that is believed may still be a repetition; the id tells, and the same id is the same event.
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

// VerifyRequest reads the body of a request, at most 1 MiB of it, and verifies it as [Verify] does.
// It answers the message's id and the verified bytes. A body that is too long is an
// *http.MaxBytesError.
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
	mac.Write([]byte(id + "." + timestamp + ".")) // a hash takes everything
	mac.Write(body)
	return signatureScheme + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// signAll makes the value of the signature header: one entry for each secret, so that a receiver that
// knows any of them can verify while they are being rotated.
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

// parseSecret never repeats the secret in its error.
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

// validID refuses ids that would make the signed text ambiguous, or a header invalid.
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

// parseSignatures answers the v1 entries of the signature headers and passes over those of other
// schemes.
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

// anyMatches compares every pair in constant time, and does not stop at the first that matches.
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
