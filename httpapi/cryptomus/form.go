package cryptomus

import (
	"encoding/json"
	"fmt"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/cointill/cointill/httpapi"
	"github.com/shopspring/decimal"
)

// form decodes requests into structs of one type. It is as lenient as clients need: texts are trimmed, "" counts as absent,
// numbers may be in strings, and booleans may be true, 1, "1" or "true". It reports the rules that each parameter breaks.
// The rules are the tags of the struct, as in the OpenAPI document: required, minLength, maxLength, minimum, maximum, enum,
// default (for texts and integers), and the formats uri, alpha_dash, uuid and date_time, which is one of timeLayouts.
type form[T any] struct{ members []member }

type member struct {
	index              int
	name, format       string
	required           bool
	minLength, maxText int
	minimum, maximum   *decimal.Decimal
	enum               []string
	standard           json.RawMessage
	items              []member // members of the objects in a list
}

func formOf[T any]() form[T] { return form[T]{membersOf(reflect.TypeFor[T]())} }

func membersOf(t reflect.Type) []member {
	var out []member
	for i := range t.NumField() {
		f := t.Field(i)
		m := member{index: i, name: f.Tag.Get("json")}
		for rule := range strings.SplitSeq(f.Tag.Get("schema"), ",") {
			m.declare(rule)
		}
		if f.Type.Kind() == reflect.Slice {
			m.items = membersOf(f.Type.Elem())
		}
		out = append(out, m)
	}
	return out
}

func (m *member) declare(rule string) {
	key, value, _ := strings.Cut(rule, "=")
	switch n, _ := strconv.Atoi(value); key {
	case "required":
		m.required = true
	case "format":
		m.format = value
	case "enum":
		m.enum = strings.Split(value, "|")
	case "minLength":
		m.minLength = n
	case "maxLength":
		m.maxText = n
	case "minimum":
		bound := decimal.NewFromInt(int64(n))
		m.minimum = &bound
	case "maximum":
		bound := decimal.NewFromInt(int64(n))
		m.maximum = &bound
	case "default":
		m.standard = json.RawMessage(strconv.Quote(value))
	}
}

// read returns the body of a request, or an [httpapi.Error] or [invalid].
func (f form[T]) read(r *httpapi.Request) (T, error) {
	var out T
	members, err := r.Members()
	if err != nil {
		return out, err
	}
	return f.parse(members)
}

func (f form[T]) parse(members map[string]json.RawMessage) (T, error) {
	var out T
	bad := invalid{}
	readMembers(f.members, members, reflect.ValueOf(&out).Elem(), "", bad)
	if len(bad) > 0 {
		return out, bad
	}
	return out, nil
}

func readMembers(declared []member, from map[string]json.RawMessage, into reflect.Value, prefix string, bad invalid) {
	for _, m := range declared {
		raw := from[m.name]
		if absent(raw) || m.nothing(raw) {
			if m.required {
				bad.add(prefix+m.name, "required")
			}
			if raw = m.standard; raw == nil {
				continue
			}
		}
		if rule := m.read(raw, into.Field(m.index), prefix+m.name, bad); rule != "" {
			bad.add(prefix+m.name, rule)
		}
	}
}

// absent reports whether a value is null or an empty text.
func absent(raw json.RawMessage) bool {
	if len(raw) == 0 || string(raw) == "null" {
		return true
	}
	var text string
	return raw[0] == '"' && json.Unmarshal(raw, &text) == nil && strings.TrimSpace(text) == ""
}

// nothing reports whether a value is the zero that programs send for a number that is not set. It is, if the number is
// optional and must be more than 0.
func (m member) nothing(raw json.RawMessage) bool {
	if m.required || m.minimum == nil || m.minimum.Sign() <= 0 {
		return false
	}
	n, rule := member{}.readNumber(raw, "numeric")
	return rule == "" && n.IsZero()
}

// read sets a field, or returns the rule that the value breaks.
func (m member) read(raw json.RawMessage, into reflect.Value, name string, bad invalid) string {
	switch v := into.Addr().Interface().(type) {
	case *string:
		return m.readText(raw, v)
	case **bool:
		return readBool(raw, v)
	case **httpapi.Number:
		n, rule := m.readNumber(raw, "numeric")
		*v = &httpapi.Number{Decimal: n}
		return rule
	case **int:
		n, rule := m.readNumber(raw, "integer")
		whole := 0
		if rule == "" {
			whole = int(n.IntPart()) // within the bounds, which every integer here has
		}
		*v = &whole
		return rule
	}
	return m.readList(raw, into, name, bad)
}

var integer = regexp.MustCompile(`^-?(0|[1-9][0-9]{0,17})$`)

func (m member) readText(raw json.RawMessage, into *string) string {
	if integer.Match(raw) { // PHP programs send numeric order ids as numbers
		*into = string(raw)
	} else if json.Unmarshal(raw, into) != nil || strings.ContainsRune(*into, 0) {
		return "string"
	}
	*into = strings.TrimSpace(*into)
	switch length := utf8.RuneCountInString(*into); {
	case length < m.minLength:
		return "min.string"
	case m.maxText > 0 && length > m.maxText:
		return "max.string"
	case m.enum != nil && !slices.Contains(m.enum, *into):
		return "in"
	}
	return m.refuseFormat(*into)
}

var alphaDash = regexp.MustCompile(`^[\pL\pM\pN_-]+$`)

func (m member) refuseFormat(text string) string {
	switch m.format {
	case "alpha_dash":
		if !alphaDash.MatchString(text) {
			return "alpha_dash"
		}
	case "uuid":
		if !uuid.MatchString(text) {
			return "uuid"
		}
	case "uri":
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
			return "url"
		}
	case "date_time":
		if _, err := parseTime(text); err != nil {
			return "regex"
		}
	}
	return ""
}

func (m member) readNumber(raw json.RawMessage, kind string) (decimal.Decimal, string) {
	var n httpapi.Number
	var text string
	if json.Unmarshal(raw, &text) == nil { // in a string, possibly with spaces
		raw = json.RawMessage(strings.TrimSpace(text))
	}
	if n.UnmarshalJSON(raw) != nil || strings.HasPrefix(string(raw), `"`) {
		return decimal.Zero, kind
	}
	switch {
	case kind == "integer" && !n.IsInteger():
		return decimal.Zero, kind
	case m.minimum != nil && n.LessThan(*m.minimum):
		return decimal.Zero, "min.numeric"
	case m.maximum != nil && n.GreaterThan(*m.maximum):
		return decimal.Zero, "max.numeric"
	}
	return n.Decimal, ""
}

func readBool(raw json.RawMessage, into **bool) string {
	yes := true
	switch strings.ToLower(strings.Trim(string(raw), `"`)) {
	case "true", "1":
	case "false", "0":
		yes = false
	default:
		return "boolean"
	}
	*into = &yes
	return ""
}

// maxItems is the maximum length of a list.
const maxItems = 500

func (m member) readList(raw json.RawMessage, into reflect.Value, name string, bad invalid) string {
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return "array"
	}
	if len(list) > maxItems {
		return "max.array"
	}
	out := reflect.MakeSlice(into.Type(), len(list), len(list))
	for i, item := range list {
		at := fmt.Sprintf("%s.%d", name, i)
		var members map[string]json.RawMessage
		if err := json.Unmarshal(item, &members); err != nil || members == nil {
			bad.add(at, "array")
			continue
		}
		readMembers(m.items, members, out.Index(i), at+".", bad)
	}
	into.Set(out)
	return ""
}
