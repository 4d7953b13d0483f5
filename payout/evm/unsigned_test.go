package evm_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/payout/evm"
)

func TestVerify_TakesOnlyWhatWasPlannedAndSignedByTheRightKey(t *testing.T) {
	f := newFake()
	b := fakeTill(t, f)
	v := b.plan(b.payment(b.coin, someone, 12345)).Last()
	key, err := crypto.ToECDSA(b.account.secret(t, 1, 0))
	require.NoError(t, err)
	other, err := crypto.ToECDSA(b.account.secret(t, 1, 1))
	require.NoError(t, err)
	to := common.HexToAddress(string(someone))
	planned := func() *types.DynamicFeeTx {
		return &types.DynamicFeeTx{
			ChainID: big.NewInt(777), Nonce: 0, GasTipCap: big.NewInt(1e9), GasFeeCap: big.NewInt(21e9), Gas: 21_000, To: &to,
			Value: big.NewInt(12345),
		}
	}
	raw := func(tx *types.Transaction, err error) []byte {
		require.NoError(t, err)
		b, err := tx.MarshalBinary()
		require.NoError(t, err)
		return b
	}
	signed := func(change func(*types.DynamicFeeTx)) []byte {
		x := planned()
		change(x)
		return raw(types.SignNewTx(key, types.LatestSignerForChainID(x.ChainID), x))
	}
	good := signed(func(*types.DynamicFeeTx) {})
	for _, form := range [][]byte{good, []byte(hexutil.Encode(good)), []byte(" " + hexutil.Encode(good) + "\n")} {
		raw, id, err := b.spender.Verify(v, form)
		require.NoError(t, err)
		require.Equal(t, good, raw)
		require.Equal(t, crypto.Keccak256Hash(good).Hex(), id)
	}

	var high types.Transaction
	require.NoError(t, high.UnmarshalBinary(good))
	vv, r, s := high.RawSignatureValues()
	flipped := planned()
	flipped.R, flipped.S = r, new(big.Int).Sub(crypto.S256().Params().N, s)
	flipped.V = new(big.Int).Sub(big.NewInt(1), vv)
	thief := common.Address{6}
	for name, form := range map[string][]byte{
		"nonce":        signed(func(x *types.DynamicFeeTx) { x.Nonce++ }),
		"receiver":     signed(func(x *types.DynamicFeeTx) { x.To = &thief }),
		"call data":    signed(func(x *types.DynamicFeeTx) { x.Data = []byte{1} }),
		"value":        signed(func(x *types.DynamicFeeTx) { x.Value = big.NewInt(12346) }),
		"gas limit":    signed(func(x *types.DynamicFeeTx) { x.Gas++ }),
		"tip":          signed(func(x *types.DynamicFeeTx) { x.GasTipCap = big.NewInt(2e9) }),
		"greatest fee": signed(func(x *types.DynamicFeeTx) { x.GasFeeCap = big.NewInt(22e9) }),
		"chain id":     signed(func(x *types.DynamicFeeTx) { x.ChainID = big.NewInt(1) }),
		"access list": signed(func(x *types.DynamicFeeTx) {
			x.AccessList = types.AccessList{{Address: to}}
		}),
		"a contract made": signed(func(x *types.DynamicFeeTx) { x.To = nil }),
		"another key":     raw(types.SignNewTx(other, types.LatestSignerForChainID(big.NewInt(777)), planned())),
		"type": raw(types.SignNewTx(key, types.LatestSignerForChainID(big.NewInt(777)), &types.LegacyTx{
			GasPrice: big.NewInt(21e9), Gas: 21_000, To: &to, Value: big.NewInt(12345),
		})),
		"high s":        raw(types.NewTx(flipped), nil),
		"no signature":  raw(types.NewTx(planned()), nil),
		"more bytes":    append(append([]byte(nil), good...), 0),
		"fewer bytes":   good[:len(good)-1],
		"nothing":       nil,
		"much":          make([]byte, 100_000),
		"bad text":      []byte("0xzz"),
		"the unsigned":  v.Unsigned,
		"another first": append([]byte{1}, good[1:]...),
	} {
		raw, id, err := b.spender.Verify(v, form)
		require.ErrorIs(t, err, payout.ErrDiffers, name)
		require.Nil(t, raw, name)
		require.Empty(t, id, name)
	}
}

