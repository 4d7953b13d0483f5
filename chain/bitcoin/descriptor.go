package bitcoin

import (
	"github.com/btcsuite/btcd/btcutil"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"

	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/cointill/cointill/chain"
)

// Origin is where a key comes from: the first four bytes of the hash of the master key, and the path from there.
// Signers find their key by it. For a wallet whose account key came without an origin, it is that of the account
// itself, with an empty Path.
type Origin struct {
	Fingerprint [4]byte
	Path        []uint32 // 2^31 and more for hardened steps
}

// String returns the origin as descriptors have it, such as "73c5da0a/84h/0h/0h".
func (o Origin) String() string {
	var b strings.Builder
	b.WriteString(hex.EncodeToString(o.Fingerprint[:]))
	for _, step := range o.Path {
		b.WriteByte('/')
		b.WriteString(strconv.FormatUint(uint64(step&^hardened), 10))
		if step >= hardened {
			b.WriteByte('h')
		}
	}
	return b.String()
}

const (
	hardened = 1 << 31

	maxDescriptor = 512 // characters; one with an origin of ten steps has 250
	maxDepth      = 16  // steps of an origin
	maxDigits     = 10  // of a step
)

// descriptor is what the text of an account key says.
type descriptor struct {
	key       string
	kind      ScriptKind // FromKey if the text does not determine it
	origin    Origin
	hasOrigin bool
}

// functions has the descriptors for one key.
var functions = []struct {
	head, tail string
	kind       ScriptKind
}{
	{"pkh(", ")", P2PKH}, {"sh(wpkh(", "))", P2SHP2WPKH}, {"wpkh(", ")", P2WPKH}, {"tr(", ")", P2TR},
}

// parseDescriptor splits the text of an account key, of whatever form. No error contains a part of it.
func parseDescriptor(text string) (d descriptor, err error) {
	if len(text) > maxDescriptor {
		return d, fmt.Errorf("%w: too long", ErrMalformedKey)
	}
	if strings.Contains(text, "(") {
		if text, d.kind, err = parseFunction(text); err != nil {
			return d, err
		}
	}
	if origin, rest, ok := strings.Cut(text, "]"); ok {
		if d.origin, err = parseOrigin(origin); err != nil {
			return d, err
		}
		d.hasOrigin, text = true, rest
	}
	path := ""
	if i := strings.IndexByte(text, '/'); i >= 0 {
		text, path = text[:i], text[i:]
	}
	if path != "" && path != "/<0;1>/*" && path != "/0/*" {
		return d, fmt.Errorf("%w: the path behind it is not /<0;1>/*", ErrMalformedKey)
	}
	d.key = text
	return d, nil
}

// parseFunction returns what is in the parentheses of a descriptor, and its kind of script.
func parseFunction(text string) (inner string, kind ScriptKind, err error) {
	body, sum, checked := strings.Cut(text, "#")
	for i := range len(body) {
		if strings.IndexByte(descriptorAlphabet, body[i]) < 0 {
			return "", 0, fmt.Errorf("%w: a character that no descriptor has", ErrMalformedKey)
		}
	}
	if checked && sum != descriptorChecksum(body) {
		return "", 0, fmt.Errorf("%w: wrong checksum of the descriptor", ErrMalformedKey)
	}
	for _, f := range functions {
		if strings.HasPrefix(body, f.head) && strings.HasSuffix(body, f.tail) {
			return body[len(f.head) : len(body)-len(f.tail)], f.kind, nil
		}
	}
	return "", 0, fmt.Errorf("%w: not a descriptor of pkh, sh(wpkh), wpkh or tr with one key", ErrKeyKind)
}

// parseOrigin parses an origin that begins with a bracket.
func parseOrigin(text string) (o Origin, err error) {
	malformed := fmt.Errorf("%w: malformed origin", ErrMalformedKey)
	text, ok := strings.CutPrefix(text, "[")
	steps := strings.Split(text, "/")
	fingerprint, err := hex.DecodeString(steps[0])
	if !ok || err != nil || len(fingerprint) != len(o.Fingerprint) || len(steps) > maxDepth {
		return o, malformed
	}
	copy(o.Fingerprint[:], fingerprint)
	for _, step := range steps[1:] {
		digits := strings.TrimRight(step, "h'H")
		n, err := strconv.ParseUint(digits, 10, 31)
		if err != nil || len(digits) > maxDigits || len(step)-len(digits) > 1 {
			return o, malformed
		}
		if len(step) > len(digits) {
			n |= hardened
		}
		o.Path = append(o.Path, uint32(n))
	}
	return o, nil
}

// Key is what a transaction that spends an output of a [Wallet] needs to know about its key. It is public.
type Key struct {
	Address   chain.Address
	Script    []byte // of the output
	PublicKey []byte // compressed, 33 bytes; of taproot the internal key
	Redeem    []byte // the script within P2SH; nil for others
}

// The branches of an account.
const (
	BranchReceive uint32 = 0 // the addresses of invoices
	BranchChange  uint32 = 1 // change, and what is paid in to pay out
)

// Key returns the key of an output to address number index of a branch. It does not block. It returns [ErrIndex] if
// there is none, also for other branches.
func (w *Wallet) Key(branch, index uint32) (Key, error) {
	parent := w.receive
	switch branch {
	case BranchReceive:
	case BranchChange:
		parent = w.change
	default:
		return Key{}, fmt.Errorf("bitcoin: derive key %d/%d: %w", branch, index, ErrIndex)
	}
	public, err := parent.Derive(index)
	if err != nil {
		return Key{}, fmt.Errorf("bitcoin: derive key %d/%d: %w", branch, index, err)
	}
	k := Key{PublicKey: public.SerializeCompressed()}
	if k.Script, k.Redeem, err = w.kind.Scripts(public); err != nil {
		return Key{}, fmt.Errorf("bitcoin: derive key %d/%d: %w", branch, index, err)
	}
	k.Address, _ = w.params.AddressOf(k.Script) // every kind of script has an address
	return k, nil
}

// Scripts returns the output script of a kind for a public key, and the script within P2SH, nil for other kinds. It returns
// [ErrIndex] for one of the few keys without a taproot key.
func (k ScriptKind) Scripts(key *secp256k1.PublicKey) (output, redeem []byte, err error) {
	payload, err := k.payload(key)
	if err != nil {
		return nil, nil, err
	}
	if k == P2SHP2WPKH {
		redeem = witnessScript(0, btcutil.Hash160(key.SerializeCompressed()))
	}
	return k.script(payload), redeem, nil
}

// Kind returns the kind of script of the addresses.
func (w *Wallet) Kind() ScriptKind { return w.kind }

// Params returns the coin and network.
func (w *Wallet) Params() Params { return w.params }

// Origin returns the origin of the account's key.
func (w *Wallet) Origin() Origin {
	return Origin{w.origin.Fingerprint, append([]uint32(nil), w.origin.Path...)}
}
