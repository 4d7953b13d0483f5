// Package hdkey derives public child keys from extended public keys (BIP-32), for the wallets of all chains. The
// chains decide which kinds of key they accept, and how addresses are spelled.
package hdkey

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/btcutil/base58"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
)

// Errors about keys and indexes, which the packages of the chains export. No error contains a key.
var (
	ErrPrivateKey = errors.New("extended private key: an extended public key (xpub) is required")
	ErrKeyKind    = errors.New("wrong kind of extended public key")
	ErrMalformed  = errors.New("malformed extended public key")
	ErrIndex      = errors.New("no address at this index")
)

// hardened is the first index that requires a private key.
const hardened = 1 << 31

// extendedLen is the length of a serialized extended key with its checksum.
const extendedLen = 4 + 1 + 4 + 4 + 32 + 33 + 4

// Version is the first four bytes of an extended key, in lower-case hexadecimal.
type Version string

// The versions of public keys for one signer, in BIP-32, SLIP-132 and the Core clients of Litecoin and Dogecoin.
const (
	Xpub Version = "0488b21e"
	Ypub Version = "049d7cb2"
	Zpub Version = "04b24746"
	Tpub Version = "043587cf"
	Upub Version = "044a5262"
	Vpub Version = "045f1cf6"
	Ltub Version = "019da462"
	Mtub Version = "01b26ef6"
	Dgub Version = "02facafd"
)

// publicNames has a name for each version of a public key, including the multisig ones.
var publicNames = map[Version]string{
	Xpub: "xpub", Ypub: "ypub", Zpub: "zpub", Tpub: "tpub", Upub: "upub", Vpub: "vpub",
	Ltub: "Litecoin Ltub", Mtub: "Litecoin Mtub", Dgub: "Dogecoin dgub",
	"0295b43f": "Ypub, which is for several signers", "02aa7ed3": "Zpub, which is for several signers",
	"024289ef": "Upub, which is for several signers", "02575483": "Vpub, which is for several signers",
}

// private has the versions of private keys.
var private = map[Version]bool{
	"0488ade4": true, "049d7878": true, "04b2430c": true, "0295b005": true, "02aa7a99": true, // xprv yprv zprv Yprv Zprv
	"04358394": true, "044a4e28": true, "045f18bc": true, "024285b5": true, "02575048": true, // tprv uprv vprv Uprv Vprv
	"019d9cfe": true, "01b26792": true, "02fac398": true, // Ltpv Mtpv dgpv
}

// Name returns the usual name of the version: xpub, zpub ... It is empty for an unknown version.
func (v Version) Name() string { return publicNames[v] }

// Parent is a public key with the chain code that derives its children, stored so that each child costs one
// multiplication on the curve and no parsing. It derives ahead when numbers are asked for in order. It is safe for
// concurrent use.
type Parent struct {
	point     secp256k1.JacobianPoint // affine
	key       [33]byte                // compressed
	chainCode [32]byte
	ahead     ahead
}

// Fingerprint identifies the key: two keys have the same exactly if they derive the same children. The key cannot be
// derived from it.
func (p *Parent) Fingerprint() string {
	sum := sha256.Sum256(append(p.chainCode[:], p.key[:]...))
	return hex.EncodeToString(sum[:20])
}

// Derive returns the public key of child number index. It returns ErrIndex if there is none: the index is 2^31 or
// more, which is reserved for private derivation, or one of the indexes without a key (fewer than one in 2^127).
func (p *Parent) Derive(index uint32) (*secp256k1.PublicKey, error) {
	if index >= hardened {
		return nil, ErrIndex
	}
	key := p.ahead.key(index, p.deriveRun)
	if key == nil {
		return nil, ErrIndex
	}
	return key, nil
}

// Child returns the parent of the next level. It fails as Derive does.
func (p *Parent) Child(index uint32) (*Parent, error) {
	point, chainCode, err := p.derive(index)
	if err != nil {
		return nil, err
	}
	c := &Parent{point: point, chainCode: chainCode}
	copy(c.key[:], secp256k1.NewPublicKey(&point.X, &point.Y).SerializeCompressed())
	return c, nil
}

func (p *Parent) derive(index uint32) (point secp256k1.JacobianPoint, chainCode [32]byte, err error) {
	if index >= hardened {
		return point, chainCode, ErrIndex
	}
	point, chainCode = p.child(index)
	if point.Z.IsZero() {
		return point, chainCode, ErrIndex
	}
	point.ToAffine()
	return point, chainCode, nil
}

// child returns a child before it is affine, the point at infinity if the index has none, and its chain code.
func (p *Parent) child(index uint32) (point secp256k1.JacobianPoint, chainCode [32]byte) {
	mac := hmac.New(sha512.New, p.chainCode[:])
	mac.Write(p.key[:])
	mac.Write(binary.BigEndian.AppendUint32(nil, index))
	sum := mac.Sum(nil)

	var tweak secp256k1.ModNScalar
	if overflow := tweak.SetByteSlice(sum[:32]); overflow {
		return point, chainCode
	}
	var tweakPoint secp256k1.JacobianPoint
	secp256k1.ScalarBaseMultNonConst(&tweak, &tweakPoint)
	secp256k1.AddNonConst(&p.point, &tweakPoint, &point)
	return point, [32]byte(sum[32:])
}

// Parse parses an extended public key in the serialization of BIP-32, of any version that has a Name. It recognises a
// private key before it verifies the checksum, so that a mistyped private key is still reported as one. It returns
// ErrPrivateKey or ErrMalformed.
func Parse(s string) (Version, *Parent, error) {
	if len(s) > 2*extendedLen { // base58 takes less than 1.4 characters a byte
		return "", nil, fmt.Errorf("%w: too long", ErrMalformed)
	}
	raw := base58.Decode(s)
	if len(raw) != extendedLen {
		return "", nil, fmt.Errorf("%w: not the base58 form of %d bytes", ErrMalformed, extendedLen)
	}
	version, depth, from, keyData := Version(hex.EncodeToString(raw[:4])), raw[4], raw[5:13], raw[45:78]
	if keyData[0] == 0 || private[version] {
		return "", nil, ErrPrivateKey
	}
	sum := sha256.Sum256(raw[:78])
	sum = sha256.Sum256(sum[:])
	if [4]byte(sum[:4]) != [4]byte(raw[78:]) {
		return "", nil, fmt.Errorf("%w: wrong checksum", ErrMalformed)
	}
	switch {
	case version.Name() == "":
		return "", nil, fmt.Errorf("%w: unknown key version", ErrMalformed)
	case depth == 0 && [8]byte(from) != [8]byte{}:
		return "", nil, fmt.Errorf("%w: a master key that names a parent", ErrMalformed)
	case depth > 253:
		return "", nil, fmt.Errorf("%w: too deep to derive addresses", ErrMalformed)
	}
	public, err := secp256k1.ParsePubKey(keyData)
	if err != nil {
		return "", nil, fmt.Errorf("%w: not a point on the curve", ErrMalformed)
	}
	p := &Parent{key: [33]byte(keyData), chainCode: [32]byte(raw[13:45])}
	public.AsJacobian(&p.point)
	return version, p, nil
}
