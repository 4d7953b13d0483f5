package market

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/cointill/cointill/rates"
)

const maxQuoted = 100 // bytes of a bad response in an error

// decodeJSON decodes a body into out. The error quotes the beginning of the body.
func decodeJSON(body []byte, out any) error {
	if err := json.Unmarshal(body, out); err != nil {
		return fmt.Errorf("not the expected JSON: %q", body[:min(len(body), maxQuoted)])
	}
	return nil
}

// decodeXML decodes a body into out. The error quotes the beginning of the body. In
// any encoding but UTF-8, bytes that are not ASCII become question marks, which is
// enough for numbers, dates and currency codes.
func decodeXML(body []byte, out any) error {
	d := xml.NewDecoder(bytes.NewReader(body))
	d.CharsetReader = func(_ string, input io.Reader) (io.Reader, error) { return asciiReader{input}, nil }
	if err := d.Decode(out); err != nil {
		return fmt.Errorf("not the expected XML: %q", body[:min(len(body), maxQuoted)])
	}
	return nil
}

type asciiReader struct{ from io.Reader }

func (r asciiReader) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	for i, c := range p[:n] {
		if c >= utf8.RuneSelf {
			p[i] = '?'
		}
	}
	return n, err
}

// bidAsk returns the middle of the two sides of a market at a time. A market that is
// empty, crossed or very thin is an error.
func bidAsk(bid, ask string, at time.Time) (Quote, error) {
	b, err := rates.ParseValue(bid)
	if err != nil {
		return Quote{}, fmt.Errorf("bid: %w", err)
	}
	a, err := rates.ParseValue(ask)
	if err != nil {
		return Quote{}, fmt.Errorf("ask: %w", err)
	}
	value, err := rates.FromBidAsk(b, a)
	return Quote{Value: value, Time: at}, err
}

// unix parses the seconds since 1970 that a provider states as its time.
func unix(s string) (time.Time, error) {
	seconds, err := strconv.ParseInt(s, 10, 64)
	if err != nil || seconds <= 0 || seconds > 1<<40 {
		return time.Time{}, fmt.Errorf("time %.40q is not seconds since 1970", s)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// unixMilli parses the milliseconds since 1970 that a provider states as its time.
func unixMilli(s string) (time.Time, error) {
	millis, err := strconv.ParseInt(s, 10, 64)
	if err != nil || millis <= 0 || millis > 1<<50 {
		return time.Time{}, fmt.Errorf("time %.40q is not milliseconds since 1970", s)
	}
	return time.UnixMilli(millis).UTC(), nil
}
