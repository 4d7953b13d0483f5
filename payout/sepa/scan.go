package sepa

import (
	"bufio"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Limits bounds what is read of a document. Zero fields have the default.
type Limits struct {
	Bytes   int64 // of the document; default 1 GiB
	Depth   int   // elements within each other; default 40 (the schemas have about 15)
	Token   int   // bytes of one tag, comment, or text of an element; default 64 KiB
	Entries int   // of all statements of a camt, or transactions of a pain.002; default 1,000,000
	// Memory bounds in bytes, roughly, what is kept at a time: one entry with all its transactions and the list of statements,
	// or a whole pain.002. Default 128 MiB, which suffices for an entry of 100,000 transactions.
	Memory int64
}

func (l Limits) withDefaults() Limits {
	if l.Bytes <= 0 {
		l.Bytes = 1 << 30
	}
	if l.Depth <= 0 {
		l.Depth = 40
	}
	if l.Token <= 0 {
		l.Token = 64 << 10
	}
	if l.Entries <= 0 {
		l.Entries = 1_000_000
	}
	if l.Memory <= 0 {
		l.Memory = 128 << 20
	}
	return l
}

// source gives the bytes of a document to the decoder one by one, so that it knows how many a token takes: the decoder keeps a
// token whole before anybody can look at it.
type source struct {
	r      *bufio.Reader
	limits Limits
	read   int64 // bytes of the document
	token  int   // bytes since the token before
	latin1 bool  // ISO-8859-1 is converted to UTF-8
	second byte  // of a converted character; 0 if none waits
	err    error // of the reader, or a LimitError
}

// ReadByte returns the next byte. The decoder uses it and not Read.
func (s *source) ReadByte() (byte, error) {
	if c := s.second; c != 0 {
		s.second = 0
		return c, nil
	}
	c, err := s.r.ReadByte()
	if err != nil {
		if !errors.Is(err, io.EOF) {
			s.err = err
		}
		return 0, err
	}
	s.read++
	s.token++
	switch {
	case s.read > s.limits.Bytes:
		return 0, s.exceeds("Bytes", s.limits.Bytes)
	case s.token > s.limits.Token:
		return 0, s.exceeds("Token", int64(s.limits.Token))
	case s.latin1 && c >= 0x80:
		s.second = 0x80 | c&0x3f
		return 0xc0 | c>>6, nil
	}
	return c, nil
}

// Read meets io.Reader, which the decoder asks for.
func (s *source) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	c, err := s.ReadByte()
	if err != nil {
		return 0, err
	}
	p[0] = c
	return 1, nil
}

func (s *source) exceeds(limit string, most int64) error {
	s.err = &LimitError{Limit: limit, Max: most, Offset: s.read}
	return s.err
}

// charset serves the encodings that the XML header may name beside UTF-8.
func (s *source) charset(name string, _ io.Reader) (io.Reader, error) {
	if !strings.EqualFold(name, "ISO-8859-1") {
		return nil, errors.New("only UTF-8 and ISO-8859-1 are read")
	}
	s.latin1 = true
	return s, nil
}

// event is what the scanner came to.
type event int

const (
	opened event = iota // the tag that begins the element at path
	closed              // the tag that ends it
	ended               // the document's end
)

// scanner walks through a document. At any time, path names the element that was opened or closed last within those around it,
// by local names.
type scanner struct {
	limits   Limits
	source   *source
	decoder  *xml.Decoder
	path     []byte   // "/Document/CstmrPmtStsRpt/GrpHdr"
	ends     []int    // lengths of path without the last element, the last two, and so on
	prefixes []string // of the open elements
	leave    bool     // the element at path was closed: it goes with the next step
	rooted   bool     // the root was opened
	header   bool     // something came, so that no XML header may follow
	text     []byte   // of the element at path, as far as it follows its last child
	currency string   // its attribute Ccy
}

func newScanner(r io.Reader, limits Limits) (*scanner, error) {
	limits = limits.withDefaults()
	in := bufio.NewReaderSize(r, 64<<10)
	s := &scanner{limits: limits, source: &source{r: in, limits: limits}}
	mark, _ := in.Peek(3) // a shorter document, or the error of a reader, shows at the first token
	switch {
	case bytes.Equal(mark, []byte("\xef\xbb\xbf")):
		_, _ = in.Discard(len(mark))
	case bytes.HasPrefix(mark, []byte("\xfe\xff")), bytes.HasPrefix(mark, []byte("\xff\xfe")):
		return nil, s.fault("is UTF-16: only UTF-8 and ISO-8859-1 are read", nil)
	}
	s.decoder = xml.NewDecoder(s.source)
	s.decoder.CharsetReader = s.source.charset
	return s, nil
}

