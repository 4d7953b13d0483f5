package chain_test

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
)

// A program that follows a chain keeps a cursor and stores it together with what each step changes.
func ExampleFollower() {
	node := chaintest.NewChain(chaintest.Config{}) // in real life an adapter such as chain/evm
	coin := node.Asset("SIM")
	node.Pay(node.Address("shop"), coin, big.NewInt(1_500_000_000_000_000_000))
	node.Mine(2)

	follower, err := chain.NewFollower(chain.FollowConfig{Node: node})
	if err != nil {
		fmt.Println(err)
		return
	}
	cursor := chain.CursorSince(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC))
	for head := uint64(0); head < 2; {
		step, err := follower.Next(context.Background(), cursor)
		if err != nil {
			fmt.Println(err) // and again with the same cursor; Next pauses by itself
			continue
		}
		for _, block := range step.Joined {
			for _, t := range block.Transfers {
				fmt.Println(coin.Decimal(t.Units), coin.Code, "confirmed", step.Head.Confirmations(block.Height), "times")
			}
		}
		cursor, head = step.Cursor, step.Head.Height
	}
	fmt.Println(follower.Lag().Blocks(), "blocks behind")
	// Output:
	// 1.5 SIM confirmed 2 times
	// 0 blocks behind
}

// Two of three nodes have to agree before anything is credited; one that fails is named by Health.
func ExampleNodes() {
	truth := chaintest.NewChain(chaintest.Config{})
	truth.Mine(7)
	own, first, second := truth.NewPeer(), truth.NewPeer(), truth.NewPeer()
	own.Down(errors.New("disk full"))

	nodes, err := chain.NewNodes(chain.NodesConfig{
		Agree: 2,
		Members: []chain.Member{ // the preferred one first
			{Name: "own", Node: own},
			{Name: "first provider", Node: first},
			{Name: "second provider", Node: second},
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	tip, err := nodes.Tip(context.Background()) // or chain.FollowConfig{Node: nodes}
	fmt.Println(tip.Height, err)
	for _, h := range nodes.Health() {
		fmt.Println(h.Name, h.Height, h.InUse, h.Err)
	}
	// Output:
	// 7 <nil>
	// own 0 false disk full
	// first provider 7 true <nil>
	// second provider 7 true <nil>
}
