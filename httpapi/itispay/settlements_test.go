package itispay_test

import (
	"encoding/csv"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
	"github.com/cointill/cointill/httpapi/internal/stage"
	"github.com/cointill/cointill/httpapi/itispay"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

// market is a till in a bubble of time, on a chain that is followed.
type market struct {
	*world
	*till
	t *testing.T
}

func inMarket(t *testing.T, play func(m *market)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(start))
		w, p := newTill(t, options{now: time.Now, api: func(c *itispay.Config) { c.Now = time.Now }}, nil)
		stage.Run(t, w.service)
		time.Sleep(250 * time.Millisecond) // between two polls of the follower
		play(&market{w, p, t})
	})
}

// sell creates an invoice of 100 EUR and pays it in an asset. It returns its id.
func (m *market) sell(order, paid, amount string) string {
	m.t.Helper()
	created := m.create(m.t, fmt.Sprintf(`{"order_id":%q,"fiat_amount":100,"currency":"SIM"}`, order))
	to := created.object(m.t)["blockchain_details"].(map[string]any)["blockchainAddress"].(string)
	m.chain.Pay(chain.Address(to), m.chain.Asset(paid), units(amount))
	m.mine()
	return created.text(m.t, "invoice_id")
}

// mine adds blocks, and books what they brought.
func (m *market) mine() {
	m.t.Helper()
	m.chain.Mine(3)
	m.pass(5 * time.Second)
	require.NoError(m.t, m.Book(m.t.Context()))
}

func (m *market) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// withdraw asks for a withdrawal.
func (m *market) withdraw(currency, amount string) {
	m.t.Helper()
	got := m.do(m.t, "POST", "/withdraw", m.key, fmt.Sprintf(`{"currency":%q,"to":"sim1own","amount":%q}`, currency, amount))
	require.Equal(m.t, 200, got.status, "%s", got.body)
	m.pass(time.Minute)
}

// lines returns the lines of the export without their titles, with names for the ids of invoices.
func (m *market) lines(ids map[string]string) []string {
	m.t.Helper()
	text := m.table(m.t, m.key)
	for name, id := range ids {
		text = strings.ReplaceAll(text, id, name)
	}
	lines := strings.Split(text, "\r\n")
	require.Equal(m.t, "order_id,invoice_id,currency,currency_paid,crypto_amount,Date of settlement,Hash of settlement", lines[0])
	require.Empty(m.t, lines[len(lines)-1])
	return lines[1 : len(lines)-1]
}

func TestTheExportListsWhatWithdrawalsHaveSettled(t *testing.T) {
	inMarket(t, func(m *market) {
		require.Empty(t, m.lines(nil))
		ids := map[string]string{
			"one": m.sell("order 1", "SIM", "50000000000000000"), "two": m.sell("order, 2", "SIM", "50000000123456789"), "tokens": m.sell(`order "3"`, "TOK", "200000000"),
		}
		m.create(t, `{"order_id":"unpaid","fiat_amount":100,"currency":"SIM"}`)
		require.Empty(t, m.lines(ids), "nothing is settled yet")
		m.withdraw("SIM", "0.07")
		require.Empty(t, m.lines(ids), "it is not paid yet")
		ids["late"] = m.sell("order 4", "SIM", "50000000000000000")
		m.pay()
		first := []string{
			"order 1,one,SIM,,0.05000000,2024-01-15 10:30:15,0x1",
			`"order, 2",two,SIM,,0.05000000,2024-01-15 10:30:15,0x1`,
		}
		require.Equal(t, first, m.lines(ids))
		m.withdraw("TOK", "150")
		m.withdraw("SIM", "0.01")
		m.pay()
		m.pay()
		require.Equal(t, append(first,
			"order 4,late,SIM,,0.05000000,2024-01-15 10:32:20,0x3",
			`"order ""3""",tokens,SIM,TOK,0.05000000,2024-01-15 10:31:20,0x2`,
		), m.lines(ids))
		require.Equal(t, 1, strings.Count(m.table(t, m.other), "\r\n"), "nothing of it is another project's")
		m.sound()

		admin := m.do(t, "GET", "/admin/invoices/"+ids["tokens"], m.admin, "")
		require.Equal(t, []string{"paygateway", "2024-01-15T10:31:20Z", "0x2"}, []string{admin.text(t, "custody"), admin.text(t, "settlement_date"), admin.text(t, "settlement_txid")})
		ids["open"] = m.sell("order 5", "SIM", "50000000000000000")
		require.NotContains(t, m.do(t, "GET", "/admin/invoices/"+ids["open"], m.admin, "").object(t), "settlement_date")
		require.Equal(t, 4, strings.Count(string(m.do(t, "GET", "/admin/invoices", m.admin, "").body), `"settlement_txid":"0x`))
	})
}

