package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/cointill/cointill/internal/etcdserver"
	"github.com/cointill/cointill/internal/pgserver"
	"github.com/stretchr/testify/require"
)

// A49: several processes on one database that are killed at random lose and repeat nothing, even if the database fails over
// to a synchronous standby meanwhile, or the members of its cluster are killed as well. What an asynchronous standby lacks is
// told, and nothing of it is used again.
func TestA49_ManyProcessesLoseNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("kills programs often: not with -short")
	}
	program := filepath.Join(t.TempDir(), "cluster")
	out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput()
	require.NoError(t, err, string(out))
	for name, of := range map[string]options{
		"one server": {}, "failover": {failover: true}, "failover without the last commits": {lossy: true}, "etcd": {etcd: true},
	} {
		t.Run(name, func(t *testing.T) {
			var story bytes.Buffer
			of.invoices, of.workers, of.kills, of.seed, of.program = 400, 3, 6, 49, program
			err := run(t.Context(), of, &story)
			if (errors.Is(err, pgserver.ErrNoServer) || errors.Is(err, etcdserver.ErrNoServer)) && os.Getenv("CI") != "true" {
				t.Skip("no such server on this machine: ", err)
			}
			require.NoError(t, err, story.String())
			if of.lossy {
				require.Contains(t, story.String(), "says that the store has lost its end")
				require.Contains(t, story.String(), "what was lost was told")
				return
			}
			require.Contains(t, story.String(), "nothing was lost")
		})
	}
}
