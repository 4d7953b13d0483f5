package bitcoin_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2/ecdsa"
	"github.com/btcsuite/btcd/btcutil/psbt"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"
	"github.com/stretchr/testify/require"

	btc "github.com/cointill/cointill/chain/bitcoin"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/payout/bitcoin"
)

// planned returns a transaction of two coins with a signature.
func planned(t testing.TB, p btc.Params, kind btc.ScriptKind) (s *shop, v payout.Version, signed []byte) {
	t.Helper()
	s, f := newFakeShop(t, p, kind)
	f.put(t, s, 6, 300_000_000, 200_000_000)
	v = s.plan(t, s.payout(t, "a", s.stranger(t, 1), 450_000_000, 10_000_000)).Last()
	require.Len(t, v.Spends, 2)
	signed, err := s.key.Sign(v.Unsigned)
	require.NoError(t, err)
	return s, v, signed
}

func packetOf(t testing.TB, b []byte) *psbt.Packet {
	t.Helper()
	p, err := psbt.NewFromRawBytes(bytes.NewReader(b), false)
	require.NoError(t, err)
	return p
}

func bytesOf(t testing.TB, p *psbt.Packet) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, p.Serialize(&b))
	return b.Bytes()
}

// edit returns a PSBT that was changed.
func edit(t testing.TB, b []byte, change func(p *psbt.Packet)) []byte {
	t.Helper()
	p := packetOf(t, b)
	change(p)
	return bytesOf(t, p)
}

func TestVerify_P21_WhatWasTamperedWithIsRefused(t *testing.T) {
	for _, c := range coins {
		t.Run(c.params.Name+"/"+c.kind.String(), func(t *testing.T) {
			s, v, signed := planned(t, c.params, c.kind)
			raw, id, err := s.spender.Verify(v, signed)
			require.NoError(t, err)
			for what, b := range tampered(t, c.params, c.kind, v, signed, raw) {
				gotRaw, gotID, err := s.spender.Verify(v, b)
				require.ErrorIs(t, err, payout.ErrDiffers, what)
				require.Empty(t, gotRaw, what)
				require.Empty(t, gotID, what)
			}
			other := v
			other.TxID = id[1:] + "0"
			_, _, err = s.spender.Verify(other, signed)
			require.ErrorIs(t, err, payout.ErrDiffers, "another id")
			other = v
			other.Spends = slices.Clone(v.Spends)
			slices.Reverse(other.Spends)
			_, _, err = s.spender.Verify(other, signed)
			require.ErrorIs(t, err, payout.ErrDiffers, "other locks")
		})
	}
}

// tampered returns signed forms that are not of the version.
func tampered(t *testing.T, p btc.Params, kind btc.ScriptKind, v payout.Version, signed, raw []byte) map[string][]byte {
	resign := func(change func(p *psbt.Packet)) []byte {
		private, _ := account(t, 1)
		key, err := bitcoin.NewKey(p, private, kind)
		require.NoError(t, err)
		b, err := key.Sign(edit(t, v.Unsigned, change))
		require.NoError(t, err)
		return b
	}
	spoil := func(sig []byte, i int) { sig[i] ^= 1 }
	sigOf := func(in *psbt.PInput) []byte {
		if kind == btc.P2TR {
			return in.TaprootKeySpendSig
		}
		return in.PartialSigs[0].Signature
	}
	forms := map[string][]byte{
		"not signed":              v.Unsigned,
		"empty":                   {},
		"no PSBT":                 []byte("hello"),
		"cut off":                 signed[:len(signed)-1],
		"more behind it":          append(slices.Clone(signed), 0),
		"a transaction cut off":   raw[:len(raw)-1],
		"a transaction with more": append(slices.Clone(raw), 0),
		"another payee":           resign(func(p *psbt.Packet) { p.UnsignedTx.TxOut[0].PkScript[5] ^= 1 }),
		"another amount":          resign(func(p *psbt.Packet) { p.UnsignedTx.TxOut[0].Value-- }),
		"no change":               resign(func(p *psbt.Packet) { p.UnsignedTx.TxOut, p.Outputs = p.UnsignedTx.TxOut[:1], p.Outputs[:1] }),
		"an input less":           resign(func(p *psbt.Packet) { p.UnsignedTx.TxIn, p.Inputs = p.UnsignedTx.TxIn[:1], p.Inputs[:1] }),
		"another sequence":        resign(func(p *psbt.Packet) { p.UnsignedTx.TxIn[0].Sequence = wire.MaxTxInSequenceNum }),
		"another lock time":       resign(func(p *psbt.Packet) { p.UnsignedTx.LockTime = 1 }),
		"another version":         resign(func(p *psbt.Packet) { p.UnsignedTx.Version = 1 }),
		"a signature exchanged": edit(t, signed, func(p *psbt.Packet) {
			a, b := &p.Inputs[0], &p.Inputs[1]
			a.PartialSigs, b.PartialSigs = b.PartialSigs, a.PartialSigs
			a.TaprootKeySpendSig, b.TaprootKeySpendSig = b.TaprootKeySpendSig, a.TaprootKeySpendSig
		}),
		"a signature spoiled": edit(t, signed, func(p *psbt.Packet) { spoil(sigOf(&p.Inputs[1]), 20) }),
		"one of two signed": edit(t, signed, func(p *psbt.Packet) {
			p.Inputs[1].PartialSigs, p.Inputs[1].TaprootKeySpendSig = nil, nil
		}),
	}
	if kind != btc.P2TR {
		for _, hashType := range []byte{0x00, 0x02, 0x03, 0x81, 0xc1, 0x41 ^ 0x40*b2i(p.ForkID())} {
			forms[fmt.Sprintf("signature of type %#x", hashType)] = edit(t, signed, func(p *psbt.Packet) {
				sig := p.Inputs[0].PartialSigs[0].Signature
				sig[len(sig)-1] = hashType
			})
		}
		forms["another key"] = edit(t, signed, func(p *psbt.Packet) { p.Inputs[0].PartialSigs[0].PubKey = p.Inputs[1].PartialSigs[0].PubKey })
	}
	return forms
}

