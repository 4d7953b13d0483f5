package trontest_test

import (
	"testing"

	"github.com/cointill/cointill/chain/chaintest"
	"github.com/cointill/cointill/chain/tron/trontest"
)

func TestFakeNode(t *testing.T) { chaintest.Run(t, trontest.New) }

func TestFakeNode_LosesReplacedTransactions(t *testing.T) { chaintest.Run(t, trontest.NewForgetful) }

func TestFakeNode_WithoutGetBlock(t *testing.T) {
	chaintest.Run(t, func(t *testing.T) chaintest.World {
		c := trontest.NewChain()
		c.Behave(trontest.NoGetBlock)
		return trontest.Start(t, c, false)
	})
}
