package architecture

import (
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// layers lists the layers of the core, lowest first. The name of a file begins with its layer, except in the vocabulary.
var layers = []string{"", "machine", "prepare", "service"}

func layer(file string) int {
	word, _, _ := strings.Cut(strings.TrimSuffix(file, ".go"), "_")
	return max(0, slices.Index(layers, word))
}

// A reader who reads the layers in order never meets a name that is declared in a later one.
func TestFilesOfTheCoreNameOnlyTheirOwnLayerAndLowerOnes(t *testing.T) {
	fset := token.NewFileSet()
	files := parsed(t, fset, "../../invoice")
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	conf := types.Config{Importer: importer.ForCompiler(fset, "gc", exports(t, module+"/invoice"))}
	core, err := conf.Check(module+"/invoice", fset, files, info)
	require.NoError(t, err)

	file := func(pos token.Pos) string { return filepath.Base(fset.Position(pos).Filename) }
	referred := map[int]bool{}
	for id, what := range info.Uses {
		if what.Pkg() != core || !named(core, what) {
			continue
		}
		from, to := file(id.Pos()), file(what.Pos())
		referred[layer(from)] = true
		require.GreaterOrEqual(t, layer(from), layer(to), "%s names %s of %s", fset.Position(id.Pos()), what.Name(), to)
	}
	for at, name := range layers {
		require.True(t, referred[at], "no file of the layer %q was looked at", name)
	}
}

// named reports whether an object is declared at package level or is a method: neither a field nor a local variable.
func named(core *types.Package, what types.Object) bool {
	if f, ok := what.(*types.Func); ok && f.Signature().Recv() != nil {
		return true
	}
	return what.Parent() == core.Scope()
}

func parsed(t *testing.T, fset *token.FileSet, dir string) (files []*ast.File) {
	t.Helper()
	names, err := filepath.Glob(dir + "/*.go")
	require.NoError(t, err)
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, name, nil, 0)
		require.NoError(t, err)
		files = append(files, f)
	}
	require.NotEmpty(t, files)
	return files
}

// exports returns the compiler's export data of the packages that a package imports.
func exports(t *testing.T, path string) importer.Lookup {
	t.Helper()
	found := map[string]string{}
	for _, line := range list(t, "-deps", "-export", "-f", "{{.ImportPath}} {{.Export}}", path) {
		name, export, _ := strings.Cut(line, " ")
		found[name] = export
	}
	return func(path string) (io.ReadCloser, error) {
		if found[path] == "" {
			return nil, fmt.Errorf("no export data of %s", path)
		}
		return os.Open(found[path])
	}
}
