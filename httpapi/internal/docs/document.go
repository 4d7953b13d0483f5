package docs

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// document is the part of an OpenAPI 3.1 document that the page shows.
type document struct {
	Info struct {
		Title       string `json:"title"`
		Version     string `json:"version"`
		Description string `json:"description"`
	} `json:"info"`
	Tags []struct {
		Name        string `json:"name"`
		Description string `json:"description"`
	} `json:"tags"`
	Paths      ordered[ordered[*operation]] `json:"paths"` // by path and method
	Components struct {
		Schemas         ordered[*schema] `json:"schemas"`
		SecuritySchemes ordered[scheme]  `json:"securitySchemes"`
	} `json:"components"`
}

type operation struct {
	OperationID string                `json:"operationId"`
	Summary     string                `json:"summary"`
	Description string                `json:"description"`
	Tags        []string              `json:"tags"`
	Security    []ordered[any]        `json:"security"`
	Parameters  []parameter           `json:"parameters"`
	RequestBody *body                 `json:"requestBody"`
	Responses   ordered[responseBody] `json:"responses"` // by status
}

type parameter struct {
	Name        string          `json:"name"`
	In          string          `json:"in"`
	Description string          `json:"description"`
	Required    bool            `json:"required"`
	Schema      *schema         `json:"schema"`
	Example     json.RawMessage `json:"example"`
}

type body struct {
	Required bool               `json:"required"`
	Content  ordered[mediaType] `json:"content"`
}

type responseBody struct {
	Description string             `json:"description"`
	Content     ordered[mediaType] `json:"content"`
}

type mediaType struct {
	Schema  *schema         `json:"schema"`
	Example json.RawMessage `json:"example"`
}

type scheme struct {
	In          string `json:"in"`
	Name        string `json:"name"`
	Description string `json:"description"`
	Sample      string `json:"x-sample"`
}

type schema struct {
	Ref              string           `json:"$ref"`
	Type             names            `json:"type"`
	Format           string           `json:"format"`
	Pattern          string           `json:"pattern"`
	Description      string           `json:"description"`
	Enum             []string         `json:"enum"`
	Default          json.RawMessage  `json:"default"`
	Minimum          json.Number      `json:"minimum"`
	ExclusiveMinimum json.Number      `json:"exclusiveMinimum"`
	Maximum          json.Number      `json:"maximum"`
	MinLength        json.Number      `json:"minLength"`
	MaxLength        json.Number      `json:"maxLength"`
	MaxItems         json.Number      `json:"maxItems"`
	Items            *schema          `json:"items"`
	Properties       ordered[*schema] `json:"properties"`
	Required         []string         `json:"required"`
	Additional       *schema          `json:"additionalProperties"`
	OneOf            []*schema        `json:"oneOf"`
	AnyOf            []*schema        `json:"anyOf"`
}

// names is one string or several.
type names []string

// UnmarshalJSON reads a string or a list of strings.
func (n *names) UnmarshalJSON(text []byte) error {
	if bytes.HasPrefix(text, []byte{'"'}) {
		*n = names{""}
		return json.Unmarshal(text, &(*n)[0])
	}
	return json.Unmarshal(text, (*[]string)(n))
}

// ordered is an object whose members keep their order.
type ordered[T any] []member[T]

type member[T any] struct {
	Name  string
	Value T
}

// UnmarshalJSON reads an object.
func (o *ordered[T]) UnmarshalJSON(text []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	if start, err := decoder.Token(); err != nil || start != json.Delim('{') {
		return fmt.Errorf("%.20q is not an object", text)
	}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return fmt.Errorf("read a name: %w", err)
		}
		m := member[T]{Name: fmt.Sprint(name)}
		if err := decoder.Decode(&m.Value); err != nil {
			return fmt.Errorf("read %s: %w", m.Name, err)
		}
		*o = append(*o, m)
	}
	return nil
}

// get returns the member of the name.
func (o ordered[T]) get(name string) (value T, ok bool) {
	for _, m := range o {
		if m.Name == name {
			return m.Value, true
		}
	}
	return value, false
}
