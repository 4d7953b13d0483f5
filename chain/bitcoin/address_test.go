package bitcoin_test

import (
	"bytes"
	"encoding/hex"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/btcutil/base58"
	"github.com/btcsuite/btcd/chaincfg"
	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/bitcoin"
)

// unhex reads hexadecimal digits; spaces only divide them.
func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	require.NoError(t, err)
	return b
}

// sameBothWays asserts that an address and a script belong to each other and to nothing else.
func sameBothWays(t *testing.T, p bitcoin.Params, a chain.Address, script []byte) {
	t.Helper()
	got, ok := p.AddressOf(script)
	require.True(t, ok, "%s: %x", p.Name, script)
	require.Equal(t, a, got, p.Name)
	back, err := p.Script(a)
	require.NoError(t, err)
	require.Equal(t, script, back)
	canonical, err := p.ParseAddress(string(a))
	require.NoError(t, err)
	require.Equal(t, a, canonical)
}

func refused(t *testing.T, p bitcoin.Params, s string) {
	t.Helper()
	_, err := p.ParseAddress(s)
	require.ErrorIs(t, err, bitcoin.ErrAddress, "%s: %s", p.Name, s)
	_, err = p.Script(chain.Address(s))
	require.ErrorIs(t, err, bitcoin.ErrAddress, "%s: %s", p.Name, s)
}

// coinOf is the network that a segwit address names.
func coinOf(s string) bitcoin.Params {
	if strings.HasPrefix(strings.ToLower(s), "bc") {
		return bitcoin.Bitcoin()
	}
	return bitcoin.BitcoinTestnet()
}

func TestAddress_ValidVectorsOfBIP350(t *testing.T) {
	for s, script := range segwitValid {
		a, err := coinOf(s).ParseAddress(s)
		require.NoError(t, err, s)
		require.Equal(t, chain.Address(strings.ToLower(s)), a)
		sameBothWays(t, coinOf(s), a, unhex(t, script))
	}
}

func TestAddress_InvalidVectorsOfBIP350(t *testing.T) {
	for s := range segwitInvalid {
		for _, p := range allCoins() {
			refused(t, p, s)
		}
	}
}

func TestAddress_OtherBech32StringsAreNoAddresses(t *testing.T) {
	for _, s := range slices.Concat(bech32Strings, bech32mStrings) {
		for _, p := range allCoins() {
			refused(t, p, s)
		}
	}
}

func TestAddress_VectorsOfCashAddr(t *testing.T) {
	p := bitcoin.BitcoinCash()
	for legacy, cash := range cashOfLegacy {
		bare := strings.TrimPrefix(cash, "bitcoincash:")
		for _, s := range []string{legacy, cash, strings.ToUpper(cash), bare, strings.ToUpper(bare)} {
			a, err := p.ParseAddress(s)
			require.NoError(t, err, s)
			require.Equal(t, chain.Address(cash), a)
		}
		script, err := bitcoin.Bitcoin().Script(chain.Address(legacy))
		require.NoError(t, err)
		sameBothWays(t, p, chain.Address(cash), script)
		refused(t, p, "bitcoincash:"+strings.ToUpper(bare))
		refused(t, p, strings.ToUpper(cash[:20])+cash[20:])
		refused(t, p, "bitcoincash:"+cash)
		refused(t, p, "bchtest:"+bare)
		refused(t, p, ":"+bare)
	}
}

// Of the vectors with payloads of every size, only hashes of 20 bytes, and of 32 for P2SH, are of scripts.
func TestAddress_CashAddrWithoutAScriptIsRefused(t *testing.T) {
	payable := 0
	for _, v := range cashPayloads {
		p := bitcoin.BitcoinCash()
		if strings.HasPrefix(v.text, "bchtest:") {
			p = bitcoin.BitcoinCashTestnet()
		}
		script := map[int]string{
			0<<8 | 40: "76a914" + v.payload + "88ac",
			1<<8 | 40: "a914" + v.payload + "87",
			1<<8 | 64: "aa20" + v.payload + "87",
		}[v.kind<<8|len(v.payload)]
		if script == "" || strings.HasPrefix(v.text, "pref") {
			refused(t, p, v.text)
			continue
		}
		payable++
		sameBothWays(t, p, chain.Address(v.text), unhex(t, script))
	}
	require.Equal(t, 3, payable)
}

