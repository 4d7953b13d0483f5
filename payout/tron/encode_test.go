package tron

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain/tron"
	"github.com/cointill/cointill/payout"
)

// Two transactions of TRON's documentation: of createtransaction, and of triggersmartcontract.
const (
	trxRaw   = "0a0229272208939ece39d08a7abe40d8c483c1dd335a67080112630a2d747970652e676f6f676c65617069732e636f6d2f70726f746f636f6c2e5472616e73666572436f6e747261637412320a1541dd791d6b49e190062d650e6a23c575510d35f2f912154192ad11c1bf16b3b14b0bd6b5c7e2db73a0b5e83a18c0843d70d68780c1dd33"
	trxID    = "6303c7639f591407ef9f34a7ac8c9c9a21151f5a6af21924502515734fc267ab"
	tokenRaw = "0a0228c32208ce6d34028278856940f89cf1c0dd335aae01081f12a9010a31747970652e676f6f676c65617069732e636f6d2f70726f746f636f6c2e54726967676572536d617274436f6e747261637412740a1541dd791d6b49e190062d650e6a23c575510d35f2f9121541eca9bc828a3005b9a3b909f2cc5c2a54794de05f2244a9059cbb000000000000000000000000088a2bfcb1c7271029fd69a66859d5556089588400000000000000000000000000000000000000000000000000000000000000647089d0edc0dd33900180c2d72f"
	tokenTx  = "8c621a0dc9bd4d405b20d0a43143955b9f546f98bbfde1aec295a65b0f925629"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	raw, err := hex.DecodeString(s)
	require.NoError(t, err)
	return raw
}

func TestEncode_MakesTheDocumentedTransactions(t *testing.T) {
	trx := payment{
		ref:  [10]byte(unhex(t, "2927939ece39d08a7abe")),
		from: account(unhex(t, "dd791d6b49e190062d650e6a23c575510d35f2f9")), to: account(unhex(t, "92ad11c1bf16b3b14b0bd6b5c7e2db73a0b5e83a")),
		units: big.NewInt(1_000_000),
	}
	read, err := decode(unhex(t, trxRaw))
	require.NoError(t, err)
	trx.expiration, trx.timestamp = read.expiration, read.timestamp
	require.Equal(t, trxRaw, hex.EncodeToString(trx.encode()))
	require.Equal(t, trxID, trx.txID())
	require.Equal(t, trx, read)
	require.Less(t, read.timestamp, read.expiration)

	contract := account(unhex(t, "eca9bc828a3005b9a3b909f2cc5c2a54794de05f"))
	token := payment{
		ref: [10]byte(unhex(t, "28c3ce6d340282788569")), from: trx.from, to: account(unhex(t, "088a2bfcb1c7271029fd69a66859d55560895884")),
		contract: &contract, units: big.NewInt(100), limit: 100_000_000,
	}
	read, err = decode(unhex(t, tokenRaw))
	require.NoError(t, err)
	token.expiration, token.timestamp = read.expiration, read.timestamp
	require.Equal(t, tokenRaw, hex.EncodeToString(token.encode()))
	require.Equal(t, tokenTx, token.txID())
	require.Equal(t, token, read)
}

func TestDecode_ReadsNothingButWhatEncodeMakes(t *testing.T) {
	for _, whole := range []string{trxRaw, tokenRaw} {
		raw := unhex(t, whole)
		for name, other := range map[string][]byte{
			"data":          append(bytes.Clone(raw), 0x52, 1, 'x'),
			"field twice":   append(bytes.Clone(raw), raw[len(raw)-7:]...),
			"unknown field": append(bytes.Clone(raw), 0xa0, 1, 1),
			"cut":           raw[:len(raw)-1],
			"first missing": raw[4:],
			"other kind":    bytes.Replace(raw, []byte{8, raw[bytes.IndexByte(raw, 0x5a)+3]}, []byte{8, 2}, 1),
			"call value":    bytes.Replace(raw, []byte{0x22, 0x44}, []byte{0x18, 1, 0x22, 0x44}, 1),
			"approve":       bytes.Replace(raw, []byte{0xa9, 0x05, 0x9c, 0xbb}, []byte{0x09, 0x5e, 0xa7, 0xb3}, 1),
			"dirty word":    bytes.Replace(raw, append(make([]byte, 12), 0x08, 0x8a), append(append(make([]byte, 11), 1), 0x08, 0x8a), 1),
		} {
			if bytes.Equal(other, raw) {
				continue // not in this one
			}
			_, err := decode(other)
			require.Error(t, err, name)
		}
	}
	_, err := decode(nil)
	require.Error(t, err)
}

