package bitcoin

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/ecdsa"
	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/btcutil/psbt"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	btc "github.com/cointill/cointill/chain/bitcoin"
	"github.com/cointill/cointill/payout"
)

// Verify implements [payout.Spender]. What was signed must be exactly the version's unsigned transaction, each signature
// must cover all inputs and outputs, and the scripts must accept it. The amounts are those of the version.
func (s *Spender) Verify(v payout.Version, signed []byte) (raw []byte, txID string, err error) {
	raw, txID, err = s.verify(v, signed)
	if err != nil {
		return nil, "", fmt.Errorf("payout/bitcoin: %w: %w", payout.ErrDiffers, err)
	}
	return raw, txID, nil
}

func (s *Spender) verify(v payout.Version, signed []byte) ([]byte, string, error) {
	plan, err := parsePacket(v.Unsigned)
	if err != nil {
		return nil, "", fmt.Errorf("the version is %w", err)
	}
	if len(plan.UnsignedTx.TxIn) != len(v.Spends) {
		return nil, "", errors.New("the version does not spend what it says")
	}
	previous := make([]*wire.TxOut, len(v.Spends))
	for i, in := range plan.UnsignedTx.TxIn {
		if in.PreviousOutPoint.String() != v.Spends[i] {
			return nil, "", errors.New("the version does not spend what it says")
		}
		if previous[i], err = prevOut(plan, i); err != nil {
			return nil, "", fmt.Errorf("the version is malformed: %w", err)
		}
	}
	given, err := s.readSigned(signed)
	if err != nil {
		return nil, "", err
	}
	if bare(given.tx).TxHash() != plan.UnsignedTx.TxHash() {
		return nil, "", errors.New("other inputs, outputs or amounts")
	}
	tx := plan.UnsignedTx.Copy()
	for i := range tx.TxIn {
		sig, key, err := s.signatureOf(given, i)
		if err == nil {
			err = s.checkType(sig)
		}
		if err != nil {
			return nil, "", fmt.Errorf("input %d: %w", i, err)
		}
		insert(s.wallet.Kind(), tx.TxIn[i], sig, key)
	}
	if err := s.accept(tx, previous); err != nil {
		return nil, "", err
	}
	id := tx.TxHash().String()
	if v.TxID != "" && v.TxID != id {
		return nil, "", errors.New("another transaction id")
	}
	var b bytes.Buffer
	if err := tx.Serialize(&b); err != nil {
		return nil, "", err
	}
	return b.Bytes(), id, nil
}

// given is what a signer returned: a transaction, signed or not, and a PSBT if it came as one.
type given struct {
	tx     *wire.MsgTx
	packet *psbt.Packet
}

// magicBase64 begins a PSBT in base64.
var magicBase64 = []byte("cHNidP")

// readSigned parses the signed form of a transaction.
func (s *Spender) readSigned(b []byte) (given, error) {
	if len(b) > 2*maxPacket {
		return given{}, errPacket
	}
	text := bytes.TrimSpace(b)
	switch {
	case bytes.HasPrefix(text, magicBase64):
		decoded, err := base64.StdEncoding.DecodeString(string(text))
		if err != nil {
			return given{}, errPacket
		}
		b = decoded
	case !bytes.HasPrefix(b, magic) && isHex(text):
		b, _ = hex.DecodeString(string(text)) // it is hexadecimal
	}
	if bytes.HasPrefix(b, magic) {
		p, err := parsePacket(b)
		if err != nil {
			return given{}, err
		}
		return given{p.UnsignedTx, p}, nil
	}
	if _, err := s.params.ParseTransaction(b); err != nil {
		return given{}, errors.New("neither a PSBT of version 0 nor a transaction")
	}
	tx, r := new(wire.MsgTx), bytes.NewReader(b)
	if err := tx.Deserialize(r); err != nil || r.Len() > 0 {
		return given{}, errors.New("neither a PSBT of version 0 nor a transaction")
	}
	return given{tx: tx}, nil
}

func isHex(b []byte) bool {
	_, err := hex.DecodeString(string(b))
	return err == nil && len(b) > 0
}

// bare returns the transaction without its signatures.
func bare(tx *wire.MsgTx) *wire.MsgTx {
	tx = tx.Copy()
	for _, in := range tx.TxIn {
		in.SignatureScript, in.Witness = nil, nil
	}
	return tx
}

var (
	errUnsigned = errors.New("not signed")
	errForm     = errors.New("not signed in the usual form")
)

// signatureOf returns the signature and, but for taproot, the public key of an input.
func (s *Spender) signatureOf(g given, i int) (sig, key []byte, err error) {
	script, witness := g.tx.TxIn[i].SignatureScript, [][]byte(g.tx.TxIn[i].Witness)
	if g.packet != nil {
		in := g.packet.Inputs[i]
		switch {
		case len(in.FinalScriptSig) == 0 && len(in.FinalScriptWitness) == 0:
			return s.partial(in)
		default:
			script = in.FinalScriptSig
			if witness, err = readWitness(in.FinalScriptWitness); err != nil {
				return nil, nil, err
			}
		}
	}
	if len(script) == 0 && len(witness) == 0 {
		return nil, nil, errUnsigned
	}
	kind := s.wallet.Kind()
	if kind == btc.P2PKH {
		witness = pushed(script)
	}
	switch {
	case kind == btc.P2TR && len(witness) == 1:
		return witness[0], nil, nil
	case kind != btc.P2TR && len(witness) == 2 && len(witness[1]) == publicKey:
		return witness[0], witness[1], nil
	default:
		return nil, nil, errForm
	}
}

