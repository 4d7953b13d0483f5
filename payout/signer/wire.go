package signer

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode"
)

// MaxBody is the largest body of a request or response, in bytes.
const MaxBody = 4 << 20

// maxReason is the longest reason of a refusal that is passed on, in bytes.
const maxReason = 256

// wireSigned is the body of a response with status 200.
type wireSigned struct {
	Signed []byte `json:"signed"`
}

// wireRefused is the body of a response with status 403.
type wireRefused struct {
	Code   string `json:"code"`
	Reason string `json:"reason"`
	Digest string `json:"digest"`
}

// wireProblem is the body of any other response.
type wireProblem struct {
	Error string `json:"error"`
}

// digest identifies what is to be signed.
func digest(unsigned []byte) string {
	sum := sha256.Sum256(unsigned)
	return hex.EncodeToString(sum[:])
}

// plain returns a text for people in one bounded, printable line.
func plain(s string) string {
	if len(s) > maxReason {
		s = s[:maxReason]
	}
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
}
