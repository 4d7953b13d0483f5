package postgres

import (
	"context"
	"fmt"
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

func TestMain(m *testing.M) { os.Exit(run(m)) }

// run starts a server for the examples, which take its address from the environment, as a shop would.
func run(m *testing.M) int {
	if pgserver.Available() == nil {
		shop, err := pgserver.Start(context.Background(), pgserver.Config{NoSync: true})
		if err == nil {
			defer func() { _ = shop.Stop() }()
			err = os.Setenv("SHOP_DATABASE_URL", shop.URL("postgres"))
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "postgres: server for the examples:", err)
			return 1
		}
	}
	return max(server.Main(m), durable.Close())
}

// Servers are those servers for the tests outside of the package.
func Servers() (quick, waiting *pgtest.Server) { return &server, &durable }
