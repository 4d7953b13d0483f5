package httpapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// schema is the part of JSON Schema (2020-12, as in OpenAPI 3.1) that declarations need.
type schema struct {
	Ref              string     `json:"$ref,omitempty"`
	Type             typeNames  `json:"type,omitempty"`
	Format           string     `json:"format,omitempty"`
	Pattern          string     `json:"pattern,omitempty"`
	Description      string     `json:"description,omitempty"`
	Enum             []string   `json:"enum,omitempty"`
	Default          any        `json:"default,omitempty"`
	Minimum          *int64     `json:"minimum,omitempty"`
	ExclusiveMinimum *int64     `json:"exclusiveMinimum,omitempty"`
	Maximum          *int64     `json:"maximum,omitempty"`
	MinLength        *int64     `json:"minLength,omitempty"`
	MaxLength        *int64     `json:"maxLength,omitempty"`
	Items            *schema    `json:"items,omitempty"`
	Properties       properties `json:"properties,omitempty"`
	Required         []string   `json:"required,omitempty"`
	Additional       *schema    `json:"additionalProperties,omitempty"`
	MaxItems         *int64     `json:"maxItems,omitempty"`
	OneOf            []*schema  `json:"oneOf,omitempty"`
	AnyOf            []*schema  `json:"anyOf,omitempty"`
}

// typeNames is encoded as a string if there is one name.
type typeNames []string

func (t typeNames) MarshalJSON() ([]byte, error) {
	if len(t) == 1 {
		return json.Marshal(t[0])
	}
	return json.Marshal([]string(t))
}

// properties keeps the order of the struct's fields.
type properties []property

type property struct {
	name   string
	schema *schema
}

func (p properties) MarshalJSON() ([]byte, error) {
	var buf bytes.Buffer
	for i, prop := range p {
		buf.WriteByte("{,"[min(i, 1)])
		body, err := json.Marshal(prop.schema)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&buf, "%q:%s", prop.name, body)
	}
	buf.WriteByte('}')
	return buf.Bytes(), nil
}

// schemas derives schemas from Go types, and keeps those of structs by name.
type schemas struct {
	named   map[string]*schema
	types   map[string]reflect.Type
	lenient bool // with requests
}

// field is one member of a declared struct.
type field struct {
	index    int
	name     string
	in       string // where a parameter is: "query", "path" or "header"
	schema   *schema
	required bool
	zero     bool            // in a body, where a zero that the member cannot have counts as absent
	standard json.RawMessage // used if the field is absent; may be nil
}

var (
	numberType  = reflect.TypeFor[Number]()
	timeType    = reflect.TypeFor[Time]()
	integerType = reflect.TypeFor[*big.Int]()
	rawType     = reflect.TypeFor[json.RawMessage]()
	enumType    = reflect.TypeFor[interface{ Enum() []string }]()
)

// of returns the schema of a type. In requests, numbers may be in strings.
func (s *schemas) of(t reflect.Type, read bool) (*schema, error) {
	switch {
	case t == numberType && read:
		return &schema{Type: typeNames{"number", "string"}, Pattern: number.String()}, nil
	case t == numberType:
		return &schema{Type: typeNames{"number"}}, nil
	case t == timeType:
		return &schema{Type: typeNames{"string"}, Format: "date-time"}, nil
	case t == rawType:
		return &schema{Type: typeNames{"object"}}, nil
	case t == integerType:
		return &schema{Type: typeNames{"integer"}}, nil
	}
	switch t.Kind() {
	case reflect.Pointer:
		return s.of(t.Elem(), read)
	case reflect.String:
		out := &schema{Type: typeNames{"string"}}
		if t.Implements(enumType) {
			out.Enum = reflect.Zero(t).Interface().(interface{ Enum() []string }).Enum()
		}
		return out, nil
	case reflect.Bool:
		return &schema{Type: typeNames{"boolean"}}, nil
	case reflect.Int, reflect.Int64, reflect.Uint64:
		return &schema{Type: typeNames{"integer"}}, nil
	case reflect.Slice:
		items, err := s.of(t.Elem(), read)
		return &schema{Type: typeNames{"array"}, Items: items}, err
	case reflect.Map:
		values, err := s.of(t.Elem(), read)
		return &schema{Type: typeNames{"object"}, Additional: values}, err
	case reflect.Struct:
		return s.structure(t, read)
	default:
		return nil, fmt.Errorf("%s cannot be declared", t)
	}
}

// structure returns a reference to the schema of a struct.
func (s *schemas) structure(t reflect.Type, read bool) (*schema, error) {
	if t.Name() == "" {
		return nil, fmt.Errorf("%s needs a name", t)
	}
	name := strings.ToUpper(t.Name()[:1]) + t.Name()[1:]
	ref := &schema{Ref: "#/components/schemas/" + name}
	if known, ok := s.types[name]; ok {
		if known != t {
			return nil, fmt.Errorf("%s and %s have the same name", known, t)
		}
		return ref, nil
	}
	s.types[name] = t
	out := &schema{Type: typeNames{"object"}}
	s.named[name] = out
	fields, err := s.fields(t, read)
	for _, f := range fields {
		switch {
		case read && s.lenient:
			f.schema = f.lenient()
		case read && !f.required:
			f.schema = f.schema.orNothing()
		}
		out.Properties = append(out.Properties, property{f.name, f.schema})
		if f.required {
			out.Required = append(out.Required, f.name)
		}
	}
	return ref, err
}

