package postgres

import (
	"os"
	"testing"

	"github.com/cointill/cointill/internal/pgserver"
	"github.com/cointill/cointill/internal/pgtest"
)

// Tests need not wait for the disk; benchmarks must.
var (
	server  = pgtest.Server{Config: pgserver.Config{NoSync: true}}
	durable pgtest.Server
)

func TestMain(m *testing.M) { os.Exit(max(server.Main(m), durable.Close())) }

// Servers are those servers for the tests outside of the package.
func Servers() (quick, waiting *pgtest.Server) { return &server, &durable }
