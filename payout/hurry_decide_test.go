package payout

import (
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// hurriedAt returns a transaction of which an operator chose the fee some time after noon.
func hurriedAt(after time.Duration, versions ...Version) Transaction {
	tx := oneTransaction(StageSigned, versions...)
	tx.Hurry = &Hurry{Fee: big.NewInt(15), At: noon.Add(after), Actor: "ben"}
	return tx
}

func TestDecide_WhatAnOperatorChoseIsFollowed(t *testing.T) {
	a := signedVersion("a", 10)
	offered := signedVersion("b", 12)
	offered.Raw = nil
	expiring := signedVersion("a", 10)
	expiring.Expires = noon.Add(time.Hour)
	with := func(tx Transaction, change func(*Transaction)) Transaction {
		change(&tx)
		return tx
	}
	for name, c := range map[string]struct {
		tx     Transaction
		look   *Look
		child  Stage // of a bump; empty for none
		parent *Transaction
		cancel bool

		act  act
		bump bool
		kept bool // the choice is still to be followed
	}{
		"at once":                         {tx: hurriedAt(0, a), look: seen(pooled), act: actReplace, bump: true, kept: true},
		"by nobody's choice later":        {tx: oneTransaction(StageSigned, a), look: seen(pooled)},
		"not before it was sent":          {tx: with(hurriedAt(0, a), func(tx *Transaction) { tx.SentAt = time.Time{} }), look: seen(nowhere), act: actSend, kept: true},
		"what nodes forgot is sent first": {tx: with(hurriedAt(0, a), func(tx *Transaction) { tx.SentAt = noon.Add(-time.Minute) }), look: seen(nowhere), act: actSend, kept: true},
		"not once it would be done anyway": {
			tx: with(hurriedAt(-30*time.Minute, a), func(tx *Transaction) { tx.SentAt = noon.Add(time.Minute) }), look: seen(pooled),
		},
		"not in a block":             {tx: hurriedAt(0, a), look: seen(inBlock(10, nil))},
		"not once it is final":       {tx: hurriedAt(0, a), look: seen(inBlock(10, final))},
		"not if it ends by itself":   {tx: hurriedAt(0, expiring), look: seen(pooled), kept: true},
		"not if it is to be nothing": {tx: hurriedAt(0, a), look: seen(pooled), cancel: true, act: actReplace},
		"but its cancellation":       {tx: hurriedAt(0, a, cancelVersion("c", 12)), look: seen(nowhere, pooled), cancel: true, act: actReplace, kept: true},
		"not without a signature":    {tx: hurriedAt(0, a, offered), look: seen(pooled, nowhere), act: actSign},
		"not while a bump pays":      {tx: hurriedAt(0, a), look: seen(pooled), child: StageSigned, act: actReplace},
		"right after a bump":         {tx: hurriedAt(0, a), look: seen(pooled), child: StageDead, act: actReplace, bump: true, kept: true},
		"not of a bump in vain": {
			tx: with(bumpOf(StageSigned), func(tx *Transaction) { tx.Hurry = &Hurry{Fee: big.NewInt(30), At: noon} }), look: seen(pooled),
			parent: &Transaction{Stage: StageSigned, Cancel: true, Mined: -1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := later(c.tx, nil, c.look)
			f.now, f.parent = noon.Add(5*time.Second), c.parent
			if c.tx.Purpose == PurposeBump {
				f.payouts = nil
			}
			if c.child != "" {
				_, f.child = carriedBy(c.child)
				f.child.Anchor = "elsewhere"
				f.tx.Versions[0].At = noon.Add(-time.Hour) // it would have another version but for the bump
			}
			if c.cancel {
				f.payouts[0] = f.payouts[0].with(Action{Kind: ActionCancel, At: noon})
			}
			d := decide(f)
			assert.Equal(t, c.act, d.act)
			assert.Equal(t, c.bump, d.bump)
			assert.Equal(t, c.kept, d.tx.Hurry != nil)
		})
	}
}

func TestTheFeeOfAnOperatorIsWithinItsBounds(t *testing.T) {
	b := bounds{coin, big.NewInt(5), big.NewInt(9)}
	for fee, want := range map[int64]error{4: ErrFeeTooLow, 5: nil, 9: nil, 10: ErrFeeTooHigh} {
		err := b.check(big.NewInt(fee))
		require.ErrorIs(t, err, want)
		if want != nil {
			var bad *FeeError
			require.ErrorAs(t, err, &bad)
			require.Equal(t, "5 9", bad.Least.String()+" "+bad.Greatest.String())
		}
	}
	require.ErrorIs(t, b.check(nil), ErrFeeTooLow)
	require.ErrorIs(t, bounds{coin, big.NewInt(9), big.NewInt(5)}.check(big.NewInt(9)), ErrFeeTooHigh, "none is possible")
	for fee, want := range map[int64]string{1: "5", 7: "7", 20: "9"} {
		require.Equal(t, want, b.within(big.NewInt(fee)).String())
	}
}
