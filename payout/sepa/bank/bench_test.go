package bank_test

import (
	"fmt"
	"math/big"
	"path/filepath"
	"testing"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/payout/sepa/bank"
	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/store/sqlite"
	"github.com/stretchr/testify/require"
)

// BenchmarkExport10000 writes 10,000 orders that wait in a database into one file, which is kept.
//
//	go test -run '^$' -bench Export10000 ./payout/sepa/bank
func BenchmarkExport10000(b *testing.B) {
	n := 10_000
	if testing.Short() {
		n = 200
	}
	for name, open := range map[string]func() bank.Store{
		"memory": func() bank.Store { return store.NewMemory() },
		"sqlite": func() bank.Store {
			db, err := sqlite.Open(filepath.Join(b.TempDir(), "books.db"))
			require.NoError(b, err)
			b.Cleanup(func() { _ = db.Close() })
			require.NoError(b, sqlite.Migrate(b.Context(), db))
			s, err := sqlite.New(db)
			require.NoError(b, err)
			return s
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				account, err := bank.New(bank.Config{Store: open(), Network: "sepa:main", Owner: "Shop GmbH", IBAN: ours})
				require.NoError(b, err)
				for i := range n {
					require.NoError(b, account.Submit(b.Context(), payout.Instruction{
						ID: fmt.Sprintf("o%07d", i), Asset: account.Asset(), To: chain.Address(theirs), Units: big.NewInt(int64(100 + i)), MaxFee: new(big.Int),
						Beneficiary: payout.Beneficiary{Name: "Jürgen Müßig", Reference: fmt.Sprint("bill ", i)},
					}))
				}
				b.StartTimer()
				f, err := account.Export(b.Context(), bank.ExportOptions{})
				require.NoError(b, err)
				require.Equal(b, n, f.Orders)
			}
		})
	}
}
