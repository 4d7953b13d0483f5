// Package browser plays scripts in a real Chromium, for tests of the pages. A script is a JavaScript module whose default
// export is a function that gets what lib.mjs describes; it throws to fail.
package browser

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Environment variables with the path of Chromium, and of the directory node_modules that has playwright-core and axe-core.
const (
	ChromiumEnv = "COINTILL_CHROMIUM"
	ModulesEnv  = "COINTILL_BROWSER_MODULES"
	// ShotsEnv is the directory that screenshots are written to; empty: none are kept.
	ShotsEnv = "COINTILL_SHOTS"
	// LighthouseEnv is the path of the program lighthouse.
	LighthouseEnv = "COINTILL_LIGHTHOUSE"
)

//go:embed lib.mjs
var lib []byte

// Play plays a script, a path relative to the test's folder, with arguments that become JSON. It returns what the script
// returns, as JSON. The test is skipped with -short, and if there is no browser, which fails it in CI.
func Play(t testing.TB, script string, args any) []byte {
	t.Helper()
	need(t, ChromiumEnv, ModulesEnv)
	given, err := json.Marshal(args)
	if err != nil {
		t.Fatal(err)
	}
	path, err := filepath.Abs(script)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	runner, answer := filepath.Join(dir, "lib.mjs"), filepath.Join(dir, "answer.json")
	if err := os.WriteFile(runner, lib, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", runner, path, answer, os.Getenv(ShotsEnv))
	cmd.Stdin = bytes.NewReader(given)
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", script, err, said)
	}
	out, err := os.ReadFile(answer)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// need skips the test with -short, and if one of the environment variables is not set, which fails it in CI.
func need(t testing.TB, names ...string) {
	t.Helper()
	if testing.Short() {
		t.Skip("another program: not with -short")
	}
	for _, name := range names {
		if os.Getenv(name) == "" {
			if os.Getenv("CI") == "true" {
				t.Fatal(name + " is not set")
			}
			t.Skip(name + " is not set")
		}
	}
}
