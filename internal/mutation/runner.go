package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// runner runs the tests of the module, compiled with all mutations.
type runner struct {
	options
	root string
	dir  string // of the compiled tests
}

// stage describes the tests of a package.
type stage struct {
	pkg  string
	args []string
}

// stages returns the tests for a mutation of the file, the quickest first.
func (r *runner) stages(file string) []stage {
	const hours = "KeepsThePlace|GivenUp|A18|DustHolds|NoLongerConfigured|Settled|Blind|Damaged|Refresh|LongHistory" // time passes in these
	quick, slow := stage{"invoice", []string{"-test.skip=" + hours}}, stage{"invoice", []string{"-test.run=" + hours}}
	simulation := stage{"invoice/invoicetest", []string{
		"-test.run=TestEveryWorldKeepsTheRules", "-seed=1", "-seeds=" + strconv.Itoa(r.seeds),
	}}
	switch {
	case strings.HasPrefix(file, "invoice/"):
		return []stage{quick, slow, simulation}
	case strings.HasPrefix(file, "chain/"):
		return []stage{{pkg: "chain"}, quick, slow, simulation}
	case strings.HasPrefix(file, "payout/sepa/"):
		return []stage{{pkg: "payout/sepa"}, {pkg: "payout/sepa/bank"}}
	case strings.HasPrefix(file, "payout/gateway/"):
		return []stage{{pkg: "payout/gateway"}}
	case strings.HasPrefix(file, "payout/evm/"):
		return []stage{{pkg: "payout/evm"}}
	case strings.HasPrefix(file, "payout/bitcoin/"):
		return []stage{{"payout/bitcoin", []string{"-test.short"}}}
	case strings.HasPrefix(file, "payout/tron/"):
		return []stage{{pkg: "payout/tron"}}
	case strings.HasPrefix(file, "payout/"): // the simulation first: what it misses, the tables may have
		return []stage{{"payout/payouttest", []string{
			"-test.run=TestEveryWorld", "-seed=1", "-seeds=" + strconv.Itoa(2*r.seeds),
		}}, {pkg: "payout"}}
	case strings.HasPrefix(file, "store/kv/"):
		return []stage{{pkg: "store/kv"}}
	case strings.HasPrefix(file, "store/"): // no mutation concerns speed and size
		return []stage{{"store/sqlite", []string{"-test.skip=TestA44|TestA45|TheWALIs"}}}
	}
	return []stage{{pkg: "webhook"}, simulation}
}

// result is the result of a mutation.
type result struct {
	mutation
	by  string // the package and the test that caught it; empty if none did
	err error  // reason why it could not be tried
}

func (r result) good() bool { return r.err == nil && (r.by != "") == (r.equivalent == "") }

func (r result) verdict() string {
	switch {
	case r.err != nil:
		return "FAILED: " + r.err.Error()
	case r.equivalent != "" && r.by == "":
		return "(equivalent)"
	case r.equivalent != "":
		return "CAUGHT, although it is said to be equivalent, by " + r.by
	case r.by == "":
		return "NOT CAUGHT"
	}
	return r.by
}

// unchanged runs the tests without a mutation.
func (r *runner) unchanged(ctx context.Context, list []mutation) error {
	ran := map[string]bool{}
	for _, m := range list {
		for _, s := range r.stages(m.file) {
			what := s.pkg + strings.Join(s.args, " ")
			if ran[what] {
				continue
			}
			ran[what] = true
			if failed, err := r.test(ctx, s, ""); err != nil || failed != "" {
				return fmt.Errorf("without any mutation a test fails: %s, %w", failed, err)
			}
		}
	}
	return nil
}

// try runs the tests with the mutation until one fails.
func (r *runner) try(ctx context.Context, m mutation) result {
	for _, s := range r.stages(m.file) {
		failed, err := r.test(ctx, s, m.name)
		if err != nil || failed != "" {
			return result{mutation: m, by: failed, err: err}
		}
	}
	return result{mutation: m}
}

// test runs a stage and returns the first test that failed, or "" if all passed.
func (r *runner) test(ctx context.Context, s stage, mutation string) (string, error) {
	args := append([]string{"-test.v", "-test.failfast", "-test.timeout=" + r.timeout.String()}, s.args...)
	cmd := exec.CommandContext(ctx, r.program(s.pkg), args...)
	cmd.Dir = filepath.Join(r.root, filepath.FromSlash(s.pkg))
	cmd.Env = append(os.Environ(), variable+"="+mutation)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if err == nil {
		return "", nil
	}
	return s.pkg + " " + blame(out.Bytes()), nil
}

// blame returns the test that failed first, according to the output.
func blame(output []byte) string {
	var failed, last, why string
	lines := bufio.NewScanner(bytes.NewReader(output))
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if name, ok := strings.CutPrefix(line, "=== RUN "); ok {
			last = strings.TrimSpace(name)
		}
		if name, ok := strings.CutPrefix(line, "--- FAIL: "); ok {
			name, _, _ = strings.Cut(name, " ")
			if failed == "" || strings.HasPrefix(name, failed+"/") { // a subtest is reported after its parent
				failed = name
			}
		}
		switch {
		case strings.HasPrefix(line, "panic: test timed out"):
			why = " (hangs)"
		case strings.HasPrefix(line, "panic: ") && why == "":
			why = " (panics)"
		}
	}
	if failed == "" {
		failed = last
	}
	return failed + why
}
