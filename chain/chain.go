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

// MaxDecimals is the largest number of decimals an asset may have. ERC-20 allows 255, but no asset in use has more
// than 18, and the bound keeps 10^decimals small.
const MaxDecimals = 36

// ErrNotExact is returned when an amount has more decimals than its asset.
var ErrNotExact = errors.New("more decimals than the asset has")

// Network is a CAIP-2 chain id such as "eip155:1" or
// "bip122:000000000019d6689c085ae165831e93". The zero value names no network.
type Network string

var caip2 = regexp.MustCompile(`^[-a-z0-9]{3,8}:[-_a-zA-Z0-9]{1,32}$`)

// ParseNetwork parses s by the grammar of CAIP-2.
func ParseNetwork(s string) (Network, error) {
	if !caip2.MatchString(s) {
		return "", fmt.Errorf("chain: %q is not a CAIP-2 chain id", s)
	}
	return Network(s), nil
}

// Namespace returns the part before the colon: "eip155", "bip122", "tron".
func (n Network) Namespace() string {
	ns, _, _ := strings.Cut(string(n), ":")
	return ns
}

// Reference returns the part after the colon: for eip155 the decimal chain id.
func (n Network) Reference() string {
	_, ref, _ := strings.Cut(string(n), ":")
	return ref
}

// AssetID is a CAIP-19 asset type, such as "eip155:1/slip44:60" for a native coin or
// "eip155:1/erc20:0xdAC17F958D2ee523a2206206994597C13D831ec7" for a token.
type AssetID string

var caip19 = regexp.MustCompile(`^[-a-z0-9]{3,8}:[-_a-zA-Z0-9]{1,32}/[-a-z0-9]{3,8}:[-.%a-zA-Z0-9]{1,128}$`)

// ParseAssetID parses s by the grammar of CAIP-19.
func ParseAssetID(s string) (AssetID, error) {
	if !caip19.MatchString(s) {
		return "", fmt.Errorf("chain: %q is not a CAIP-19 asset type", s)
	}
	return AssetID(s), nil
}

// Network returns the network that the asset belongs to.
func (id AssetID) Network() Network {
	n, _, _ := strings.Cut(string(id), "/")
	return Network(n)
}

// Namespace returns the kind of asset: "slip44" for a native coin, "erc20" for a token.
func (id AssetID) Namespace() string {
	_, a, _ := strings.Cut(string(id), "/")
	ns, _, _ := strings.Cut(a, ":")
	return ns
}

// Reference returns the name of the asset within its namespace: a contract address, or a SLIP-44 coin type.
func (id AssetID) Reference() string {
	_, a, _ := strings.Cut(string(id), "/")
	_, ref, _ := strings.Cut(a, ":")
	return ref
}

// Asset is a currency that can be paid in: its identity, its code for people, and the number of decimals. The ID alone
// is the identity: codes are not unique, and symbols that a chain reports are never trusted.
type Asset struct {
	ID       AssetID `json:"id"`
	Code     string  `json:"code"`
	Decimals int     `json:"decimals"`
}

// Validate returns an error that describes the first mistake in the asset's configuration, or nil.
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

// Decimal converts base units to the asset's own unit, exactly: 10^18 wei is 1 ETH. A nil amount is 0.
func (a Asset) Decimal(units *big.Int) decimal.Decimal {
	if units == nil {
		return decimal.Zero
	}
	return decimal.NewFromBigInt(units, -int32(a.Decimals))
}

// UnitsUp converts an amount of the asset to base units and rounds towards positive infinity, so that what a payer
// owes is never rounded in the payer's favour.
func (a Asset) UnitsUp(amount decimal.Decimal) *big.Int {
	return amount.Shift(int32(a.Decimals)).Ceil().BigInt()
}

// UnitsDown converts an amount of the asset to base units and rounds towards negative infinity, so that what a payer
// is credited with is never rounded in the payer's favour.
func (a Asset) UnitsDown(amount decimal.Decimal) *big.Int {
	return amount.Shift(int32(a.Decimals)).Floor().BigInt()
}

