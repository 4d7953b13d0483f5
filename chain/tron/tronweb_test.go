package tron_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain/tron"
	"github.com/cointill/cointill/chain/tron/trontest"
)

// tronwebEnv is the environment variable that names the node_modules folder with tronweb in it.
const tronwebEnv = "COINTILL_TRONWEB"

// tronwebAnswer is the output of testdata/tronweb.cjs.
type tronwebAnswer struct {
	Derived, Hex, Base58 []string
	Valid                []bool
	Transactions         []struct{ ID, Raw string }
}

// askTronweb runs tronweb. A machine without it skips the test, but fails it when the environment variable CI is true.
func askTronweb(t *testing.T, question object) tronwebAnswer {
	t.Helper()
	if testing.Short() {
		t.Skip("another program: not with -short")
	}
	dir := os.Getenv(tronwebEnv)
	if dir == "" {
		const missing = "no tronweb: install tronweb@6.5.1 with npm, and name its node_modules folder in " + tronwebEnv
		if os.Getenv("CI") == "true" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	dir, err := filepath.Abs(dir)
	require.NoError(t, err)
	for _, k := range []string{"indexes", "base58", "hex", "doubtful", "contracts"} {
		if question[k] == nil {
			question[k] = []string{}
		}
	}
	in, err := json.Marshal(question)
	require.NoError(t, err)
	var said bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "node", filepath.Join("testdata", "tronweb.cjs"))
	cmd.Env = append(os.Environ(), tronwebEnv+"="+dir)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), &said
	out, err := cmd.Output()
	require.NoError(t, err, said.String())
	var answer tronwebAnswer
	require.NoError(t, json.Unmarshal(out, &answer))
	return answer
}

func TestTronweb_DerivesTheSameAddresses(t *testing.T) {
	var indexes []uint32
	for i := range uint32(40) {
		indexes = append(indexes, i*i*i)
	}
	indexes = append(indexes, 1<<31-1)
	answer := askTronweb(t, object{
		"mnemonic": "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about", "indexes": indexes,
	})
	require.Len(t, answer.Derived, len(indexes))
	w := wallet(t, accountKey)
	for i, index := range indexes {
		got, err := w.Address(t.Context(), index)
		require.NoError(t, err)
		require.EqualValues(t, answer.Derived[i], got, index)
	}
}

func TestTronweb_SpellsAddressesTheSameBothWays(t *testing.T) {
	base58, digits := []string{}, []string{}
	for _, v := range vectors {
		base58, digits = append(base58, v[0]), append(digits, v[1])
	}
	for i := range 60 {
		sum := sha256.Sum256([]byte(strconv.Itoa(i)))
		base58 = append(base58, trontest.Address(sum[:20]))
		digits = append(digits, "41"+hex.EncodeToString(sum[:20]))
	}
	answer := askTronweb(t, object{"base58": base58, "hex": digits})
	require.Equal(t, digits, answer.Hex)
	require.Equal(t, base58, answer.Base58)
	for i := range base58 {
		for _, s := range []string{base58[i], digits[i]} {
			got, err := tron.ParseAddress(s)
			require.NoError(t, err)
			require.EqualValues(t, answer.Base58[i], got)
		}
	}
}

func TestTronweb_RefusesTheSameAddresses(t *testing.T) {
	doubtful := []string{usdtContract}
	for i := range usdtContract {
		doubtful = append(doubtful, usdtContract[:i]+"2"+usdtContract[i+1:], usdtContract[:i]+usdtContract[i+1:])
	}
	answer := askTronweb(t, object{"doubtful": doubtful})
	for i, s := range doubtful {
		_, err := tron.ParseAddress(s)
		require.Equal(t, answer.Valid[i], err == nil, s)
	}
}

func TestTronweb_TransactionsAreReadAsTheyWereMade(t *testing.T) {
	from, to := vectors[1][1], vectors[0][1]
	amounts := []int64{1, 127, 128, 25_000_000, 1 << 40, 1<<53 - 1}
	var contracts []object
	for _, a := range amounts {
		contracts = append(contracts, object{"type": "TransferContract", "value": object{"owner_address": from, "to_address": to, "amount": a}})
	}
	contracts = append(contracts,
		object{"type": "TransferAssetContract", "value": object{"owner_address": from, "to_address": to, "amount": 5, "asset_name": "31303032303030"}},
		object{"type": "TriggerSmartContract", "value": object{"owner_address": from, "contract_address": vectors[4][1], "data": "a9059cbb", "call_value": 5}})
	answer := askTronweb(t, object{"contracts": contracts})

	s := newScene(t)
	var want []paid
	for i, x := range answer.Transactions {
		raw, err := hex.DecodeString(x.Raw)
		require.NoError(t, err)
		made := s.RawTx("", object{}, raw)
		require.Equal(t, x.ID, made.ID)
		if i < len(amounts) {
			want = append(want, paid{"value", "TRX", vectors[0][0], amounts[i]})
		} else if i == len(contracts)-1 {
			made.Receipt = "SUCCESS"
			made.Token(usdtContract, payer, shop, units(9))
			want = append(want, paid{usdtContract + "#0", "USDT", shop, 9})
		}
		s.Send(made)
	}
	s.sees(s.Chain.Mine(1), want...)
}
