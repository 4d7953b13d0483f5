package invoice_test

import (
	"fmt"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

var listedAt = time.Date(2031, 2, 3, 4, 5, 6, 7, time.UTC)

// onList is an invoice quoted in an asset with so many decimals, created and updated so many nanoseconds
// after the others.
func onList(id string, created, updated time.Duration, due int64, decimals int, fiat string) invoice.Invoice {
	return invoice.Invoice{
		ID: id, Project: "shop", CreatedAt: listedAt.Add(created), UpdatedAt: listedAt.Add(updated),
		Price: invoice.Price{Currency: "EUR", Amount: decimal.NewFromInt(1000)},
		Quote: &invoice.Quote{
			Asset: chain.Asset{Code: "ETH", Decimals: decimals}, Due: big.NewInt(due),
			Fiat: invoice.Price{Currency: "EUR", Amount: decimal.RequireFromString(fiat)},
		},
		State: invoice.State{Status: invoice.StatusNew},
	}
}

func TestAListingIsSortedByNumbersAndTimesWithTiesByID(t *testing.T) {
	unquoted := invoice.Invoice{ID: "d", CreatedAt: listedAt.Add(1), UpdatedAt: listedAt.Add(1), Price: invoice.Price{Amount: decimal.NewFromInt(50)}}
	all := []invoice.Invoice{
		onList("a", 2, 0, 100, 1, "9"), // 10 due
		onList("c", 1, 2, 90, 0, "100.00"),
		onList("b", 1, 3, 9, 0, "100"),
		unquoted,
	}
	for sort, want := range map[invoice.Sort]string{
		"":                  "[b c d a]",
		"unheard of":        "[b c d a]",
		invoice.SortCreated: "[b c d a]",
		invoice.SortUpdated: "[a d c b]",
		invoice.SortFiat:    "[a d b c]", // the unquoted one by its price
		invoice.SortDue:     "[d b a c]", // in units of the asset, the unquoted one as 0
	} {
		t.Run(fmt.Sprintf("by %q", sort), func(t *testing.T) {
			ids := func(q invoice.Query) (out []string) {
				for _, inv := range slices.SortedFunc(slices.Values(all), q.Compare) {
					out = append(out, inv.ID)
				}
				return out
			}
			up, down := ids(invoice.Query{Sort: sort, Ascending: true}), ids(invoice.Query{Sort: sort})
			require.Equal(t, want, fmt.Sprint(up))
			slices.Reverse(down)
			require.Equal(t, up, down, "ties go in the direction of the listing")
			require.Zero(t, invoice.Query{Sort: sort}.Compare(all[0], all[0]))
		})
	}
}

func TestAListingHasWhatEveryFieldOfItsQuerySelects(t *testing.T) {
	inv := onList("a", 5, 0, 1, 0, "1")
	unquoted := inv
	unquoted.Quote = nil
	formatted := inv
	formatted.Format = "standard"
	for _, c := range []struct {
		q        invoice.Query
		inv      invoice.Invoice
		selected bool
	}{
		{invoice.Query{}, inv, true},
		{invoice.Query{}, unquoted, true},
		{invoice.Query{Project: "shop"}, inv, true},
		{invoice.Query{Project: "another"}, inv, false},
		{invoice.Query{Status: invoice.StatusNew}, inv, true},
		{invoice.Query{Status: invoice.StatusPending}, inv, false},
		{invoice.Query{AssetCode: "ETH"}, inv, true},
		{invoice.Query{AssetCode: "eth"}, inv, false},
		{invoice.Query{AssetCode: "ETH"}, unquoted, false},
		{invoice.Query{Format: "standard"}, inv, false},
		{invoice.Query{Format: "standard"}, formatted, true},
		{invoice.Query{Format: "itispay"}, formatted, false},
		{invoice.Query{CreatedAfter: listedAt.Add(5)}, inv, true},
		{invoice.Query{CreatedAfter: listedAt.Add(6)}, inv, false},
		{invoice.Query{CreatedBefore: listedAt.Add(5)}, inv, true},
		{invoice.Query{CreatedBefore: listedAt.Add(4)}, inv, false},
		{invoice.Query{Project: "shop", Status: invoice.StatusNew, AssetCode: "ETH", CreatedAfter: listedAt, CreatedBefore: listedAt.Add(9)}, inv, true},
		{invoice.Query{Project: "shop", Status: invoice.StatusNew, AssetCode: "ETH", CreatedAfter: listedAt, CreatedBefore: listedAt.Add(4)}, inv, false},
		{invoice.Query{Search: "nothing"}, inv, false},
		{invoice.Query{Search: "nothing", SearchProjects: []string{"another", "shop"}}, inv, true},
		{invoice.Query{Search: "nothing", SearchProjects: []string{"another", "SHOP"}}, inv, false},
		{invoice.Query{Search: "nothing", SearchProjects: []string{"shop"}, Status: invoice.StatusPending}, inv, false},
		{invoice.Query{SearchProjects: []string{"another"}}, inv, true},
		{invoice.Query{Search: "SHOP", SearchProjects: []string{"another"}}, inv, true},
		{invoice.Query{Offset: 7, Limit: 1, Sort: invoice.SortDue}, inv, true}, // the page does not matter
	} {
		require.Equal(t, c.selected, c.q.Selects(c.inv), "%+v", c.q)
	}
}
