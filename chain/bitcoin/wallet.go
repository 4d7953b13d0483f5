package bitcoin

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"
	"strings"

	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/btcutil/base58"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/internal/hdkey"
)

// Errors about keys. No error of this package contains a key.
var (
	// ErrPrivateKey is returned for a private key: it can spend, and a process that issues invoices must not hold it.
	ErrPrivateKey = hdkey.ErrPrivateKey
	// ErrKeyKind is returned for a key of another coin, of a test network or not, for several signers, or for another
	// kind of script than requested.
	ErrKeyKind = hdkey.ErrKeyKind
	// ErrMalformedKey is returned for text that is not an extended key, or one that breaks a rule of BIP-32.
	ErrMalformedKey = hdkey.ErrMalformed
	// ErrIndex is returned for an index without an address: it is 2^31 or more, which is reserved for private
	// derivation, or one of the indexes without a key (fewer than one in 2^127).
	ErrIndex = hdkey.ErrIndex
	// ErrScriptKind is returned if the coin has no such scripts, or if neither the caller nor the key determines the
	// kind.
	ErrScriptKind = errors.New("kind of script not usable")
)

// ScriptKind is the kind of output script that a wallet receives with.
type ScriptKind int

// The kinds, with the purpose (BIP-43) in the path of their account in standard wallets.
const (
	// FromKey takes the kind from the version of the key: P2SHP2WPKH for ypub, upub and Mtub, P2WPKH for zpub and
	// vpub. The others (xpub, tpub, Ltub, dgub) do not determine it: SLIP-132 assigns them to P2PKH, but most wallets
	// of today export xpub for every kind. They mean P2PKH for a coin that has no other kind for one key (Dogecoin,
	// Bitcoin Cash), and are refused for others, because with the wrong kind the money would arrive where the owner's
	// wallet does not look.
	FromKey    ScriptKind = iota
	P2PKH                 // pay to public key hash; 44
	P2SHP2WPKH            // P2WPKH nested in P2SH; 49
	P2WPKH                // pay to witness public key hash; 84
	P2TR                  // taproot with the key alone, tweaked as BIP-86 specifies; 86
)

// String returns the name of the kind in lower case. It is part of the names of wallets and must never change.
func (k ScriptKind) String() string {
	switch k {
	case FromKey:
		return "from key"
	case P2PKH:
		return "p2pkh"
	case P2SHP2WPKH:
		return "p2sh-p2wpkh"
	case P2WPKH:
		return "p2wpkh"
	case P2TR:
		return "p2tr"
	default:
		return fmt.Sprintf("kind %d", int(k))
	}
}

// keyUse is what the version of an extended key determines.
type keyUse struct {
	test bool
	coin string     // the only coin that uses it; empty for all
	kind ScriptKind // FromKey if not determined
}

// keyUses has the versions of keys for one signer. A plain xpub serves every coin: many wallets of the others export
// it.
var keyUses = map[hdkey.Version]keyUse{
	hdkey.Xpub: {}, hdkey.Ypub: {kind: P2SHP2WPKH}, hdkey.Zpub: {kind: P2WPKH},
	hdkey.Tpub: {test: true}, hdkey.Upub: {test: true, kind: P2SHP2WPKH}, hdkey.Vpub: {test: true, kind: P2WPKH},
	hdkey.Ltub: {coin: "LTC"}, hdkey.Mtub: {coin: "LTC", kind: P2SHP2WPKH},
	hdkey.Dgub: {coin: "DOGE"},
}

// Wallet derives the receiving addresses of one account from its extended public key: the children 0/i of BIP-44, as
// other wallets do, so that the shop's own wallet finds the money. It is safe for concurrent use.
type Wallet struct {
	params  Params
	kind    ScriptKind
	name    string
	receive *hdkey.Parent // the account's external chain, child 0
	change  *hdkey.Parent // the account's internal chain, child 1
	origin  Origin
	key     *[78]byte // the account as BIP-32 serializes it; a pointer, so that no verb of fmt prints it
}