func b2i(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// A signature of one input and output alone is valid on the chain, and would let others change the rest.
func TestVerify_RefusesValidSignaturesOfOtherTypes(t *testing.T) {
	s, v, _ := planned(t, btc.BitcoinRegtest(), btc.P2WPKH)
	p := packetOf(t, v.Unsigned)
	for _, kind := range []txscript.SigHashType{txscript.SigHashNone, txscript.SigHashSingle, txscript.SigHashAll | txscript.SigHashAnyOneCanPay} {
		signed := edit(t, v.Unsigned, func(p *psbt.Packet) { signAs(t, p, kind) })
		_, _, err := s.spender.Verify(v, signed)
		require.ErrorIs(t, err, payout.ErrDiffers)
		require.ErrorContains(t, err, "SIGHASH_ALL")
	}
	signAs(t, p, txscript.SigHashAll)
	_, _, err := s.spender.Verify(v, bytesOf(t, p))
	require.NoError(t, err, "the same signer with the right type")
}

func TestVerify_AnOlderPlanIsAnother(t *testing.T) {
	s, f := newFakeShop(t, btc.BitcoinRegtest(), btc.P2WPKH)
	f.put(t, s, 6, 300_000_000)
	tx := s.plan(t, s.payout(t, "a", s.stranger(t, 1), 250_000_000, 10_000_000))
	s.sign(t, &tx)
	s.replace(t, &tx, 10_000_000)
	signed, err := s.key.Sign(tx.Versions[0].Unsigned)
	require.NoError(t, err)
	_, _, err = s.spender.Verify(tx.Versions[1], signed)
	require.ErrorIs(t, err, payout.ErrDiffers)
	_, _, err = s.spender.Verify(tx.Versions[1], tx.Versions[0].Raw)
	require.ErrorIs(t, err, payout.ErrDiffers)
}

func TestVerify_EveryFormOfTheSame(t *testing.T) {
	for _, c := range coins {
		t.Run(c.params.Name+"/"+c.kind.String(), func(t *testing.T) {
			s, v, signed := planned(t, c.params, c.kind)
			raw, id, err := s.spender.Verify(v, signed)
			require.NoError(t, err)
			forms := map[string][]byte{
				"base64":             []byte(" " + base64.StdEncoding.EncodeToString(signed) + "\n"),
				"transaction":        raw,
				"transaction as hex": []byte(toHex(raw) + "\n"),
				"PSBT as hex":        []byte(toHex(signed)),
				"without amounts": edit(t, signed, func(p *psbt.Packet) {
					for i := range p.Inputs {
						p.Inputs[i].WitnessUtxo, p.Inputs[i].NonWitnessUtxo, p.Inputs[i].SighashType = nil, nil, 0
					}
				}),
				"amounts that are lies": edit(t, signed, func(p *psbt.Packet) {
					p.Inputs[0].WitnessUtxo = wire.NewTxOut(1, []byte{0x51})
				}),
			}
			if !c.params.ForkID() {
				forms["finalized"] = edit(t, signed, func(p *psbt.Packet) { require.NoError(t, psbt.MaybeFinalizeAll(p)) })
			}
			for what, b := range forms {
				gotRaw, gotID, err := s.spender.Verify(v, b)
				require.NoError(t, err, what)
				require.Equal(t, raw, gotRaw, what)
				require.Equal(t, id, gotID, what)
			}
		})
	}
}

// signAs signs all P2WPKH inputs of account 1 with a type of signature.
func signAs(t testing.TB, p *psbt.Packet, kind txscript.SigHashType) {
	t.Helper()
	fetcher := txscript.NewMultiPrevOutFetcher(nil)
	for i := range p.Inputs {
		fetcher.AddPrevOut(p.UnsignedTx.TxIn[i].PreviousOutPoint, p.Inputs[i].WitnessUtxo)
	}
	hashes := txscript.NewTxSigHashes(p.UnsignedTx, fetcher)
	for i := range p.Inputs {
		in := &p.Inputs[i]
		path := in.Bip32Derivation[0].Bip32Path
		sig, err := txscript.RawTxInWitnessSignature(p.UnsignedTx, hashes, i, in.WitnessUtxo.Value, in.WitnessUtxo.PkScript, kind,
			privateKey(t, 1, path[len(path)-2], path[len(path)-1]))
		require.NoError(t, err)
		in.PartialSigs = []*psbt.PartialSig{{PubKey: in.Bip32Derivation[0].PubKey, Signature: sig}}
		in.SighashType = kind
	}
}

// The digest of Bitcoin Cash, written down again from its specification (BIP-143 with the fork id).
func TestBitcoinCash_SignsAmountsWithTheForkID(t *testing.T) {
	s, v, signed := planned(t, btc.BitcoinCashRegtest(), btc.P2PKH)
	raw, _, err := s.spender.Verify(v, signed)
	require.NoError(t, err)
	tx := new(wire.MsgTx)
	require.NoError(t, tx.Deserialize(bytes.NewReader(raw)))
	double := func(b []byte) []byte {
		once := sha256.Sum256(b)
		twice := sha256.Sum256(once[:])
		return twice[:]
	}
	var points, sequences, outputs []byte
	for _, in := range tx.TxIn {
		points = binary.LittleEndian.AppendUint32(append(points, in.PreviousOutPoint.Hash[:]...), in.PreviousOutPoint.Index)
		sequences = binary.LittleEndian.AppendUint32(sequences, in.Sequence)
	}
	for _, o := range tx.TxOut {
		outputs = binary.LittleEndian.AppendUint64(outputs, uint64(o.Value))
		outputs = append(append(outputs, byte(len(o.PkScript))), o.PkScript...)
	}
	for i, in := range tx.TxIn {
		sigLen := int(in.SignatureScript[0])
		sig := in.SignatureScript[1 : 1+sigLen]
		require.EqualValues(t, 0x41, sig[sigLen-1])
		previous := packetOf(t, v.Unsigned).Inputs[i]
		require.EqualValues(t, 0x41, previous.SighashType)
		out := previous.NonWitnessUtxo.TxOut[in.PreviousOutPoint.Index]
		b := binary.LittleEndian.AppendUint32(nil, uint32(tx.Version))
		b = append(append(b, double(points)...), double(sequences)...)
		b = binary.LittleEndian.AppendUint32(append(b, in.PreviousOutPoint.Hash[:]...), in.PreviousOutPoint.Index)
		b = append(append(b, byte(len(out.PkScript))), out.PkScript...)
		b = binary.LittleEndian.AppendUint64(b, uint64(out.Value))
		b = binary.LittleEndian.AppendUint32(b, in.Sequence)
		b = append(b, double(outputs)...)
		b = binary.LittleEndian.AppendUint32(b, tx.LockTime)
		b = binary.LittleEndian.AppendUint32(b, 0x41)
		parsed, err := ecdsa.ParseDERSignature(sig[:sigLen-1])
		require.NoError(t, err)
		path := previous.Bip32Derivation[0].Bip32Path
		require.True(t, parsed.Verify(double(b), privateKey(t, 1, path[len(path)-2], path[len(path)-1]).PubKey()))
	}
}

func TestBitcoinCash_HasNoReplacementButACancellation(t *testing.T) {
	s, f := newFakeShop(t, btc.BitcoinCashRegtest(), btc.P2PKH)
	f.put(t, s, 6, 300_000_000)
	tx := s.plan(t, s.payout(t, "a", s.stranger(t, 1), 250_000_000, 10_000_000))
	s.sign(t, &tx)
	_, err := s.spender.Replace(t.Context(), s.books, tx, bigOf(10_000_000))
	require.ErrorIs(t, err, payout.ErrNoReplacement)
	tx.Cancel = true
	s.replace(t, &tx, 10_000_000)
	s.sign(t, &tx)
	require.Zero(t, s.pays(t, tx.Last(), s.stranger(t, 1)))
}

func TestPSBT_HasWhatHardwareWalletsWant(t *testing.T) {
	for _, c := range coins {
		_, v, _ := planned(t, c.params, c.kind)
		p := packetOf(t, v.Unsigned)
		for i, in := range p.Inputs {
			if c.kind == btc.P2TR {
				require.NotNil(t, in.WitnessUtxo)
				require.Len(t, in.TaprootInternalKey, 32)
				require.Equal(t, []uint32{1<<31 + 84, 1<<31 + 1, 1 << 31, 0}, in.TaprootBip32Derivation[0].Bip32Path[:4])
				continue
			}
			require.Equal(t, p.UnsignedTx.TxIn[i].PreviousOutPoint.Hash, in.NonWitnessUtxo.TxHash())
			require.Equal(t, c.kind != btc.P2PKH, in.WitnessUtxo != nil)
			require.Equal(t, c.kind == btc.P2SHP2WPKH, in.RedeemScript != nil)
			require.Equal(t, uint32(0x0adac573), in.Bip32Derivation[0].MasterKeyFingerprint, "73c5da0a as it is on the wire")
		}
		own := 0
		for _, out := range p.Outputs {
			own += len(out.Bip32Derivation) + len(out.TaprootBip32Derivation)
		}
		require.Equal(t, 1, own, "the device must know that change is no payment")
	}
}

func TestKey_RefusesWhatIsNotItsOwnOrNotProven(t *testing.T) {
	for _, c := range coins {
		_, v, _ := planned(t, c.params, c.kind)
		private, _ := account(t, 2)
		other, err := bitcoin.NewKey(c.params, private, c.kind)
		require.NoError(t, err)
		_, err = other.Sign(v.Unsigned)
		require.ErrorIs(t, err, bitcoin.ErrForeign)

		private, _ = account(t, 1)
		key, err := bitcoin.NewKey(c.params, private, c.kind)
		require.NoError(t, err)
		for what, change := range map[string]func(in *psbt.PInput){
			"no path":      func(in *psbt.PInput) { in.Bip32Derivation, in.TaprootBip32Derivation = nil, nil },
			"no amount":    func(in *psbt.PInput) { in.NonWitnessUtxo, in.WitnessUtxo = nil, nil },
			"another type": func(in *psbt.PInput) { in.SighashType = txscript.SigHashSingle },
		} {
			_, err = key.Sign(edit(t, v.Unsigned, func(p *psbt.Packet) { change(&p.Inputs[1]) }))
			require.Error(t, err, what)
		}
		if c.kind != btc.P2TR {
			_, err = key.Sign(edit(t, v.Unsigned, func(p *psbt.Packet) {
				p.Inputs[0].NonWitnessUtxo.TxOut[0].Value++ // another id
			}))
			require.Error(t, err)
			_, err = key.Sign(edit(t, v.Unsigned, func(p *psbt.Packet) {
				out := *p.Inputs[0].NonWitnessUtxo.TxOut[0]
				out.Value++
				p.Inputs[0].WitnessUtxo = &out
			}))
			require.Error(t, err, "the fee attack on segwit")
		}
		again, err := key.Sign(v.Unsigned)
		require.NoError(t, err)
		twice, err := key.Sign(v.Unsigned)
		require.NoError(t, err)
		require.Equal(t, again, twice)
	}
}

func TestNewKey_NoErrorAndNoVerbHasTheKey(t *testing.T) {
	private, public := account(t, 1)
	for _, bad := range []string{"", "x", public, private + "1", private[:20], string(make([]byte, 1000))} {
		_, err := bitcoin.NewKey(btc.BitcoinRegtest(), bad, btc.P2WPKH)
		require.ErrorIs(t, err, bitcoin.ErrKey)
		if bad != "" && bad != "x" {
			require.NotContains(t, err.Error(), bad)
		}
	}
	_, err := bitcoin.NewKey(btc.DogecoinRegtest(), private, btc.P2WPKH)
	require.ErrorIs(t, err, btc.ErrScriptKind)
	_, err = bitcoin.NewKey(btc.BitcoinRegtest(), private, btc.FromKey)
	require.ErrorIs(t, err, btc.ErrScriptKind)

	key, err := bitcoin.NewKey(btc.BitcoinRegtest(), private, btc.P2WPKH)
	require.NoError(t, err)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		require.NotContains(t, fmt.Sprintf(verb, key), private[20:40])
	}
	_, v, _ := planned(t, btc.BitcoinRegtest(), btc.P2WPKH)
	key.Zero()
	_, err = key.Sign(v.Unsigned)
	require.Error(t, err)
}

