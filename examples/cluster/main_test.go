package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/cointill/cointill/internal/pgserver"
	"github.com/stretchr/testify/require"
)

// A49: several processes on one database that are killed at random lose and repeat nothing, even if the database fails over
// to a synchronous standby meanwhile.
func TestA49_ManyProcessesLoseNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("kills programs often: not with -short")
	}
	program := filepath.Join(t.TempDir(), "cluster")
	out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput()
	require.NoError(t, err, string(out))
	for name, failover := range map[string]bool{"one server": false, "failover": true} {
		t.Run(name, func(t *testing.T) {
			var story bytes.Buffer
			err := run(t.Context(), options{invoices: 400, workers: 3, kills: 6, failover: failover, seed: 49, program: program}, &story)
			if errors.Is(err, pgserver.ErrNoServer) && os.Getenv("CI") != "true" {
				t.Skip("no PostgreSQL on this machine: ", err)
			}
			require.NoError(t, err, story.String())
			require.Contains(t, story.String(), "nothing was lost")
		})
	}
}
