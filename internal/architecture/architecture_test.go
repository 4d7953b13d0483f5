// Package architecture has no code, only tests of the rules for the tree of packages.
package architecture

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/cointill/cointill"

// floors holds the height of each room. A package imports only lower rooms, and within its room only the packages that it is
// built on.
var floors = map[string]int{
	"chain": 0, "rates": 0, "invoice": 1, "webhook": 2, "payout": 2, "store": 3, "httpapi": 3, "examples": 4,
}

// adapts names the part of its room that a package is an adapter of.
var adapts = map[string]string{"store/etcd": "store/kv"}

// tools are packages outside the rooms, with the rooms that they may import and be imported by.
var tools = map[string]struct{ imports, importedBy []string }{
	"internal/browser":    {},
	"internal/devbtc":     {imports: []string{"chain", "chain/bitcoin"}, importedBy: []string{"chain/bitcoin/bitcointest", "examples"}},
	"internal/devchain":   {imports: []string{"chain", "chain/evm"}, importedBy: []string{"chain/evm/evmtest", "examples"}},
	"internal/etcdserver": {importedBy: []string{"internal/etcdtest", "examples"}},
	"internal/etcdtest":   {},
	"internal/pgserver":   {importedBy: []string{"internal/pgtest", "examples"}},
	"internal/pgtest":     {},
	"internal/scrub":      {importedBy: []string{"chain/bitcoin", "chain/evm", "chain/tron", "rates/market", "payout/evm", "payout/internal/remote"}},
}

func list(t *testing.T, args ...string) []string {
	out, err := exec.Command("go", append([]string{"list"}, args...)...).Output()
	require.NoError(t, err)
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

func TestImportsPointDown(t *testing.T) {
	for _, line := range list(t, "-f", `{{.ImportPath}} {{join .Imports " "}}`, module+"/...") {
		fields := strings.Fields(line)
		from, ours := strings.CutPrefix(fields[0], module+"/")
		require.True(t, ours, "%s: the module's root has no code", fields[0])
		for _, path := range fields[1:] {
			if to, ours := strings.CutPrefix(path, module+"/"); ours {
				require.True(t, allowed(from, to), "%s must not import %s", from, to)
			}
		}
	}
}

func allowed(from, to string) bool {
	if tool, ok := tools[to]; ok {
		return within(from, tool.importedBy)
	}
	if tool, ok := tools[from]; ok {
		return within(to, tool.imports)
	}
	if room(from) == room(to) {
		// A part of a room builds on the room, and suites (the ...test packages) on what they test.
		return strings.HasPrefix(from, to+"/") || adapts[from] == to || strings.Contains(to, "/internal/") || strings.HasSuffix(from, "test")
	}
	low, known := floors[room(to)]
	high, knownToo := floors[room(from)]
	return known && knownToo && low < high
}

func within(path string, places []string) bool {
	for _, place := range places {
		if path == place || strings.HasPrefix(path, place+"/") && place == room(place) && place == "examples" {
			return true
		}
	}
	return false
}

func room(path string) string {
	first, _, _ := strings.Cut(path, "/")
	return first
}

// The core decides about money, so it must be easy to read: it has no further dependencies.
func TestTheCoreNeedsNothingButTheStandardLibraryAndDecimal(t *testing.T) {
	for _, path := range list(t, "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", module+"/invoice") {
		require.Contains(t, []string{
			module + "/invoice", module + "/chain", module + "/rates", "github.com/shopspring/decimal",
		}, path)
	}
	for _, path := range list(t, "-deps", module+"/invoice") {
		require.NotContains(t, []string{"net/http", "database/sql"}, path)
	}
}

// go-ethereum is under the LGPL. A program that takes no payments on EVM networks must not link it.
func TestOfWhatProgramsImportOnlyEVMCompilesGoEthereum(t *testing.T) {
	require.ElementsMatch(t, []string{"chain/evm", "chain/evm/evmtest", "payout/evm"}, compiling(t, "github.com/ethereum/go-ethereum"))
}

// The client of etcd brings gRPC and much else. A program that keeps nothing there must not link it.
func TestOfWhatProgramsImportOnlyTheStoreOnEtcdCompilesItsClient(t *testing.T) {
	for _, library := range []string{"go.etcd.io/etcd/client/v3", "go.etcd.io/etcd/api/v3", "google.golang.org/grpc"} {
		require.Equal(t, []string{"store/etcd"}, compiling(t, library), library)
	}
}

// compiling returns the packages that programs import and that compile a library.
func compiling(t *testing.T, library string) (compile []string) {
	for _, line := range list(t, "-f", `{{.ImportPath}} {{join .Deps " "}}`, module+"/...") {
		fields := strings.Fields(line)
		path := strings.TrimPrefix(fields[0], module+"/")
		if room(path) == "examples" || slices.Contains(strings.Split(path, "/"), "internal") {
			continue // no program imports it
		}
		if slices.ContainsFunc(fields[1:], func(dep string) bool { return dep == library || strings.HasPrefix(dep, library+"/") }) {
			compile = append(compile, path)
		}
	}
	return compile
}

// A program that "go build" left at the root is easily committed, and every clone carries it for ever.
func TestTheTopLevelHoldsTheRoomsAndTheDocuments(t *testing.T) {
	documents := []string{"README.md", "ARCHITECTURE.md", "OPERATING.md", "BENCHMARKS.md", "CHANGELOG.md", "LICENSE", "go.mod", "go.sum"}
	entries, err := os.ReadDir("../..")
	require.NoError(t, err)
	for _, entry := range entries {
		name := entry.Name()
		if strings.HasPrefix(name, ".") || name == "internal" {
			continue
		}
		_, known := floors[name]
		require.Equal(t, known, entry.IsDir(), "%s is no room", name)
		require.True(t, known || slices.Contains(documents, name), "%s is none of the project's documents", name)
	}
}
