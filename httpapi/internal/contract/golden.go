package contract

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

var random = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{64}|data:image/png;base64,[A-Za-z0-9+/=]+`)

// Golden compares JSON, byte for byte except for random values, with a golden file in the package's testdata.
func Golden(t testing.TB, name string, body []byte) {
	t.Helper()
	var pretty bytes.Buffer
	err := json.Indent(&pretty, random.ReplaceAllFunc(body, func(found []byte) []byte {
		switch {
		case bytes.HasPrefix(found, []byte("data:")):
			return []byte("data:image/png;base64,...")
		case len(found) == 64:
			return []byte("64 hexadecimal digits")
		}
		return []byte("a UUID")
	}), "", "  ")
	file := filepath.Join("testdata", filepath.FromSlash(name)+".json")
	if err == nil && *update {
		if err = os.MkdirAll(filepath.Dir(file), 0o755); err == nil {
			err = os.WriteFile(file, pretty.Bytes(), 0o644)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if pretty.String() != string(want) {
		t.Fatalf("%s is now\n%s\nand was\n%s", name, pretty.String(), want)
	}
}

// Members returns the members of a JSON object in their order, separated by spaces, with "=null" after those that are null.
func Members(t testing.TB, body []byte) string {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(body))
	if _, err := dec.Token(); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	var out []string
	for dec.More() {
		name, err := dec.Token()
		var value json.RawMessage
		if err == nil {
			err = dec.Decode(&value)
		}
		if err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		text, _ := name.(string) // a member's name is one
		if string(value) == "null" {
			text += "=null"
		}
		out = append(out, text)
	}
	return strings.Join(out, " ")
}
