package bitcoin

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/btcsuite/btcd/btcutil/psbt"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	btc "github.com/cointill/cointill/chain/bitcoin"
)

// forkID marks signatures of Bitcoin Cash.
const forkID txscript.SigHashType = 0x40

// note is what a Spender keeps with a version.
type note struct {
	Height uint64 `json:"height"` // of the chain when it was planned
	Change int    `json:"change"` // the number of the output for change; -1 if there is none
	Below  below  `json:"below,omitzero"`
}

func (n note) encode() []byte {
	b, _ := json.Marshal(n) // numbers are encoded without fail
	return b
}

// readNote reads the note of a version.
func readNote(b []byte) (note, error) {
	n := note{Change: -1}
	if err := json.Unmarshal(b, &n); err != nil {
		return n, fmt.Errorf("payout/bitcoin: read note of a version: %w", err)
	}
	return n, nil
}

// hashType returns the type of signature of the coin's inputs of a kind. A taproot signature leaves it out.
func hashType(p btc.Params, kind btc.ScriptKind) txscript.SigHashType {
	switch {
	case p.ForkID():
		return txscript.SigHashAll | forkID
	case kind == btc.P2TR:
		return txscript.SigHashDefault
	default:
		return txscript.SigHashAll
	}
}

// packet returns the PSBT of a transaction.
func (s *Spender) packet(tx *wire.MsgTx, d draft, back *outputOfOurs, changeAt int) ([]byte, error) {
	p, err := psbt.NewFromUnsignedTx(tx)
	if err != nil {
		return nil, fmt.Errorf("payout/bitcoin: make PSBT: %w", err)
	}
	kind := s.wallet.Kind()
	for i, in := range d.inputs {
		to := &p.Inputs[i]
		to.SighashType = hashType(s.params, kind)
		if kind != btc.P2TR { // its signatures cover the amounts of all inputs
			to.NonWitnessUtxo = in.prev
		}
		if kind != btc.P2PKH {
			to.WitnessUtxo = in.prev.TxOut[in.at.Vout]
		}
		to.RedeemScript = in.key.Redeem
		path := s.path(in.branch, in.index)
		if kind == btc.P2TR {
			to.TaprootInternalKey = in.key.PublicKey[1:]
			to.TaprootBip32Derivation = s.taprootOrigin(in.key, path)
		} else {
			to.Bip32Derivation = s.keyOrigin(in.key, path)
		}
	}
	if back != nil {
		to, path := &p.Outputs[changeAt], s.path(btc.BranchChange, back.index)
		to.RedeemScript = back.key.Redeem
		if kind == btc.P2TR {
			to.TaprootInternalKey = back.key.PublicKey[1:]
			to.TaprootBip32Derivation = s.taprootOrigin(back.key, path)
		} else {
			to.Bip32Derivation = s.keyOrigin(back.key, path)
		}
	}
	var b bytes.Buffer
	if err := p.Serialize(&b); err != nil {
		return nil, fmt.Errorf("payout/bitcoin: make PSBT: %w", err)
	}
	return b.Bytes(), nil
}

// path returns the steps from the master key.
func (s *Spender) path(branch, index uint32) []uint32 {
	return append(s.wallet.Origin().Path, branch, index)
}

func (s *Spender) fingerprint() uint32 {
	f := s.wallet.Origin().Fingerprint
	return binary.LittleEndian.Uint32(f[:])
}

func (s *Spender) keyOrigin(key btc.Key, path []uint32) []*psbt.Bip32Derivation {
	return []*psbt.Bip32Derivation{{PubKey: key.PublicKey, MasterKeyFingerprint: s.fingerprint(), Bip32Path: path}}
}

func (s *Spender) taprootOrigin(key btc.Key, path []uint32) []*psbt.TaprootBip32Derivation {
	return []*psbt.TaprootBip32Derivation{{XOnlyPubKey: key.PublicKey[1:], MasterKeyFingerprint: s.fingerprint(), Bip32Path: path}}
}

// expectedID returns the id that the signed transaction will have, or nothing where it depends on the signatures.
func (s *Spender) expectedID(tx *wire.MsgTx, inputs []input) string {
	switch s.wallet.Kind() {
	case btc.P2PKH:
		return ""
	case btc.P2SHP2WPKH:
		tx = tx.Copy()
		for i, in := range inputs {
			tx.TxIn[i].SignatureScript = push(in.key.Redeem)
		}
	default:
	}
	return tx.TxHash().String()
}

// push returns the script that puts data of at most 75 bytes onto the stack.
func push(data []byte) []byte { return append([]byte{byte(len(data))}, data...) }

// prevOut returns the output that an input spends, as its PSBT has it. Where the PSBT has the whole previous transaction,
// that proves the amount.
func prevOut(p *psbt.Packet, i int) (*wire.TxOut, error) {
	in, at := p.Inputs[i], p.UnsignedTx.TxIn[i].PreviousOutPoint
	if in.NonWitnessUtxo == nil {
		if in.WitnessUtxo == nil || !txscript.IsPayToTaproot(in.WitnessUtxo.PkScript) {
			return nil, fmt.Errorf("input %d has no previous transaction", i)
		}
		return in.WitnessUtxo, nil
	}
	if in.NonWitnessUtxo.TxHash() != at.Hash || int64(at.Index) >= int64(len(in.NonWitnessUtxo.TxOut)) {
		return nil, fmt.Errorf("input %d has another previous transaction", i)
	}
	out := in.NonWitnessUtxo.TxOut[at.Index]
	if w := in.WitnessUtxo; w != nil && !psbt.TxOutsEqual(w, out) {
		return nil, fmt.Errorf("input %d has another amount than its previous transaction", i)
	}
	return out, nil
}
