package cryptomus

import (
	"fmt"
	"strconv"
	"strings"
)

// phpObject encodes a JSON object as PHP's json_encode does with JSON_UNESCAPED_UNICODE: receivers decode it, encode it
// again and compare signatures, so every byte matters. It has strings instead of numbers, which PHP would convert to floats.
type phpObject struct{ buf []byte }

func (p *phpObject) name(name string) {
	sep := byte(',')
	if p.buf == nil {
		sep = '{'
	}
	p.buf = append(appendPHP(append(p.buf, sep), name), ':')
}

func (p *phpObject) text(name, value string) {
	p.name(name)
	p.buf = appendPHP(p.buf, value)
}

func (p *phpObject) null(name string) {
	p.name(name)
	p.buf = append(p.buf, "null"...)
}

func (p *phpObject) orNull(name, value string) {
	if value == "" {
		p.null(name)
		return
	}
	p.text(name, value)
}

func (p *phpObject) flag(name string, value bool) {
	p.name(name)
	p.buf = strconv.AppendBool(p.buf, value)
}

func (p *phpObject) end() []byte { return append(p.buf, '}') }

// appendPHP appends a string. '/' is escaped, and so are U+2028 and U+2029, which old JavaScript takes for the end of a
// line, but nothing else beyond ASCII. Invalid UTF-8 becomes U+FFFD, because PHP would refuse it.
func appendPHP(buf []byte, s string) []byte {
	buf = append(buf, '"')
	for _, r := range strings.ToValidUTF8(s, "\uFFFD") {
		switch r {
		case '"', '\\', '/':
			buf = append(buf, '\\', byte(r))
		case '\b':
			buf = append(buf, `\b`...)
		case '\f':
			buf = append(buf, `\f`...)
		case '\n':
			buf = append(buf, `\n`...)
		case '\r':
			buf = append(buf, `\r`...)
		case '\t':
			buf = append(buf, `\t`...)
		case '\u2028', '\u2029':
			buf = fmt.Appendf(buf, `\u%04x`, r)
		default:
			if r < ' ' {
				buf = fmt.Appendf(buf, `\u%04x`, r)
			} else {
				buf = append(buf, string(r)...)
			}
		}
	}
	return append(buf, '"')
}