// UnitsExact converts an amount of the asset to base units. It returns [ErrNotExact] if the amount is not a whole
// number of them.
func (a Asset) UnitsExact(amount decimal.Decimal) (*big.Int, error) {
	units := amount.Shift(int32(a.Decimals))
	if !units.IsInteger() {
		return nil, fmt.Errorf("%s %s: %w (%d)", amount, a.Code, ErrNotExact, a.Decimals)
	}
	return units.BigInt(), nil
}

// Address is an address in the canonical spelling of its network (EIP-55 on EVM chains), so that equal addresses are
// equal strings.
type Address string

// Transfer is the arrival of an amount of an asset at an address. It is not tied to an invoice. Its natural key is
// [Transfer.Key]: the same transfer always has the same key, even after a reorganisation moved it to another block.
type Transfer struct {
	TxID  string   // transaction id as the chain writes it
	Index string   // which transfer within the transaction, in a form that the adapter documents; never the same for two recipients
	Asset AssetID  // asset that moved; its network is the transfer's network
	From  Address  // for display only, often wrong or empty: never match or refund by it
	To    Address  // recipient
	Units *big.Int // amount in base units; always positive

	// Replaceable is true if an unconfirmed transfer signals that it may be replaced (BIP-125). It is meaningless once
	// the transfer is in a block.
	Replaceable bool

	// Held is true if the asset is held back: the transfer is a fact, but the value of its units is not certain. It
	// must not be credited until the watcher's [Lag] no longer lists [Decimals] among the Lacks for the asset.
	Held bool `json:",omitempty"`
}

// Key is the natural key of a transfer.
type Key struct {
	Network Network
	TxID    string
	Index   string
}

// Key returns the natural key of the transfer.
func (t Transfer) Key() Key { return Key{t.Asset.Network(), t.TxID, t.Index} }

// Header identifies one block.
type Header struct {
	Height uint64
	Hash   string
	Parent string    // hash of the previous block; empty for block 0
	Time   time.Time // stamp of the block; not increasing on every chain
}

// Block is a block with all transfers of the adapter's assets in it, in chain order.
type Block struct {
	Header
	Transfers []Transfer

	// Unexamined lists the transactions of the block that may have more transfers than Transfers holds. An [Examiner]
	// can look at them again.
	Unexamined []Unexamined
}

// MaxReason is the largest length of [Unexamined.Reason] and [Lack.Reason], in bytes.
const MaxReason = 200

// Unexamined is a transaction of a block that an adapter could not examine completely, for instance because the trace
// of its calls is too large. Anybody can send such a transaction, so it is set aside and listed, and the rest of the
// block is processed. The transfers that could be seen are in [Block.Transfers].
type Unexamined struct {
	TxID   string    `json:"txid"`
	Height uint64    `json:"height"` // of its block
	Block  string    `json:"block"`  // hash of its block
	Time   time.Time `json:"time"`   // stamp of its block
	Reason string    `json:"reason"` // for people: UTF-8 of at most MaxReason bytes, without secrets
}

// Tip is the last block of the node's best chain.
type Tip struct {
	Header
	// Safe and Finalized are the heights up to which the chain itself declares blocks safe and final. Zero means that
	// the chain does not declare it, or not yet.
	Safe, Finalized uint64
}

// Head is the last block that a watcher has returned, with the finality clipped to it, so that confirmations are
// always counted on one snapshot of the chain.
type Head struct {
	Height    uint64    `json:"height"`
	Hash      string    `json:"hash"`
	Time      time.Time `json:"time"` // stamp of that block, the chain's own clock
	Safe      uint64    `json:"safe,omitempty"`
	Finalized uint64    `json:"finalized,omitempty"`

	// Tip is the height of the end of the chain when the step was read. A [Follower] never returns one below Height.
	// Zero, from a watcher that does not report it, means Height.
	Tip uint64 `json:"tip,omitempty"`
}

