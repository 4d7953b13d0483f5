package chain

import (
	"context"
	"errors"
)

// MaxGap is one more than the largest number of heights in a row that a chain may pass over: see [Node].
const MaxGap = 4096

// What a node may answer instead of data. Adapters wrap these; [Follower] and health checks branch
// on them.
var (
	// ErrNotFound: the node has no block at that height (beyond its tip, or pruned).
	ErrNotFound = errors.New("block not found")
	// ErrNoBlock: the chain has passed over that height: it has a block above whose parent is below. A height above
	// the tip is never passed over, but [ErrNotFound].
	ErrNoBlock = errors.New("chain has no block at that height")
	// ErrWrongNetwork: the node serves another chain than the one that was configured, or an asset
	// there had other decimals than configured from the start. Nothing it says may be credited.
	ErrWrongNetwork = errors.New("node serves another network")
	// ErrIncomplete: the node's answer is not the whole truth, for example receipts that do not
	// add up to the block. Asking again later may heal it.
	ErrIncomplete = errors.New("node gave an incomplete answer")
	// ErrBehind: the node has not yet reached the block that was processed last.
	ErrBehind = errors.New("node is behind")
	// ErrMoved: the chain changed while it was being read. Asking again heals it.
	ErrMoved = errors.New("chain moved while it was read")
	// ErrDisagree: several nodes of one network contradict each other, and none has enough others with
	// it. Nothing that they say may be credited until they agree again.
	ErrDisagree = errors.New("nodes disagree")
	// ErrGone: the transaction is no longer in the block that it was in.
	ErrGone = errors.New("transaction has left its block")
	// ErrUnrelated: the node's chain shares none of the blocks that were processed before.
	ErrUnrelated = errors.New("chain shares no known block")
)

// Node is what [Follower] needs of a chain that can only say 'tip' and 'block at height'. An adapter
// says what is on its chain now and keeps no position of its own. All methods block on the network
// until ctx ends, may be called concurrently, and change nothing.
//
// Heights count up from 0. Some chains pass over heights at which no block was made, such as the slots of a round
// that failed. There Header and Block return [ErrNoBlock], the parent of the next block is the last one before the
// gap, and a gap has fewer than [MaxGap] heights. Block 0 exists, and the tip is always a block. After a
// reorganisation a height with a block may be one without, and the other way round; a Follower takes a chain that is
// lower than before for [ErrBehind] where a gap leaves open which of the two it is. Confirmations count heights,
// gaps included, so that two heights are enough to count them; see [Head.Confirmations].
type Node interface {
	// Network is the network that the node was configured for.
	Network() Network
	// Tip answers the best block. It first makes sure that the node serves Network and that every
	// configured asset is what it was configured to be, else ErrWrongNetwork. An asset of which that cannot be
	// known, or which was and no longer is, may be held back instead, see [Lacker]: that is no reason not to see the others.
	Tip(ctx context.Context) (Tip, error)
	// Header answers the block at a height on the node's best chain without its transfers, else
	// ErrNotFound, or ErrNoBlock if the chain has passed over the height.
	Header(ctx context.Context, height uint64) (Header, error)
	// Block answers the block at a height on the node's best chain with all its transfers, which
	// are proven to belong to the block's hash. ErrNotFound if there is none, ErrNoBlock if the chain
	// has passed over the height, ErrIncomplete if the node's data do not add up. What a stranger can put into a block
	// must not make it an error for ever: see [Block.Unexamined].
	Block(ctx context.Context, height uint64) (Block, error)
}

// Pooler is the optional power of a [Node] that can list what is not in a block yet. Like those of Node,
// its method blocks until ctx ends, may be called concurrently, and changes nothing.
type Pooler interface {
	// Pool answers every unconfirmed transfer the node knows of, not only new ones. What it no longer
	// answers, and what is in no block up to the tip that is asked for next, is gone. A node that cannot
	// know before it is made whether it lists a pool, such as [Nodes], answers [errors.ErrUnsupported] if
	// it does not: always, and with no other meaning than to be no Pooler.
	Pool(ctx context.Context) ([]Transfer, error)
}

// Hinter is the optional power of a [Node] that learns sooner than by being asked that there may be
// news: a new head over a WebSocket, a message over ZMQ. A hint says when to ask and never what is true:
// it may be lost, and it may be superfluous.
type Hinter interface {
	// Wait blocks until there may be news since the last call of Wait, or until ctx ends: then it
	// returns at once, with the error of ctx. Nil says that there may be news, every other error that
	// hints do not work at the moment. It may be called concurrently, and what it started has ended
	// when it returns.
	Wait(ctx context.Context) error
}

// Examiner is the optional power of a [Node], and of a watcher such as [Follower], to examine again a
// transaction that a block named as [Unexamined].
type Examiner interface {
	// Examine answers all transfers of the transaction, with the keys that Block gives them: those that
	// were in the block are among them, so that taking over the answer twice changes nothing.
	// ErrGone says that the transaction is no longer in that block, as the chain moved; Block names it
	// in the block where it is now, if it must. [errors.ErrUnsupported] says that there is nobody
	// who could examine it, always. Every other error says that it cannot be examined at present. Examine
	// blocks until ctx ends, may be called concurrently, and changes nothing.
	Examine(ctx context.Context, u Unexamined) ([]Transfer, error)
}

// Lacker is the optional power of a [Node] to say what it cannot do, where the blocks can be read without.
type Lacker interface {
	// Lacks answers what the node was found not to be able to do, as far as it was asked. It does not block and may be
	// called concurrently.
	Lacks() []Lack
}

// Stepper is the optional power of a watcher to make its steps smaller, for a caller that cannot store a
// step, or not in time. [Follower] is one.
type Stepper interface {
	// Limit has the steps that follow join at most so many blocks, until told otherwise; less than one is
	// no limit. A step that a reorganisation must have in one piece may still be larger. Limit does not
	// block and may be called concurrently.
	Limit(blocks int)
}