// NewWallet returns a wallet of an account's extended public key, such as m/84'/0'/0'. With [FromKey] the key
// determines the kind of script, if it can; otherwise the kind must not contradict the key. The coin is not in an
// xpub: one of another coin's account cannot be recognised.
//
// The key may have its origin before it and the usual path behind it, as in an output descriptor (BIP-380), or be a
// whole descriptor with or without its checksum. A descriptor determines the kind of script.
//
//	zpub6r...
//	[73c5da0a/84h/0h/0h]xpub6C.../<0;1>/*
//	wpkh([73c5da0a/84h/0h/0h]xpub6C.../<0;1>/*)
//
// It returns [ErrPrivateKey], [ErrMalformedKey], [ErrKeyKind] or [ErrScriptKind].
func NewWallet(p Params, key string, kind ScriptKind) (*Wallet, error) {
	d, err := parseDescriptor(key)
	if err != nil {
		return nil, fmt.Errorf("bitcoin: read account key: %w", err)
	}
	if d.kind != FromKey && kind != FromKey && d.kind != kind {
		return nil, fmt.Errorf("bitcoin: read account key: %w: the descriptor is for %s, not %s", ErrKeyKind, d.kind, kind)
	}
	if kind == FromKey {
		kind = d.kind
	}
	version, account, err := hdkey.Parse(d.key)
	if err != nil {
		return nil, fmt.Errorf("bitcoin: read account key: %w", err)
	}
	if kind, err = p.kindFor(version, kind); err != nil {
		return nil, fmt.Errorf("bitcoin: read account key: %w", err)
	}
	receive, err := account.Child(0)
	if err != nil {
		return nil, fmt.Errorf("bitcoin: read account key: no external chain: %w", err)
	}
	change, err := account.Child(1)
	if err != nil {
		return nil, fmt.Errorf("bitcoin: read account key: no internal chain: %w", err)
	}
	w := &Wallet{params: p, kind: kind, receive: receive, change: change, key: new([78]byte)}
	w.name = fmt.Sprintf("%s:%s:%s", p.Network, kind, account.Fingerprint())
	copy(w.key[:], base58.Decode(d.key))
	w.origin = d.origin
	if !d.hasOrigin {
		w.origin.Fingerprint = [4]byte(btcutil.Hash160(w.key[45:]))
	}
	return w, nil
}

// kindFor returns the kind of script of the addresses, or refuses the key.
func (p Params) kindFor(version hdkey.Version, kind ScriptKind) (ScriptKind, error) {
	use, ok := keyUses[version]
	switch {
	case !ok:
		return 0, fmt.Errorf("%w: this is a %s", ErrKeyKind, version.Name())
	case use.test && !p.Test:
		return 0, fmt.Errorf("%w: this is a %s, a key of test networks, and %s is none", ErrKeyKind, version.Name(), p.Name)
	case p.Test && !use.test:
		return 0, fmt.Errorf("%w: this is a %s, and %s is a test network: give a tpub, upub or vpub", ErrKeyKind, version.Name(), p.Name)
	case use.coin != "" && use.coin != p.Code:
		return 0, fmt.Errorf("%w: this is a %s, and the coin is %s", ErrKeyKind, version.Name(), p.Name)
	case use.kind != FromKey && kind != FromKey && use.kind != kind:
		return 0, fmt.Errorf("%w: this is a %s, which is for %s, not %s", ErrKeyKind, version.Name(), use.kind, kind)
	}
	if kind == FromKey {
		kind = use.kind
	}
	segwit := p.addresses.hrp != ""
	switch {
	case kind == FromKey && segwit:
		return 0, fmt.Errorf("%w: a %s does not tell the kind of script, which must be given", ErrScriptKind, version.Name())
	case kind == FromKey:
		return P2PKH, nil
	case kind < P2PKH || kind > P2TR:
		return 0, fmt.Errorf("%w: there is no %s", ErrScriptKind, kind)
	case kind != P2PKH && !segwit:
		return 0, fmt.Errorf("%w: %s has no %s", ErrScriptKind, p.Name, kind)
	}
	return kind, nil
}

// Name returns the durable name of the wallet's counter of addresses: the network, the kind of script, and a
// fingerprint, from which the key cannot be derived. Two wallets with the same name have the same addresses.
func (w *Wallet) Name() string { return w.name }

// Address returns address number index, always the same. It does not block. It returns [ErrIndex] if there is none.
func (w *Wallet) Address(_ context.Context, index uint32) (chain.Address, error) {
	key, err := w.receive.Derive(index)
	if err != nil {
		return "", fmt.Errorf("bitcoin: derive address %d: %w", index, err)
	}
	payload, err := w.kind.payload(key)
	if err != nil {
		return "", fmt.Errorf("bitcoin: derive address %d: %w", index, err)
	}
	a, _ := w.params.AddressOf(w.kind.script(payload)) // every kind of script has an address
	return a, nil
}

