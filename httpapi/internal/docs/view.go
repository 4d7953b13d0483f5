package docs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"path"
	"reflect"
	"slices"
	"strings"
)

// view is what the page shows.
type view struct {
	Title, Version, Description string
	CSS                         template.CSS
	JS                          template.JS
	Keys                        []keyView
	Variables                   string // of the shell that the samples are for
	Groups                      []group
	Unserved                    []operationView // declared without a response of success
	Faults                      []faultView
	FaultSamples                []faultSample
	Objects                     []object
}

// group is the operations of a tag.
type group struct {
	ID, Name, Description string
	Operations            []operationView
}

type operationView struct {
	ID, Method, Path, Summary, Description string
	Aliases                                []string // further paths
	Keys                                   []keyView
	Parameters                             []row
	Body                                   *bodyView
	Answers                                []answer
	Faults                                 []status
	Curl                                   string
	Search                                 string // the text that is searched
}

type bodyView struct {
	shape
	Optional bool
}

// answer is a response of success.
type answer struct {
	Status, Text string
	Shapes       []shape // one of them
	Example      string
}

// shape describes a value: a table of its members, or the type of something else.
type shape struct {
	Name string // of an object that has a section of its own
	Type typeView
	Rows []row
}

// row describes a member or a parameter.
type row struct {
	Name, In    string
	Required    bool // of a request
	Optional    bool // of a response: it may be absent
	Type        typeView
	Rules       []string
	Description string
}

// typeView is a type in words, one of which may be a link.
type typeView struct {
	Before, Object, After string
}

// object is a named type that is shown in a section of its own.
type object struct {
	Name  string
	Shape shape
}

type keyView struct {
	Name, Header, Variable, Description string
	Sample                              string
}

type status struct{ Code, Text string }

// faultView is a status of refusals.
type faultView struct{ Code, Text, Meaning string }

// faultSample is the body of the responses with some statuses.
type faultSample struct {
	Codes   string
	Example string
	codes   []string
}

// builder builds the view of a document.
type builder struct {
	*document
	uses map[string]int  // of a named type, by operations and other types
	sent map[string]bool // named types that are parts of requests

	aliases map[string][]string // further paths of operations, by their ids
	alias   map[string]bool     // ids of the operations at these paths
}

func newView(d *document) (*view, error) {
	b := &builder{d, map[string]int{}, map[string]bool{}, map[string][]string{}, map[string]bool{}}
	b.findAliases()
	b.count()
	v := &view{Title: d.Info.Title, Version: d.Info.Version, Description: d.Info.Description}
	for _, m := range d.Components.SecuritySchemes {
		v.Keys = append(v.Keys, keyOf(m.Name, m.Value))
	}
	for _, tag := range d.Tags {
		v.Groups = append(v.Groups, group{ID: "group-" + slug(tag.Name), Name: tag.Name, Description: tag.Description})
	}
	if err := v.addOperations(b); err != nil {
		return nil, err
	}
	v.Groups = slices.DeleteFunc(v.Groups, func(g group) bool { return len(g.Operations) == 0 })
	slices.SortFunc(v.Faults, func(a, b faultView) int { return strings.Compare(a.Code, b.Code) })
	for _, m := range d.Components.Schemas {
		if b.separate(m.Name) {
			v.Objects = append(v.Objects, object{m.Name, shape{Type: b.typeOf(m.Value), Rows: b.rows(m.Value, b.sent[m.Name])}})
		}
	}
	v.nameFaultSamples()
	v.Variables = variables(v.Keys)
	return v, nil
}

