package main

import (
	"context"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// variable is the environment variable that selects a mutation.
const variable = "COINTILL_MUTATION"

// build compiles the tests with all mutations in them, of which the environment selects one at run time, so that the module
// is compiled only once. It does not change the tree.
func (r *runner) build(ctx context.Context, chosen []mutation) error {
	byFile := map[string][]mutation{}
	for _, m := range table() {
		byFile[m.file] = append(byFile[m.file], m)
	}
	replace := map[string]string{}
	put := func(file, text string) error {
		written := filepath.Join(r.dir, strings.ReplaceAll(file, "/", "-"))
		replace[filepath.Join(r.root, filepath.FromSlash(file))] = written
		return os.WriteFile(written, []byte(text), 0o600)
	}
	for file, list := range byFile {
		text, err := woven(r.root, file, list)
		if err != nil {
			return err
		}
		if err := put(file, text); err != nil {
			return err
		}
		if err := put(filepath.ToSlash(filepath.Join(filepath.Dir(file), "mutation_chosen.go")), chooser(packageOf(text))); err != nil {
			return err
		}
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return err
	}
	overlay := filepath.Join(r.dir, "overlay.json")
	if err := os.WriteFile(overlay, list, 0o600); err != nil {
		return err
	}
	for pkg := range r.packages(chosen) {
		cmd := exec.CommandContext(ctx, "go", "test", "-c", "-vet=off", "-overlay="+overlay, "-o", r.program(pkg), "./"+pkg)
		cmd.Dir = r.root
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("compile %s with the mutations: %w\n%s", pkg, err, out)
		}
	}
	return nil
}

// packages returns the packages whose tests run on the mutations.
func (r *runner) packages(list []mutation) map[string]bool {
	out := map[string]bool{}
	for _, m := range list {
		for _, s := range r.stages(m.file) {
			out[s.pkg] = true
		}
	}
	return out
}

func (r *runner) program(pkg string) string {
	return filepath.Join(r.dir, strings.ReplaceAll(pkg, "/", "-")+".test")
}

// chooser is a file of a package with mutations.
func chooser(pkg string) string {
	return "package " + pkg + `

import "os"

var mutationChosen = os.Getenv("` + variable + `")

func mutationOf[T any](name string, mutated, as T) T {
	if mutationChosen == name {
		return mutated
	}
	return as
}
`
}

func packageOf(text string) string {
	file, err := parser.ParseFile(token.NewFileSet(), "", text, parser.PackageClauseOnly)
	if err != nil {
		return ""
	}
	return file.Name.Name
}

// source is a file that was parsed.
type source struct {
	text string
	file *ast.File
}

func parsed(text string) (source, error) {
	file, err := parser.ParseFile(token.NewFileSet(), "", text, parser.ParseComments|parser.SkipObjectResolution)
	return source{text, file}, err
}

// of returns the text of a node. Positions in the only file of a set begin with 1.
func (s source) of(n ast.Node) string { return s.text[n.Pos()-1 : n.End()-1] }

// edit is a replacement of a text.
type edit struct {
	from, to int
	text     string
}

// woven returns the text of a file with all of its mutations in it, selected by name: a function gets a body for each
// mutation, and a constant becomes a variable with a value for each.
func woven(root, file string, list []mutation) (string, error) {
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(file)))
	if err != nil {
		return "", err
	}
	is, err := parsed(string(text))
	if err != nil {
		return "", err
	}
	var edits []edit
	values := map[int]edit{} // of constants, by position
	for _, m := range list {
		changed, err := m.apply(root)
		if err != nil {
			return "", err
		}
		becomes, err := parsed(string(changed))
		if err != nil {
			return "", fmt.Errorf("%s: %w", m.name, err)
		}
		added, err := m.weave(is, becomes, values)
		if err != nil {
			return "", err
		}
		edits = append(edits, added...)
	}
	for _, e := range values {
		edits = append(edits, e)
	}
	slices.SortStableFunc(edits, func(a, b edit) int { return b.from - a.from })
	out := string(text)
	for i, e := range edits {
		if i > 0 && e == edits[i-1] {
			continue // a constant block that becomes one of variables
		}
		out = out[:e.from] + e.text + out[e.to:]
	}
	return out, nil
}

// weave finds the declaration that the mutation changes.
func (m mutation) weave(is, becomes source, values map[int]edit) ([]edit, error) {
	if len(is.file.Decls) != len(becomes.file.Decls) {
		return nil, fmt.Errorf("%s: it changes how many declarations there are", m.name)
	}
	for i, decl := range is.file.Decls {
		other := becomes.file.Decls[i]
		if is.of(decl) == becomes.of(other) {
			continue
		}
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			body := becomes.of(other.(*ast.FuncDecl).Body)
			end := "\n"
			if decl.Type.Results == nil {
				end = "\nreturn\n"
			}
			at := int(decl.Body.Lbrace)
			return []edit{{at, at, fmt.Sprintf("\nif mutationChosen == %q {%s%s}\n", m.name, body[1:len(body)-1], end)}}, nil
		case *ast.GenDecl:
			if decl.Tok == token.CONST {
				return m.weaveConstant(is, becomes, decl, other.(*ast.GenDecl), values)
			}
		}
	}
	return nil, fmt.Errorf("%s: it changes neither a function nor a constant", m.name)
}

func (m mutation) weaveConstant(is, becomes source, decl, other *ast.GenDecl, values map[int]edit) ([]edit, error) {
	for i, spec := range decl.Specs {
		if is.of(spec) == becomes.of(other.Specs[i]) {
			continue
		}
		value, mutated := spec.(*ast.ValueSpec).Values[0], other.Specs[i].(*ast.ValueSpec).Values[0]
		at := int(value.Pos() - 1)
		was, woven := values[at]
		if !woven {
			was = edit{at, int(value.End() - 1), is.of(value)}
		}
		was.text = fmt.Sprintf("mutationOf(%q, %s, %s)", m.name, becomes.of(mutated), was.text)
		values[at] = was
		keyword := int(decl.Pos() - 1)
		return []edit{{keyword, keyword + len("const"), "var"}}, nil
	}
	return nil, fmt.Errorf("%s: it changes no constant", m.name)
}
