package chain

import (
	"context"
	"errors"
)

// MaxGap is one more than the largest number of consecutive heights that a chain may pass over: see [Node].
const MaxGap = 4096

// Errors that a node returns. Adapters wrap them; [Follower] and health checks branch on them.
var (
	// ErrNotFound is returned when the node has no block at the height: it is above the tip, or the block was pruned.
	ErrNotFound = errors.New("block not found")
	// ErrNoBlock is returned for a height that the chain has passed over: there is a block above it whose parent is
	// below it. A height above the tip is ErrNotFound.
	ErrNoBlock = errors.New("chain has no block at that height")
	// ErrWrongNetwork is returned when the node serves another chain than the configured one, or when an asset on it
	// has had other decimals than configured from the start. Nothing from such a node may be credited.
	ErrWrongNetwork = errors.New("node serves another network")
	// ErrIncomplete is returned when the node's data are incomplete, such as receipts that do not match the block. A
	// later attempt may succeed.
	ErrIncomplete = errors.New("incomplete data from the node")
	// ErrBehind is returned when the node has not reached the block that was processed last.
	ErrBehind = errors.New("node is behind")
	// ErrMoved is returned when the chain changed during a read. The next attempt usually succeeds.
	ErrMoved = errors.New("chain moved during the read")
	// ErrDisagree is returned when several nodes of one network contradict each other and none has enough others on
	// its side. Nothing they report may be credited until they agree again.
	ErrDisagree = errors.New("nodes disagree")
	// ErrGone is returned for a transaction that is no longer in its block.
	ErrGone = errors.New("transaction has left its block")
	// ErrUnrelated is returned when the node's chain contains none of the blocks that were processed before.
	ErrUnrelated = errors.New("chain shares no known block")
)

// Node is the port to a chain that is read by tip and by height. An adapter reports the present chain and keeps no
// position. All methods block on the network until ctx ends, may be called concurrently, and change nothing.
//
// Heights count up from 0. Some chains pass over heights at which no block was made, such as the slots of a failed
// round. There Header and Block return [ErrNoBlock], the parent of the next block is the last block before the gap,
// and a gap has fewer than [MaxGap] heights. Block 0 exists, and the tip is always a block. After a reorganisation a
// height with a block may be one without, and the reverse. Confirmations count heights, including gaps, so that two
// heights are enough to count them; see [Head.Confirmations].
//
// A Follower returns [ErrBehind] as long as the tip is lower than before and the chain up to it is unchanged: it
// cannot distinguish a reorganised chain that is still shorter from a node that is behind.
type Node interface {
	// Network returns the network that the node was configured for.
	Network() Network
	// Tip returns the last block of the best chain. It first verifies that the node serves Network and that every
	// configured asset is as configured, and returns ErrWrongNetwork otherwise. An asset that cannot be verified, or
	// that was verified before and no longer is, may be held back instead, so that the others are still followed: see
	// [Lacker].
	Tip(ctx context.Context) (Tip, error)
	// Header returns the block at a height of the best chain without its transfers. It returns ErrNotFound if there is
	// none yet, and ErrNoBlock if the chain has passed over the height.
	Header(ctx context.Context, height uint64) (Header, error)
	// Block returns the block at a height of the best chain with all its transfers, which are proven to belong to the
	// block's hash. It returns ErrNotFound if there is none yet, ErrNoBlock if the chain has passed over the height,
	// and ErrIncomplete if the node's data are inconsistent. Nothing that a third party can put into a block may cause
	// a permanent error: see [Block.Unexamined].
	Block(ctx context.Context, height uint64) (Block, error)
}

// Pooler is the optional ability of a [Node] to list unconfirmed transfers.
type Pooler interface {
	// Pool returns every unconfirmed transfer that the node knows, not only new ones. A transfer that it no longer
	// returns, and that is in no block up to the tip that is read next, is gone. A node that cannot know in advance
	// whether it lists a pool, such as [Nodes], returns [errors.ErrUnsupported], always, if it does not; the caller
	// then treats it as a node without the ability. Pool blocks until ctx ends, may be called concurrently, and
	// changes nothing.
	Pool(ctx context.Context) ([]Transfer, error)
}

// Hinter is the optional ability of a [Node] to learn of news without polling, such as a new head over a WebSocket or
// a message over ZMQ. A hint tells when to ask, never what is true: hints may be lost, and may be superfluous.
type Hinter interface {
	// Wait blocks until there may be news since the last call of Wait, or until ctx ends: then it returns the error of
	// ctx immediately. It returns nil if there may be news, and any other error if hints do not work at present. It
	// may be called concurrently, and everything it started has ended when it returns.
	Wait(ctx context.Context) error
}

// Examiner is the optional ability of a [Node], and of a watcher such as [Follower], to examine a transaction again
// that a block listed as [Unexamined].
type Examiner interface {
	// Examine returns all transfers of the transaction, with the keys that Block gives them. They include those that
	// were in the block, so that applying the result twice changes nothing. It returns ErrGone if the transaction is
	// no longer in that block because the chain moved; if necessary, Block lists it in its present block. It returns
	// [errors.ErrUnsupported], always, if nothing can examine it. Any other error means that it cannot be examined at
	// present. Examine blocks until ctx ends, may be called concurrently, and changes nothing.
	Examine(ctx context.Context, u Unexamined) ([]Transfer, error)
}

// Lacker is the optional ability of a [Node] to report what it cannot do although its blocks can be read.
type Lacker interface {
	// Lacks returns what the node was found unable to do, as far as it was asked. It does not block and may be called
	// concurrently.
	Lacks() []Lack
}

// Stepper is the optional ability of a watcher to make smaller steps, for a caller that cannot store a step, or not in
// time. [Follower] implements it.
type Stepper interface {
	// Limit sets the largest number of blocks in later steps, until the next call; less than one is no limit. A step
	// that a reorganisation needs in one piece may still be larger. Limit does not block and may be called
	// concurrently.
	Limit(blocks int)
}