// addOperations adds each operation to the group of its tag, or to those that are not served.
func (v *view) addOperations(b *builder) error {
	for _, p := range b.Paths {
		for _, m := range p.Value {
			if b.alias[m.Value.OperationID] {
				continue
			}
			op, err := b.operation(p.Name, m.Name, m.Value)
			if err != nil {
				return fmt.Errorf("%s %s: %w", m.Name, p.Name, err)
			}
			i := slices.IndexFunc(v.Groups, func(g group) bool { return g.Name == m.Value.Tags[0] })
			if i < 0 {
				return fmt.Errorf("%s %s: the tag %q is not declared", m.Name, p.Name, m.Value.Tags[0])
			}
			if len(op.Answers) > 0 {
				v.Groups[i].Operations = append(v.Groups[i].Operations, op)
			} else {
				v.Unserved = append(v.Unserved, op)
			}
			v.addFaults(m.Value)
		}
	}
	return nil
}

// findAliases finds the operations that differ from an earlier one in nothing but their path and id. They are shown with it.
func (b *builder) findAliases() {
	var seen []member[*operation] // by method
	for _, p := range b.Paths {
		for _, m := range p.Value {
			i := slices.IndexFunc(seen, func(s member[*operation]) bool { return s.Name == m.Name && s.Value.alike(m.Value) })
			if i < 0 {
				seen = append(seen, m)
				continue
			}
			id := seen[i].Value.OperationID
			b.aliases[id] = append(b.aliases[id], p.Name)
			b.alias[m.Value.OperationID] = true
		}
	}
}

// alike reports whether two operations differ in nothing but their ids. Without a summary nothing says that they do the
// same.
func (op *operation) alike(other *operation) bool {
	one, two := *op, *other
	one.OperationID, two.OperationID = "", ""
	return op.Summary != "" && reflect.DeepEqual(one, two)
}

// addFaults adds the statuses of an operation's refusals to those of the page.
func (v *view) addFaults(op *operation) {
	for _, r := range op.Responses {
		if r.Name < "4" || slices.ContainsFunc(v.Faults, func(f faultView) bool { return f.Code == r.Name }) {
			continue
		}
		v.Faults = append(v.Faults, faultView{r.Name, r.Value.Description, meaning(r.Name)})
		example := indent(jsonOf(r.Value.Content).Example)
		i := slices.IndexFunc(v.FaultSamples, func(s faultSample) bool { return s.Example == example })
		if i >= 0 {
			v.FaultSamples[i].codes = append(v.FaultSamples[i].codes, r.Name)
		} else if example != "" {
			v.FaultSamples = append(v.FaultSamples, faultSample{Example: example, codes: []string{r.Name}})
		}
	}
}

func (v *view) nameFaultSamples() {
	for i, s := range v.FaultSamples {
		slices.Sort(s.codes)
		v.FaultSamples[i].Codes = strings.Join(s.codes, ", ")
	}
	if len(v.FaultSamples) == 1 && len(v.FaultSamples[0].codes) == len(v.Faults) {
		v.FaultSamples[0].Codes = "of every error"
	}
}

// meaning explains a status to clients.
func meaning(code string) string {
	switch code {
	case "400":
		return "The request cannot be read, or has a value that is wrong."
	case "401":
		return "A key is missing or wrong."
	case "403":
		return "The key does not allow the request."
	case "404":
		return "Nothing has this id."
	case "409":
		return "The request contradicts what is stored."
	case "413":
		return "The body is too large."
	case "415":
		return "The Content-Type is not application/json."
	case "422":
		return "The request has a value that is wrong or cannot be served."
	case "429":
		return "Too many requests were made. Try again after the seconds in the header Retry-After."
	case "500":
		return "The fault is the server's. The operator finds it in the log."
	case "501":
		return "This server does not offer the operation."
	case "503":
		return "The server cannot do it now. Try again after the seconds in the header Retry-After."
	}
	return ""
}

// count counts where each named type is used. A type that is only the body or the response of one operation is shown
// with the operation.
func (b *builder) count() {
	for _, m := range b.Components.Schemas {
		b.note(m.Value, 2)
	}
	for _, p := range b.Paths {
		for _, m := range p.Value {
			if b.alias[m.Value.OperationID] {
				continue
			}
			if m.Value.RequestBody != nil {
				s := jsonOf(m.Value.RequestBody.Content).Schema
				b.note(s, 1)
				b.send(s)
			}
			for _, r := range m.Value.Responses {
				b.note(contentOf(r.Value.Content).Schema, 1)
			}
		}
	}
}

