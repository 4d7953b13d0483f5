package staff

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"rsc.io/qr"
)

// Parameters of codes (RFC 6238), those that all authenticator apps know.
const (
	codeStep   = 30 // seconds
	codeDigits = 6
	codeSecret = 20 // bytes, the size of a hash (RFC 4226, section 4)
	codeSkew   = 1  // steps that a clock may be ahead or behind
)

var base32Text = base32.StdEncoding.WithPadding(base32.NoPadding)

// newSecret returns a secret for codes.
func newSecret() []byte {
	return random(codeSecret)
}

// code returns the code of a step (RFC 4226, section 5.3; RFC 6238, section 4).
func code(secret []byte, step int64, digits int) string {
	mac := hmac.New(sha1.New, secret)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(step)))
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 0xf
	number := binary.BigEndian.Uint32(sum[at:]) & 0x7fffffff
	ten := uint32(1)
	for range digits {
		ten *= 10
	}
	return fmt.Sprintf("%0*d", digits, number%ten)
}

// stepOf returns the step whose code was entered, if it is the present one or its neighbor and after the step that was used
// last, so that each code counts once. It compares all of them, whichever fits.
func stepOf(secret []byte, entered string, now time.Time, used int64) (step int64, fits bool) {
	entered = strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' {
			return -1
		}
		return r
	}, entered)
	present := now.Unix() / codeStep
	for s := present - codeSkew; s <= present+codeSkew; s++ {
		if subtle.ConstantTimeCompare([]byte(code(secret, s, codeDigits)), []byte(entered)) == 1 && s > used && !fits {
			step, fits = s, true
		}
	}
	return step, fits && len(secret) > 0
}

// keyURI returns what an authenticator app reads from the QR code (the Key URI Format of Google Authenticator).
func keyURI(issuer, member string, secret []byte) string {
	label := url.PathEscape(issuer) + ":" + url.PathEscape(member)
	values := url.Values{"secret": {base32Text.EncodeToString(secret)}, "issuer": {issuer}}
	return "otpauth://totp/" + label + "?" + strings.ReplaceAll(values.Encode(), "+", "%20")
}

// qrCode returns a PNG of the text as a data URI.
func qrCode(text string) (string, error) {
	picture, err := qr.Encode(text, qr.M)
	if err != nil {
		return "", fmt.Errorf("staff: QR code: %w", err)
	}
	picture.Scale = 6
	return "data:image/png;base64," + base64.StdEncoding.EncodeToString(picture.PNG()), nil
}

// Codes for when the phone is lost: as many as fit a small piece of paper, each with 80 random bits, so that a plain hash
// hides it.
const (
	recoveryCodes = 10
	recoveryBytes = 10
)

// newRecovery returns codes to be shown once, and the hashes to be stored.
func newRecovery() (codes, hashes []string) {
	for range recoveryCodes {
		raw := random(recoveryBytes)
		text := strings.ToLower(base32Text.EncodeToString(raw))
		codes = append(codes, strings.Join([]string{text[:4], text[4:8], text[8:12], text[12:]}, "-"))
		hashes = append(hashes, hashRecovery(text))
	}
	return codes, hashes
}

// hashRecovery hashes a code as it was entered: people add spaces and capital letters.
func hashRecovery(entered string) string {
	plain := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '2' && r <= '7' {
			return r
		}
		return -1
	}, strings.ToLower(entered))
	sum := sha256.Sum256([]byte("recovery\x00" + plain))
	return hex.EncodeToString(sum[:])
}

// withoutCode returns the hashes without that of the code, and reports whether it was among them.
func withoutCode(hashes []string, entered string) (left []string, was bool) {
	hash := hashRecovery(entered)
	left = slices.DeleteFunc(slices.Clone(hashes), func(h string) bool {
		return subtle.ConstantTimeCompare([]byte(h), []byte(hash)) == 1
	})
	return left, len(left) < len(hashes)
}
