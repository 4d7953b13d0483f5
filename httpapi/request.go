package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/cointill/cointill/invoice"
)

// maxDepth bounds the nesting of objects and arrays in a body.
const maxDepth = 16

// Request is a request to an API. It is valid only until the handler returns.
type Request struct {
	*http.Request
	ID      string          // names the request in logs and in the header X-Request-Id
	Project invoice.Project // the client, on routes for projects
	Account string          // the client, on routes for accounts

	op      *operation
	w       http.ResponseWriter
	maxBody int64
	status  int  // of the response
	read    bool // the body was read into raw
	raw     []byte
}

func (r *Request) operation() string {
	if r.op == nil {
		return ""
	}
	return r.op.OperationID
}

// Decode reads the JSON body into a struct of the type of Route.Body. It refuses with an [Error], or
// with a [FieldError] for the first member that does not fit its declaration.
func (r *Request) Decode(into any) error {
	members, err := r.Members()
	if err != nil {
		return err
	}
	return r.op.body.bind(into, func(f field) json.RawMessage { return members[f.name] })
}

// Members returns the members of the JSON body as they were sent, for dialects that decode them themselves. It refuses with
// an [Error].
func (r *Request) Members() (map[string]json.RawMessage, error) {
	body, err := r.readBody()
	if err != nil {
		return nil, err
	}
	if r.op.AnyType && slices.Contains([]string{"", "[]", "null"}, string(bytes.TrimSpace(body))) {
		return map[string]json.RawMessage{}, nil
	}
	members, err := parseObject(body)
	if err != nil {
		return nil, &Error{http.StatusBadRequest, "The body " + err.Error() + "."}
	}
	return members, nil
}

// Bind reads the parameters into a struct of the type of Route.Params. It refuses with an [Error], or
// with a [FieldError] for the first parameter that does not fit its declaration. What does
// not fit a parameter in the path names nothing: 404.
func (r *Request) Bind(into any) error {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return &Error{http.StatusBadRequest, "The query string is malformed."}
	}
	for _, f := range r.op.params.fields {
		if err == nil && !utf8.ValidString(r.parameter(f, query)) {
			err = &FieldError{Field: f.name, Reason: "must be valid UTF-8"}
		}
	}
	if err == nil {
		err = r.op.params.bind(into, func(f field) json.RawMessage { return f.raw(r.parameter(f, query)) })
	}
	if invalid, ok := errors.AsType[*FieldError](err); ok && strings.Contains(r.op.Path, "{"+invalid.Field+"}") {
		return fmt.Errorf("%s: %w", invalid.Field, invoice.ErrNotFound)
	}
	return err
}

func (r *Request) parameter(f field, query url.Values) string {
	switch f.in {
	case "path":
		return r.PathValue(f.name)
	case "header":
		return r.Header.Get(f.name)
	}
	return query.Get(f.name)
}

func (r *Request) readBody() ([]byte, error) {
	if r.op.AnyType {
		return r.Raw()
	}
	if !jsonInUTF8(r.Header.Get("Content-Type")) {
		return nil, &Error{http.StatusUnsupportedMediaType, "The Content-Type must be application/json, in UTF-8."}
	}
	return r.Raw()
}

// jsonInUTF8 reports whether a Content-Type declares JSON in UTF-8, in any of the forms that clients send.
func jsonInUTF8(contentType string) bool {
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil || media != "application/json" {
		return false
	}
	switch strings.ToLower(params["charset"]) {
	case "", "utf-8", "utf8", "us-ascii", "ascii": // UTF-8 and its subset
		return true
	}
	return false
}

// Raw returns the body as it was sent, byte for byte, whatever its type, for schemes that verify a signature. It may be
// called more than once. It refuses with an [Error], for example if the body is compressed.
func (r *Request) Raw() ([]byte, error) {
	if r.read {
		return r.raw, nil
	}
	if coding := r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		r.w.Header().Set("Accept-Encoding", "identity")
		return nil, &Error{http.StatusUnsupportedMediaType, "The body must not be compressed."}
	}
	body, err := io.ReadAll(http.MaxBytesReader(r.w, r.Body, r.maxBody))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, &Error{http.StatusRequestEntityTooLarge, fmt.Sprintf("The body has more than %d bytes.", r.maxBody)}
	}
	if err != nil {
		return nil, &Error{http.StatusBadRequest, "The body could not be read."}
	}
	r.read, r.raw = true, body
	return body, nil
}

// parseObject splits a JSON object into its members. The texts of its errors continue "the body".
func parseObject(body []byte) (map[string]json.RawMessage, error) {
	switch {
	case !utf8.Valid(body):
		return nil, errors.New("is not valid UTF-8")
	case !json.Valid(body):
		return nil, errors.New("is not valid JSON")
	case !paired(body):
		return nil, errors.New("has text that is not valid Unicode: half of a surrogate pair")
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if err := checkValue(dec, maxDepth); err != nil {
		return nil, err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil || members == nil {
		return nil, errors.New("is not a JSON object")
	}
	return members, nil
}

// paired reports whether every escaped surrogate in valid JSON is part of a pair. A single one is not a character, and
// encoding/json would replace it by U+FFFD, which could make two different texts equal.
func paired(body []byte) bool {
	for {
		at := bytes.IndexByte(body, '\\')
		if at < 0 {
			return true
		}
		if body = body[at+1:]; body[0] != 'u' {
			body = body[1:]
			continue
		}
		first := escaped(body)
		if body = body[5:]; !utf16.IsSurrogate(first) {
			continue
		}
		if !bytes.HasPrefix(body, []byte(`\u`)) || utf16.DecodeRune(first, escaped(body[1:])) == utf8.RuneError {
			return false
		}
		body = body[6:]
	}
}

// escaped returns the code unit of an escape that begins with uXXXX.
func escaped(text []byte) rune {
	n, _ := strconv.ParseUint(string(text[1:5]), 16, 16) // valid JSON has four digits
	return rune(n)
}

// checkValue refuses what parsers disagree on or cannot handle: duplicate keys and deep nesting.
func checkValue(dec *json.Decoder, depth int) error {
	token, err := dec.Token()
	if err != nil {
		return errors.New("is not valid JSON")
	}
	open, ok := token.(json.Delim)
	if !ok {
		return nil
	}
	if depth == 0 {
		return fmt.Errorf("is nested more than %d levels deep", maxDepth)
	}
	seen := map[string]bool{}
	for dec.More() {
		if open == '{' {
			key, err := dec.Token()
			if err != nil {
				return errors.New("is not valid JSON")
			}
			name, _ := key.(string)
			if seen[name] {
				return fmt.Errorf("has the key %.64q twice", name)
			}
			seen[name] = true
		}
		if err := checkValue(dec, depth-1); err != nil {
			return err
		}
	}
	_, err = dec.Token()
	return err
}