// note counts the references in a schema.
func (b *builder) note(s *schema, weight int) {
	if s == nil {
		return
	}
	if s.Ref != "" {
		b.uses[path.Base(s.Ref)] += weight
	}
	b.note(s.Items, 2)
	b.note(s.Additional, 2)
	for _, m := range s.Properties {
		b.note(m.Value, 2)
	}
	for _, one := range slices.Concat(s.OneOf, s.AnyOf) {
		b.note(one, weight)
	}
}

// send marks the named types of a schema as parts of a request.
func (b *builder) send(s *schema) {
	if s == nil {
		return
	}
	if name := path.Base(s.Ref); s.Ref != "" && !b.sent[name] {
		b.sent[name] = true
		declared, _ := b.Components.Schemas.get(name)
		b.send(declared)
	}
	b.send(s.Items)
	b.send(s.Additional)
	for _, m := range s.Properties {
		b.send(m.Value)
	}
	for _, one := range slices.Concat(s.OneOf, s.AnyOf) {
		b.send(one)
	}
}

// separate reports whether a named type has a section of its own.
func (b *builder) separate(name string) bool { return b.uses[name] > 1 }

func (b *builder) operation(path, method string, op *operation) (operationView, error) {
	if len(op.Tags) == 0 {
		return operationView{}, errors.New("it has no tag")
	}
	v := operationView{
		ID: op.OperationID, Method: strings.ToUpper(method), Path: path, Summary: op.Summary, Description: op.Description,
		Aliases: b.aliases[op.OperationID],
	}
	for _, required := range op.Security {
		for _, r := range required {
			s, ok := b.Components.SecuritySchemes.get(r.Name)
			if !ok {
				return operationView{}, fmt.Errorf("the key %q is not declared", r.Name)
			}
			v.Keys = append(v.Keys, keyOf(r.Name, s))
		}
	}
	for _, p := range op.Parameters {
		r := b.row(p.Name, p.Schema)
		r.In, r.Description, r.Required = p.In, p.Description, p.Required
		v.Parameters = append(v.Parameters, r)
	}
	if op.RequestBody != nil {
		if s := jsonOf(op.RequestBody.Content).Schema; !s.isAny() {
			v.Body = &bodyView{b.shape(s, true), !op.RequestBody.Required}
		}
	}
	for _, r := range op.Responses {
		m := contentOf(r.Value.Content)
		if r.Name >= "4" {
			v.Faults = append(v.Faults, status{r.Name, r.Value.Description})
			continue
		}
		a := answer{Status: r.Name, Text: r.Value.Description, Example: indent(m.Example)}
		for _, s := range alternatives(m.Schema) {
			a.Shapes = append(a.Shapes, b.shape(s, false))
		}
		v.Answers = append(v.Answers, a)
	}
	v.Curl = curl(v, op)
	v.Search = strings.ToLower(strings.Join(append([]string{v.ID, v.Method, v.Path, v.Summary, op.Tags[0]}, v.Aliases...), " "))
	return v, nil
}

func alternatives(s *schema) []*schema {
	if len(s.AnyOf) > 0 {
		return s.AnyOf
	}
	return []*schema{s}
}

// isAny reports whether the schema allows any value.
func (s *schema) isAny() bool {
	return s == nil || s.Ref == "" && len(s.Type) == 0 && len(s.AnyOf) == 0 && len(s.OneOf) == 0
}