// payload returns the part of a key in the script of a kind.
func (k ScriptKind) payload(key *secp256k1.PublicKey) ([]byte, error) {
	if k == P2TR {
		return taprootKey(key)
	}
	hash := btcutil.Hash160(key.SerializeCompressed())
	if k == P2SHP2WPKH {
		hash = btcutil.Hash160(witnessScript(0, hash))
	}
	return hash, nil
}

// script returns the output script of a kind.
func (k ScriptKind) script(payload []byte) []byte {
	switch k {
	case P2SHP2WPKH:
		return p2shScript(payload)
	case P2WPKH:
		return witnessScript(0, payload)
	case P2TR:
		return witnessScript(1, payload)
	default:
		return p2pkhScript(payload)
	}
}

// tapTweak is the tag of the hash that commits a taproot key to its scripts (BIP-341).
var tapTweak = sha256.Sum256([]byte("TapTweak"))

// taprootKey returns the output key of an internal key that commits to no script (BIP-86).
func taprootKey(key *secp256k1.PublicKey) ([]byte, error) {
	var internal, tweakPoint, output secp256k1.JacobianPoint
	key.AsJacobian(&internal)
	if internal.Y.IsOdd() {
		internal.Y.Negate(1).Normalize()
	}
	x := internal.X.Bytes()
	hash := sha256.New()
	for _, part := range [][]byte{tapTweak[:], tapTweak[:], x[:]} {
		hash.Write(part)
	}
	var tweak secp256k1.ModNScalar
	if overflow := tweak.SetByteSlice(hash.Sum(nil)); overflow {
		return nil, ErrIndex
	}
	secp256k1.ScalarBaseMultNonConst(&tweak, &tweakPoint)
	secp256k1.AddNonConst(&internal, &tweakPoint, &output)
	if output.Z.IsZero() {
		return nil, ErrIndex
	}
	output.ToAffine()
	return output.X.Bytes()[:], nil
}

// Minimum returns the smallest amount, in base units, that can be paid to an address of the wallet: see [Params.Dust].
func (w *Wallet) Minimum() *big.Int {
	payload := make([]byte, hashLen)
	if w.kind == P2TR {
		payload = make([]byte, 32)
	}
	return w.params.Dust(w.kind.script(payload))
}

// Descriptor returns the output descriptor (BIP-380) of all the wallet's addresses with its checksum, for another
// wallet that is to find the money: it must search as far as the counter of this wallet. The key is spelled as an xpub
// or, on test networks, a tpub.
//
// It contains the key, which reveals all payments, past and future: give it to the operator who asks, and never to a
// log.
func (w *Wallet) Descriptor() string {
	raw := []byte{0x04, 0x88, 0xb2, 0x1e} // xpub
	if w.params.Test {
		raw = []byte{0x04, 0x35, 0x87, 0xcf} // tpub
	}
	raw = append(raw, w.key[4:]...)
	sum := checkSum(raw)
	keys := base58.Encode(append(raw, sum[:]...)) + "/0/*"
	if len(w.origin.Path) > 0 {
		keys = "[" + w.origin.String() + "]" + keys
	}
	var text string
	switch w.kind {
	case P2SHP2WPKH:
		text = "sh(wpkh(" + keys + "))"
	case P2WPKH:
		text = "wpkh(" + keys + ")"
	case P2TR:
		text = "tr(" + keys + ")"
	default:
		text = "pkh(" + keys + ")"
	}
	return text + "#" + descriptorChecksum(text)
}

// descriptorAlphabet orders the characters of descriptors so that similar ones differ in one symbol.
const descriptorAlphabet = "0123456789()[],'/*abcdefgh@:$%{}" + "IJKLMNOPQRSTUVWXYZ&+-.;<=>?!^_|~" + "ijklmnopqrstuvwxyzABCDEFGH`#\"\\ "

// descriptorChecksum computes the checksum of BIP-380: each character is a symbol of five bits, and the remainders of
// three characters make another.
func descriptorChecksum(text string) string {
	w := writer{code: descriptorCode, state: 1}
	rest, pending := 0, 0
	for i := range len(text) {
		position := strings.IndexByte(descriptorAlphabet, text[i])
		w.state = w.code.step(w.state, byte(position&31))
		rest = rest*3 + position>>5
		if pending++; pending == 3 {
			w.state = w.code.step(w.state, byte(rest))
			rest, pending = 0, 0
		}
	}
	if pending > 0 {
		w.state = w.code.step(w.state, byte(rest))
	}
	w.checksum(1)
	return w.String()
}