// Counts that the library believes without looking, and with which it ends the process or takes hundreds of megabytes.
func TestVerify_CountsAreComparedWithWhatIsThere(t *testing.T) {
	s, v, signed := planned(t, btc.BitcoinRegtest(), btc.P2TR)
	hashes := append([]byte{0xff}, binary.LittleEndian.AppendUint64(nil, 1<<59)...) // times 32 it is 0
	taproot := append(bytes.Clone(hashes), make([]byte, 16)...)
	pair := func(key, value []byte) []byte {
		return slices.Concat([]byte{byte(len(key))}, key, []byte{byte(len(value))}, value)
	}
	key := append([]byte{0x16}, privateKey(t, 1, 5).PubKey().SerializeCompressed()[1:]...)
	insertInto := func(packet []byte, pair []byte) []byte { // of the first input
		p := packetOf(t, packet)
		var tx bytes.Buffer
		require.NoError(t, p.UnsignedTx.SerializeNoWitness(&tx))
		at := 5 + 1 + 1 + 1 + tx.Len() + 1
		return slices.Concat(packet[:at], pair, packet[at:])
	}
	inputs := slices.Concat([]byte("psbt\xff\x01\x00\x0b\x02\x00\x00\x00"), []byte{0xfe, 0x00, 0x00, 0x0c, 0x00}, []byte{0, 0})
	for what, b := range map[string][]byte{
		"hashes":               insertInto(signed, pair(key, taproot)),
		"inputs":               inputs,
		"previous transaction": insertInto(signed, pair([]byte{0}, append([]byte{2, 0, 0, 0, 0xfe, 0, 0, 0x0c, 0}, make([]byte, 20)...))),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _, err := s.spender.Verify(v, b)
		runtime.ReadMemStats(&after)
		require.ErrorIs(t, err, payout.ErrDiffers, what)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(10<<20), what)
		_, err = s.key.Sign(b)
		require.Error(t, err, what)
	}
	require.NotEmpty(t, insertInto(signed, pair([]byte{0x77}, []byte{1})))
	_, _, err := s.spender.Verify(v, insertInto(signed, pair([]byte{0x77}, []byte{1})))
	require.NoError(t, err, "the place is right: what is unknown does not matter")
}

