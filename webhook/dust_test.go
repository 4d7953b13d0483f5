package webhook_test

import (
	"encoding/json"
	"math/big"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/webhook"
	"github.com/stretchr/testify/require"
)

func TestCryptomusDoesNotNameDustAsWhatPaid(t *testing.T) {
	inv := tron3()
	dust := inv.Payments[0]
	dust.Key.TxID, dust.From, dust.Units, dust.Dust = "d057", "TDust", big.NewInt(1), true
	dust.FirstSeen = dust.FirstSeen.Add(time.Minute)
	want := cryptomusBody(t, completed(inv), inv)
	inv.Payments = append(inv.Payments, dust)
	require.Equal(t, want, cryptomusBody(t, completed(inv), inv))

	dust.Credit = nil
	inv.Payments, inv.State = []invoice.Payment{dust}, invoice.State{Status: invoice.StatusNew}
	state := webhook.CryptomusOf(inv)
	require.Equal(t, webhook.CryptomusCheck, state.Status, "dust waits for no value")
	require.Empty(t, state.TxID)
	require.Empty(t, state.From)
}

func TestCryptomusTellsNoDustOfAWalletAsLost(t *testing.T) {
	inv := tron3()
	inv.Terms.Standing, inv.State = true, invoice.State{Status: invoice.StatusNew}
	p := inv.Payments[0]
	body, err := json.Marshal(invoice.Payload{Data: invoice.PayloadData{Payment: &invoice.PayloadPayment{TxID: p.Key.TxID, Index: p.Key.Index, Asset: p.Asset}}})
	require.NoError(t, err)
	ev := invoice.Event{Type: invoice.EventPaymentLost, Body: body}
	_, tell := webhook.Cryptomus().Body(ev, inv)
	require.True(t, tell)
	inv.Payments[0].Dust = true
	_, tell = webhook.Cryptomus().Body(ev, inv)
	require.False(t, tell, "it was never told")
}

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
