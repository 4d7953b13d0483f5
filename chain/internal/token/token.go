// Package token keeps the assets that a node watches on networks with the virtual machine of Ethereum: at most one
// native coin, and tokens by the address of their contract. It also records what the node reported about their
// decimals.
package token

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"slices"
	"strconv"
	"sync/atomic"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/internal/lacks"
)

// Max is the largest number of tokens of one node. Each of them costs calls.
const Max = 90

// TransferTopic is keccak256("Transfer(address,address,uint256)"), the first topic of a transfer's log in ERC-20 and
// TRC-20.
var TransferTopic = [32]byte{
	0xdd, 0xf2, 0x52, 0xad, 0x1b, 0xe2, 0xc8, 0x9b, 0x69, 0xc2, 0xb0, 0x68, 0xfc, 0x37, 0x8d, 0xaa,
	0x95, 0x2b, 0xa7, 0xf1, 0x63, 0xc4, 0xa1, 0x16, 0x28, 0xf5, 0x5a, 0x4d, 0xf5, 0x23, 0xb3, 0xef,
}

const unreadForm = "its contract logs Transfer in another form than with two indexed arguments: payments in that form are not seen"

var errNotAsked = errors.New("not read yet: the node is slow for the other tokens")

// Set is the assets that a node watches. Coin and Tokens do not change after the last call of Add; everything
// else is safe for concurrent use.
type Set struct {
	Coin   *chain.AssetID // nil when the native coin is not watched
	Tokens []chain.Asset
	Lacks  lacks.List

	network   chain.Network
	log       *slog.Logger
	places    map[[20]byte]int // in Tokens, by contract
	confirmed [Max]atomic.Bool // by place: the contract confirmed the decimals once
	round     lacks.Round
}

// NewSet returns an empty Set for a network.
func NewSet(network chain.Network, log *slog.Logger) *Set {
	return &Set{network: network, log: log, places: map[[20]byte]int{}}
}

// Native is the namespace of native coins (CAIP-19).
const Native = "slip44"

// Add adds an asset: the native coin, or the token of the contract that parse reads from the asset's reference.
func (s *Set) Add(a chain.Asset, parse func(reference string) ([20]byte, error)) error {
	if a.ID.Network() != s.network {
		return fmt.Errorf("asset %s is not on %s", a.ID, s.network)
	}
	if a.ID.Namespace() == Native {
		if s.Coin != nil {
			return fmt.Errorf("asset %s: second native coin", a.ID)
		}
		s.Coin = &a.ID
		return nil
	}
	contract, err := parse(a.ID.Reference())
	if err != nil {
		return fmt.Errorf("asset %s: %w", a.ID, err)
	}
	if _, twice := s.places[contract]; twice {
		return fmt.Errorf("asset %s: configured twice", a.ID)
	}
	if len(s.Tokens) == Max {
		return fmt.Errorf("more than %d tokens", Max)
	}
	s.places[contract] = len(s.Tokens)
	s.Tokens = append(s.Tokens, a)
	return nil
}

// At returns the place in Tokens of the token of a contract, and reports whether there is one.
func (s *Set) At(contract [20]byte) (place int, ok bool) {
	place, ok = s.places[contract]
	return place, ok
}

// Has reports whether the asset is watched.
func (s *Set) Has(id chain.AssetID) bool {
	return s.Coin != nil && *s.Coin == id || slices.ContainsFunc(s.Tokens, func(t chain.Asset) bool { return t.ID == id })
}

// Ordinals counts the Transfer logs of each token in one transaction. The zero Ordinals has counted none.
type Ordinals struct{ seen map[int]int }

// Next returns the number of logs of the token at a place that came before, and counts one more.
func (o *Ordinals) Next(place int) int {
	if o.seen == nil {
		o.seen = make(map[int]int)
	}
	ordinal := o.seen[place]
	o.seen[place]++
	return ordinal
}

// Transfer returns the transfer of a token that a log records. The ordinal is the number of Transfer logs of that
// contract, of any amount and form, that come before it in the transaction.
func (s *Set) Transfer(place, ordinal int, txid string, from, to chain.Address, units *big.Int) chain.Transfer {
	id := s.Tokens[place].ID
	return chain.Transfer{
		TxID: txid, Index: id.Reference() + "#" + strconv.Itoa(ordinal) + ":" + string(to), Asset: id,
		From: from, To: to, Units: units, Held: s.Lacks.Has(id, chain.Decimals),
	}
}

// NoteForm records that a contract logs Transfer in a form that is not read, and in how many further blocks.
func (s *Set) NoteForm(ctx context.Context, place int, blocks uint64) {
	id := s.Tokens[place].ID
	if s.Lacks.Note(id, chain.TransferLogs, unreadForm, blocks) {
		s.log.ErrorContext(ctx, "payments of a token are not seen: its contract logs Transfer in another form",
			"network", s.network, "asset", id)
	}
}
