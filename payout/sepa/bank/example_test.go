package bank_test

import (
	"context"
	"fmt"
	"log"
	"math/big"
	"os"
	"strings"

	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/payout/sepa/bank"
	"github.com/cointill/cointill/store"
	"github.com/shopspring/decimal"
)

// Salaries go to the bank in a file, and are paid when its statement says so.
func Example() {
	ctx := context.Background()
	books := store.NewMemory() // in production a store on SQLite or PostgreSQL
	account, err := bank.New(bank.Config{Store: books, Network: "sepa:main", Owner: "Shop GmbH", IBAN: "DE89370400440532013000"})
	if err != nil {
		log.Fatal(err)
	}
	payouts, err := payout.New(payout.Config{
		Store: books, Invoices: books,
		Networks: []payout.NetworkConfig{{
			Provider: account, Assets: []payout.AssetConfig{{Asset: account.Asset(), MaxFee: new(big.Int)}},
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	look := func() { // in production: go payouts.Run(ctx)
		if err := payouts.Look(ctx, account.Network()); err != nil {
			log.Fatal(err)
		}
	}
	read := func(statement string) bank.Learned {
		learned, err := account.ReadEntries(ctx, payouts, strings.NewReader(statement))
		if err != nil {
			log.Fatal(err)
		}
		return learned
	}
	for _, in := range read(statement("CRDT", "E1", "NOTPROVIDED")).Incoming {
		if err := payouts.Fund(ctx, account.Network(), in.ID, "shop", "anna"); err != nil {
			log.Fatal(err)
		}
	}

	p, err := payouts.Request(ctx, payout.Request{
		Project: "shop", Key: "salary 7, January", Asset: account.Asset().ID, To: "AT61 1904 3002 3457 3201", Units: decimal.NewFromInt(2500),
		Beneficiary: &payout.Beneficiary{Name: "Erika Muster", Reference: "January"},
	})
	if err != nil {
		log.Fatal(err)
	}
	look()
	file, err := account.Export(ctx, bank.ExportOptions{})
	if err != nil {
		log.Fatal(err)
	}
	text, err := account.Bytes(ctx, file.ID) // to be brought to the bank; the same bytes for ever
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(os.DevNull, text, 0o600); err != nil {
		log.Fatal(err)
	}
	fmt.Println(file.Orders, "order of", decimal.NewFromBigInt(file.Cents, -2), "euros")

	read(statement("DBIT", "E2", strings.ReplaceAll(p.ID, "-", "")))
	look()
	p, err = payouts.Payout(ctx, "shop", p.ID)
	fmt.Println(p.State.Status, err)
	// Output:
	// 1 order of 2500 euros
	// paid <nil>
}

// statement is what a bank gives: here one entry of 2500 euros.
func statement(direction, reference, endToEndID string) string {
	return `<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><Stmt><Id>1</Id>
		<Acct><Id><IBAN>DE89370400440532013000</IBAN></Id></Acct>
		<Ntry><Amt Ccy="EUR">2500.00</Amt><CdtDbtInd>` + direction + `</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>
		<BookgDt><Dt>2030-01-31</Dt></BookgDt><AcctSvcrRef>` + reference + `</AcctSvcrRef>
		<NtryDtls><TxDtls><Refs><EndToEndId>` + endToEndID + `</EndToEndId></Refs></TxDtls></NtryDtls></Ntry>
		</Stmt></BkToCstmrStmt></Document>`
}