func TestAddress_TokenMarkOfCashAddrPaysTheSameScript(t *testing.T) {
	p := bitcoin.BitcoinCash()
	for token, plain := range map[string]chain.Address{
		"bitcoincash:zr6m7j9njldwwzlg9v7v53unlr4jkmx6eycnjehshe": "bitcoincash:qr6m7j9njldwwzlg9v7v53unlr4jkmx6eylep8ekg2",
		"bitcoincash:rr95sy3j9xwd2ap32xkykttr4cvcu7as4yl0zg2vc2": "bitcoincash:pr95sy3j9xwd2ap32xkykttr4cvcu7as4yc93ky28e",
		"rpm2qsznhks23z7629mms6s4cwef74vcwv59yeyr7n":             "bitcoincash:ppm2qsznhks23z7629mms6s4cwef74vcwvn0h829pq",
	} {
		a, err := p.ParseAddress(token)
		require.NoError(t, err, token)
		require.Equal(t, plain, a)
	}
}

func TestAddress_OneCanonicalSpelling(t *testing.T) {
	hash, _, err := base58.CheckDecode("M7wtsL7wSHDBJVMWWhtQfTMSYYkyooAAXM")
	require.NoError(t, err)
	old := base58.CheckEncode(hash, 0x05)
	require.Equal(t, "3", old[:1])
	for _, c := range []struct {
		coin bitcoin.Params
		in   string
		want chain.Address
	}{
		{bitcoin.Bitcoin(), "1BpEi6DfDAUFd7GtittLSdBeYJvcoaVggu", "1BpEi6DfDAUFd7GtittLSdBeYJvcoaVggu"},
		{bitcoin.Bitcoin(), "BC1QCR8TE4KR609GCAWUTMRZA0J4XV80JY8Z306FYU", "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu"},
		{bitcoin.Litecoin(), old, "M7wtsL7wSHDBJVMWWhtQfTMSYYkyooAAXM"},
		{bitcoin.Litecoin(), "M7wtsL7wSHDBJVMWWhtQfTMSYYkyooAAXM", "M7wtsL7wSHDBJVMWWhtQfTMSYYkyooAAXM"},
		{bitcoin.Litecoin(), "LTC1QJMXNZ78NMC8NQ77WUXH25N2ES7RZM5C2RKK4WH", "ltc1qjmxnz78nmc8nq77wuxh25n2es7rzm5c2rkk4wh"},
		{bitcoin.Dogecoin(), "DBus3bamQjgJULBJtYXpEzDWQRwF5iwxgC", "DBus3bamQjgJULBJtYXpEzDWQRwF5iwxgC"},
		{bitcoin.BitcoinCash(), "1BpEi6DfDAUFd7GtittLSdBeYJvcoaVggu", "bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a"},
	} {
		got, err := c.coin.ParseAddress(c.in)
		require.NoError(t, err, c.in)
		require.Equal(t, c.want, got)
	}
}

// spelled has the addresses of one P2PKH, P2SH, P2WPKH and P2TR script on a network.
func spelled(t *testing.T, p bitcoin.Params) []chain.Address {
	var out []chain.Address
	for _, script := range []string{
		"76a91462e907b15cbf27d5425399ebf6f0fb50ebb88f1888ac", "a91462e907b15cbf27d5425399ebf6f0fb50ebb88f1887",
		"001462e907b15cbf27d5425399ebf6f0fb50ebb88f18", "512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
	} {
		if a, ok := p.AddressOf(unhex(t, script)); ok {
			sameBothWays(t, p, a, unhex(t, script))
			out = append(out, a)
		}
	}
	return out
}

