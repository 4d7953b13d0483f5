package sepa_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/payout/sepa"
)

func file(t testing.TB, name string) []byte {
	t.Helper()
	document, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return document
}

func report(t testing.TB, document string) sepa.StatusReport {
	t.Helper()
	r, err := sepa.ReadStatus(strings.NewReader(document), sepa.Limits{})
	require.NoError(t, err)
	return r
}

const ours = "POUT-2026-0731"

func of(t testing.TB, r sepa.StatusReport, id string) sepa.TransactionStatus {
	t.Helper()
	status, ok := r.Of(ours, id)
	require.True(t, ok)
	require.Equal(t, id, status.EndToEndID)
	return status
}

func TestARejectedGroupRejectsAllItsTransfers(t *testing.T) {
	r := report(t, string(file(t, "pain.002.001.03-group-rejected.xml")))
	require.Equal(t, "ST-1", r.ID)
	require.Equal(t, time.Date(2026, 12, 1, 9, 0, 0, 123_000_000, time.UTC), r.CreatedAt)
	require.Equal(t, ours, r.MessageID)
	require.Equal(t, "pain.001.001.03", r.Message)
	require.Empty(t, r.Payments)
	status := of(t, r, "po-0002")
	require.True(t, status.Status.Rejected())
	require.Equal(t, []sepa.Reason{{Code: "AM10", Info: "Summe falsch"}, {Code: "X42"}}, status.Reasons)
	_, ok := r.Of("POUT-2026-0732", "po-0002")
	require.False(t, ok, "another message")
}

func TestAPartialAcceptanceNamesExceptionsOnly(t *testing.T) {
	r := report(t, string(file(t, "pain.002.001.10-part.xml")))
	require.True(t, of(t, r, "po-0001").Status.Pending(), "not named")
	refused := of(t, r, "po-0002")
	require.True(t, refused.Status.Rejected())
	require.Equal(t, sepa.TransactionStatus{
		EndToEndID: "po-0002", InstructionID: "INS-2", UETR: "0b5e6a51-9c1f-4a6e-8f0e-2f4b9c7d1e20", ServicerRef: "BANK-7",
		Verdict: sepa.Verdict{Status: sepa.StatusRejected, Reasons: []sepa.Reason{{Code: "AC01", Info: "IBAN invalid"}}},
	}, refused)
	require.Equal(t, sepa.StatusPartial, of(t, r, "po/0003").Status, "named without a status of its own")
}

func TestTheStatusOfAPaymentIsThatOfItsTransfers(t *testing.T) {
	r := report(t, string(file(t, "pain.002.001.11-settled.xml")))
	require.Equal(t, sepa.StatusCreditorSettled, of(t, r, "po-0001").Status, "the last mention")
	require.True(t, of(t, r, "po-0002").Status.Pending(), "its own status comes before the payment's")
	require.True(t, of(t, r, "po/0003").Status.Settled(), "not named")
	require.Empty(t, of(t, r, "po/0003").Reasons)
}

func TestVerificationOfPayeeIsNoStatus(t *testing.T) {
	r := report(t, string(file(t, "pain.002.001.11-payee.xml")))
	for id, want := range map[string]sepa.Verdict{
		"po-0001": {Status: "RVCM", Verification: sepa.VerificationClose, Payee: "Juergen Maria Gross", Reasons: []sepa.Reason{{Info: "Juergen Maria Gross"}}},
		"po-0002": {Status: "RVCM", Verification: sepa.VerificationNoMatch},
		"po/0003": {Status: sepa.StatusPending, Verification: sepa.VerificationNotPossible, Reasons: []sepa.Reason{{Code: "RVNA", Info: "timeout"}}},
		"po-9999": {Status: "RVCM", Verification: sepa.VerificationMatch}, // the payment's, as for whatever it does not name
	} {
		got := of(t, r, id).Verdict
		require.Equal(t, want, got, id)
		require.True(t, got.Status.Pending())
	}
}

func TestOnlySettledStatusesMeanPaid(t *testing.T) {
	for status, want := range map[sepa.Status]string{
		"ACSC": "settled", "ACCC": "settled", "RJCT": "rejected", "CANC": "rejected",
		"RCVD": "pending", "PDNG": "pending", "ACTC": "pending", "PATC": "pending", "ACCP": "pending", "ACFC": "pending", "ACWC": "pending",
		"ACSP": "pending", "ACWP": "pending", "ACPD": "pending", "ACIS": "pending", "BLCK": "pending", "PART": "pending",
		"": "pending", "XXXX": "pending", "acsc": "pending", "RVNM": "pending",
	} {
		require.Equal(t, want == "settled", status.Settled(), status)
		require.Equal(t, want == "rejected", status.Rejected(), status)
		require.Equal(t, want == "pending", status.Pending(), status)
	}
}

// statusOf builds a report of one message.
func statusOf(group, payments string) string {
	return `<Document><CstmrPmtStsRpt><GrpHdr/><OrgnlGrpInfAndSts><OrgnlMsgId>` + ours + `</OrgnlMsgId>` + group + `</OrgnlGrpInfAndSts>` +
		payments + `</CstmrPmtStsRpt></Document>`
}

