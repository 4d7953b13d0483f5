package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/shopspring/decimal"
)

// operation is a route, ready to serve.
type operation struct {
	Route
	params, body shape
	repeatable   bool // by Idempotency-Key: it is a write by an authenticated client
}

func newOperation(r Route, replies bool) (*operation, error) {
	methods := []string{http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodPut, http.MethodDelete}
	switch {
	case !slices.Contains(methods, r.Method):
		return nil, errors.New("Method must be GET, POST, PATCH, PUT or DELETE")
	case !strings.HasPrefix(r.Path, "/") || r.Path == "/" || strings.HasSuffix(r.Path, "/"):
		return nil, errors.New("Path must begin with a slash and not end with one")
	case r.Path == "/openapi.json" || r.Path == "/docs":
		return nil, errors.New("Path is reserved for the document")
	case r.OperationID == "" || r.Summary == "" || r.Tag == "":
		return nil, errors.New("OperationID, Summary and Tag are required")
	case r.Handler == nil || r.Answer == nil:
		return nil, errors.New("Handler and Answer are required")
	case r.Auth != nil && ((r.Auth.Name == "") != (r.Auth.Header == "") || r.Auth.Check == nil):
		return nil, errors.New("Auth needs Check, and Name and Header or neither")
	}
	if text, is := r.Answer.(Text); is && (text.Type == "" || r.Method != http.MethodGet) {
		return nil, errors.New("Answer: a Text needs a Type, and GET") // a reply that is kept is JSON
	}
	if r.Status == 0 {
		r.Status = http.StatusOK
	}
	return &operation{Route: r, repeatable: replies && r.Auth != nil && r.Method != http.MethodGet && !r.Reads}, nil
}

// shape is a declared struct that requests are decoded into. The zero value stands for none.
type shape struct {
	typ    reflect.Type
	fields []field
}

// bind sets the fields of a struct from JSON values. An absent value is nil.
func (s shape) bind(into any, value func(field) json.RawMessage) error {
	v := reflect.ValueOf(into)
	if s.typ == nil || v.Kind() != reflect.Pointer || v.Elem().Type() != s.typ {
		return fmt.Errorf("httpapi: a handler reads %T where the route declares %v", into, s.typ)
	}
	for _, f := range s.fields {
		raw := value(f)
		if len(raw) == 0 || string(raw) == "null" || f.zero && f.schema.nothing(raw) {
			if f.required {
				return &FieldError{Field: f.name, Reason: "is required"}
			}
			if raw = f.standard; raw == nil {
				continue
			}
		}
		if slices.Contains(f.schema.Type, "integer") {
			raw = whole(raw)
		}
		member := v.Elem().Field(f.index)
		if err := json.Unmarshal(raw, member.Addr().Interface()); err != nil {
			return &FieldError{Field: f.name, Reason: "must be " + f.schema.noun()}
		}
		if reason := f.schema.refuse(member); reason != "" {
			return &FieldError{Field: f.name, Reason: reason}
		}
	}
	return nil
}

// nothing reports whether a value is the zero that programs send for a member that is not set, in a place where the member
// cannot have that value.
func (s *schema) nothing(raw json.RawMessage) bool {
	if string(raw) == `""` {
		return s.Enum != nil || s.MinLength != nil || s.Format != ""
	}
	var n Number
	return raw[0] != '"' && s.positive() && n.UnmarshalJSON(raw) == nil && n.IsZero()
}

// whole rewrites an integer with a zero fraction or an exponent, such as 30.0 or 3e1, in the form that encoding/json
// decodes. It returns everything else unchanged.
func whole(raw json.RawMessage) json.RawMessage {
	var n Number
	if raw[0] == '"' || n.UnmarshalJSON(raw) != nil || !n.IsInteger() || !n.BigInt().IsInt64() {
		return raw
	}
	return json.RawMessage(n.BigInt().String())
}

// raw returns a parameter's text as JSON. An empty text counts as absent.
func (f field) raw(text string) json.RawMessage {
	if text == "" {
		return nil
	}
	return quoteUnlessNumber(text, slices.Contains(f.schema.Type, "string"))
}

var integer = regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`)

// quoteUnlessNumber returns text as JSON. Only an integer stays unquoted, so that no text becomes null.
func quoteUnlessNumber(text string, quote bool) json.RawMessage {
	if !quote && integer.MatchString(text) {
		return json.RawMessage(text)
	}
	raw, _ := json.Marshal(text) // never fails for a string
	return raw
}

func (s *schema) noun() string {
	switch {
	case s.Format == "date-time":
		return "a time as in RFC 3339"
	case slices.Contains(s.Type, "number"):
		return "a decimal number"
	case slices.Contains(s.Type, "integer"):
		return "an integer"
	case slices.Contains(s.Type, "boolean"):
		return "true or false"
	case slices.Contains(s.Type, "array"):
		return "a list"
	}
	return "a string"
}

// refuse returns why a value of the right type violates the schema, or "" if it does not.
func (s *schema) refuse(v reflect.Value) string {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if n, ok := v.Interface().(Number); ok {
		return s.refuseNumber(n.Decimal)
	}
	if v.CanInt() {
		return s.refuseNumber(decimal.NewFromInt(v.Int()))
	}
	if v.Kind() == reflect.String {
		return s.refuseText(v.String())
	}
	return ""
}

func (s *schema) refuseNumber(n decimal.Decimal) string {
	below := func(bound *int64) bool { return bound != nil && n.LessThan(decimal.NewFromInt(*bound)) }
	switch {
	case below(s.Minimum) && s.Maximum != nil, s.Maximum != nil && n.GreaterThan(decimal.NewFromInt(*s.Maximum)):
		if s.Minimum != nil {
			return fmt.Sprintf("must be %d to %d", *s.Minimum, *s.Maximum)
		}
		return fmt.Sprintf("must be at most %d", *s.Maximum)
	case below(s.Minimum):
		return fmt.Sprintf("must be at least %d", *s.Minimum)
	case s.ExclusiveMinimum != nil && !n.GreaterThan(decimal.NewFromInt(*s.ExclusiveMinimum)):
		return fmt.Sprintf("must be more than %d", *s.ExclusiveMinimum)
	}
	return ""
}

var uuid = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

func (s *schema) refuseText(text string) string {
	length := int64(utf8.RuneCountInString(text))
	switch {
	case s.MinLength != nil && length < *s.MinLength:
		return "must not be empty"
	case s.MaxLength != nil && length > *s.MaxLength:
		return fmt.Sprintf("must have at most %d characters", *s.MaxLength)
	case s.Enum != nil && !slices.Contains(s.Enum, text):
		return "must be one of " + strings.Join(s.Enum, ", ")
	case s.Format == "uuid" && !uuid.MatchString(text):
		return "must be a UUID"
	}
	return ""
}
