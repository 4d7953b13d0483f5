package webhook_test

import (
	"math/big"
	"testing"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/webhook"
	"github.com/stretchr/testify/require"
)

func TestCryptoSteroidDoesNotNameDustAsWhatPaid(t *testing.T) {
	inv := steroid()
	want, _ := webhook.CryptoSteroid(steroidView()).Body(steroidEvent(inv, invoice.EventCompleted), inv)
	inv.Payments = append(inv.Payments, invoice.Payment{
		Key: chain.Key{Network: "eip155:1", TxID: "0xd057", Index: "1"}, Units: big.NewInt(1), FirstSeen: steroidAt, Dust: true,
	})
	got, tell := webhook.CryptoSteroid(steroidView()).Body(steroidEvent(inv, invoice.EventCompleted), inv)
	require.True(t, tell)
	require.Equal(t, string(want), string(got))
}
