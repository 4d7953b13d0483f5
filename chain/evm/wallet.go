package evm

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/btcsuite/btcd/btcutil/base58"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/cointill/cointill/chain"
)

// Why a key or an index is refused. No error of this package contains a key.
var (
	// ErrPrivateKey: the key can spend. A process that issues invoices must not hold it.
	ErrPrivateKey = errors.New("this is an extended private key; give the extended public key (xpub)")
	// ErrKeyKind: the key is an extended public key of another kind than xpub or tpub.
	ErrKeyKind = errors.New("not an xpub or tpub")
	// ErrMalformedKey: the text is no extended key, or one that breaks a rule of BIP-32.
	ErrMalformedKey = errors.New("malformed extended public key")
	// ErrIndex: no address has that index: it is 2^31 or more, which is reserved for private
	// derivation, or it is one of the indexes without a key (fewer than one in 2^127).
	ErrIndex = errors.New("no address has this index")
	// ErrAddress: the text is no address, or its checksum is wrong.
	ErrAddress = errors.New("not an address")
)

// hardened is the first index that only a private key can derive.
const hardened = 1 << 31

// extendedKeyLen is the length of a serialized extended key with its checksum (BIP-32).
const extendedKeyLen = 4 + 1 + 4 + 4 + 32 + 33 + 4

// Wallet derives the receiving addresses of one account from its extended public key: the children 0/i of
// BIP-44, as other wallets do, so that the shop's own wallet finds the money. It may be used concurrently.
type Wallet struct {
	name    string
	receive parent // the account's external chain, child 0
}

// parent is a public key with the chain code that derives its children (BIP-32), kept so that each
// child costs one multiplication on the curve and no parsing.
type parent struct {
	point     secp256k1.JacobianPoint // affine
	key       [33]byte                // compressed
	chainCode [32]byte
}

// NewWallet makes a wallet of an account's extended public key (m/44'/60'/n'), an xpub or a tpub. The
// coin is not in the key: an xpub of another coin's account is not told apart. It refuses with
// [ErrPrivateKey], [ErrKeyKind] or [ErrMalformedKey].
func NewWallet(xpub string) (*Wallet, error) {
	account, err := parseExtendedKey(xpub)
	if err != nil {
		return nil, fmt.Errorf("evm: read account key: %w", err)
	}
	receive, err := account.child(0)
	if err != nil {
		return nil, fmt.Errorf("evm: read account key: no external chain: %w", err)
	}
	sum := sha256.Sum256(append(account.chainCode[:], account.key[:]...))
	return &Wallet{name: "evm:" + hex.EncodeToString(sum[:20]), receive: receive}, nil
}

// Name is the durable name of the wallet's counter of addresses. It is a fingerprint: two wallets have
// the same name exactly if they have the same addresses, and the key cannot be had from it.
func (w *Wallet) Name() string { return w.name }

// Address answers address number index, always the same. It blocks on nothing. It refuses with [ErrIndex].
func (w *Wallet) Address(_ context.Context, index uint32) (chain.Address, error) {
	point, _, err := w.receive.derive(index)
	if err != nil {
		return "", fmt.Errorf("evm: derive address %d: %w", index, err)
	}
	var xy [64]byte
	point.X.PutBytesUnchecked(xy[:32])
	point.Y.PutBytesUnchecked(xy[32:])
	return checksummed(common.BytesToAddress(crypto.Keccak256(xy[:])[12:])), nil
}

// derive makes the public child key of BIP-32 as an affine point, with its chain code.
func (p *parent) derive(index uint32) (point secp256k1.JacobianPoint, chainCode [32]byte, err error) {
	if index >= hardened {
		return point, chainCode, ErrIndex
	}
	mac := hmac.New(sha512.New, p.chainCode[:])
	mac.Write(p.key[:])
	mac.Write(binary.BigEndian.AppendUint32(nil, index))
	sum := mac.Sum(nil)

	var tweak secp256k1.ModNScalar
	if overflow := tweak.SetByteSlice(sum[:32]); overflow {
		return point, chainCode, ErrIndex
	}
	var tweakPoint secp256k1.JacobianPoint
	secp256k1.ScalarBaseMultNonConst(&tweak, &tweakPoint)
	secp256k1.AddNonConst(&p.point, &tweakPoint, &point)
	if point.Z.IsZero() {
		return point, chainCode, ErrIndex
	}
	point.ToAffine()
	return point, [32]byte(sum[32:]), nil
}

// child makes the parent of the next level.
func (p *parent) child(index uint32) (parent, error) {
	point, chainCode, err := p.derive(index)
	if err != nil {
		return parent{}, err
	}
	c := parent{point: point, chainCode: chainCode}
	copy(c.key[:], secp256k1.NewPublicKey(&point.X, &point.Y).SerializeCompressed())
	return c, nil
}