func TestVerify_LegacyNeedsTheChainInItsSignature(t *testing.T) {
	f := newFake()
	f.baseFee = nil
	b := fakeTill(t, f)
	tx := b.plan(b.payment(b.coin, someone, 12345))
	b.sign(tx)
	key, err := crypto.ToECDSA(b.account.secret(t, 1, 0))
	require.NoError(t, err)
	to := common.HexToAddress(string(someone))
	free, err := types.SignNewTx(key, types.HomesteadSigner{}, &types.LegacyTx{
		GasPrice: big.NewInt(11e9), Gas: 21_000, To: &to, Value: big.NewInt(12345),
	})
	require.NoError(t, err)
	raw, err := free.MarshalBinary()
	require.NoError(t, err)
	_, _, err = b.spender.Verify(tx.Last(), raw)
	require.ErrorIs(t, err, payout.ErrDiffers, "it could be sent on every chain")
	require.ErrorContains(t, err, "chain id")
}

func TestVerify_TheAddressMustBeTheWallets(t *testing.T) {
	ours, theirs := fakeTill(t, newFake()), fakeTill(t, newFake())
	tx := theirs.sign(theirs.plan(theirs.payment(theirs.coin, someone, 1)))
	_, _, err := ours.spender.Verify(tx.Last(), tx.Last().Raw)
	require.ErrorIs(t, err, payout.ErrDiffers)
}

func TestUnsigned_SaysWhatIsSigned(t *testing.T) {
	f := newFake()
	f.count = 7
	b := fakeTill(t, f)
	v := b.plan(b.payment(b.coin, someone, 12345)).Last()
	u, err := evm.ParseUnsigned(v.Unsigned)
	require.NoError(t, err)
	require.Equal(t, fakeNetwork, u.Network)
	require.Equal(t, b.spender.Lane(), u.From)
	require.Equal(t, [2]uint32{1, 0}, [2]uint32{u.Branch, u.Index})
	require.Equal(t, uint64(7), u.Nonce)
	require.Empty(t, u.Token)
	require.Equal(t, someone, u.To)
	require.Equal(t, "12345", u.Units.String())
	require.Equal(t, v.Fee.String(), u.Fee.String())

	_, err = u.Sign(b.account.secret(t, 1, 1))
	require.ErrorContains(t, err, "has to sign")
	_, err = u.Sign([]byte{1, 2, 3})
	require.ErrorContains(t, err, "not a private key")
	_, err = evm.Sign([]byte("{}"), b.account.secret(t, 1, 0))
	require.Error(t, err)
}

// The payload is what other programs parse and sign.
func TestUnsigned_ThePayloadIsTheTypedTransactionWithoutSignature(t *testing.T) {
	for _, legacy := range []bool{false, true} {
		f := newFake()
		if legacy {
			f.baseFee = nil
		}
		b := fakeTill(t, f)
		v := b.plan(b.payment(b.coin, someone, 12345)).Last()
		var e struct {
			Tx hexutil.Bytes `json:"tx"`
		}
		require.NoError(t, json.Unmarshal(v.Unsigned, &e))
		var signed types.Transaction
		raw, err := evm.Sign(v.Unsigned, b.account.secret(t, 1, 0))
		require.NoError(t, err)
		require.NoError(t, signed.UnmarshalBinary(raw))
		hash := types.LatestSignerForChainID(big.NewInt(777)).Hash(&signed)
		require.Equal(t, hash, crypto.Keccak256Hash(e.Tx), "its hash is what is signed")
	}
}

