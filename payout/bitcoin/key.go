package bitcoin

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcutil/hdkeychain"
	"github.com/btcsuite/btcd/btcutil/psbt"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	btc "github.com/cointill/cointill/chain/bitcoin"
)

// ErrKey is returned for text that is not an extended private key. No error contains a part of it.
var ErrKey = errors.New("not an extended private key")

// ErrForeign is returned for a PSBT with an input that the key does not sign.
var ErrForeign = errors.New("an input is not of this account")

// Key is the extended private key of an account, which signs what a [Spender] plans. It is safe for concurrent use until
// [Key.Zero]. No verb of fmt prints it.
type Key struct {
	params btc.Params
	kind   btc.ScriptKind
	secret *secret
}

type secret struct{ account *hdkeychain.ExtendedKey }

// Format prints nothing of the key.
func (*secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("secret")) }

// NewKey returns the key of an account, such as m/84'/0'/0', with the kind of script of its addresses. Any version of
// extended private key is accepted (xprv, zprv, tprv, Ltpv ...). It returns [ErrKey].
func NewKey(p btc.Params, account string, kind btc.ScriptKind) (*Key, error) {
	const most = 128
	if len(account) > most {
		return nil, fmt.Errorf("payout/bitcoin: %w", ErrKey)
	}
	key, err := hdkeychain.NewKeyFromString(account)
	if err != nil || !key.IsPrivate() {
		return nil, fmt.Errorf("payout/bitcoin: %w", ErrKey)
	}
	if kind < btc.P2PKH || kind > btc.P2TR || kind != btc.P2PKH && !p.Segwit() {
		key.Zero()
		return nil, fmt.Errorf("payout/bitcoin: %w: %s of %s", btc.ErrScriptKind, kind, p.Name)
	}
	return &Key{p, kind, &secret{key}}, nil
}

// Zero overwrites the key, which must not be used any more.
func (k *Key) Zero() { k.secret.account.Zero() }

// Sign signs all inputs of a PSBT and returns it with the signatures. It has no policy: what it gets, it signs, if the
// amounts are proven by the previous transactions and each input is an output to the address of the account that its path
// names. Otherwise it returns [ErrForeign], or an error about the PSBT. The same PSBT is signed the same way again.
func (k *Key) Sign(unsigned []byte) ([]byte, error) {
	branches := make(map[uint32]*hdkeychain.ExtendedKey)
	defer func() {
		for _, b := range branches {
			b.Zero()
		}
	}()
	signed, err := signWith(k.params, k.kind, unsigned, func(branch, index uint32) (*btcec.PrivateKey, error) {
		return k.child(branches, branch, index)
	})
	if err != nil {
		return nil, fmt.Errorf("payout/bitcoin: sign: %w", err)
	}
	return signed, nil
}

// packetSigner signs the inputs of a PSBT with keys that it gets by branch and index.
type packetSigner struct {
	params btc.Params
	kind   btc.ScriptKind
	key    func(branch, index uint32) (*btcec.PrivateKey, error)
}

// signWith signs all inputs of a PSBT. It overwrites each key that it got.
func signWith(p btc.Params, kind btc.ScriptKind, unsigned []byte, key func(branch, index uint32) (*btcec.PrivateKey, error)) ([]byte, error) {
	packet, err := parsePacket(unsigned)
	if err != nil {
		return nil, err
	}
	if err := (packetSigner{p, kind, key}).sign(packet); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := packet.Serialize(&b); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func (s packetSigner) sign(p *psbt.Packet) error {
	fetcher := txscript.NewMultiPrevOutFetcher(nil)
	previous := make([]*wire.TxOut, len(p.Inputs))
	for i := range p.Inputs {
		var err error
		if previous[i], err = prevOut(p, i); err != nil {
			return err
		}
		if want := hashType(s.params, s.kind); p.Inputs[i].SighashType != want && p.Inputs[i].SighashType != 0 {
			return fmt.Errorf("input %d: signatures of type %#x are not made", i, uint32(p.Inputs[i].SighashType))
		}
		fetcher.AddPrevOut(p.UnsignedTx.TxIn[i].PreviousOutPoint, previous[i])
	}
	hashes := txscript.NewTxSigHashes(p.UnsignedTx, fetcher)
	for i := range p.Inputs {
		branch, index, ok := keyPath(p.Inputs[i])
		if !ok {
			return fmt.Errorf("input %d: %w", i, ErrForeign)
		}
		key, err := s.key(branch, index)
		if err == nil {
			err = s.signInput(p, i, previous[i], hashes, key)
			key.Zero()
		}
		if err != nil {
			return fmt.Errorf("input %d: %w", i, err)
		}
	}
	return nil
}

// keyPath returns the last two steps of the path of an input's key: branch and index.
func keyPath(in psbt.PInput) (branch, index uint32, ok bool) {
	var path []uint32
	switch {
	case len(in.Bip32Derivation) == 1:
		path = in.Bip32Derivation[0].Bip32Path
	case len(in.TaprootBip32Derivation) == 1:
		path = in.TaprootBip32Derivation[0].Bip32Path
	}
	if len(path) < 2 {
		return 0, 0, false
	}
	branch, index = path[len(path)-2], path[len(path)-1]
	return branch, index, branch <= btc.BranchChange && index < hdkeychain.HardenedKeyStart
}

// child derives a key of the account. It keeps the keys of branches, which the caller overwrites.
func (k *Key) child(branches map[uint32]*hdkeychain.ExtendedKey, branch, index uint32) (*btcec.PrivateKey, error) {
	var err error
	if branches[branch] == nil {
		if branches[branch], err = k.secret.account.Derive(branch); err != nil {
			delete(branches, branch)
			return nil, errors.New("derive a key")
		}
	}
	leaf, err := branches[branch].Derive(index)
	if err != nil {
		return nil, errors.New("derive a key")
	}
	defer leaf.Zero()
	return leaf.ECPrivKey()
}

// signInput adds the signature of an input.
func (s packetSigner) signInput(p *psbt.Packet, i int, out *wire.TxOut, hashes *txscript.TxSigHashes, key *btcec.PrivateKey) error {
	public := key.PubKey().SerializeCompressed()
	script, redeemScript, err := s.kind.Scripts(key.PubKey())
	if err != nil || !bytes.Equal(script, out.PkScript) {
		return ErrForeign
	}
	tx, in, kind := p.UnsignedTx, &p.Inputs[i], hashType(s.params, s.kind)
	var sig []byte
	switch {
	case s.kind == btc.P2TR:
		sig, err = txscript.RawTxInTaprootSignature(tx, hashes, i, out.Value, out.PkScript, nil, kind, key)
		in.TaprootKeySpendSig = sig
		return err
	case s.params.ForkID():
		sig, err = txscript.RawTxInWitnessSignature(tx, hashes, i, out.Value, out.PkScript, kind, key)
	case s.kind == btc.P2PKH:
		sig, err = txscript.RawTxInSignature(tx, i, out.PkScript, kind, key)
	case s.kind == btc.P2SHP2WPKH:
		sig, err = txscript.RawTxInWitnessSignature(tx, hashes, i, out.Value, redeemScript, kind, key)
	default:
		sig, err = txscript.RawTxInWitnessSignature(tx, hashes, i, out.Value, out.PkScript, kind, key)
	}
	if err != nil {
		return err
	}
	in.PartialSigs = []*psbt.PartialSig{{PubKey: public, Signature: sig}}
	return nil
}
