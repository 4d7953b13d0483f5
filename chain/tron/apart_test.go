package tron_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/tron"
	"github.com/cointill/cointill/chain/tron/trontest"
)

// large makes the result of a transaction one that is too large to be read, in whatever list it is.
func large(s *scene, x *trontest.Tx) {
	grow := func(o object) object {
		if o["id"] == x.ID {
			o["resMessage"] = strings.Repeat("00", tron.MaxResponse/2)
		}
		return o
	}
	s.Edit("gettransactioninfobyblocknum", func(answer any) any {
		for i := range answer.([]any) {
			grow(info(answer, i))
		}
		return answer
	})
	s.Edit("gettransactioninfobyid", func(answer any) any { return grow(answer.(object)) })
}

func TestResultThatIsTooLargeIsSetAsideAlone(t *testing.T) {
	s := newScene(t)
	big := s.call().Inside(other, shop, 9, "call").Token(usdtContract, payer, shop, units(3))
	at := s.mine(s.Transfer(payer, shop, 5), big, s.call().Token(usdcContract, payer, shop, units(7)))
	large(s, big)
	b, err := s.node.Block(t.Context(), at)
	require.NoError(t, err)
	require.Len(t, b.Unexamined, 1)
	require.Equal(t, big.ID, b.Unexamined[0].TxID)
	require.Len(t, b.Transfers, 2, "the rest is there")

	u := chain.Unexamined{TxID: big.ID, Height: at, Block: b.Hash}
	_, err = s.node.Examine(t.Context(), u)
	require.ErrorContains(t, err, tron.ErrResponseTooLarge.Error())
	s.Edit("gettransactioninfobyid", nil)
	found, err := s.node.Examine(t.Context(), u)
	require.NoError(t, err)
	s.Edit("gettransactioninfobyblocknum", nil)
	b, err = s.node.Block(t.Context(), at)
	require.NoError(t, err)
	require.Empty(t, b.Unexamined)
	require.Equal(t, b.Transfers[1:3], found, "as in the block")

	u.Block = strings.Repeat("0", 64)
	_, err = s.node.Examine(t.Context(), u)
	require.ErrorIs(t, err, chain.ErrGone)
	u.Height += 100
	_, err = s.node.Examine(t.Context(), u)
	require.ErrorIs(t, err, chain.ErrNotFound, "a node that is behind does not know")
}

func TestResultsThatCannotBeReadTogetherAreReadSingly(t *testing.T) {
	s := newScene(t)
	at := s.mine(s.call().Token(usdtContract, payer, shop, units(3)), s.call().Token(usdcContract, payer, shop, units(7)))
	s.Edit("gettransactioninfobyblocknum", func(any) any { return []any{5} })
	s.sees(at, paid{usdtContract + "#0", "USDT", shop, 3}, paid{usdcContract + "#0", "USDC", shop, 7})
	s.Edit("gettransactioninfobyid", func(any) any { return object{"Error": "no"} })
	_, err := s.node.Block(t.Context(), at)
	require.ErrorContains(t, err, "no", "a node that gives none is an error of the block")
}

func TestResultOfOddFormIsSetAsideAlone(t *testing.T) {
	s := newScene(t)
	odd := s.call().Token(usdtContract, payer, shop, units(3))
	at := s.mine(s.call().Token(usdcContract, payer, shop, units(7)), odd)
	spoil := func(o object) object {
		if o["id"] == odd.ID {
			o["log"] = "none"
		}
		return o
	}
	s.Edit("gettransactioninfobyblocknum", func(answer any) any { spoil(info(answer, 1)); return answer })
	s.Edit("gettransactioninfobyid", func(answer any) any { return spoil(answer.(object)) })
	b, err := s.node.Block(t.Context(), at)
	require.NoError(t, err)
	require.Len(t, b.Unexamined, 1)
	require.Len(t, b.Transfers, 1)
}
