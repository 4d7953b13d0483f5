package chain_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
)

// journal is a watcher without a Follower: it follows a service that has a journal of final payments, here a slice, so
// that nothing is ever rewound. Its position is a line of the journal. chaintest.RunWatcher proves such a watcher.
type journal struct {
	network chain.Network
	entries []chain.Block
}

// position is what the journal's cursors hold, as a JSON object: the first byte is '{'.
type position struct {
	Line int `json:"line"` // lines before it are processed
}

func (j *journal) Network() chain.Network { return j.network }

func (j *journal) Next(_ context.Context, cursor chain.Cursor) (chain.Step, error) {
	var at position
	if since, ok := cursor.Since(); ok {
		for at.Line < len(j.entries) && j.entries[at.Line].Time.Before(since) {
			at.Line++
		}
	} else if json.Unmarshal(cursor, &at) != nil || at.Line < 0 || at.Line > len(j.entries) {
		return chain.Step{}, fmt.Errorf("journal: %w", chain.ErrBadCursor)
	}
	joined := j.entries[at.Line:]
	next, err := json.Marshal(position{Line: len(j.entries)})
	if err != nil {
		return chain.Step{}, err
	}
	last := j.entries[len(j.entries)-1]
	return chain.Step{
		Cursor: next, // a Cursor is a slice of bytes
		Head:   chain.Head{Height: last.Height, Hash: last.Hash, Time: last.Time, Finalized: last.Height},
		Joined: joined,
	}, nil
}

func (j *journal) Lag() chain.Lag { return chain.Lag{Network: j.network} }

var _ chaintest.Watcher = (*journal)(nil) // and so an invoice.ChainWatcher

// A custom watcher has cursors of its own, and starts where CursorSince says.
func ExampleCursor() {
	day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	watcher := &journal{network: "sim:1", entries: []chain.Block{
		{Header: chain.Header{Height: 1, Hash: "a1", Time: day}},
		{
			Header: chain.Header{Height: 2, Hash: "b2", Parent: "a1", Time: day.AddDate(0, 0, 1)},
			Transfers: []chain.Transfer{
				{TxID: "t1", Index: "0", Asset: "sim:1/slip44:1", To: "shop", Units: big.NewInt(5)},
			},
		},
	}}
	cursor := chain.CursorSince(day.Add(time.Hour))
	fmt.Println(cursor)
	for range 2 {
		step, err := watcher.Next(context.Background(), cursor)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(len(step.Joined), "blocks, then", step.Cursor)
		cursor = step.Cursor
	}
	_, err := watcher.Next(context.Background(), nil)
	fmt.Println(err)
	// Output:
	// since 2026-01-01T01:00:00Z
	// 1 blocks, then cursor of 10 bytes
	// 0 blocks, then cursor of 10 bytes
	// journal: malformed cursor
}
