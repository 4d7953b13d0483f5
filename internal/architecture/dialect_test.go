package architecture

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// dialects lists the folders of httpapi that are named after the vendor of an API. Each contains everything that knows the
// API: routes, names, errors, and the format of its webhooks.
var dialects = []string{"cryptomus", "cryptosteroid", "itispay"}

// naming lists the other folders that may name dialects: programs that choose some, and the table of mutations, which names
// files.
var naming = []string{"examples", "internal/mutation"}

// If only its folder names a dialect, it can be added, changed and removed without touching anything else.
func TestOnlyADialectsOwnFolderNamesIt(t *testing.T) {
	root := os.DirFS("../..")
	words := regexp.MustCompile("(?i)" + strings.Join(dialects, "|"))
	named := map[string]bool{}
	require.NoError(t, fs.WalkDir(root, ".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains(naming, path):
			return fs.SkipDir
		case entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := fs.ReadFile(root, path)
		if err != nil {
			return err
		}
		own, _, _ := strings.Cut(strings.TrimPrefix(filepath.ToSlash(path), "httpapi/"), "/")
		for at, line := range strings.Split(string(text), "\n") {
			for _, word := range words.FindAllString(line, -1) {
				named[strings.ToLower(word)] = true
				if !strings.HasPrefix(path, "httpapi/") || own != strings.ToLower(word) {
					t.Errorf("%s:%d names %s", path, at+1, word)
				}
			}
		}
		return nil
	}))
	for _, dialect := range dialects {
		require.True(t, named[dialect], "%s does not even name itself", dialect)
	}
}
