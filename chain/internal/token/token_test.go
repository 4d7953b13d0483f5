package token_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/internal/token"
)

const network chain.Network = "eip155:1"

func asset(i int) chain.Asset {
	return chain.Asset{ID: chain.AssetID(fmt.Sprintf("%s/erc20:0x%040x", network, i)), Code: "TOK", Decimals: 6}
}

func contract(i int) [20]byte { return [20]byte{18: byte(i >> 8), 19: byte(i)} }

func parse(reference string) (c [20]byte, err error) {
	raw, err := hex.DecodeString(reference[2:])
	copy(c[:], raw)
	return c, err
}

func set(t *testing.T, tokens int) *token.Set {
	s := token.NewSet(network, slog.New(slog.DiscardHandler))
	for i := range tokens {
		require.NoError(t, s.Add(asset(i), parse))
	}
	return s
}

func TestSetRefusesWhatItCannotWatch(t *testing.T) {
	s := set(t, token.Max-1)
	elsewhere := chain.Asset{ID: "eip155:2/slip44:60"}
	require.ErrorContains(t, s.Add(elsewhere, parse), "is not on")
	require.ErrorContains(t, s.Add(asset(3), parse), "twice")
	require.ErrorContains(t, s.Add(chain.Asset{ID: "eip155:1/erc20:0xshop"}, parse), "asset eip155:1/erc20:0xshop: ")
	require.NoError(t, s.Add(chain.Asset{ID: "eip155:1/slip44:60"}, parse))
	require.ErrorContains(t, s.Add(chain.Asset{ID: "eip155:1/slip44:60"}, parse), "second native coin")
	require.NoError(t, s.Add(asset(token.Max), parse))
	require.ErrorContains(t, s.Add(asset(501), parse), "more than 90 tokens")

	place, ok := s.At(contract(7))
	require.True(t, ok)
	require.Equal(t, asset(7), s.Tokens[place])
	_, ok = s.At(contract(501))
	require.False(t, ok)
	require.True(t, s.Has("eip155:1/slip44:60"))
	require.True(t, s.Has(asset(7).ID))
	require.False(t, s.Has(asset(501).ID))
}

func TestTransferIsHeldUntilTheDecimalsAreConfirmed(t *testing.T) {
	s := set(t, 1)
	transfer := func() chain.Transfer { return s.Transfer(0, 2, "tx", "payer", "shop", big.NewInt(5)) }
	require.Equal(t, chain.Transfer{
		TxID: "tx", Index: asset(0).ID.Reference() + "#2:shop", Asset: asset(0).ID, From: "payer", To: "shop", Units: big.NewInt(5),
	}, transfer())

	first, err := s.Settle(t.Context(), 0, errors.New("no answer"))
	require.NoError(t, err)
	require.False(t, first)
	require.True(t, s.Holding())
	require.True(t, transfer().Held)

	first, err = s.Settle(t.Context(), 0, nil)
	require.NoError(t, err)
	require.True(t, first)
	require.False(t, s.Holding())
	require.False(t, transfer().Held)
	first, err = s.Settle(t.Context(), 0, nil)
	require.NoError(t, err)
	require.False(t, first, "the second confirmation is not the first")
}

func TestOtherDecimalsAreAnotherNetworkUnlessTheyWereRightBefore(t *testing.T) {
	s := set(t, 2)
	other := fmt.Errorf("%w: 18 decimals", chain.ErrWrongNetwork)
	_, err := s.Settle(t.Context(), 0, other)
	require.ErrorIs(t, err, chain.ErrWrongNetwork)
	require.Empty(t, s.Lacks.All())

	_, err = s.Settle(t.Context(), 1, nil)
	require.NoError(t, err)
	_, err = s.Settle(t.Context(), 1, other)
	require.NoError(t, err)
	require.Len(t, s.Lacks.All(), 1)
	require.True(t, s.Lacks.All()[0].Contradicted)
}

func TestOrdinalsCountEachTokenApart(t *testing.T) {
	var o token.Ordinals
	require.Equal(t, []int{0, 0, 1, 2, 1}, []int{o.Next(7), o.Next(3), o.Next(7), o.Next(7), o.Next(3)})
}

func TestTokensThatWereLeftAreDueNextAndHeldBackUntilThen(t *testing.T) {
	s := set(t, 3)
	due := s.Due()
	require.Equal(t, []int{0, 1, 2}, due)
	_, err := s.Settle(t.Context(), 0, nil)
	require.NoError(t, err)
	s.Leave(t.Context(), due, 2)
	require.Len(t, s.Lacks.All(), 2)
	due = s.Due()
	require.Equal(t, []int{1, 2}, due)
	for _, place := range due {
		_, err := s.Settle(t.Context(), place, nil)
		require.NoError(t, err)
	}
	s.Leave(t.Context(), due, 0)
	require.Empty(t, s.Lacks.All())
	require.Len(t, s.Due(), 3)
}

func TestCheckDecimals(t *testing.T) {
	word := make([]byte, 32)
	require.ErrorIs(t, token.CheckDecimals(asset(1), word), chain.ErrWrongNetwork)
	word[31] = 6
	require.NoError(t, token.CheckDecimals(asset(1), word))
	word[0] = 1
	require.ErrorIs(t, token.CheckDecimals(asset(1), word), chain.ErrWrongNetwork, "no part of the number is ignored")
	for _, size := range []int{0, 31, 33, 64} {
		require.ErrorIs(t, token.CheckDecimals(asset(1), make([]byte, size)), chain.ErrIncomplete)
	}
}

func TestFormIsNotedOnceWithItsBlocks(t *testing.T) {
	s := set(t, 1)
	s.NoteForm(t.Context(), 0, 0)
	s.NoteForm(t.Context(), 0, 1)
	s.NoteForm(t.Context(), 0, 1)
	lacks := s.Lacks.All()
	require.Len(t, lacks, 1)
	require.Equal(t, chain.TransferLogs, lacks[0].What)
	require.Equal(t, uint64(2), lacks[0].Blocks)
}
