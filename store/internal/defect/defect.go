// Package defect runs a suite on things with defects, in a process of its own, and reads which cases have failed.
package defect

import (
	"os"
	"os/exec"
	"regexp"
	"testing"
)

// env is set in the process whose tests fail by intent.
const env = "COINTILL_SUITE_ON_DEFECTS"

// Only skips TestSuiteOnDefects, which calls it first, except in the process that [Failed] starts.
func Only(t *testing.T) {
	t.Helper()
	if os.Getenv(env) == "" {
		t.Skip("it fails by intent: TestDefectsFailByName runs it")
	}
}

var failure = regexp.MustCompile(`(?m)^\s*--- FAIL: TestSuiteOnDefects/(\S+)`)

// Failed runs the test TestSuiteOnDefects of this program, which must fail, and returns the names of the cases that did, as
// package testing spells them, and what the program printed.
func Failed(t *testing.T) (failed map[string]bool, out []byte) {
	t.Helper()
	run := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestSuiteOnDefects$")
	run.Env = append(os.Environ(), env+"=1")
	out, err := run.CombinedOutput()
	if err == nil {
		t.Fatalf("the suite passes on defects:\n%s", out)
	}
	failed = map[string]bool{}
	for _, match := range failure.FindAllStringSubmatch(string(out), -1) {
		failed[match[1]] = true
	}
	return failed, out
}
