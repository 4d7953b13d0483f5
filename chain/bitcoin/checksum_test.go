package bitcoin

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// remainder is the state of a checksum after a whole string in the digits of bech32.
func remainder(t *testing.T, c *code, state uint64, digits string) uint64 {
	t.Helper()
	for i := range len(digits) {
		value := strings.IndexByte(charset, digits[i])
		require.GreaterOrEqual(t, value, 0, digits)
		state = c.step(state, byte(value))
	}
	return state
}

func TestBech32Checksum_OfTheStringsInBIP173AndBIP350(t *testing.T) {
	for final, texts := range map[uint64][]string{
		bech32Final: {
			"a12uel5l", "an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1tt5tgs",
			"abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw", "split1checkupstagehandshakeupstreamerranterredcaperred2y9e3w", "?1ezyfcl",
			"11qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqc8247j",
		},
		bech32mFinal: {
			"a1lqfn3a", "an83characterlonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11sg7hg6",
			"abcdef1l7aum6echk45nj3s0wdvt2fg8x9yrzpqzd3ryx", "split1checkupstagehandshakeupstreamerranterredcaperredlc445v", "?1v759aa",
			"11llllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllludsr8",
		},
	} {
		for _, s := range texts {
			divider := strings.LastIndexByte(s, '1')
			require.Equal(t, final, remainder(t, bech32Code, bech32State(s[:divider]), s[divider+1:]), s)
		}
	}
}

func TestCashAddrChecksum_OfEveryPrefixAndSize(t *testing.T) {
	for s, payload := range map[string]string{
		"bitcoincash:qr6m7j9njldwwzlg9v7v53unlr4jkmx6eylep8ekg2":                    "00f5bf48b397dae70be82b3cca4793f8eb2b6cdac9",
		"pref:pr6m7j9njldwwzlg9v7v53unlr4jkmx6ey65nvtks5":                           "08f5bf48b397dae70be82b3cca4793f8eb2b6cdac9",
		"prefix:0r6m7j9njldwwzlg9v7v53unlr4jkmx6ey3qnjwsrf":                         "78f5bf48b397dae70be82b3cca4793f8eb2b6cdac9",
		"bchtest:p9adhakpwzztepkpwp5z0dq62m6u5v5xtyj7j3h2u94tsynr":                  "097adbf6c17084bc86c1706827b41a56f5ca32865925e946ea",
		"pref:pgagf7w02x4wnz3mkwnchut2vxphjzccwxgjvvjmlsxqwkcrsr6gzkn":              "0a3a84f9cf51aae98a3bb3a78bf16a6183790b18719126325bfc0c075b",
		"bitcoincash:qvch8mmxy0rtfrlarg7ucrxxfzds5pamg73h7370aa87d80gyhqxq5nlegake": "033173ef6623c6b48ffd1a3dcc0cc6489b0a07bb47a37f47cfef4fe69de825c060",
		"prefix:0vch8mmxy0rtfrlarg7ucrxxfzds5pamg73h7370aa87d80gyhqxqsh6jgp6w":      "7b3173ef6623c6b48ffd1a3dcc0cc6489b0a07bb47a37f47cfef4fe69de825c060",
	} {
		prefix, digits, _ := strings.Cut(s, ":")
		require.Equal(t, uint64(1), remainder(t, cashCode, cashState(prefix), digits), s)
		raw, err := hex.DecodeString(payload)
		require.NoError(t, err)
		a := addresses{}.withCashAddr(prefix)
		require.Equal(t, s, string(a.cash(raw[0], raw[1:])))
	}
}

func TestDescriptorChecksum_OfKnownDescriptors(t *testing.T) {
	for text, want := range map[string]string{
		"raw(deadbeef)": "89f8spxm", // BIP-380
		"pkh([d34db33f/44'/0'/0']xpub6ERApfZwUNrhLCkDtcHTcxd75RbzS1ed54G1LkBUHQVHQKqhMkhgbmJbZRkrgZw4koxb5JaHWkY4ALHY2grBGRjaDMzQLcgJvLJuZZvRcEL/1/*)":  "ml40v0wf",
		"wpkh([d34db33f/84h/0h/0h]xpub6DJ2dNUysrn5Vt36jH2KLBT2i1auw1tTSSomg8PhqNiUtx8QX2SvC9nrHu81fT41fvDUnhMjEzQgXnQjKEu3oaqMSzhSrHMxyyoEAmUHQbY/0/*)": "cjjspncu",
	} {
		require.Equal(t, want, descriptorChecksum(text), text)
	}
}