func TestAddress_OfOtherNetworksIsRefused(t *testing.T) {
	// What a coin takes beside its own because the text does not tell. Test networks share their versions.
	shared := map[string]string{"Bitcoin": "", "Bitcoin Cash": "Bitcoin", "Litecoin": "Bitcoin", "Dogecoin": ""}
	for _, p := range allCoins() {
		own := spelled(t, p)
		want := 2
		if p.Code == "BTC" || p.Code == "LTC" {
			want = 4
		}
		require.Len(t, own, want, p.Name)
		for _, other := range allCoins() {
			if p.Name == other.Name || p.Test && other.Test || !p.Test && shared[p.Name] == other.Name {
				continue
			}
			for _, a := range spelled(t, other) {
				refused(t, p, string(a))
			}
		}
	}
	refused(t, bitcoin.BitcoinTestnet(), "bcrt1qn7d2x7272lznt5hhk9s07q3cqnrqljnwladrd3")
	refused(t, bitcoin.BitcoinRegtest(), "tb1q6rz28mcfaxtmd6v789l9rrlrusdprr9pqcpvkl")
	refused(t, bitcoin.LitecoinRegtest(), "bcrt1qn7d2x7272lznt5hhk9s07q3cqnrqljnwladrd3")
	refused(t, bitcoin.BitcoinCashRegtest(), "bchtest:pr6m7j9njldwwzlg9v7v53unlr4jkmx6eyvwc0uz5t")
	refused(t, bitcoin.BitcoinCash(), "pr6m7j9njldwwzlg9v7v53unlr4jkmx6eyvwc0uz5t")
	refused(t, bitcoin.Litecoin(), "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu")
	refused(t, bitcoin.Litecoin(), "1BpEi6DfDAUFd7GtittLSdBeYJvcoaVggu")
}

func TestAddress_MWEBIsRefusedByName(t *testing.T) {
	for s, p := range map[string]bitcoin.Params{
		"ltcmweb1qq2yxzj6qpwrs2nyrtdwkvg8gz2u7kt9ny4z5ymf2mdtxj3g6jzyx5q7yev4wqj6vcx5zwwkq0vfyysqfj9m9h3a6u5kxxp9sn2sc8cl6gvu9gcve": bitcoin.Litecoin(),
		"LTCMWEB1QQ": bitcoin.Litecoin(), "tmweb1qq": bitcoin.LitecoinTestnet(), "tmweb1": bitcoin.LitecoinRegtest(),
	} {
		refused(t, p, s)
		_, err := p.ParseAddress(s)
		require.ErrorContains(t, err, "MWEB")
	}
}

func TestAddress_OneWrongCharacterIsDetected(t *testing.T) {
	const letters = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz0OIl:-"
	for _, p := range []bitcoin.Params{bitcoin.Bitcoin(), bitcoin.Litecoin(), bitcoin.Dogecoin(), bitcoin.BitcoinCash()} {
		for _, a := range spelled(t, p) {
			s := string(a)
			for i := range len(s) {
				for _, c := range letters {
					wrong := s[:i] + string(c) + s[i+1:]
					if wrong == s {
						continue
					}
					if got, err := p.ParseAddress(wrong); err == nil {
						require.Failf(t, "accepted", "%s as %s", wrong, got)
					}
				}
				refused(t, p, s[:i])
				refused(t, p, s[:i]+"\n"+s[i:])
			}
			for _, wrong := range []string{" " + s, s + " ", s + s, s + "\x00", strings.Repeat(s, 100)} {
				refused(t, p, wrong)
			}
		}
	}
	for _, s := range []string{"", "1", ":", "bc1", "ltc1", "bitcoincash:", "bitcoincash:qqqqqqqq", "0x9858EfFD232B4033E47d90003D41EC34EcaEda94", "ä", "\xff"} {
		for _, p := range allCoins() {
			refused(t, p, s)
		}
	}
}

