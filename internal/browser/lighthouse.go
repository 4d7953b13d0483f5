package browser

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Report is what Lighthouse says of a page.
type Report struct {
	// Scores has a figure from 0 to 100 for each category: "accessibility", "best-practices" and "performance". The last one
	// is from times that were measured, so it depends on the machine.
	Scores map[string]int
	// Faults names what was not found perfect, in any category but performance.
	Faults []string
}

// Lighthouse loads the page at the URL as a phone on a slow network does, and rates it. Like [Play], it skips the test where it
// cannot run.
func Lighthouse(t testing.TB, url string) Report {
	t.Helper()
	need(t, ChromiumEnv, LighthouseEnv)
	for again := 0; ; again++ {
		out, err := rate(t, url)
		if err == nil {
			return out
		}
		if again == 2 { // it may lose the browser's trace on a busy machine
			t.Fatal(err)
		}
	}
}

// rate returns the report of one load of the page.
func rate(t testing.TB, url string) (Report, error) {
	answer := filepath.Join(t.TempDir(), "report.json")
	cmd := exec.CommandContext(t.Context(), os.Getenv(LighthouseEnv), url, "--quiet", "--no-enable-error-reporting",
		"--output=json", "--output-path="+answer, "--only-categories=accessibility,best-practices,performance",
		"--chrome-flags=--headless=new --no-sandbox --disable-gpu")
	cmd.Env = append(os.Environ(), "CHROME_PATH="+os.Getenv(ChromiumEnv))
	if said, err := cmd.CombinedOutput(); err != nil {
		return Report{}, fmt.Errorf("lighthouse %s: %w\n%s", url, err, said)
	}
	body, err := os.ReadFile(answer)
	if err != nil {
		return Report{}, err
	}
	out, err := report(body)
	if err != nil {
		return Report{}, fmt.Errorf("lighthouse %s: %w", url, err)
	}
	return out, nil
}

// report reads the report that Lighthouse writes.
func report(body []byte) (Report, error) {
	var in struct {
		RuntimeError *struct{ Message string }
		Categories   map[string]struct {
			Score     *float64
			AuditRefs []struct {
				ID     string
				Weight float64
			}
		}
		Audits map[string]struct {
			Title string
			Score *float64
		}
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return Report{}, err
	}
	if in.RuntimeError != nil {
		return Report{}, fmt.Errorf("the page was not rated: %s", in.RuntimeError.Message)
	}
	out := Report{Scores: map[string]int{}}
	for name, c := range in.Categories {
		if c.Score == nil {
			return Report{}, fmt.Errorf("%s has no score", name)
		}
		out.Scores[name] = int(*c.Score*100 + 0.5)
		for _, ref := range c.AuditRefs {
			if a := in.Audits[ref.ID]; name != "performance" && ref.Weight > 0 && a.Score != nil && *a.Score < 1 {
				out.Faults = append(out.Faults, ref.ID+": "+a.Title)
			}
		}
	}
	return out, nil
}