// partial returns the signature of an input that is not finalized.
func (s *Spender) partial(in psbt.PInput) (sig, key []byte, err error) {
	switch {
	case s.wallet.Kind() == btc.P2TR && len(in.TaprootKeySpendSig) > 0:
		return in.TaprootKeySpendSig, nil, nil
	case len(in.PartialSigs) == 1 && len(in.PartialSigs[0].PubKey) == publicKey:
		return in.PartialSigs[0].Signature, in.PartialSigs[0].PubKey, nil
	case len(in.PartialSigs) == 0:
		return nil, nil, errUnsigned
	default:
		return nil, nil, errForm
	}
}

// pushed returns what a script that consists of pushes puts onto the stack; the pushes have at most 75 bytes.
func pushed(script []byte) (items [][]byte) {
	const most = 75
	for len(script) > 0 {
		n := int(script[0])
		if n > most || n >= len(script) {
			return nil
		}
		items, script = append(items, script[1:1+n]), script[1+n:]
	}
	return items
}

// readWitness parses a witness of few short items.
func readWitness(b []byte) ([][]byte, error) {
	const most = 4
	if len(b) == 0 {
		return nil, nil
	}
	n := int(b[0])
	if n > most {
		return nil, errForm
	}
	b = b[1:]
	items := make([][]byte, 0, n)
	for range n {
		if len(b) == 0 || b[0] >= 0xfd || int(b[0]) >= len(b) {
			return nil, errForm
		}
		size := int(b[0])
		items, b = append(items, b[1:1+size]), b[1+size:]
	}
	if len(b) > 0 {
		return nil, errForm
	}
	return items, nil
}

// checkType returns an error for a signature that does not cover all inputs and outputs.
func (s *Spender) checkType(sig []byte) error {
	want := hashType(s.params, s.wallet.Kind())
	if s.wallet.Kind() == btc.P2TR {
		if len(sig) == schnorr-1 || len(sig) == schnorr && sig[schnorr-1] == byte(txscript.SigHashAll) {
			return nil
		}
	} else if n := len(sig); n > 1 && n <= signature && sig[n-1] == byte(want) {
		return nil
	}
	return errors.New("the signature is not one of all inputs and outputs (SIGHASH_ALL)")
}

// insert puts a signature where it belongs.
func insert(kind btc.ScriptKind, in *wire.TxIn, sig, key []byte) {
	switch kind {
	case btc.P2TR:
		in.Witness = wire.TxWitness{sig}
	case btc.P2WPKH, btc.P2SHP2WPKH:
		in.Witness = wire.TxWitness{sig, key}
		if kind == btc.P2SHP2WPKH {
			in.SignatureScript = push(slices.Concat([]byte{0, redeem - 2}, btcutil.Hash160(key)))
		}
	default:
		in.SignatureScript = append(push(sig), push(key)...)
	}
}

// accept runs the scripts of all inputs.
func (s *Spender) accept(tx *wire.MsgTx, previous []*wire.TxOut) error {
	fetcher := txscript.NewMultiPrevOutFetcher(nil)
	for i, in := range tx.TxIn {
		fetcher.AddPrevOut(in.PreviousOutPoint, previous[i])
	}
	hashes := txscript.NewTxSigHashes(tx, fetcher)
	for i, out := range previous {
		var err error
		if s.params.ForkID() {
			err = acceptForkID(tx, i, out, hashes)
		} else {
			var e *txscript.Engine
			e, err = txscript.NewEngine(out.PkScript, tx, i, txscript.StandardVerifyFlags, nil, hashes, out.Value, fetcher)
			if err == nil {
				err = e.Execute()
			}
		}
		if err != nil {
			return fmt.Errorf("input %d: not validly signed: %w", i, err)
		}
	}
	return nil
}

// acceptForkID checks an input to a public key hash of Bitcoin Cash, whose signatures the script engine does not know.
func acceptForkID(tx *wire.MsgTx, i int, out *wire.TxOut, hashes *txscript.TxSigHashes) error {
	items := pushed(tx.TxIn[i].SignatureScript)
	if len(items) != 2 || !bytes.Equal(out.PkScript, payToHash(btcutil.Hash160(items[1]))) {
		return errForm
	}
	key, err := btcec.ParsePubKey(items[1])
	if err != nil {
		return err
	}
	der := items[0][:len(items[0])-1]
	sig, err := ecdsa.ParseDERSignature(der)
	if err != nil {
		return err
	}
	// Serialize returns the low S and the shortest form, which is the only one that nodes take.
	if !bytes.Equal(sig.Serialize(), der) {
		return errForm
	}
	digest, err := txscript.CalcWitnessSigHash(out.PkScript, hashes, txscript.SigHashAll|forkID, tx, i, out.Value)
	if err != nil {
		return err
	}
	if !sig.Verify(digest, key) {
		return errors.New("another key, or of another transaction")
	}
	return nil
}

// payToHash returns the script that pays a public key hash.
func payToHash(hash []byte) []byte {
	return slices.Concat([]byte{txscript.OP_DUP, txscript.OP_HASH160, byte(len(hash))}, hash, []byte{txscript.OP_EQUALVERIFY, txscript.OP_CHECKSIG})
}
