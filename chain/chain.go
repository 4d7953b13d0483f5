package chain

import (
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// MaxDecimals is the largest number of decimals an asset may have. ERC-20 allows 255, but no asset
// that anybody quotes uses more than 18, and the bound keeps 10^decimals small.
const MaxDecimals = 36

// ErrNotExact says that an amount has more digits than its asset.
var ErrNotExact = errors.New("more decimals than the asset has")

// Network is a CAIP-2 chain id such as "eip155:1" or
// "bip122:000000000019d6689c085ae165831e93". The zero value names no network.
type Network string

var caip2 = regexp.MustCompile(`^[-a-z0-9]{3,8}:[-_a-zA-Z0-9]{1,32}$`)

// ParseNetwork checks s against the grammar of CAIP-2.
func ParseNetwork(s string) (Network, error) {
	if !caip2.MatchString(s) {
		return "", fmt.Errorf("chain: %q is not a CAIP-2 chain id", s)
	}
	return Network(s), nil
}

// Namespace is the part before the colon: "eip155", "bip122", "tron".
func (n Network) Namespace() string {
	ns, _, _ := strings.Cut(string(n), ":")
	return ns
}

// Reference is the part after the colon: for eip155 the decimal chain id.
func (n Network) Reference() string {
	_, ref, _ := strings.Cut(string(n), ":")
	return ref
}

// AssetID is a CAIP-19 asset type, such as "eip155:1/slip44:60" for a native coin or
// "eip155:1/erc20:0xdAC17F958D2ee523a2206206994597C13D831ec7" for a token.
type AssetID string

var caip19 = regexp.MustCompile(`^[-a-z0-9]{3,8}:[-_a-zA-Z0-9]{1,32}/[-a-z0-9]{3,8}:[-.%a-zA-Z0-9]{1,128}$`)

// ParseAssetID checks s against the grammar of CAIP-19.
func ParseAssetID(s string) (AssetID, error) {
	if !caip19.MatchString(s) {
		return "", fmt.Errorf("chain: %q is not a CAIP-19 asset type", s)
	}
	return AssetID(s), nil
}

// Network is the network that the asset lives on.
func (id AssetID) Network() Network {
	n, _, _ := strings.Cut(string(id), "/")
	return Network(n)
}

// Namespace is the kind of asset: "slip44" for a native coin, "erc20" for a token.
func (id AssetID) Namespace() string {
	_, a, _ := strings.Cut(string(id), "/")
	ns, _, _ := strings.Cut(a, ":")
	return ns
}

// Reference names the asset within its namespace: a contract address, or a SLIP-44 coin type.
func (id AssetID) Reference() string {
	_, a, _ := strings.Cut(string(id), "/")
	_, ref, _ := strings.Cut(a, ":")
	return ref
}

// Asset is what can be paid: its identity, the code that people write, and how many decimals its
// base unit has. Identity is the ID alone: codes are not unique, and symbols that a chain reports
// are never trusted.
type Asset struct {
	ID       AssetID `json:"id"`
	Code     string  `json:"code"`
	Decimals int     `json:"decimals"`
}

// Validate reports what is wrong with the asset's configuration.
func (a Asset) Validate() error {
	if _, err := ParseAssetID(string(a.ID)); err != nil {
		return err
	}
	if a.Code == "" || len(a.Code) > 32 {
		return fmt.Errorf("chain: asset %s: code must have 1 to 32 characters", a.ID)
	}
	if a.Decimals < 0 || a.Decimals > MaxDecimals {
		return fmt.Errorf("chain: asset %s: decimals must be 0 to %d", a.ID, MaxDecimals)
	}
	return nil
}

// Decimal turns base units into the asset's own unit, exactly: 10^18 wei is 1 ETH. A nil amount is 0.
func (a Asset) Decimal(units *big.Int) decimal.Decimal {
	if units == nil {
		return decimal.Zero
	}
	return decimal.NewFromBigInt(units, -int32(a.Decimals))
}

// UnitsUp turns an amount of the asset into base units, rounding towards positive infinity: what a
// payer owes is never rounded in the payer's favour.
func (a Asset) UnitsUp(amount decimal.Decimal) *big.Int {
	return amount.Shift(int32(a.Decimals)).Ceil().BigInt()
}

// UnitsDown turns an amount of the asset into base units, rounding towards negative infinity: what
// a payer is credited with is never rounded in the payer's favour.
func (a Asset) UnitsDown(amount decimal.Decimal) *big.Int {
	return amount.Shift(int32(a.Decimals)).Floor().BigInt()
}

// UnitsExact turns an amount of the asset into base units, or refuses with [ErrNotExact].
func (a Asset) UnitsExact(amount decimal.Decimal) (*big.Int, error) {
	units := amount.Shift(int32(a.Decimals))
	if !units.IsInteger() {
		return nil, fmt.Errorf("%s %s: %w (%d)", amount, a.Code, ErrNotExact, a.Decimals)
	}
	return units.BigInt(), nil
}

// Address is an address in the one canonical spelling of its network (EIP-55 on EVM chains), so
// that equal addresses are equal strings.
type Address string

// Transfer is a fact on a chain: so much of an asset arrived at an address. It knows nothing of
// invoices. Its natural key is [Transfer.Key]; the same transfer seen again has the same key, also
// when a reorganisation moved it into another block.
type Transfer struct {
	TxID  string   // transaction id as the chain writes it
	Index string   // which transfer within the transaction, the adapter says in what form; never the same for two recipients
	Asset AssetID  // what moved; its network is the transfer's network
	From  Address  // for display only, often wrong or empty: never match or refund by it
	To    Address  // who received
	Units *big.Int // how much, in base units; always positive

	// Replaceable says that an unconfirmed transfer announces that it may be replaced (BIP-125).
	// It means nothing once the transfer is in a block.
	Replaceable bool

	// Held says that the asset is held back: the transfer is a fact, but what its units are worth is not known for
	// sure, so that it must not be credited before the watcher's [Lag] has no [Decimals] among the Lacks of the asset.
	Held bool `json:",omitempty"`
}

// Key is the natural key of a transfer.
type Key struct {
	Network Network
	TxID    string
	Index   string
}

// Key is the transfer's natural key.
func (t Transfer) Key() Key { return Key{t.Asset.Network(), t.TxID, t.Index} }

// Header identifies one block.
type Header struct {
	Height uint64
	Hash   string
	Parent string    // hash of the block before; empty for block 0
	Time   time.Time // as the block is stamped; not necessarily growing on every chain
}

// Block is a block with every transfer in it that the adapter's assets allow to see, in chain order.
type Block struct {
	Header
	Transfers []Transfer

	// Unexamined are those of the block's transactions that may have transferred more than stands in
	// Transfers. An [Examiner] looks at them again.
	Unexamined []Unexamined
}

// MaxReason bounds [Unexamined.Reason], in bytes.
const MaxReason = 200

// Unexamined is a transaction of a block that an adapter could not examine wholly, for instance
// because the trace of its calls is larger than what is read. Anybody can send such a transaction, so
// it is set aside and named, and hinders nothing else. What could be seen of it is in [Block.Transfers].
type Unexamined struct {
	TxID   string    `json:"txid"`
	Height uint64    `json:"height"` // of its block
	Block  string    `json:"block"`  // hash of its block
	Time   time.Time `json:"time"`   // stamp of its block
	Reason string    `json:"reason"` // for people: UTF-8 of at most MaxReason bytes, without secrets
}

// Tip is the last block of the chain that a node considers best.
type Tip struct {
	Header
	// Safe and Finalized are the heights that the chain's own finality has reached. Zero means that
	// the chain does not say, or has not reached any.
	Safe, Finalized uint64
}

// Head says how far a watcher has come: the last block it handed out, and the finality tags clipped
// to it, so that confirmations are always counted on one snapshot of the chain.
type Head struct {
	Height    uint64    `json:"height"`
	Hash      string    `json:"hash"`
	Time      time.Time `json:"time"` // stamp of that block: the chain's own clock
	Safe      uint64    `json:"safe,omitempty"`
	Finalized uint64    `json:"finalized,omitempty"`

	// Tip is the height of the chain's end when the step was read. A [Follower] never says one below
	// Height. Zero, from a watcher that does not say, means Height.
	Tip uint64 `json:"tip,omitempty"`
}

// AtTip reports whether the step came to the end of the chain.
func (h Head) AtTip() bool { return h.Tip <= h.Height }

// Confirmations returns how often a block at the given height is confirmed: 1 when it is the head. It counts
// heights, also those that the chain passed over. A height above the head, which a lagging node can produce, has 0.
func (h Head) Confirmations(height uint64) uint64 {
	if height > h.Height {
		return 0
	}
	return h.Height - height + 1
}

// Step is what happened on a chain after a cursor. Applying a step and storing its cursor must be
// one atomic act; applying the same step twice must change nothing the second time.
type Step struct {
	Cursor Cursor // where the step ends; store it with the step's effects
	Head   Head   // the watcher's view after the step

	// Rewound says that every block above height Fork left the chain. Joined then holds the
	// blocks that took their place, up to the old height or the tip. Only a reorganisation deeper
	// than the watcher's window may rewind further than the chain did, and bring the rest in the
	// steps that follow.
	Rewound bool
	Fork    uint64

	Joined []Block // blocks that joined, lowest first

	// Pool holds every unconfirmed transfer the node knows of. It is meaningful only if PoolKnown,
	// which needs a node that lists its pool, the end of the chain, and no rewind in this step:
	// then an unconfirmed transfer that is neither in Pool nor in a block is gone.
	Pool      []Transfer
	PoolKnown bool
}

// Ability is something that a node can usually do.
type Ability string

const (
	// Decimals: it confirms that the asset has the decimals that it is configured with. Without, the asset is held
	// back: see [Transfer.Held].
	Decimals Ability = "decimals"
	// TransferLogs: the token's contract logs its transfers in the form that is read. Payments by another form are
	// not seen.
	TransferLogs Ability = "transfer logs"
	// ProofOfLogs: the block proves that no log of it was left out or invented. Without, the node is believed.
	ProofOfLogs Ability = "proof of logs"
	// ProofOfTransactions: the block proves that no transaction of it was left out or invented. Without, the node is
	// believed.
	ProofOfTransactions Ability = "proof of transactions"
)

// proof says whether several nodes that agree with each other make up for the ability.
func (a Ability) proof() bool { return a == ProofOfLogs || a == ProofOfTransactions }

// Lack is something that a node cannot do at present, while all else goes on.
type Lack struct {
	What   Ability
	Asset  AssetID   // the only asset that it concerns; empty when it concerns all
	Reason string    // for people: UTF-8 of at most MaxReason bytes, without secrets
	Since  time.Time // when it was noticed
	Blocks uint64    // in how many blocks it showed; zero of what does not show in blocks

	// Contradicted says that the node did not just fail to confirm: after it had confirmed, it said otherwise. That
	// stands until the same node confirms again, whatever others say.
	Contradicted bool
}

// Lag says how far a watcher is behind its chain, and why.
type Lag struct {
	Network   Network
	Height    uint64    // last block handed out
	Tip       uint64    // last block that the node claimed
	TipTime   time.Time // when that block was stamped
	Asked     time.Time // when the node was last asked
	Answered  time.Time // when it last answered well
	Failures  int       // calls that failed since then
	Since     time.Time // when the first of these Failures happened; zero when there is none
	At        uint64    // height of the block that could not be read, which the network waits for; zero when there is none, or it is not known
	Err       error     // what the last failure was, also of the pool alone; nil when all went well
	Batch     int       // how many blocks a step has at most at present; zero from a watcher that does not say
	LastFork  time.Time // when the chain last reorganised
	ForkDepth uint64    // how many heights it went back then
	Lacks     []Lack    // what the node cannot do at present; nil from one that is no [Lacker]
}

// Blocks is the number of blocks that the watcher is known to be behind.
func (l Lag) Blocks() uint64 {
	if l.Tip <= l.Height {
		return 0
	}
	return l.Tip - l.Height
}
