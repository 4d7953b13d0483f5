package httpapi

import (
	"fmt"
	"net/http"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// document is an OpenAPI 3.1 document. Maps are written in the order of their keys.
type document struct {
	OpenAPI    string     `json:"openapi"`
	Info       info       `json:"info"`
	Servers    []server   `json:"servers"`
	Tags       []tag      `json:"tags"`
	Paths      paths      `json:"paths"`
	Components components `json:"components"`

	schemas     *schemas
	invalid     int // status of an invalid value
	faultBody   any // of errors whose status has no body of its own
	faultBodies map[int]any
}

// paths keeps the order of the table, in which people read it.
type paths []pathItem

type pathItem struct {
	path       string
	operations []methodItem
}

type methodItem struct {
	method    string // in lower case
	operation *described
}

// add appends an operation to those of its path.
func (p *paths) add(path, method string, operation *described) {
	i := slices.IndexFunc(*p, func(item pathItem) bool { return item.path == path })
	if i < 0 {
		i = len(*p)
		*p = append(*p, pathItem{path: path})
	}
	(*p)[i].operations = append((*p)[i].operations, methodItem{strings.ToLower(method), operation})
}

// MarshalJSON writes the paths as an object.
func (p paths) MarshalJSON() ([]byte, error) {
	var all members
	for _, item := range p {
		var methods members
		for _, m := range item.operations {
			if err := methods.add(m.method, m.operation); err != nil {
				return nil, err
			}
		}
		if err := all.add(item.path, methods.object()); err != nil {
			return nil, err
		}
	}
	return all.object(), nil
}

type info struct {
	Title       string `json:"title"`
	Version     string `json:"version"`
	Description string `json:"description,omitempty"`
}

type server struct {
	URL string `json:"url"`
}

type tag struct {
	Name string `json:"name"`
}

type components struct {
	Schemas         map[string]*schema        `json:"schemas"`
	SecuritySchemes map[string]securityScheme `json:"securitySchemes,omitempty"`
}

type securityScheme struct {
	Type        string `json:"type"`
	In          string `json:"in"`
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	Sample      string `json:"x-sample,omitempty"`
}

type described struct {
	OperationID string                `json:"operationId"`
	Summary     string                `json:"summary"`
	Tags        []string              `json:"tags"`
	Security    []map[string][]string `json:"security"`
	Parameters  []parameter           `json:"parameters,omitempty"`
	RequestBody *requestBody          `json:"requestBody,omitempty"`
	Responses   map[string]response   `json:"responses"`
}

type parameter struct {
	Name        string  `json:"name"`
	In          string  `json:"in"`
	Description string  `json:"description,omitempty"`
	Required    bool    `json:"required,omitempty"`
	Schema      *schema `json:"schema"`
	Example     any     `json:"example,omitempty"`
}

type requestBody struct {
	Required bool    `json:"required"`
	Content  content `json:"content"`
}

type response struct {
	Description string  `json:"description"`
	Content     content `json:"content"`
}

type content map[string]mediaType

type mediaType struct {
	Schema  *schema `json:"schema"`
	Example any     `json:"example,omitempty"`
}

const jsonType = "application/json"

func jsonContent(s *schema) content { return content{jsonType: {Schema: s}} }

func newDocument(cfg Config) *document {
	s := &schemas{named: map[string]*schema{}, types: map[string]reflect.Type{}, lenient: cfg.Lenient}
	about := cfg.Description
	if slices.ContainsFunc(cfg.Routes, func(r Route) bool { return r.Auth != nil && r.Auth.Name == "" }) {
		about = strings.TrimSpace(about + " Requests are authenticated by the site that serves this API.")
	}
	return &document{
		OpenAPI: "3.1.0",
		Info:    info{cfg.Title, cfg.Version, about},
		Servers: []server{{URL: "."}}, // relative to where the document is served: any prefix
		Tags:    []tag{},
		Components: components{
			Schemas: s.named, SecuritySchemes: map[string]securityScheme{},
		},
		schemas: s, invalid: cfg.Invalid, faultBody: cfg.FaultBody, faultBodies: cfg.FaultBodies,
	}
}

// add describes an operation, and sets the shapes that its requests are decoded into.
func (d *document) add(op *operation) error {
	out := &described{
		OperationID: op.OperationID, Summary: op.Summary, Tags: []string{op.Tag}, Security: []map[string][]string{},
		Responses: map[string]response{},
	}
	if !slices.Contains(d.Tags, tag{op.Tag}) {
		d.Tags = append(d.Tags, tag{op.Tag})
	}
	if auth := op.Auth; auth != nil && auth.Name != "" {
		needed := map[string][]string{}
		for ; auth != nil; auth = auth.With {
			needed[auth.Name] = []string{}
			d.Components.SecuritySchemes[auth.Name] = securityScheme{"apiKey", "header", auth.Header, auth.Description, auth.Sample}
		}
		out.Security = append(out.Security, needed)
	}
	if err := d.addRequest(op, out); err != nil {
		return err
	}
	success, err := d.success(op.Answer)
	if err != nil {
		return err
	}
	out.Responses[strconv.Itoa(op.Status)] = response{http.StatusText(op.Status), success}
	for _, status := range op.faults(d.invalid) {
		body, own := d.faultBodies[status]
		if !own {
			body = d.faultBody
		}
		fault, err := d.answer(body)
		if err != nil {
			return err
		}
		out.Responses[strconv.Itoa(status)] = response{http.StatusText(status), jsonContent(fault)}
	}
	d.Paths.add(op.Path, op.Method, out)
	return nil
}

var wildcard = regexp.MustCompile(`\{[^}]*\}`)

func (d *document) addRequest(op *operation, out *described) (err error) {
	if op.Params != nil {
		op.params.typ = reflect.TypeOf(op.Params)
		if op.params.fields, err = d.schemas.fields(op.params.typ, true); err != nil {
			return err
		}
	}
	var inPath []string
	for _, f := range op.params.fields {
		if f.in == "path" {
			inPath = append(inPath, "{"+f.name+"}")
		}
		bare := *f.schema
		bare.Description = ""
		out.Parameters = append(out.Parameters, parameter{f.name, f.in, f.schema.Description, f.required, &bare, nil})
	}
	if op.repeatable {
		out.Parameters = append(out.Parameters, keyParameter())
	}
	if found := wildcard.FindAllString(op.Path, -1); !slices.Equal(found, inPath) {
		return fmt.Errorf("Path has the parameters %v, and Params %v", found, inPath)
	}
	if op.Body == nil {
		if op.Ignored {
			out.RequestBody = &requestBody{false, jsonContent(&schema{})}
		}
		return nil
	}
	op.body.typ = reflect.TypeOf(op.Body)
	if op.body.fields, err = d.schemas.fields(op.body.typ, true); err != nil {
		return err
	}
	for i := range op.body.fields {
		op.body.fields[i].zero = !op.body.fields[i].required
	}
	body, err := d.schemas.of(op.body.typ, true)
	if err == nil {
		err = d.setMaxima(op, body)
	}
	out.RequestBody = &requestBody{true, jsonContent(body)}
	if op.AnyType && !slices.ContainsFunc(op.body.fields, func(f field) bool { return f.required }) {
		out.RequestBody = &requestBody{false, jsonContent(orEmpty(body))}
	}
	return err
}

// orEmpty returns the schema of a body that may also be null or an empty list, as some programs write a body without
// members.
func orEmpty(body *schema) *schema {
	none := int64(0)
	return &schema{AnyOf: []*schema{body, {Type: typeNames{"array"}, Items: &schema{}, MaxItems: &none}, {Type: typeNames{"null"}}}}
}

// setMaxima sets the route's maxima of members of its body, for decoding and in the document.
func (d *document) setMaxima(op *operation, body *schema) error {
	declared := d.schemas.named[path.Base(body.Ref)]
	for name, most := range op.Maxima {
		i := slices.IndexFunc(op.body.fields, func(f field) bool { return f.name == name })
		if i < 0 {
			return fmt.Errorf("Maxima has %q, and Body has not", name)
		}
		op.body.fields[i].schema.Maximum, declared.Properties[i].schema.Maximum = &most, &most
	}
	return nil
}

// keyParameter describes the header Idempotency-Key.
func keyParameter() parameter {
	shortest := int64(1)
	return parameter{
		Name: "Idempotency-Key", In: "header",
		Description: "A string that is new with each request, of 1 to 255 visible ASCII characters, in double quotes or not. The same " +
			"request with the same key runs once; for 24 hours after it is answered as it was then, with the header Idempotent-Replayed: true.",
		Schema: &schema{Type: typeNames{"string"}, MinLength: &shortest},
	}
}

// success describes the body of a response of success.
func (d *document) success(value any) (content, error) {
	if text, ok := value.(Text); ok {
		return text.content(), nil
	}
	answer, err := d.answer(value)
	return jsonContent(answer), err
}

func (d *document) answer(value any) (*schema, error) {
	several, ok := value.(AnyOf)
	if !ok {
		return d.schemas.of(reflect.TypeOf(value), false)
	}
	out := &schema{}
	for _, v := range several {
		one, err := d.schemas.of(reflect.TypeOf(v), false)
		if err != nil {
			return nil, err
		}
		out.AnyOf = append(out.AnyOf, one) // a value may fit several types
	}
	return out, nil
}

// faults returns the statuses of errors that an operation can respond with.
func (op *operation) faults(invalid int) []int {
	out := append(slices.Clone(op.Faults), http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusServiceUnavailable)
	if op.Auth != nil {
		out = append(out, op.Auth.Faults...)
	}
	if op.Params != nil {
		out = append(out, http.StatusBadRequest)
	}
	if op.Ignored {
		out = append(out, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	if op.repeatable {
		out = append(out, http.StatusBadRequest, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType,
			http.StatusUnprocessableEntity)
	}
	for _, f := range op.params.fields {
		if f.in == "path" {
			out = append(out, http.StatusNotFound)
		} else {
			out = append(out, invalid)
		}
	}
	if op.Body != nil {
		out = append(out, http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, invalid)
	}
	return out
}
