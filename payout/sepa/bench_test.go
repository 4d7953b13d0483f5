package sepa_test

import (
	"bufio"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/payout/sepa"
)

// A file of 10,000 transfers, checked and written.
func BenchmarkWrite10000(b *testing.B) {
	batch := many(10_000)
	b.SetBytes(int64(len(written(b, sepa.Profile{}, batch))))
	b.ReportAllocs()
	for b.Loop() {
		require.NoError(b, sepa.Write(io.Discard, sepa.Profile{}, batch))
	}
}

// The limit of BenchmarkWrite10000: the same file, formatted without any check.
func BenchmarkWrite10000Limit(b *testing.B) {
	batch := many(10_000)
	want := written(b, sepa.Profile{}, batch)
	first := bytes.Index(want, []byte("      <CdtTrfTxInf>"))
	last := bytes.LastIndex(want, []byte("    </PmtInf>"))
	b.SetBytes(int64(len(want)))
	b.ReportAllocs()
	var out bytes.Buffer
	for b.Loop() {
		out.Reset()
		out.Write(want[:first])
		for _, t := range batch.Transfers {
			fmt.Fprintf(&out, `      <CdtTrfTxInf>
        <PmtId>
          <EndToEndId>%s</EndToEndId>
        </PmtId>
        <Amt>
          <InstdAmt Ccy="EUR">%s</InstdAmt>
        </Amt>
        <Cdtr>
          <Nm>Juergen Gross%s</Nm>
        </Cdtr>
        <CdtrAcct>
          <Id>
            <IBAN>%s</IBAN>
          </Id>
        </CdtrAcct>
        <RmtInf>
          <Ustrd>%s</Ustrd>
        </RmtInf>
      </CdtTrfTxInf>
`, t.EndToEndID, t.Amount.StringFixed(2), t.Creditor[len("Jürgen Groß"):], t.IBAN, t.Remittance)
		}
		out.Write(want[last:])
	}
	require.Equal(b, string(want), out.String())
}

const manyEntries = 100_000

// statements writes a camt.053 of n entries, with about as much in each as banks write.
func statements(to io.Writer, n int) error {
	w := bufio.NewWriter(to)
	fmt.Fprint(w, `<?xml version="1.0" encoding="UTF-8"?><Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><Stmt>
<Id>S</Id><Acct><Id><IBAN>DE89370400440532013000</IBAN></Id></Acct>`)
	for i := range n {
		fmt.Fprintf(w, `
<Ntry>
  <NtryRef>%[1]d</NtryRef><Amt Ccy="EUR">100.00</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>
  <BookgDt><Dt>2026-12-02</Dt></BookgDt><ValDt><Dt>2026-12-02</Dt></ValDt><AcctSvcrRef>20261202%[1]d</AcctSvcrRef>
  <BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>ICDT</Cd><SubFmlyCd>ESCT</SubFmlyCd></Fmly></Domn></BkTxCd>
  <NtryDtls><TxDtls>
    <Refs><MsgId>POUT-2026-0732</MsgId><PmtInfId>POUT-2026-0732</PmtInfId><EndToEndId>po-%[1]d</EndToEndId></Refs>
    <Amt Ccy="EUR">100.00</Amt><CdtDbtInd>DBIT</CdtDbtInd>
    <RltdPties>
      <Dbtr><Pty><Nm>Musterladen GmbH</Nm></Pty></Dbtr><DbtrAcct><Id><IBAN>DE89370400440532013000</IBAN></Id></DbtrAcct>
      <Cdtr><Pty><Nm>Juergen Gross</Nm></Pty></Cdtr><CdtrAcct><Id><IBAN>AT611904300234573201</IBAN></Id></CdtrAcct>
    </RltdPties>
    <RltdAgts><CdtrAgt><FinInstnId><BICFI>BKAUATWWXXX</BICFI></FinInstnId></CdtrAgt></RltdAgts>
    <RmtInf><Ustrd>Payout %[1]d</Ustrd></RmtInf>
  </TxDtls></NtryDtls>
</Ntry>`, i)
	}
	fmt.Fprint(w, `</Stmt></BkToCstmrStmt></Document>`)
	return w.Flush()
}

func BenchmarkRead100000Entries(b *testing.B) {
	var document bytes.Buffer
	require.NoError(b, statements(&document, manyEntries))
	b.SetBytes(int64(document.Len()))
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		_, err := sepa.ReadEntries(bytes.NewReader(document.Bytes()), sepa.Limits{}, func(sepa.Entry) error { n++; return nil })
		require.NoError(b, err)
		require.Equal(b, manyEntries, n)
	}
}

// The limit of BenchmarkRead100000Entries: the tokens of the same bytes.
func BenchmarkRead100000EntriesLimit(b *testing.B) {
	var document bytes.Buffer
	require.NoError(b, statements(&document, manyEntries))
	b.SetBytes(int64(document.Len()))
	b.ReportAllocs()
	for b.Loop() {
		decoder := xml.NewDecoder(bytes.NewReader(document.Bytes()))
		for {
			if _, err := decoder.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				b.Fatal(err)
			}
		}
	}
}