// AtTip reports whether the step reached the end of the chain.
func (h Head) AtTip() bool { return h.Tip <= h.Height }

// Confirmations returns the number of confirmations of a block at the given height: 1 when it is the head. It counts
// heights, including those that the chain passed over. It is 0 for a height above the head, which a lagging node can
// report.
func (h Head) Confirmations(height uint64) uint64 {
	if height > h.Height {
		return 0
	}
	return h.Height - height + 1
}

// Step is what happened on a chain after a cursor. The caller must apply a step and store its cursor in one
// transaction. Applying the same step twice must have the effect of applying it once.
type Step struct {
	Cursor Cursor // end of the step; store it with the step's effects
	Head   Head   // the watcher's view after the step

	// Rewound is true if every block above height Fork has left the chain. Joined then holds the blocks that replace
	// them, up to the old height or the tip. Only after a reorganisation deeper than the watcher's window may a step
	// rewind further than the chain did, and bring the rest in later steps.
	Rewound bool
	Fork    uint64

	Joined []Block // blocks that joined, lowest first

	// Pool holds every unconfirmed transfer that the node knows. It is meaningful only if PoolKnown, which requires a
	// node that lists its pool, the end of the chain, and no rewind in this step. Then an unconfirmed transfer that is
	// neither in Pool nor in a block is gone.
	Pool      []Transfer
	PoolKnown bool
}

// Ability names something that a node can usually do.
type Ability string

const (
	// Decimals is the ability to confirm that the asset has the configured decimals. Without it, the asset is held
	// back: see [Transfer.Held].
	Decimals Ability = "decimals"
	// TransferLogs is the ability to read the transfer logs of the token's contract. Without it, the contract logs
	// some payments in another form, and these are not seen.
	TransferLogs Ability = "transfer logs"
	// ProofOfLogs is the ability to prove, from the block, that no log was left out or invented. Without it, the node
	// is trusted.
	ProofOfLogs Ability = "proof of logs"
	// ProofOfTransactions is the ability to prove, from the block, that no transaction was left out or invented.
	// Without it, the node is trusted.
	ProofOfTransactions Ability = "proof of transactions"
)

// proof reports whether agreement of several nodes replaces the ability.
func (a Ability) proof() bool { return a == ProofOfLogs || a == ProofOfTransactions }

// Lack is something that a node cannot do at present, while everything else continues.
type Lack struct {
	What   Ability
	Asset  AssetID   // the only asset concerned; empty when all are
	Reason string    // for people: UTF-8 of at most MaxReason bytes, without secrets
	Since  time.Time // when it was first noticed
	Blocks uint64    // number of blocks in which it showed; zero if it does not show in blocks

	// Contradicted is true if the node did not merely fail to confirm, but reported something else after it had
	// confirmed. It stays true until the same node confirms again, whatever others report.
	Contradicted bool
}

// Lag describes how far a watcher is behind its chain, and why.
type Lag struct {
	Network   Network
	Height    uint64    // last block returned
	Tip       uint64    // last block that the node reported
	TipTime   time.Time // stamp of that block
	Asked     time.Time // when the node was last asked
	Answered  time.Time // when it last responded without error
	Failures  int       // number of failed calls since then
	Since     time.Time // when the first of these Failures happened; zero if there is none
	At        uint64    // height of the block that could not be read and that the watcher waits for; zero if there is none or it is not known
	Err       error     // last failure, including one of the pool alone; nil if the last calls succeeded
	Batch     int       // current largest number of blocks in a step; zero from a watcher that does not report it
	LastFork  time.Time // when the chain last reorganised
	ForkDepth uint64    // depth of that reorganisation in heights
	Lacks     []Lack    // what the node cannot do at present; nil from a node that is not a [Lacker]
}

// Blocks returns the number of blocks that the watcher is known to be behind. It counts heights, also those that the
// chain passed over.
func (l Lag) Blocks() uint64 {
	if l.Tip <= l.Height {
		return 0
	}
	return l.Tip - l.Height
}
