package bitcoin_test

import (
	"fmt"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/bitcoin"
)

// A Node connects to a node of the shop's own, and a Follower makes a watcher of it.
func ExampleNew() {
	client, err := bitcoin.Dial(bitcoin.ClientConfig{
		URL: "http://127.0.0.1:8332", CookieFile: "/var/lib/bitcoind/.cookie",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	node, err := bitcoin.New(bitcoin.Config{Params: bitcoin.Bitcoin(), RPC: client})
	if err != nil {
		fmt.Println(err)
		return
	}
	follower, err := chain.NewFollower(chain.FollowConfig{Node: node})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(follower.Network())
	// Output: bip122:000000000019d6689c085ae165831e93
}
