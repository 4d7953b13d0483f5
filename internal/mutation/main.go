// Command mutation tests the tests: it puts one small fault at a time into the code, and reports which test notices.
//
//	go run ./internal/mutation                       # all of them
//	go run ./internal/mutation -only 'rounded|slot'  # those whose name or file matches
//	go run ./internal/mutation -list                 # only check that the table still fits the code
//
// The table of mutations is in the files that are named after the packages. A mutation is a text that occurs exactly once in
// a file, and its replacement. All mutations are compiled into the tests at once, by an overlay of the go command, so the
// tree does not change; an environment variable selects one. The tests of its package run first, the simulation last, and
// the first that fails has caught it. The command fails if a text is no longer in its file, if a mutation does not compile,
// if no test catches one, and if a test catches one that is declared to be equivalent.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

type options struct {
	only     *regexp.Regexp
	list     bool
	baseline bool
	workers  int
	seeds    int
	timeout  time.Duration
}

func main() {
	only := flag.String("only", "", "regular expression for the names and files of the mutations to try; empty: all")
	var o options
	flag.BoolVar(&o.list, "list", false, "compare the table with the code and run nothing")
	flag.BoolVar(&o.baseline, "baseline", true, "run the tests on the code as it is first: they must pass")
	flag.IntVar(&o.workers, "workers", runtime.NumCPU(), "how many mutations are tried at a time")
	flag.IntVar(&o.seeds, "seeds", 60, "how many worlds the simulation has")
	flag.DurationVar(&o.timeout, "timeout", time.Minute, "of the tests of one package: a mutation that hangs is caught by it")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	var err error
	if o.only, err = regexp.Compile(*only); err == nil {
		err = run(ctx, o, os.Stdout)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutation:", err)
		os.Exit(1)
	}
}

// say writes a line of progress.
func say(out io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(out, format, args...) }

// run tries the mutations and reports on each.
func run(ctx context.Context, o options, out io.Writer) error {
	root, err := moduleRoot(ctx)
	if err != nil {
		return err
	}
	chosen := table()
	if err := check(root, chosen); err != nil {
		return err
	}
	chosen = slices.DeleteFunc(chosen, func(m mutation) bool { return !o.only.MatchString(m.file + " " + m.name) })
	if o.list {
		say(out, "%d mutations fit the code\n", len(chosen))
		return nil
	}
	dir, err := os.MkdirTemp("", "mutation")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	r := &runner{root: root, dir: dir, options: o}
	if err := r.build(ctx, chosen); err != nil {
		return err
	}
	if o.baseline {
		if err := r.unchanged(ctx, chosen); err != nil {
			return err
		}
	}
	return report(out, r.all(ctx, out, chosen))
}

func moduleRoot(ctx context.Context) (string, error) {
	mod, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("look for the module: %w", err)
	}
	return filepath.Dir(strings.TrimSpace(string(mod))), nil
}

// all tries the mutations, several at a time, and reports each result as soon as it is known.
func (r *runner) all(ctx context.Context, out io.Writer, list []mutation) []result {
	results := make([]result, len(list))
	var mu sync.Mutex // guards done and out
	done := 0
	var wg sync.WaitGroup
	next := make(chan int)
	for range max(1, min(r.workers, len(list))) {
		wg.Go(func() {
			for i := range next {
				began := time.Now()
				results[i] = r.try(ctx, list[i])
				mu.Lock()
				done++
				say(out, "%3d/%d %4.0fs %s: %s\n", done, len(list), time.Since(began).Seconds(), list[i].name, results[i].verdict())
				mu.Unlock()
			}
		})
	}
	for i := range list {
		if ctx.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	wg.Wait()
	return slices.DeleteFunc(results, func(res result) bool { return res.name == "" })
}

// report prints the table. It returns an error unless each mutation was caught or is declared to be equivalent.
func report(out io.Writer, results []result) error {
	say(out, "\n%-22s %-46s %s\n", "FILE", "MUTATION", "CAUGHT BY")
	bad, equivalent := 0, 0
	for _, res := range results {
		say(out, "%-22s %-46s %s\n", res.file, res.name, res.verdict())
		switch {
		case !res.good():
			bad++
		case res.equivalent != "":
			equivalent++
		}
	}
	for _, res := range results {
		switch {
		case res.equivalent != "":
			say(out, "\n%s is equivalent: %s\n", res.name, res.equivalent)
		case !res.good():
			say(out, "\n%s breaks this and nothing notices: %s\n", res.name, res.rule)
		}
	}
	say(out, "\n%d mutations: %d caught, %d equivalent, %d not caught\n",
		len(results), len(results)-bad-equivalent, equivalent, bad)
	if bad > 0 {
		return fmt.Errorf("%d of %d mutations were not caught", bad, len(results))
	}
	return nil
}