// What the chain takes back after it was settled is a line of its own with the next withdrawal: a line that was exported
// once stays.
func TestTheExportShowsWhatTheChainTookBack(t *testing.T) {
	inMarket(t, func(m *market) {
		ids := map[string]string{"gone": m.sell("1", "SIM", "50000000000000000")}
		m.withdraw("SIM", "0.01")
		m.pay()
		settled := "1,gone,SIM,,0.05000000,2024-01-15 10:30:05,0x1"
		require.Equal(t, []string{settled}, m.lines(ids))

		m.chain.Reorganise(3, 4, chaintest.Lost)
		m.mine()
		require.Equal(t, 200, m.do(t, "PATCH", "/invoices/"+ids["gone"], m.key, `{"status":"archived"}`).status)
		require.Equal(t, []string{settled}, m.lines(ids))
		m.withdraw("SIM", "0.01")
		m.pay()
		require.Equal(t, []string{settled, "1,gone,SIM,,-0.05000000,2024-01-15 10:31:10,0x2"}, m.lines(ids))
		m.sound()
	})
}

// An invoice that was never completed has settled nothing, and neither has what another API sold.
func TestTheExportLeavesOutWhatIsNotCompletedOrNotOurs(t *testing.T) {
	inMarket(t, func(m *market) {
		m.sell("too little", "SIM", "10000000000000000")
		inv, err := m.service.Create(t.Context(), invoice.Request{
			Project: m.project, OrderID: "of another API", Price: invoice.Price{Currency: "SIM", Amount: decimal.NewFromInt(1)}, Asset: "SIM",
		})
		require.NoError(t, err)
		m.chain.Pay(inv.Quote.Address, m.chain.Asset("SIM"), inv.Quote.Due)
		m.mine()
		m.withdraw("SIM", "1")
		m.pay()
		require.Empty(t, m.lines(nil))
		all, err := m.Settlements(t.Context(), m.project, m.chain.Asset("SIM").ID, func(*payout.Payout, payout.Line) error { return nil })
		require.NoError(t, err)
		require.Equal(t, inv.Quote.Due, all[0].Income)
	})
}

func TestNoFieldOfTheExportIsAFormula(t *testing.T) {
	inMarket(t, func(m *market) {
		orders := []string{"=1+1", "+1", "-1", "@SUM(A1)", "\u0009tab", "a=1", "'quoted", "ä;b\"c"}
		for _, order := range orders[:4] {
			m.sell(order, "SIM", "50000000000000000")
		}
		for _, order := range orders[5:] {
			m.sell(order, "SIM", "50000000000000000")
		}
		m.withdraw("SIM", "0.01")
		m.pay()
		rows, err := csv.NewReader(strings.NewReader(m.table(t, m.key))).ReadAll()
		require.NoError(t, err)
		var got []string
		for _, row := range rows[1:] {
			got = append(got, row[0])
			require.Len(t, row, 7)
		}
		require.Equal(t, []string{"'=1+1", "'+1", "'-1", "'@SUM(A1)", "a=1", "'quoted", "ä;b\"c"}, got)
	})
}

func TestAnExportThatCannotBeReadIsAnError(t *testing.T) {
	inMarket(t, func(m *market) {
		m.sell("1", "SIM", "50000000000000000")
		m.withdraw("SIM", "0.01")
		m.pay()
		require.Equal(t, 2, strings.Count(m.table(t, m.key), "\r\n"))
		m.store.Break(errors.New("the disk is gone")) // for the key is known for a second
		got := m.do(t, "GET", "/invoices/settlements", m.key, "")
		m.store.Break(nil)
		got.refused(t, 500, "internal_error")
		require.NotContains(t, string(got.body), "disk")
		require.Contains(t, m.log.String(), "export settlements")
	})
}