// fault returns a DocumentError of the present place.
func (s *scanner) fault(reason string, cause error) error {
	return &DocumentError{Path: string(s.path), Offset: s.source.read, Reason: reason, Err: cause}
}

// depth returns how many elements are open, one that is being closed included.
func (s *scanner) depth() int { return len(s.ends) }

// below returns the path without its first elements: below(1) of "/Document/CstmrPmtStsRpt/GrpHdr" is "CstmrPmtStsRpt/GrpHdr".
// There have to be more.
func (s *scanner) below(n int) []byte { return s.path[s.ends[n]+1:] }

// walk goes to the document's end, and calls opens and closes at each tag. An error of theirs ends it.
func (s *scanner) walk(opens, closes func() error) error {
	for {
		event, err := s.next()
		switch {
		case err != nil:
			return err
		case event == opened:
			err = opens()
		case event == closed:
			err = closes()
		default:
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// next goes to the next tag. After a closed one, path and text are those of the element until the next call.
func (s *scanner) next() (event, error) {
	if s.leave {
		s.pop()
	}
	for {
		s.source.token = 0
		// Raw tokens are half the work. That tags match is checked below; namespaces do not matter.
		token, err := s.decoder.RawToken()
		if errors.Is(err, io.EOF) && s.source.err == nil {
			if len(s.ends) > 0 || !s.rooted {
				return ended, s.fault("ends too early", err)
			}
			return ended, nil
		}
		if err != nil {
			return ended, s.broken(err)
		}
		first := !s.header
		s.header = true
		switch t := token.(type) {
		case xml.StartElement:
			return opened, s.push(t)
		case xml.EndElement:
			return closed, s.close(t)
		case xml.CharData:
			if err := s.collect(t); err != nil {
				return ended, err
			}
		case xml.ProcInst:
			if t.Target != "xml" || !first {
				return ended, s.fault("has a processing instruction", nil)
			}
		case xml.Directive:
			return ended, s.fault("has a DTD or another directive", nil)
		}
	}
}

// broken explains an error of the decoder.
func (s *scanner) broken(err error) error {
	if limit := (*LimitError)(nil); errors.As(s.source.err, &limit) {
		return limit
	}
	if s.source.err != nil {
		return fmt.Errorf("reading the document: %w", s.source.err)
	}
	return s.fault("is not well-formed: "+err.Error(), err)
}

func (s *scanner) push(t xml.StartElement) error {
	if len(s.ends) == 0 && s.rooted {
		return s.fault("has a second root", nil)
	}
	if len(s.ends) >= s.limits.Depth {
		return s.source.exceeds("Depth", int64(s.limits.Depth))
	}
	s.rooted = true
	s.ends = append(s.ends, len(s.path))
	s.path = append(append(s.path, '/'), t.Name.Local...)
	s.prefixes = append(s.prefixes, t.Name.Space)
	s.text, s.currency = s.text[:0], ""
	for _, a := range t.Attr {
		if a.Name.Local == "Ccy" {
			s.currency = a.Value
		}
	}
	return nil
}

func (s *scanner) close(t xml.EndElement) error {
	last := len(s.ends) - 1
	if last < 0 || s.prefixes[last] != t.Name.Space || string(s.path[s.ends[last]+1:]) != t.Name.Local {
		return s.fault("is not well-formed: </"+t.Name.Local+"> ends nothing", nil)
	}
	s.leave = true
	return nil
}

// pop leaves the element that was closed.
func (s *scanner) pop() {
	last := len(s.ends) - 1
	s.path, s.ends, s.prefixes = s.path[:s.ends[last]], s.ends[:last], s.prefixes[:last]
	s.leave, s.text, s.currency = false, s.text[:0], ""
}

// collect adds to the text of the element.
func (s *scanner) collect(text xml.CharData) error {
	if len(s.ends) == 0 {
		if len(bytes.TrimSpace(text)) > 0 {
			return s.fault("has text outside of its root", nil)
		}
		return nil
	}
	if len(s.text)+len(text) > s.limits.Token { // comments and CDATA sections come in between
		return s.source.exceeds("Token", int64(s.limits.Token))
	}
	s.text = append(s.text, text...)
	return nil
}

// value returns the text of the element that was closed, without space around it.
func (s *scanner) value() string { return string(bytes.TrimSpace(s.text)) }