// fields returns the declaration of a struct from its tags: json has the name, in the place of a parameter, doc the
// description, and schema the rules, such as `schema:"required,minimum=1,default=20"`. In responses, a member is required
// unless it may be omitted.
func (s *schemas) fields(t reflect.Type, read bool) ([]field, error) {
	var out []field
	for i := range t.NumField() {
		sf := t.Field(i)
		name, options, _ := strings.Cut(sf.Tag.Get("json"), ",")
		if name == "" || !sf.IsExported() {
			return nil, fmt.Errorf("%s.%s needs a name in JSON", t, sf.Name)
		}
		f := field{index: i, name: name, in: "query", required: !read && !strings.Contains(options, "omit")}
		if in := sf.Tag.Get("in"); in != "" {
			f.in = in
		}
		var err error
		if f.schema, err = s.of(sf.Type, read); err != nil {
			return nil, err
		}
		f.schema.Description = sf.Tag.Get("doc")
		for rule := range strings.SplitSeq(sf.Tag.Get("schema"), ",") {
			if err := f.rule(rule); err != nil {
				return nil, fmt.Errorf("%s.%s: %w", t, sf.Name, err)
			}
		}
		out = append(out, f)
	}
	return out, nil
}

// lenient returns the schema of a member as lenient dialects decode it.
func (f *field) lenient() *schema {
	s := f.schema
	none, once := int64(0), int64(1)
	switch {
	case slices.Contains(s.Type, "boolean"):
		s.Type, s.Minimum, s.Maximum, s.Pattern = typeNames{"boolean", "integer", "string"}, &none, &once, "^ *(0|1|true|True|TRUE|false|False|FALSE) *$"
	case slices.Contains(s.Type, "number"):
		s.Pattern = "^ *" + strings.Trim(s.Pattern, "^$") + " *$"
	case slices.Contains(s.Type, "integer"):
		s.Type = typeNames{"integer", "string"}
	case slices.Equal(s.Type, typeNames{"string"}):
		s.Type = typeNames{"string", "integer"}
	}
	if f.required {
		return s
	}
	out := &schema{Description: s.Description, AnyOf: []*schema{s, {Type: typeNames{"string", "null"}, Pattern: "^ *$"}}}
	s.Description = ""
	if s.Minimum != nil && *s.Minimum > 0 {
		out.AnyOf = append(out.AnyOf, &schema{Type: typeNames{"integer"}, Minimum: &none, Maximum: &none})
	}
	return out
}

// orNothing returns a schema that also allows what programs send for a member that is not set: null, and a zero that the
// member cannot have.
func (s *schema) orNothing() *schema {
	none := int64(0)
	if s.positive() {
		s.Minimum, s.ExclusiveMinimum = &none, nil
	}
	if s.Enum != nil {
		s.Enum = append(slices.Clone(s.Enum), "")
	}
	s.MinLength = nil
	return s.orNull()
}

// positive reports whether a number of the schema cannot be 0.
func (s *schema) positive() bool {
	return s.Minimum != nil && *s.Minimum > 0 || s.ExclusiveMinimum != nil && *s.ExclusiveMinimum >= 0
}

// orNull returns a schema that also allows null.
func (s *schema) orNull() *schema {
	if s.Ref == "" && s.Enum == nil {
		s.Type = append(s.Type, "null")
		return s
	}
	out := &schema{Description: s.Description, OneOf: []*schema{s, {Type: typeNames{"null"}}}}
	s.Description = ""
	return out
}

// rule applies one rule of a schema tag.
func (f *field) rule(rule string) error {
	key, value, _ := strings.Cut(rule, "=")
	bounds := map[string]**int64{
		"minimum": &f.schema.Minimum, "exclusiveMinimum": &f.schema.ExclusiveMinimum, "maximum": &f.schema.Maximum,
		"minLength": &f.schema.MinLength, "maxLength": &f.schema.MaxLength,
	}
	switch key {
	case "":
	case "required":
		f.required = true
	case "nullable":
		f.schema = f.schema.orNull()
	case "format":
		f.schema.Format = value
	case "enum":
		f.schema.Enum = strings.Split(value, "|")
	case "default":
		f.standard = quoteUnlessNumber(value, slices.Contains(f.schema.Type, "string"))
		f.schema.Default = f.standard
	default:
		bound, known := bounds[key]
		n, err := strconv.ParseInt(value, 10, 64)
		if !known || err != nil {
			return fmt.Errorf("schema rule %q is unknown", rule)
		}
		*bound = &n
	}
	return nil
}