// parseExtendedKey reads the serialization of BIP-32. Whether a key is private is decided before its
// checksum, so that a mistyped private key is called what it is.
func parseExtendedKey(s string) (parent, error) {
	if len(s) > 2*extendedKeyLen { // base58 takes less than 1.4 characters a byte
		return parent{}, fmt.Errorf("%w: too long", ErrMalformedKey)
	}
	raw := base58.Decode(s)
	if len(raw) != extendedKeyLen {
		return parent{}, fmt.Errorf("%w: not the base58 form of %d bytes", ErrMalformedKey, extendedKeyLen)
	}
	version, depth, from, keyData := [4]byte(raw[:4]), raw[4], raw[5:13], raw[45:78]
	if keyData[0] == 0 || isPrivateVersion(version) {
		return parent{}, ErrPrivateKey
	}
	sum := sha256.Sum256(raw[:78])
	sum = sha256.Sum256(sum[:])
	if [4]byte(sum[:4]) != [4]byte(raw[78:]) {
		return parent{}, fmt.Errorf("%w: wrong checksum", ErrMalformedKey)
	}
	if err := checkPublicVersion(version); err != nil {
		return parent{}, err
	}
	if depth == 0 && [8]byte(from) != [8]byte{} {
		return parent{}, fmt.Errorf("%w: a master key that names a parent", ErrMalformedKey)
	}
	if depth > 253 {
		return parent{}, fmt.Errorf("%w: too deep to derive addresses", ErrMalformedKey)
	}
	public, err := secp256k1.ParsePubKey(keyData)
	if err != nil {
		return parent{}, fmt.Errorf("%w: not a point on the curve", ErrMalformedKey)
	}
	p := parent{key: [33]byte(keyData), chainCode: [32]byte(raw[13:45])}
	public.AsJacobian(&p.point)
	return p, nil
}

// isPrivateVersion knows the versions of private keys in BIP-32, SLIP-132 and Dogecoin.
func isPrivateVersion(version [4]byte) bool {
	switch hex.EncodeToString(version[:]) {
	case "0488ade4", "049d7878", "04b2430c", "0295b005", "02aa7a99", // xprv yprv zprv Yprv Zprv
		"04358394", "044a4e28", "045f18bc", "024285b5", "02575048", // tprv uprv vprv Uprv Vprv
		"019d9cfe", "01b26792", "02fac398": // Ltpv Mtpv dgpv
		return true
	}
	return false
}

// checkPublicVersion accepts xpub and tpub, and names the others of SLIP-132.
func checkPublicVersion(version [4]byte) error {
	var name string
	switch hex.EncodeToString(version[:]) {
	case "0488b21e", "043587cf":
		return nil
	case "049d7cb2":
		name = "a ypub"
	case "04b24746":
		name = "a zpub"
	case "0295b43f":
		name = "a Ypub"
	case "02aa7ed3":
		name = "a Zpub"
	case "044a5262":
		name = "a upub"
	case "045f1cf6":
		name = "a vpub"
	case "024289ef":
		name = "a Upub"
	case "02575483":
		name = "a Vpub"
	case "019da462":
		name = "a Litecoin Ltub"
	case "01b26ef6":
		name = "a Litecoin Mtub"
	case "02facafd":
		name = "a Dogecoin dgub"
	default:
		return fmt.Errorf("%w: unknown key version", ErrMalformedKey)
	}
	return fmt.Errorf("%w: this is %s, which belongs to another chain", ErrKeyKind, name)
}

// ParseAddress reads an address and answers its canonical spelling, that of ERC-55. It accepts all lower
// case and all upper case digits, which carry no checksum; mixed case must be the checksum. It refuses
// with [ErrAddress].
func ParseAddress(s string) (chain.Address, error) {
	digits, ok := strings.CutPrefix(s, "0x")
	if !ok || len(digits) != 2*common.AddressLength {
		return "", fmt.Errorf("evm: %w: want 0x and %d hexadecimal digits", ErrAddress, 2*common.AddressLength)
	}
	raw, err := hex.DecodeString(digits)
	if err != nil {
		return "", fmt.Errorf("evm: %w: not hexadecimal", ErrAddress)
	}
	canonical := checksummed(common.Address(raw))
	if digits != strings.ToLower(digits) && digits != strings.ToUpper(digits) && s != string(canonical) {
		return "", fmt.Errorf("evm: %w: wrong checksum (ERC-55)", ErrAddress)
	}
	return canonical, nil
}

// checksummed spells an address as ERC-55 says.
func checksummed(a common.Address) chain.Address { return chain.Address(a.Hex()) }
