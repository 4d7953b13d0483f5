package chaintest_test

import (
	"context"
	"fmt"
	"math/big"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
)

// A payment leaves its block in a reorganisation, and a follower takes it back.
func ExampleChain() {
	c := chaintest.NewChain(chaintest.Config{})
	shop, coin := c.Address("shop"), c.Asset("SIM")
	c.Pay(shop, coin, big.NewInt(5))
	c.Mine(3)

	follower, err := chain.NewFollower(chain.FollowConfig{Node: c, Poll: time.Millisecond})
	if err != nil {
		fmt.Println(err)
		return
	}
	var ledger chaintest.Ledger // what a program stores
	cursor := chain.CursorSince(c.Head().Time)
	follow := func() {
		step, err := follower.Next(context.Background(), cursor)
		if err == nil {
			err = ledger.Apply(step)
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		cursor = step.Cursor
		fmt.Println("block", step.Head.Height, "rewound", step.Rewound, "paid", ledger.Balance(shop, coin))
	}
	follow()
	c.Reorganise(3, 1, chaintest.Lost) // the last 3 blocks by 4 others, without the payment
	follow()
	// Output:
	// block 3 rewound false paid 5
	// block 4 rewound true paid 0
}

// A node that is down does not stop the others.
func ExampleChain_NewPeer() {
	c := chaintest.NewChain(chaintest.Config{})
	c.Mine(2)
	first, second := c.NewPeer(), c.NewPeer()
	first.Down(context.DeadlineExceeded)
	for _, node := range []chain.Node{first, second} {
		tip, err := node.Tip(context.Background())
		fmt.Println(tip.Height, err)
	}
	// Output:
	// 0 context deadline exceeded
	// 2 <nil>
}
