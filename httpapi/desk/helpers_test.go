package desk_test

import (
	"encoding/json"
	"html"
)

func unescape(s string) string { return html.UnescapeString(s) }

func unmarshal(b []byte, v any) error { return json.Unmarshal(b, v) }
