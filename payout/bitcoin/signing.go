package bitcoin

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcutil/hdkeychain"
	"github.com/btcsuite/btcd/btcutil/psbt"

	"github.com/cointill/cointill/chain"
	btc "github.com/cointill/cointill/chain/bitcoin"
	"github.com/cointill/cointill/payout"
)

// Signing reads and signs the transactions of one coin with one kind of script. It is a family of the package
// payout/signer. It holds no private key, and is safe for concurrent use.
type Signing struct {
	params btc.Params
	kind   btc.ScriptKind
	wallet *btc.Wallet // nil: no output is known to be our own
}

// testKey is the version of a tpub.
var testKey = []byte{0x04, 0x35, 0x87, 0xcf}

// NewSigning returns the Signing of a coin and a kind of script. The extended public key of the account lets it tell which
// outputs are the account's own; it may be empty, and then none are. On test networks an xpub, as signer.Seed.Public
// returns it, is taken for the tpub of the same key.
func NewSigning(p btc.Params, kind btc.ScriptKind, account string) (*Signing, error) {
	if kind < btc.P2PKH || kind > btc.P2TR || kind != btc.P2PKH && !p.Segwit() {
		return nil, fmt.Errorf("payout/bitcoin: %w: %s of %s", btc.ErrScriptKind, kind, p.Name)
	}
	s := &Signing{params: p, kind: kind}
	if account == "" {
		return s, nil
	}
	if key, err := hdkeychain.NewKeyFromString(account); p.Test && err == nil && !key.IsPrivate() {
		if test, err := key.CloneWithVersion(testKey); err == nil {
			account = test.String()
		}
	}
	var err error
	if s.wallet, err = btc.NewWallet(p, account, kind); err != nil {
		return nil, fmt.Errorf("payout/bitcoin: %w", err)
	}
	return s, nil
}

// Network returns the network.
func (s *Signing) Network() chain.Network { return s.params.Network }

// Parse returns what a PSBT pays. It returns an error unless the amounts of all inputs are proven, by the previous
// transactions or by what taproot signatures cover, and all outputs go to addresses.
func (s *Signing) Parse(unsigned []byte) (payout.Parsed, error) {
	out, err := s.parse(unsigned)
	if err != nil {
		return payout.Parsed{}, fmt.Errorf("payout/bitcoin: read PSBT: %w", err)
	}
	return out, nil
}

func (s *Signing) parse(unsigned []byte) (payout.Parsed, error) {
	p, err := parsePacket(unsigned)
	if err != nil {
		return payout.Parsed{}, err
	}
	coin := s.params.Asset().ID
	out := payout.Parsed{Network: s.params.Network, FeeAsset: coin}
	left := int64(0)
	for i := range p.Inputs {
		from, err := prevOut(p, i)
		if err != nil {
			return payout.Parsed{}, err
		}
		if left, err = s.plus(left, from.Value); err != nil {
			return payout.Parsed{}, fmt.Errorf("input %d: %w", i, err)
		}
	}
	for i, o := range p.UnsignedTx.TxOut {
		to, ok := s.params.AddressOf(o.PkScript)
		if !ok {
			return payout.Parsed{}, fmt.Errorf("output %d goes to no address", i)
		}
		if _, err := s.plus(0, o.Value); err != nil || o.Value > left {
			return payout.Parsed{}, fmt.Errorf("output %d: %d is no amount, or more than the inputs have left", i, o.Value)
		}
		left -= o.Value
		own, err := s.owns(p.Outputs[i], o.PkScript)
		if err != nil {
			return payout.Parsed{}, fmt.Errorf("output %d: %w", i, err)
		}
		out.Outputs = append(out.Outputs, payout.Output{Asset: coin, To: to, Units: big.NewInt(o.Value), Own: own})
	}
	out.Fee = big.NewInt(left)
	return out, nil
}

// plus returns the sum of amounts that can exist.
func (s *Signing) plus(sum, value int64) (int64, error) {
	if value < 0 || value > s.params.MaxMoney-sum {
		return 0, fmt.Errorf("%d is no amount", value)
	}
	return sum + value, nil
}

// owns reports whether an output is proven to be the account's. It returns an error if it has the path of another address.
func (s *Signing) owns(out psbt.POutput, script []byte) (bool, error) {
	if s.wallet == nil || len(out.Bip32Derivation)+len(out.TaprootBip32Derivation) == 0 {
		return false, nil
	}
	branch, index, ok := keyPath(psbt.PInput{Bip32Derivation: out.Bip32Derivation, TaprootBip32Derivation: out.TaprootBip32Derivation})
	if !ok {
		return false, errors.New("its path is not branch 0 or 1, and a number")
	}
	key, err := s.wallet.Key(branch, index)
	if err != nil {
		return false, err
	}
	if !bytes.Equal(key.Script, script) {
		return false, errors.New("its path does not lead to it")
	}
	return true, nil
}

// Sign returns the PSBT with signatures of all inputs, as [Spender.Verify] takes it. It returns [ErrForeign] if a key is
// not that of the input, and errors as [Key.Sign] does. The same PSBT is signed the same way again.
func (s *Signing) Sign(unsigned []byte, key func(path ...uint32) (priv []byte, err error)) ([]byte, error) {
	signed, err := signWith(s.params, s.kind, unsigned, func(branch, index uint32) (*btcec.PrivateKey, error) {
		priv, err := key(branch, index)
		if err != nil {
			return nil, fmt.Errorf("key %d/%d: %w", branch, index, err)
		}
		private, _ := btcec.PrivKeyFromBytes(priv)
		return private, nil
	})
	if err != nil {
		return nil, fmt.Errorf("payout/bitcoin: sign: %w", err)
	}
	return signed, nil
}
