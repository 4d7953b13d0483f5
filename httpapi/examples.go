package httpapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// members is a JSON object whose members are in the order in which they were added.
type members struct{ buf bytes.Buffer }

func (m *members) add(name string, value any) error {
	key, err := json.Marshal(name)
	if err != nil {
		return fmt.Errorf("write %q: %w", name, err)
	}
	body, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("write %q: %w", name, err)
	}
	if m.buf.Len() > 0 {
		m.buf.WriteByte(',')
	}
	m.buf.Write(key)
	m.buf.WriteByte(':')
	m.buf.Write(body)
	return nil
}

func (m *members) object() json.RawMessage {
	return json.RawMessage("{" + m.buf.String() + "}")
}

// examples makes examples of schemas.
type examples struct {
	document *document
	values   map[string]example // of members and parameters, by name
}

// example is a value, as it is written and as it is read.
type example struct {
	text  json.RawMessage
	value any
}

// exemplify adds examples to the requests and responses of the document.
func (d *document) exemplify(values map[string]any) error {
	e := examples{d, map[string]example{}}
	for name, v := range values {
		text, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("Examples[%q]: %w", name, err)
		}
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.UseNumber()
		var value any
		if err := decoder.Decode(&value); err != nil {
			return fmt.Errorf("Examples[%q]: %w", name, err)
		}
		e.values[name] = example{text, value}
	}
	for _, item := range d.Paths {
		for _, m := range item.operations {
			if err := e.operation(m.operation); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e examples) operation(op *described) (err error) {
	for i, p := range op.Parameters {
		if p.Required {
			if op.Parameters[i].Example, err = e.of(p.Schema, p.Name, false, nil); err != nil {
				return err
			}
		}
	}
	if op.RequestBody != nil {
		if err := e.fill(op.RequestBody.Content, true); err != nil {
			return err
		}
	}
	for _, r := range op.Responses {
		if err := e.fill(r.Content, false); err != nil {
			return err
		}
	}
	return nil
}

// fill sets the example of a body, unless its schema is empty.
func (e examples) fill(c content, request bool) error {
	m, is := c[jsonType]
	if !is {
		return nil
	}
	if m.Schema.Ref == "" && len(m.Schema.AnyOf) == 0 && m.Schema.Type == nil {
		return nil
	}
	text, err := e.of(m.Schema, "", request, nil)
	if err != nil {
		return err
	}
	m.Example = text
	c[jsonType] = m
	return nil
}

// of returns an example of the schema of a member or parameter with the name. above holds the types that contain the
// example.
func (e examples) of(s *schema, name string, request bool, above []string) (json.RawMessage, error) {
	if v, ok := e.values[name]; ok && e.fits(s, v.value) {
		return v.text, nil
	}
	switch {
	case len(s.AnyOf) > 0:
		return e.of(s.AnyOf[0], name, request, above)
	case len(s.OneOf) > 0:
		return e.of(s.OneOf[0], name, request, above)
	case s.Ref != "":
		return e.object(path.Base(s.Ref), request, above)
	case s.Items != nil:
		if ref := path.Base(s.Items.Ref); slices.Contains(above, ref) {
			return json.RawMessage("[]"), nil
		}
		item, err := e.of(s.Items, name, request, above)
		return slices.Concat(json.RawMessage("["), item, json.RawMessage("]")), err
	case s.Additional != nil:
		value, err := e.of(s.Additional, name, request, above)
		return slices.Concat(json.RawMessage(`{"name":`), value, json.RawMessage("}")), err
	}
	text, err := json.Marshal(s.plain())
	if err != nil {
		return nil, fmt.Errorf("write an example of %s: %w", name, err)
	}
	return text, nil
}

// object returns an example of a declared type.
func (e examples) object(name string, request bool, above []string) (json.RawMessage, error) {
	declared := e.document.Components.Schemas[name]
	above = append(slices.Clone(above), name)
	var out members
	for _, p := range declared.Properties {
		_, named := e.values[name+"."+p.name]
		_, known := e.values[p.name]
		if !slices.Contains(declared.Required, p.name) && !named && (request || !known) {
			continue
		}
		key := p.name
		if named {
			key = name + "." + p.name
		}
		if slices.Contains(above, path.Base(p.schema.Ref)) {
			continue // recursion must end
		}
		value, err := e.of(p.schema, key, request, above)
		if err != nil {
			return nil, err
		}
		if err := out.add(p.name, value); err != nil {
			return nil, err
		}
	}
	return out.object(), nil
}

// plain returns a value of a schema that is neither an object nor an array.
func (s *schema) plain() any {
	if s.Default != nil {
		return s.Default
	}
	for _, v := range s.Enum {
		if v != "" {
			return v
		}
	}
	if slices.Contains(s.Type, "null") {
		return nil
	}
	if len(s.Type) == 0 {
		return map[string]any{}
	}
	least := int64(1)
	switch {
	case s.Minimum != nil:
		least = max(least, *s.Minimum)
	case s.ExclusiveMinimum != nil:
		least = max(least, *s.ExclusiveMinimum+1)
	}
	if s.Maximum != nil {
		least = min(least, *s.Maximum)
	}
	switch s.Type[0] {
	case "boolean":
		return true
	case "integer", "number":
		return least
	case "object":
		return map[string]any{}
	}
	switch s.Format {
	case "date-time":
		return "2026-03-02T12:00:00Z"
	case "uri":
		return "https://shop.example/"
	case "uuid":
		return "018f3f3e-0000-7000-8000-000000000001"
	}
	text := "text"
	if s.MinLength != nil && int(*s.MinLength) > len(text) {
		text += strings.Repeat("x", int(*s.MinLength)-len(text))
	}
	return text
}

// fits reports whether a value matches a schema. Its numbers are json.Numbers.
func (e examples) fits(s *schema, value any) bool {
	if alternatives := append(slices.Clone(s.AnyOf), s.OneOf...); len(alternatives) > 0 {
		return slices.ContainsFunc(alternatives, func(one *schema) bool { return e.fits(one, value) })
	}
	if s.Ref != "" {
		return false
	}
	switch v := value.(type) {
	case string:
		return slices.Contains(s.Type, "string") && s.fitsText(v)
	case json.Number:
		n, err := v.Int64()
		whole := err == nil
		return (slices.Contains(s.Type, "number") || whole && slices.Contains(s.Type, "integer")) &&
			(s.Minimum == nil || !whole || n >= *s.Minimum) && (s.Maximum == nil || !whole || n <= *s.Maximum)
	case bool:
		return slices.Contains(s.Type, "boolean")
	case nil:
		return slices.Contains(s.Type, "null")
	case []any:
		return s.Items != nil && !slices.ContainsFunc(v, func(item any) bool { return !e.fits(s.Items, item) })
	case map[string]any:
		for _, item := range v {
			if s.Additional != nil && !e.fits(s.Additional, item) {
				return false
			}
		}
		return slices.Contains(s.Type, "object")
	}
	return false
}

func (s *schema) fitsText(v string) bool {
	length := int64(utf8.RuneCountInString(v))
	switch {
	case len(s.Enum) > 0 && !slices.Contains(s.Enum, v), s.MinLength != nil && length < *s.MinLength, s.MaxLength != nil && length > *s.MaxLength:
		return false
	case s.Pattern == "":
		return true
	}
	matched, err := regexp.MatchString(s.Pattern, v)
	return err == nil && matched
}
