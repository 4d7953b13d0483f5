// Package qr encodes texts as QR codes.
package qr

import (
	"errors"
	"fmt"
	"sync"

	"rsc.io/qr/coding"
)

// plans holds the layout of the bits of a code for each version, computed when first needed.
var plans = func() (all [coding.MaxVersion + 1]func() (*coding.Plan, error)) {
	for v := range all {
		all[v] = sync.OnceValues(func() (*coding.Plan, error) { return coding.NewPlan(coding.Version(v), coding.M, 0) })
	}
	return all
}()

// Encode returns the smallest code of the parts of a text, in the order of the text. Level M is readable with 15 % of the
// code missing.
func Encode(parts ...coding.Encoding) (*coding.Code, error) {
	v := coding.Version(coding.MinVersion)
	for bits(parts, v) > 8*v.DataBytes(coding.M) {
		if v++; v > coding.MaxVersion {
			return nil, errors.New("QR code: the text is too long")
		}
	}
	plan, err := plans[v]()
	if err != nil {
		return nil, fmt.Errorf("QR code: %w", err)
	}
	code, err := plan.Encode(parts...)
	if err != nil {
		return nil, fmt.Errorf("QR code: %w", err)
	}
	return code, nil
}

func bits(parts []coding.Encoding, v coding.Version) (n int) {
	for _, p := range parts {
		n += p.Bits(v)
	}
	return n
}
