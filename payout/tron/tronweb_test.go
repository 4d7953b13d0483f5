package tron_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcutil/hdkeychain"
	"github.com/btcsuite/btcd/chaincfg"
	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/payout"
)

// tronwebEnv is the environment variable that names the node_modules folder with tronweb in it.
const tronwebEnv = "COINTILL_TRONWEB"

// tronwebAnswer is an element of the output of testdata/tronweb.cjs.
type tronwebAnswer struct {
	ID, Hex    string // of the JSON, encoded by tronweb
	Checked    bool   // that the parts of the JSON agree
	Decoded    string // raw data of our bytes, as tronweb decoded and encoded them
	Signatures []string
	Recovered  string // address that our signature recovers to, in hexadecimal digits
	Signed     string // JSON, signed by tronweb
}

// askTronweb runs tronweb. A machine without it skips the test, but fails it when the environment variable CI is true.
func askTronweb(t *testing.T, question any) (answer []tronwebAnswer) {
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
	in, err := json.Marshal(question)
	require.NoError(t, err)
	var said bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "node", filepath.Join("testdata", "tronweb.cjs"))
	cmd.Env = append(os.Environ(), tronwebEnv+"="+dir)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), &said
	out, err := cmd.Output()
	require.NoError(t, err, said.String())
	require.NoError(t, json.Unmarshal(out, &answer))
	return answer
}

func TestTronweb_ReadsEncodesSignsAndVerifiesOurTransactions(t *testing.T) {
	s := newScene(t)
	s.fund(1<<50, 1<<50)
	all := []*payout.Transaction{}
	for i, units := range []int64{1, 127, 128, 300, 25_000_000, 1 << 40} {
		all = append(all, s.planned(s.payout("trx", s.trx, []string{payee, holder}[i%2], units)))
		all = append(all, s.planned(s.payout("usdt", s.usdt, []string{payee, holder}[i%2], units)))
	}
	h := s.deposit(3, s.usdt, 900)
	plan, purpose, err := s.spender.Sweep(t.Context(), s.books, h, payout.SweepOrder{})
	require.NoError(t, err)
	all = append(all, s.begin(plan, purpose))

	type element struct {
		Unsigned  json.RawMessage `json:"unsigned"`
		Raw       string          `json:"raw"`
		Signature string          `json:"signature"`
		Key       string          `json:"key"`
	}
	var question []element
	for _, x := range all {
		s.sign(x)
		v := x.Versions[0]
		question = append(question, element{v.Unsigned, hex.EncodeToString(v.Raw), hex.EncodeToString(v.Raw[len(v.Raw)-65:]), laneKey(t)})
	}
	answers := askTronweb(t, question)
	require.Len(t, answers, len(all))
	for i, x := range all {
		v, a := x.Versions[0], answers[i]
		var u struct {
			Hex  string `json:"raw_data_hex"`
			Data struct {
				Contract []struct {
					Parameter struct {
						Value struct {
							Owner string `json:"owner_address"`
						} `json:"value"`
					} `json:"parameter"`
				} `json:"contract"`
			} `json:"raw_data"`
		}
		require.NoError(t, json.Unmarshal(v.Unsigned, &u))
		require.True(t, a.Checked)
		require.Equal(t, v.TxID, a.ID)
		require.Equal(t, u.Hex, a.Hex)
		require.Equal(t, u.Hex, a.Decoded)
		require.Equal(t, []string{question[i].Signature}, a.Signatures)
		require.Equal(t, u.Data.Contract[0].Parameter.Value.Owner, strings.ToLower(a.Recovered))

		raw, id, err := s.spender.Verify(v, []byte(a.Signed))
		require.NoError(t, err, "what tronweb signs can be imported")
		require.Equal(t, v.TxID, id)
		v.Raw = raw
		require.NoError(t, s.spender.Send(t.Context(), v))
	}
	require.Len(t, s.Received(), len(all))
	require.Equal(t, big.NewInt(1).String(), s.Balance(usdtContract, holder).String(), "nothing is mined yet")
}

// laneKey returns the private key of the lane, by another library than ours.
func laneKey(t *testing.T) string {
	t.Helper()
	seed, err := hex.DecodeString(seedHex)
	require.NoError(t, err)
	k, err := hdkeychain.NewMaster(seed, &chaincfg.MainNetParams)
	require.NoError(t, err)
	for _, n := range []uint32{44 + hdkeychain.HardenedKeyStart, 195 + hdkeychain.HardenedKeyStart, hdkeychain.HardenedKeyStart, 1, 0} {
		k, err = k.Derive(n)
		require.NoError(t, err)
	}
	private, err := k.ECPrivKey()
	require.NoError(t, err)
	return hex.EncodeToString(private.Serialize())
}