func TestStatusesAreHandedDownFromLevelToLevel(t *testing.T) {
	payment := func(id, content string) string {
		return `<OrgnlPmtInfAndSts><OrgnlPmtInfId>` + id + `</OrgnlPmtInfId>` + content + `</OrgnlPmtInfAndSts>`
	}
	const (
		rejected = `<PmtInfSts>RJCT</PmtInfSts><StsRsnInf><Rsn><Cd>DT01</Cd></Rsn></StsRsnInf>`
		named    = `<TxInfAndSts><OrgnlEndToEndId>a</OrgnlEndToEndId></TxInfAndSts>`
		settled  = `<TxInfAndSts><OrgnlEndToEndId>a</OrgnlEndToEndId><TxSts>ACSC</TxSts></TxInfAndSts>`
		process  = `<TxInfAndSts><OrgnlEndToEndId>a</OrgnlEndToEndId><TxSts>ACSP</TxSts></TxInfAndSts>`
	)
	for name, c := range map[string]struct {
		document string
		want     sepa.Status
		reasons  int
	}{
		"nothing is said":                            {statusOf("", ""), "", 0},
		"the group's":                                {statusOf("<GrpSts>ACCP</GrpSts>", ""), "ACCP", 0},
		"the payment's":                              {statusOf("<GrpSts>PART</GrpSts>", payment(ours, rejected)), "RJCT", 1},
		"the payment's for one that is named":        {statusOf("", payment(ours, rejected+named)), "RJCT", 1},
		"the group's through a payment":              {statusOf("<GrpSts>RJCT</GrpSts>", payment(ours, named)), "RJCT", 0},
		"its own before the group's":                 {statusOf("<GrpSts>RJCT</GrpSts>", payment(ours, process)), "ACSP", 0},
		"a payment whose id the bank could not read": {statusOf("", payment("NOTPROVIDED", rejected)), "RJCT", 1},
		"another payment of the message is not ours": {statusOf("<GrpSts>PART</GrpSts>", payment("other", rejected+settled)), "PART", 0},
		"what is decided stays so":                   {statusOf("", payment(ours, settled+process)), "ACSC", 0},
		"the last of two that decide nothing":        {statusOf("", payment(ours, strings.Replace(process, "ACSP", "ACTC", 1)+process)), "ACSP", 0},
	} {
		status, ok := report(t, c.document).Of(ours, "a")
		require.True(t, ok, name)
		require.Equal(t, c.want, status.Status, name)
		require.Len(t, status.Reasons, c.reasons, name)
	}
	_, ok := sepa.StatusReport{}.Of("", "")
	require.False(t, ok)
}

func TestAReportThatContradictsItselfIsRefused(t *testing.T) {
	_, err := sepa.ReadStatus(strings.NewReader(statusOf("", `<OrgnlPmtInfAndSts>
		<TxInfAndSts><OrgnlEndToEndId>a</OrgnlEndToEndId><TxSts>ACSC</TxSts></TxInfAndSts>
		<TxInfAndSts><OrgnlEndToEndId>a</OrgnlEndToEndId><TxSts>RJCT</TxSts></TxInfAndSts></OrgnlPmtInfAndSts>`)), sepa.Limits{})
	require.ErrorAs(t, err, new(*sepa.DocumentError))
}

func TestReportsOfOtherKindsAreRefused(t *testing.T) {
	for _, document := range []string{
		string(file(t, "camt.053.001.08-batch.xml")), string(file(t, "pain.001.001.09.xml")), `<Document/>`, `<CstmrPmtStsRpt/>`,
		`<Document><CstmrPmtStsRpt/></Document>`,
		statusOf("", "") + `<Document/>`,
		strings.Replace(statusOf("", ""), "<GrpHdr/>", "<GrpHdr><CreDtTm>yesterday</CreDtTm></GrpHdr>", 1),
	} {
		_, err := sepa.ReadStatus(strings.NewReader(document), sepa.Limits{})
		require.ErrorAs(t, err, new(*sepa.DocumentError), document)
	}
}

func FuzzReadStatus(f *testing.F) {
	for _, name := range []string{"pain.002.001.03-group-rejected.xml", "pain.002.001.10-part.xml", "pain.002.001.11-payee.xml", "pain.002.001.11-settled.xml"} {
		f.Add(file(f, name))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		r, err := sepa.ReadStatus(strings.NewReader(string(document)), sepa.Limits{Bytes: 64 << 10, Memory: 1 << 20})
		if err != nil {
			require.True(t, ofOurs(err), "%v", err)
			return
		}
		said := map[sepa.Status]bool{r.Group.Status: true}
		for _, payment := range r.Payments {
			said[payment.Status] = true
			for _, transaction := range payment.Transactions {
				said[transaction.Status] = true
			}
		}
		status, ok := r.Of(r.MessageID, "po-0001")
		require.True(t, ok)
		require.True(t, said[status.Status], "nothing is made up")
	})
}
