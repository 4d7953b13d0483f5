package signer

import (
	"crypto/sha256"
	"encoding/hex"
)

// MaxBody is the largest body of a request or response, in bytes.
const MaxBody = 4 << 20

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