func TestFeeLimit_IsRoundedUp(t *testing.T) {
	for _, v := range [][3]int64{{130_285, 100, 15_634_200}, {64_285, 100, 7_714_200}, {1, 1, 2}, {3, 1, 4}, {5, 1, 6}, {130_285, 420, 65_663_640}} {
		require.Equal(t, v[2], feeLimit(v[0], v[1]).Int64())
	}
	require.Equal(t, 1, feeLimit(1<<40, 1<<40).Cmp(big.NewInt(1<<62)), "no overflow")
}

func TestUnderstand_RefusesFormsThatSayTwoThings(t *testing.T) {
	p, err := decode(unhex(t, tokenRaw))
	require.NoError(t, err)
	text, err := present(p, []uint32{1, 0}, []uint32{0, 7})
	require.NoError(t, err)
	got, path, toPath, err := understand(text)
	require.NoError(t, err)
	require.Equal(t, p, got)
	require.Equal(t, [][]uint32{{1, 0}, {0, 7}}, [][]uint32{path, toPath})

	for name, change := range map[string]func(u map[string]any){
		"id":        func(u map[string]any) { u["txID"] = trxID },
		"hex":       func(u map[string]any) { u["raw_data_hex"] = trxRaw },
		"raw data":  func(u map[string]any) { u["raw_data"].(map[string]any)["fee_limit"] = 5 },
		"more":      func(u map[string]any) { u["x"] = 1 },
		"signature": func(u map[string]any) { u["signature"] = []string{"00"} },
		"no path":   func(u map[string]any) { u["path"] = nil },
		"long path": func(u map[string]any) { u["path"] = []int{1, 2, 3} },
	} {
		var u map[string]any
		require.NoError(t, json.Unmarshal(text, &u))
		change(u)
		other, err := json.Marshal(u)
		require.NoError(t, err)
		_, _, _, err = understand(other)
		require.Error(t, err, name)
	}
	for _, other := range [][]byte{nil, []byte("{}"), []byte("null"), append(bytes.Clone(text), '\n'), bytes.Repeat([]byte(" "), maxUnsigned+1)} {
		_, _, _, err := understand(other)
		require.Error(t, err)
	}
}

func TestVerdict_NamesEveryCodeOfTheProtocol(t *testing.T) {
	for code, want := range map[string]string{
		"SUCCESS": "taken", "DUP_TRANSACTION_ERROR": "taken",
		"SIGERROR": "refused", "CONTRACT_VALIDATE_ERROR": "refused", "CONTRACT_EXE_ERROR": "refused",
		"BANDWITH_ERROR":            "refused", //nolint:misspell // so spelled in the protocol
		"TOO_BIG_TRANSACTION_ERROR": "refused", "TRANSACTION_EXPIRATION_ERROR": "refused",
		"TAPOS_ERROR": "open", "SERVER_BUSY": "open", "NO_CONNECTION": "open", "NOT_ENOUGH_EFFECTIVE_CONNECTION": "open",
		"BLOCK_UNSOLIDIFIED": "open", "OTHER_ERROR": "open", "": "open", "SOMETHING_NEW": "open",
	} {
		got := "open"
		switch err := verdict(code, ""); {
		case err == nil:
			got = "taken"
		case isRefused(err):
			got = "refused"
		}
		require.Equal(t, want, got, code)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(unhex(f, trxRaw))
	f.Add(unhex(f, tokenRaw))
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := decode(raw)
		if err != nil {
			return
		}
		require.Equal(t, raw, p.encode())
		text, err := present(p, []uint32{1, 0}, nil)
		require.NoError(t, err)
		again, _, _, err := understand(text)
		require.NoError(t, err)
		require.Equal(t, p.txID(), again.txID())
	})
}

func TestPlaceIsOneOfTheWallet(t *testing.T) {
	w, err := tron.NewWallet("xpub6D1AabNHCupeiLM65ZR9UStMhJ1vCpyV4XbZdyhMZBiJXALQtmn9p42VTQckoHVn8WNqS7dqnJokZHAHcHGoaQgmv8D45oNUKx6DZMNZBCd")
	require.NoError(t, err)
	for _, path := range [][]uint32{nil, {0}, {2, 0}, {0, 0, 0}, {0, 1 << 31}} {
		_, err := atPath(w, path)
		require.Error(t, err)
	}
}

func isRefused(err error) bool {
	var r *payout.RefusedError
	return errors.As(err, &r)
}