func TestSign_TheExampleOfEIP155(t *testing.T) {
	payload := hexutil.MustDecode("0xec098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a764000080018080")
	unsigned := fmt.Appendf(nil, `{"network":"eip155:1","from":"0x9d8A62f656a8d1615C1294fd71e9CFb3E4855A4F","branch":1,"index":0,"tx":"%s"}`,
		hexutil.Encode(payload))
	signed, err := evm.Sign(unsigned, bytes.Repeat([]byte{0x46}, 32))
	require.NoError(t, err)
	require.Equal(t, "0xf86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a764000080"+
		"25a028ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276a067cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83",
		hexutil.Encode(signed))
}

// envelopeOf returns an envelope with another transaction in it.
func envelopeOf(from chain.Address, tx []byte) []byte {
	return fmt.Appendf(nil, `{"network":"eip155:777","from":%q,"branch":1,"index":0,"tx":"%s"}`, from, hexutil.Encode(tx))
}

func TestParseUnsigned_RefusesWhatIsNotMadeHere(t *testing.T) {
	b := fakeTill(t, newFake())
	v := b.plan(b.payment(b.coin, someone, 12345)).Last()
	good := string(v.Unsigned)
	for name, text := range map[string]string{
		"nothing":         "",
		"no JSON":         "x",
		"more":            good + good,
		"unknown field":   strings.Replace(good, `"branch"`, `"more":1,"branch"`, 1),
		"a field twice":   strings.Replace(good, `"index":0`, `"index":1,"index":0`, 1),
		"another case":    strings.Replace(good, `"index"`, `"Index"`, 1),
		"pretty":          strings.Replace(good, ",", ", ", 1),
		"no network":      strings.Replace(good, "eip155:777", "", 1),
		"another network": strings.Replace(good, "eip155:777", "eip155:778", 1),
		"no EVM network":  strings.Replace(good, "eip155:777", "bip122:777", 1),
		"lower case":      strings.Replace(good, string(b.spender.Lane()), strings.ToLower(string(b.spender.Lane())), 1),
		"no address":      strings.Replace(good, string(b.spender.Lane()), "0x1", 1),
		"negative index":  strings.Replace(good, `"index":0`, `"index":-1`, 1),
		"no transaction":  string(envelopeOf(someone, nil)),
		"type 1":          string(envelopeOf(someone, []byte{1, 0xc0})),
		"an empty one":    string(envelopeOf(someone, []byte{2, 0xc0})),
		"long":            good + strings.Repeat(" ", 5000),
	} {
		_, err := evm.ParseUnsigned([]byte(text))
		require.Error(t, err, name)
	}
}

func FuzzParseUnsigned(f *testing.F) {
	for _, base := range []*big.Int{big.NewInt(10e9), nil} {
		node := newFake()
		node.baseFee = base
		b := fakeTill(f, node)
		f.Add(b.plan(b.payment(b.coin, someone, 12345)).Last().Unsigned)
	}
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		u, err := evm.ParseUnsigned(b)
		if err != nil {
			return
		}
		if u.Units == nil || u.Fee == nil || u.To == "" || u.From == "" || u.Units.BitLen() > 256 || u.Fee.BitLen() > 256 {
			t.Errorf("incomplete: %+v", u)
		}
		if u.Units.Sign() < 0 || u.Fee.Sign() < 0 {
			t.Errorf("negative: %+v", u)
		}
	})
}

func FuzzVerify(f *testing.F) {
	b := fakeTill(f, newFake())
	tx := b.plan(b.payment(b.coin, someone, 1))
	v := tx.Last()
	good := b.sign(tx).Last().Raw
	f.Add(good)
	f.Add([]byte(hexutil.Encode(good)))
	f.Add(good[:40])
	f.Fuzz(func(t *testing.T, signed []byte) {
		raw, id, err := b.spender.Verify(v, signed)
		if (err == nil) != (id != "") {
			t.Fatal("an id without a transaction")
		}
		if err == nil && string(raw) != string(good) {
			// Another signature of the same key over the same would be as good, but nobody here has the key.
			t.Errorf("%x is not what was signed", raw)
		}
	})
}
