package architecture

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Where nobody runs what is compiled here, types are checked, tests included. That finds what is not there on Windows, and
// numbers that 32 bits do not hold, in a fraction of the time of a compiler. Other 64-bit machines that are no Windows add
// nothing to these.
func TestTypesAreSoundOnOtherMachines(t *testing.T) {
	if testing.Short() {
		t.Skip("reads every dependency: not with -short")
	}
	for _, machine := range []string{"windows/amd64", "linux/386"} {
		t.Run(strings.ReplaceAll(machine, "/", "-"), func(t *testing.T) {
			t.Parallel()
			system, processor, _ := strings.Cut(machine, "/")
			checked, err := check(system, processor, module+"/...")
			require.NoError(t, err)
			require.Greater(t, checked, 100)
		})
	}
}

func TestAnUnsoundTypeIsFound(t *testing.T) {
	for machine, want := range map[string]string{
		"linux/amd64": "", "linux/386": "(overflows)", "windows/amd64": "undefined: syscall.SIGUSR1",
	} {
		system, processor, _ := strings.Cut(machine, "/")
		_, err := check(system, processor, "./testdata/machines")
		if want == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, want)
	}
}

// listed is what go list says of a package, in a variant for a test or not.
type listed struct {
	Dir, ImportPath string
	GoFiles         []string
	ImportMap       map[string]string
	Module          *struct{ Path, GoVersion string }
}

// check checks the types of the packages of this module that the pattern names, their tests and all they need, and returns
// how many of this module there were.
func check(system, processor, pattern string) (checked int, err error) {
	cmd := exec.Command("go", "list", "-deps", "-test", "-json=Dir,ImportPath,GoFiles,ImportMap,Module", pattern)
	cmd.Env = append(os.Environ(), "GOOS="+system, "GOARCH="+processor, "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("go list: %w", err)
	}
	done := map[string]*types.Package{"unsafe": types.Unsafe}
	for in := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := in.Decode(&p); errors.Is(err, io.EOF) {
			return checked, nil
		} else if err != nil {
			return checked, err
		}
		if p.ImportPath == "unsafe" || strings.HasSuffix(p.ImportPath, ".test") {
			continue
		}
		ours := p.Module != nil && p.Module.Path == module
		if done[p.ImportPath], err = p.check(done, ours, types.SizesFor("gc", processor)); err != nil {
			return checked, err
		}
		if ours {
			checked++
		}
	}
}

// check checks the types of the package; those that it imports are done. Only bodies of our own functions are looked into.
func (p listed) check(done map[string]*types.Package, ours bool, sizes types.Sizes) (*types.Package, error) {
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range p.GoFiles {
		f, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	cfg := types.Config{
		IgnoreFuncBodies: !ours, Sizes: sizes, FakeImportC: true,
		Importer: importing(func(path string) (*types.Package, error) {
			if other := p.ImportMap[path]; other != "" {
				path = other
			}
			if pkg := done[path]; pkg != nil {
				return pkg, nil
			}
			return nil, fmt.Errorf("%s is not listed", path)
		}),
	}
	if p.Module != nil && p.Module.GoVersion != "" {
		cfg.GoVersion = "go" + p.Module.GoVersion
	}
	path, _, _ := strings.Cut(p.ImportPath, " ")
	return cfg.Check(path, fset, files, nil)
}

type importing func(path string) (*types.Package, error)

func (i importing) Import(path string) (*types.Package, error) { return i(path) }