func FuzzVerify(f *testing.F) {
	for _, c := range coins[:4] {
		_, v, signed := planned(f, c.params, c.kind)
		f.Add(v.Unsigned)
		f.Add(signed)
	}
	s, v, signed := planned(f, btc.BitcoinRegtest(), btc.P2WPKH)
	raw, id, err := s.spender.Verify(v, signed)
	require.NoError(f, err)
	f.Add(raw)
	f.Fuzz(func(t *testing.T, b []byte) {
		gotRaw, gotID, err := s.spender.Verify(v, b)
		if err != nil {
			require.ErrorIs(t, err, payout.ErrDiffers)
			return
		}
		require.Equal(t, id, gotID)
		require.Equal(t, len(raw), len(gotRaw)) // another signature may be valid as well
		_, _ = s.key.Sign(b)
	})
}

func FuzzSign(f *testing.F) {
	s, v, signed := planned(f, btc.BitcoinRegtest(), btc.P2WPKH)
	f.Add(v.Unsigned)
	f.Add(signed)
	f.Fuzz(func(_ *testing.T, b []byte) { _, _ = s.key.Sign(b) })
}

func BenchmarkBatchOf500PlannedAndSigned(b *testing.B) {
	s, f := newFakeShop(b, btc.BitcoinRegtest(), btc.P2WPKH, func(c *bitcoin.Config) { c.Batch = 500 })
	f.put(b, s, 6, slices.Repeat([]int64{30_000_000}, 100)...)
	var all []payout.Payout
	for i, id := range ids(500) {
		all = append(all, s.payout(b, id, s.stranger(b, byte(i)), int64(4_000_000+i), 10_000))
	}
	for b.Loop() {
		p, err := s.spender.Plan(b.Context(), s.books, all)
		require.NoError(b, err)
		require.Len(b, p.Payouts, 500)
		signed, err := s.key.Sign(p.Version.Unsigned)
		require.NoError(b, err)
		_, _, err = s.spender.Verify(p.Version, signed)
		require.NoError(b, err)
	}
}