// shape describes the body of a request or a response.
func (b *builder) shape(s *schema, request bool) shape {
	if len(s.AnyOf) > 0 { // or nothing
		s = s.AnyOf[0]
	}
	if s.Ref == "" {
		return shape{Type: b.typeOf(s), Rows: b.rows(s, request)}
	}
	name := path.Base(s.Ref)
	if b.separate(name) {
		return shape{Name: name, Type: b.typeOf(s)}
	}
	declared, _ := b.Components.Schemas.get(name)
	return shape{Type: b.typeOf(declared), Rows: b.rows(declared, request)}
}

func (b *builder) rows(s *schema, request bool) []row {
	if s == nil {
		return nil
	}
	var out []row
	for _, m := range s.Properties {
		r := b.row(m.Name, m.Value)
		required := slices.Contains(s.Required, m.Name)
		r.Required, r.Optional = request && required, !request && !required
		out = append(out, r)
	}
	return out
}

func (b *builder) row(name string, s *schema) row {
	return row{Name: name, Type: b.typeOf(s), Rules: rules(s), Description: s.Description}
}

// typeOf returns the type of a value in a few words.
func (b *builder) typeOf(s *schema) typeView {
	if s == nil {
		return typeView{Before: "anything"}
	}
	words := strings.Join(s.Type, " or ")
	switch {
	case len(s.AnyOf) > 0:
		return b.typeOf(s.AnyOf[0])
	case len(s.OneOf) > 0:
		t := b.typeOf(s.OneOf[0])
		if slices.ContainsFunc(s.OneOf, func(one *schema) bool { return slices.Equal(one.Type, names{"null"}) }) {
			t.After += " or null"
		}
		return t
	case s.Ref != "":
		return typeView{Object: path.Base(s.Ref)}
	case s.Items != nil:
		t := b.typeOf(s.Items)
		t.Before = "array of " + t.Before
		return t
	case s.Additional != nil:
		t := b.typeOf(s.Additional)
		t.Before = "object of " + t.Before
		return t
	case words == "":
		words = "anything"
	}
	return typeView{Before: words}
}

// rules returns the rules for a value besides its type.
func rules(s *schema) []string {
	for len(s.AnyOf) > 0 || len(s.OneOf) > 0 {
		s = slices.Concat(s.AnyOf, s.OneOf)[0]
	}
	var out []string
	switch values := slices.DeleteFunc(slices.Clone(s.Enum), func(v string) bool { return v == "" }); len(values) {
	case 0:
	case 1:
		out = append(out, "only "+values[0])
	default:
		out = append(out, "one of "+strings.Join(values, ", "))
	}
	if s.Format != "" {
		out = append(out, s.Format)
	}
	add := func(n json.Number, format string) {
		if n != "" {
			out = append(out, fmt.Sprintf(format, n))
		}
	}
	add(s.Minimum, "at least %s")
	add(s.ExclusiveMinimum, "more than %s")
	add(s.Maximum, "at most %s")
	if s.MinLength == "1" {
		out = append(out, "not empty")
	} else {
		add(s.MinLength, "at least %s characters")
	}
	add(s.MaxLength, "at most %s characters")
	add(s.MaxItems, "at most %s items")
	if len(s.Default) > 0 {
		out = append(out, "default "+strings.Trim(string(s.Default), `"`))
	}
	return out
}

func keyOf(name string, s scheme) keyView {
	return keyView{Name: name, Header: s.Name, Variable: variable(name), Description: s.Description, Sample: s.Sample}
}

func jsonOf(content ordered[mediaType]) mediaType {
	m, _ := content.get("application/json")
	return m
}

// contentOf returns the JSON of a response, or else the type of its only content.
func contentOf(content ordered[mediaType]) mediaType {
	m, is := content.get("application/json")
	if is || len(content) == 0 {
		return m
	}
	return mediaType{Schema: &schema{Type: names{content[0].Name}}}
}

// indent formats an example for reading.
func indent(example json.RawMessage) string {
	var out bytes.Buffer
	if len(example) == 0 || json.Indent(&out, example, "", "  ") != nil {
		return ""
	}
	return out.String()
}

// slug returns a name for the fragment of a URL.
func slug(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, name)
}
