package signer

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/btcutil/base58"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
)

// hardened is the first number that only the private key derives.
const hardened = 1 << 31

var errNoKey = errors.New("no key at this path")

// extended is an extended private key of BIP-32.
type extended struct {
	key, code [32]byte
	depth     byte
	parent    [4]byte // of the fingerprint
	number    uint32
}

// master returns the master key of a seed.
func master(seed []byte) (*extended, error) {
	mac := hmac.New(sha512.New, []byte("Bitcoin seed"))
	mac.Write(seed)
	sum := mac.Sum(nil)
	defer clear(sum)
	x := &extended{code: [32]byte(sum[32:])}
	var scalar secp256k1.ModNScalar
	defer scalar.Zero()
	if overflow := scalar.SetByteSlice(sum[:32]); overflow || scalar.IsZero() {
		return nil, errNoKey
	}
	scalar.PutBytes(&x.key)
	return x, nil
}

// child returns child number n.
func (x *extended) child(n uint32) (*extended, error) {
	public := x.public()
	mac := hmac.New(sha512.New, x.code[:])
	if n >= hardened {
		mac.Write([]byte{0})
		mac.Write(x.key[:])
	} else {
		mac.Write(public[:])
	}
	mac.Write(binary.BigEndian.AppendUint32(nil, n))
	sum := mac.Sum(nil)
	defer clear(sum)

	var key, tweak secp256k1.ModNScalar
	defer key.Zero()
	defer tweak.Zero()
	key.SetBytes(&x.key)
	if overflow := tweak.SetByteSlice(sum[:32]); overflow {
		return nil, errNoKey
	}
	if key.Add(&tweak).IsZero() {
		return nil, errNoKey
	}
	c := &extended{code: [32]byte(sum[32:]), depth: x.depth + 1, parent: [4]byte(btcutil.Hash160(public[:])), number: n}
	key.PutBytes(&c.key)
	return c, nil
}

// public returns the compressed public key.
func (x *extended) public() [33]byte {
	private := secp256k1.PrivKeyFromBytes(x.key[:])
	defer private.Zero()
	return [33]byte(private.PubKey().SerializeCompressed())
}

// xpub returns the extended public key in the serialization of BIP-32.
func (x *extended) xpub() string {
	public := x.public()
	out := []byte{0x04, 0x88, 0xb2, 0x1e, x.depth}
	out = append(out, x.parent[:]...)
	out = binary.BigEndian.AppendUint32(out, x.number)
	out = append(out, x.code[:]...)
	out = append(out, public[:]...)
	sum := sha256.Sum256(out)
	sum = sha256.Sum256(sum[:])
	return base58.Encode(append(out, sum[:4]...))
}

func (x *extended) wipe() { *x = extended{} }

// derive returns the key at a path and overwrites those on the way.
func (x *extended) derive(path []uint32) (*extended, error) {
	at := *x
	defer at.wipe()
	for _, n := range path {
		c, err := at.child(n)
		if err != nil {
			return nil, err
		}
		at.wipe()
		at = *c
		c.wipe()
	}
	out := at
	return &out, nil
}

// maxLevels is how deep an account may be.
const maxLevels = 8

// parsePath reads the path of an account, such as m/84h/0h/0h. All of its levels are hardened: else the account's public
// key and one private key of it would give away its siblings.
func parsePath(s string) ([]uint32, error) {
	levels := strings.Split(s, "/")
	if levels[0] != "m" || len(levels) < 2 || len(levels) > 1+maxLevels {
		return nil, fmt.Errorf("path %.64q is not like m/84h/0h/0h", s)
	}
	var path []uint32
	for _, level := range levels[1:] {
		digits, hard := strings.CutSuffix(strings.ReplaceAll(level, "'", "h"), "h")
		n, err := strconv.ParseUint(digits, 10, 31)
		if err != nil || strconv.FormatUint(n, 10) != digits {
			return nil, fmt.Errorf("path %.64q is not like m/84h/0h/0h", s)
		}
		if !hard {
			return nil, fmt.Errorf("path %.64q has a level that is not hardened", s)
		}
		path = append(path, uint32(n)+hardened)
	}
	return path, nil
}