// Base58 spells each leading byte of zero as a 1: one more or less is another text of the same number.
func TestAddress_LeadingZerosAreCounted(t *testing.T) {
	for zeros := range 21 {
		hash := append(make([]byte, zeros), bytes.Repeat([]byte{0xff}, 20-zeros)...)
		script := slices.Concat([]byte{0x76, 0xa9, 20}, hash, []byte{0x88, 0xac})
		want, err := btcutil.NewAddressPubKeyHash(hash, &chaincfg.MainNetParams)
		require.NoError(t, err)
		sameBothWays(t, bitcoin.Bitcoin(), chain.Address(want.EncodeAddress()), script)
		refused(t, bitcoin.Bitcoin(), "1"+want.EncodeAddress())
		refused(t, bitcoin.Bitcoin(), want.EncodeAddress()[1:])
	}
}

// viaBtcutil spells the address of a script with btcutil, which can do the coins with base58 and bech32.
func viaBtcutil(t testing.TB, net *chaincfg.Params, script []byte) string {
	var a btcutil.Address
	var err error
	switch {
	case len(script) == 25:
		a, err = btcutil.NewAddressPubKeyHash(script[3:23], net)
	case len(script) == 23:
		a, err = btcutil.NewAddressScriptHashFromHash(script[2:22], net)
	case len(script) == 22:
		a, err = btcutil.NewAddressWitnessPubKeyHash(script[2:], net)
	case script[0] == 0:
		a, err = btcutil.NewAddressWitnessScriptHash(script[2:], net)
	default:
		a, err = btcutil.NewAddressTaproot(script[2:], net)
	}
	require.NoError(t, err)
	return a.EncodeAddress()
}

// randomScripts are scripts of the five usual forms, in turn.
func randomScripts(n int) [][]byte {
	random := rand.NewChaCha8([32]byte{1})
	scripts := make([][]byte, n)
	for i := range scripts {
		hash := make([]byte, 32)
		_, _ = random.Read(hash)
		scripts[i] = [][]byte{
			slices.Concat([]byte{0x76, 0xa9, 20}, hash[:20], []byte{0x88, 0xac}),
			slices.Concat([]byte{0xa9, 20}, hash[:20], []byte{0x87}),
			slices.Concat([]byte{0, 20}, hash[:20]),
			slices.Concat([]byte{0, 32}, hash),
			slices.Concat([]byte{0x51, 32}, hash),
		}[i%5]
	}
	return scripts
}

func TestAddressOf_EqualsBtcutil(t *testing.T) {
	litecoin := &chaincfg.Params{PubKeyHashAddrID: 0x30, ScriptHashAddrID: 0x32, Bech32HRPSegwit: "ltc"}
	dogecoin := &chaincfg.Params{PubKeyHashAddrID: 0x1e, ScriptHashAddrID: 0x16}
	for i, script := range randomScripts(2000) {
		sameBothWays(t, bitcoin.Bitcoin(), chain.Address(viaBtcutil(t, &chaincfg.MainNetParams, script)), script)
		sameBothWays(t, bitcoin.BitcoinSignet(), chain.Address(viaBtcutil(t, &chaincfg.SigNetParams, script)), script)
		sameBothWays(t, bitcoin.Litecoin(), chain.Address(viaBtcutil(t, litecoin, script)), script)
		if i%5 < 2 {
			sameBothWays(t, bitcoin.Dogecoin(), chain.Address(viaBtcutil(t, dogecoin, script)), script)
		}
	}
}

