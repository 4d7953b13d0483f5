package checkout

import (
	"fmt"
	"strings"

	"github.com/cointill/cointill/httpapi/internal/qr"
	"rsc.io/qr/coding"
)

// code is a QR code as the path of an SVG.
type code struct {
	Size int    // modules on each side, with the margin
	Path string // the dark modules
}

// quiet is the margin of a code in modules (ISO/IEC 18004 demands four).
const quiet = 4

// qrOf returns the code of a text.
func qrOf(text string) (code, error) {
	c, err := qr.Encode(encodings(text)...)
	if err != nil {
		return code{}, fmt.Errorf("checkout: %w", err)
	}
	var b strings.Builder
	for y := range c.Size {
		for x := 0; x < c.Size; x++ {
			run := 0
			for x+run < c.Size && c.Black(x+run, y) {
				run++
			}
			if run > 0 {
				fmt.Fprintf(&b, "M%d %dh%dv1h-%dz", x+quiet, y+quiet, run, run)
				x += run
			}
		}
	}
	return code{c.Size + 2*quiet, b.String()}, nil
}

// encodings returns the text with its head in the denser alphanumeric form if that has the head in upper case: scheme and
// address of a bech32 payment URI may be written so, its parameters may not (BIP-21, BIP-173).
func encodings(text string) []coding.Encoding {
	head, tail, _ := strings.Cut(text, "?")
	if coding.Alpha(head).Check() != nil {
		return []coding.Encoding{coding.String(text)}
	}
	if tail == "" {
		return []coding.Encoding{coding.Alpha(head)}
	}
	return []coding.Encoding{coding.Alpha(head), coding.String("?" + tail)}
}

// upper returns a payment URI with a bech32 address in upper case, and any other text unchanged.
func upper(uri string) string {
	scheme, rest, found := strings.Cut(uri, ":")
	if !found {
		return uri
	}
	address, query, has := strings.Cut(rest, "?")
	if i := strings.LastIndex(address, "1"); i < 1 || i > 4 || len(address) < i+7 || strings.ToLower(address) != address {
		return uri // bech32 has a short prefix, "1", and at least six characters of checksum
	}
	if strings.ContainsAny(address[strings.LastIndex(address, "1")+1:], "1bio") {
		return uri
	}
	uri = strings.ToUpper(scheme + ":" + address)
	if has {
		uri += "?" + query
	}
	return uri
}
