package sepa_test

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/cointill/cointill/payout/sepa"
)

func ExampleWrite() {
	now := time.Date(2026, 12, 24, 16, 30, 0, 0, time.UTC)
	creditor, err := sepa.ParseIBAN("AT61 1904 3002 3457 3201")
	if err != nil {
		fmt.Println(err)
		return
	}
	err = sepa.Write(os.Stdout, sepa.Profile{}, sepa.Batch{
		MessageID: "POUT-17", CreatedAt: now,
		Debtor: "Musterladen GmbH", IBAN: "DE89370400440532013000", BIC: "COBADEFFXXX",
		Date: sepa.NextBusinessDay(now.AddDate(0, 0, 1)), // after Christmas and a weekend
		Transfers: []sepa.Transfer{{
			EndToEndID: "po-0001", Amount: decimal.RequireFromString("12.5"),
			Creditor: "Jürgen Groß", IBAN: creditor, Remittance: "Payout & thanks",
		}},
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// <?xml version="1.0" encoding="UTF-8"?>
	// <Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.001.001.09">
	//   <CstmrCdtTrfInitn>
	//     <GrpHdr>
	//       <MsgId>POUT-17</MsgId>
	//       <CreDtTm>2026-12-24T16:30:00Z</CreDtTm>
	//       <NbOfTxs>1</NbOfTxs>
	//       <CtrlSum>12.50</CtrlSum>
	//       <InitgPty>
	//         <Nm>Musterladen GmbH</Nm>
	//       </InitgPty>
	//     </GrpHdr>
	//     <PmtInf>
	//       <PmtInfId>POUT-17</PmtInfId>
	//       <PmtMtd>TRF</PmtMtd>
	//       <NbOfTxs>1</NbOfTxs>
	//       <CtrlSum>12.50</CtrlSum>
	//       <PmtTpInf>
	//         <SvcLvl>
	//           <Cd>SEPA</Cd>
	//         </SvcLvl>
	//       </PmtTpInf>
	//       <ReqdExctnDt>
	//         <Dt>2026-12-28</Dt>
	//       </ReqdExctnDt>
	//       <Dbtr>
	//         <Nm>Musterladen GmbH</Nm>
	//       </Dbtr>
	//       <DbtrAcct>
	//         <Id>
	//           <IBAN>DE89370400440532013000</IBAN>
	//         </Id>
	//       </DbtrAcct>
	//       <DbtrAgt>
	//         <FinInstnId>
	//           <BICFI>COBADEFFXXX</BICFI>
	//         </FinInstnId>
	//       </DbtrAgt>
	//       <ChrgBr>SLEV</ChrgBr>
	//       <CdtTrfTxInf>
	//         <PmtId>
	//           <EndToEndId>po-0001</EndToEndId>
	//         </PmtId>
	//         <Amt>
	//           <InstdAmt Ccy="EUR">12.50</InstdAmt>
	//         </Amt>
	//         <Cdtr>
	//           <Nm>Juergen Gross</Nm>
	//         </Cdtr>
	//         <CdtrAcct>
	//           <Id>
	//             <IBAN>AT611904300234573201</IBAN>
	//           </Id>
	//         </CdtrAcct>
	//         <RmtInf>
	//           <Ustrd>Payout + thanks</Ustrd>
	//         </RmtInf>
	//       </CdtTrfTxInf>
	//     </PmtInf>
	//   </CstmrCdtTrfInitn>
	// </Document>
}

func ExampleReadStatus() {
	document := `<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"><CstmrPmtStsRpt>
  <GrpHdr><MsgId>B-1</MsgId></GrpHdr>
  <OrgnlGrpInfAndSts><OrgnlMsgId>POUT-17</OrgnlMsgId><GrpSts>PART</GrpSts></OrgnlGrpInfAndSts>
  <OrgnlPmtInfAndSts><OrgnlPmtInfId>POUT-17</OrgnlPmtInfId><PmtInfSts>ACSC</PmtInfSts>
    <TxInfAndSts><OrgnlEndToEndId>po-0002</OrgnlEndToEndId><TxSts>RJCT</TxSts>
      <StsRsnInf><Rsn><Cd>AC04</Cd></Rsn><AddtlInf>account closed</AddtlInf></StsRsnInf></TxInfAndSts>
  </OrgnlPmtInfAndSts>
</CstmrPmtStsRpt></Document>`
	report, err := sepa.ReadStatus(strings.NewReader(document), sepa.Limits{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, id := range []string{"po-0001", "po-0002"} {
		status, _ := report.Of("POUT-17", id)
		fmt.Println(id, status.Status, status.Status.Settled(), status.Status.Rejected(), status.Reasons)
	}
	// Output:
	// po-0001 ACSC true false []
	// po-0002 RJCT false true [{AC04 account closed}]
}

func ExampleReadEntries() {
	document := `<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><Stmt>
  <Id>S-1</Id><Acct><Id><IBAN>DE89370400440532013000</IBAN></Id></Acct>
  <Bal><Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">100.00</Amt><CdtDbtInd>CRDT</CdtDbtInd></Bal>
  <Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">100.00</Amt><CdtDbtInd>CRDT</CdtDbtInd></Bal>
  <Ntry><Amt Ccy="EUR">12.50</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts><AcctSvcrRef>4711</AcctSvcrRef>
    <NtryDtls><TxDtls><Refs><EndToEndId>po-0001</EndToEndId></Refs></TxDtls></NtryDtls></Ntry>
  <Ntry><Amt Ccy="EUR">12.50</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts><AcctSvcrRef>4712</AcctSvcrRef>
    <NtryDtls><TxDtls><Refs><EndToEndId>po-0001</EndToEndId></Refs><RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf></TxDtls></NtryDtls></Ntry>
</Stmt></BkToCstmrStmt></Document>`
	seen := map[string]bool{} // in a store
	statements, err := sepa.ReadEntries(strings.NewReader(document), sepa.Limits{}, func(entry sepa.Entry) error {
		if !entry.Status.Booked() || seen[entry.Key()] {
			return nil
		}
		seen[entry.Key()] = true
		for _, t := range entry.Transactions {
			fmt.Printf("%s: %s %s %s, returned for %q\n", t.EndToEndID, t.Amount.StringFixed(2), t.Currency, t.Direction, t.ReturnReason)
		}
		return nil
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	difference, ok := statements[0].Difference()
	fmt.Println(difference, ok)
	// Output:
	// po-0001: 12.50 EUR DBIT, returned for ""
	// po-0001: 12.50 EUR CRDT, returned for "AC04"
	// 0 true
}