// Incident 9: outputs that only contain our key, our hash or the text of our address are not ours.
func TestIncident9_OnlyExactScriptsHaveAnAddress(t *testing.T) {
	const (
		key  = "0330d54fd0dd420a6e5f8d3624f5f3482cae350f79d5f0753bf5beef9c2d91af3c"
		hash = "c0cebcd6c3d3ca8c75dc5ec62ebe55330ef910e2"
	)
	for what, script := range map[string]string{
		"nothing":                          "",
		"bare public key":                  "21" + key + "ac",
		"bare 1-of-2 multisig":             "51 21" + key + "21" + key + "52ae",
		"OP_RETURN with the hash":          "6a14" + hash,
		"OP_RETURN with a whole script":    "6a1976a914" + hash + "88ac",
		"OP_RETURN with the address":       "6a2a" + hex.EncodeToString([]byte("bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu")),
		"P2PKH and a byte":                 "76a914" + hash + "88ac51",
		"a byte and P2PKH":                 "5176a914" + hash + "88ac",
		"P2PKH with a longer push":         "76a94c14" + hash + "88ac",
		"P2PKH of 19 bytes":                "76a913" + hash[2:] + "88ac",
		"P2PKH without its end":            "76a914" + hash + "88",
		"P2PKH that does not check":        "76a914" + hash + "88ad",
		"P2PKH with the wrong comparison":  "76a914" + hash + "87ac",
		"P2SH and a byte":                  "a914" + hash + "8751",
		"P2SH with the wrong comparison":   "a914" + hash + "88",
		"P2WPKH and a byte":                "0014" + hash + "51",
		"P2WPKH with a byte too few":       "0014" + hash[2:],
		"P2WPKH with a longer push":        "004c14" + hash,
		"witness version 0 of 21 bytes":    "0015" + hash + "00",
		"witness version 0 of 40 bytes":    "0028" + hash + hash,
		"witness program of 1 byte":        "510100",
		"witness program of 41 bytes":      "5129" + hash + hash + "00",
		"OP_1NEGATE as a witness version":  "4f14" + hash,
		"OP_NOP as a witness version":      "6114" + hash,
		"OP_RESERVED as a witness version": "5014" + hash,
		"a token of Bitcoin Cash":          "ef" + hash + hash[:24] + "1001" + "76a914" + hash + "88ac",
	} {
		for _, p := range allCoins() {
			a, ok := p.AddressOf(unhex(t, script))
			require.False(t, ok, "%s: %s has %s", p.Name, what, a)
			require.Empty(t, a)
		}
	}
	ours, ok := bitcoin.Bitcoin().AddressOf(unhex(t, "76a914"+hash+"88ac"))
	require.True(t, ok)
	wrapped, ok := bitcoin.Bitcoin().AddressOf(unhex(t, "a914"+hash+"87"))
	require.True(t, ok)
	require.NotEqual(t, ours, wrapped, "the same hash as a P2SH is another address")
}

func TestAddressOf_WitnessProgramsAreNothingWithoutSegwit(t *testing.T) {
	for _, p := range []bitcoin.Params{bitcoin.Dogecoin(), bitcoin.DogecoinRegtest(), bitcoin.BitcoinCash(), bitcoin.BitcoinCashTestnet()} {
		for _, script := range randomScripts(5)[2:] {
			_, ok := p.AddressOf(script)
			require.False(t, ok, p.Name)
		}
	}
}

// The pool of the extension block, and what enters it, look like witness programs of versions 8 and 9.
func TestAddressOf_MWEBOutputsHaveNone(t *testing.T) {
	pool := unhex(t, "5820 79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")
	pegIn := unhex(t, "5920 79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")
	for _, script := range [][]byte{pool, pegIn} {
		for _, p := range []bitcoin.Params{bitcoin.Litecoin(), bitcoin.LitecoinTestnet(), bitcoin.LitecoinRegtest()} {
			_, ok := p.AddressOf(script)
			require.False(t, ok, p.Name)
		}
		_, ok := bitcoin.Bitcoin().AddressOf(script)
		require.True(t, ok, "a future version on Bitcoin")
	}
	for _, script := range []string{"5720 79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798", "5803ffffff"} {
		_, ok := bitcoin.Litecoin().AddressOf(unhex(t, script))
		require.True(t, ok, "as Litecoin Core has it: %s", script)
	}
	a, ok := bitcoin.Bitcoin().AddressOf(pool)
	require.True(t, ok)
	refused(t, bitcoin.Litecoin(), string(a))
}

