package docs

import (
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// curl returns a command for a POSIX shell that requests the operation. The shell's variable API contains the URL of the
// API, and there is a variable for each key.
func curl(v operationView, op *operation) string {
	path := v.Path
	query := url.Values{}
	var headers []string
	for _, p := range op.Parameters {
		if len(p.Example) == 0 {
			continue
		}
		value := plain(p.Example)
		switch p.In {
		case "path":
			path = strings.ReplaceAll(path, "{"+p.Name+"}", url.PathEscape(value))
		case "query":
			query.Set(p.Name, value)
		case "header":
			headers = append(headers, quote(p.Name+": "+value))
		}
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	var example string
	if op.RequestBody != nil {
		example = indent(jsonOf(op.RequestBody.Content).Example)
	}
	var before []string
	data := quote(example)
	for _, k := range v.Keys {
		if k.Sample != "" {
			if len(before) == 0 && strings.Contains(k.Sample, "$BODY") {
				before, data = append(before, "BODY="+quote(example)), `"$BODY"`
			}
			before = append(before, k.Variable+"="+k.Sample)
		}
		headers = append(headers, `"`+k.Header+": $"+k.Variable+`"`)
	}
	if example != "" {
		headers = append(headers, quote("Content-Type: application/json"))
	}
	lines := []string{"curl " + method(v.Method) + `"$API` + doubled.Replace(path) + `"`}
	for _, h := range headers {
		lines = append(lines, "-H "+h)
	}
	if example != "" {
		lines = append(lines, "-d "+data)
	}
	return strings.Join(append(before, strings.Join(lines, " \\\n  ")), "\n")
}

var usedVariables = regexp.MustCompile(`\$([A-Z_]+)`)

// variables returns the commands that set the variables of the samples.
func variables(keys []keyView) string {
	lines := []string{"API='https://shop.example/api'"}
	add := func(name string) {
		if line := name + "='...'"; name != "BODY" && !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	for _, k := range keys {
		if k.Sample == "" {
			add(k.Variable)
		}
		for _, used := range usedVariables.FindAllStringSubmatch(k.Sample, -1) {
			add(used[1])
		}
	}
	return strings.Join(lines, "\n")
}

func method(name string) string {
	if name == "GET" {
		return ""
	}
	return "-X " + name + " "
}

// plain returns a value in the form that it has in a URL or a header.
func plain(example json.RawMessage) string {
	var text string
	if json.Unmarshal(example, &text) == nil {
		return text
	}
	return string(example)
}

// doubled escapes the characters that are special between the double quotes of a POSIX shell.
var doubled = strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`, "`", "\\`")

// quote returns a text as one word for a POSIX shell.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// variable returns the name of the shell's variable for a key: API_KEY for ApiKeyAuth.
func variable(name string) string {
	var out strings.Builder
	lower := false
	for _, r := range strings.TrimSuffix(name, "Auth") {
		switch {
		case r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r):
			r, lower = '_', false
		case unicode.IsUpper(r) && lower:
			out.WriteByte('_')
			lower = false
		default:
			lower = unicode.IsLower(r)
		}
		out.WriteRune(unicode.ToUpper(r))
	}
	return out.String()
}