// Incident 27: Bitcoin Cash is never spelled as a Bitcoin address, so that nobody pays the one with the other.
func TestIncident27_BitcoinCashIsSpelledAsCashAddrOnly(t *testing.T) {
	for _, script := range randomScripts(50) {
		for _, p := range []bitcoin.Params{bitcoin.BitcoinCash(), bitcoin.BitcoinCashTestnet(), bitcoin.BitcoinCashRegtest()} {
			if a, ok := p.AddressOf(script); ok {
				require.Contains(t, string(a), ":")
				_, err := bitcoin.Bitcoin().ParseAddress(string(a))
				require.ErrorIs(t, err, bitcoin.ErrAddress)
			}
		}
	}
}

// A block has thousands of outputs, and each is looked up.
func TestAddressOf_AllocatesNothingButTheAddress(t *testing.T) {
	for _, p := range []bitcoin.Params{bitcoin.Bitcoin(), bitcoin.Litecoin(), bitcoin.Dogecoin(), bitcoin.BitcoinCash()} {
		for _, script := range randomScripts(5) {
			require.LessOrEqual(t, testing.AllocsPerRun(50, func() { p.AddressOf(script) }), 1.0, "%s: %x", p.Name, script)
		}
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{
		"1BpEi6DfDAUFd7GtittLSdBeYJvcoaVggu", "3CWFddi6m4ndiGyKqzYvsFYagqDLPVMTzC", "MJiPsN1D6RCZRR6oydAt7pH19XTDNTJhqM",
		"BC1QCR8TE4KR609GCAWUTMRZA0J4XV80JY8Z306FYU", "ltcmweb1qq", "bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a",
		"qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a", "bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kt5nd6y",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, p := range allCoins() {
			a, err := p.ParseAddress(s)
			if err != nil {
				require.ErrorIs(t, err, bitcoin.ErrAddress)
				continue
			}
			script, err := p.Script(chain.Address(s))
			require.NoError(t, err)
			sameBothWays(t, p, a, script)
		}
	})
}

func FuzzAddressOf(f *testing.F) {
	for _, script := range randomScripts(5) {
		f.Add(script)
	}
	f.Add([]byte{0x51, 2, 0x4e, 0x73})
	f.Add([]byte{0x58, 2, 0, 0})
	f.Add(slices.Concat([]byte{0xaa, 32}, make([]byte, 32), []byte{0x87}))
	f.Fuzz(func(t *testing.T, script []byte) {
		for _, p := range allCoins() {
			if a, ok := p.AddressOf(script); ok {
				sameBothWays(t, p, a, bytes.Clone(script))
			}
		}
	})
}

// BenchmarkAddressOf spells the outputs of a block of 6,000, a fifth of each usual form, beside btcutil:
//
//	go test -run xxx -bench AddressOf ./chain/bitcoin
//
// Btcutil takes eight times as long as BTC.
func BenchmarkAddressOf(b *testing.B) {
	scripts := randomScripts(6000)
	for _, p := range []bitcoin.Params{bitcoin.Bitcoin(), bitcoin.Litecoin(), bitcoin.Dogecoin(), bitcoin.BitcoinCash()} {
		b.Run(p.Code, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				for _, script := range scripts {
					p.AddressOf(script)
				}
			}
		})
	}
	b.Run("BTC by btcutil", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			for _, script := range scripts {
				viaBtcutil(b, &chaincfg.MainNetParams, script)
			}
		}
	})
}
