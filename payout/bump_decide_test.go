package payout

import (
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// carriedBy returns a transaction whose first version makes the coin a:1, and a bump in the stage that spends it.
func carriedBy(stage Stage, more ...Version) (Transaction, *Transaction) {
	first := signedVersion("a", 10)
	first.Moves = append(first.Moves, Move{Holding: Holding{Network: "eip155:1", Name: "a:1", Asset: coin}, Units: big.NewInt(70), Makes: true})
	tx := oneTransaction(StageSigned, append([]Version{first}, more...)...)
	tx.Child = "b"
	b := bumpOf(stage)
	return tx, &b
}

// bumpOf returns a bump of 20 that reserved 50.
func bumpOf(stage Stage) Transaction {
	v := signedVersion("child", 20)
	v.Spends, v.Cancels = []string{"a:1"}, true
	v.Moves = []Move{
		{Holding: Holding{Network: "eip155:1", Name: "a:1", Asset: coin}, Units: big.NewInt(-70)},
		{Holding: Holding{Network: "eip155:1", Name: "child:0", Asset: coin}, Units: big.NewInt(50), Makes: true},
	}
	if stage == StagePlanned || stage == StageOffered {
		v.Raw, v.Offered = nil, stage == StageOffered
	}
	return Transaction{
		ID: "b", Network: "eip155:1", Purpose: PurposeBump, Lane: "lane", Anchor: "a:1", Parent: "t", Versions: []Version{v}, Stage: stage,
		Mined: -1, SentAt: noon, UpdatedAt: noon, Payer: Account{Kind: Float, Asset: coin}, Fee: big.NewInt(50), Version: 3,
	}
}

func later(tx Transaction, child *Transaction, look *Look) facts {
	return facts{
		tx: tx, child: child, payouts: []Payout{onePayout("p", StatusSent)}, look: look, now: noon.Add(time.Hour),
		rules: rules{resend: time.Minute, bump: 30 * time.Minute, maxTries: 3, retry: time.Minute},
	}
}

func TestDecide_WhatABumpPaysForIsNotReplaced(t *testing.T) {
	second := signedVersion("b", 20)
	for name, c := range map[string]struct {
		stage  Stage // of the bump
		more   []Version
		look   *Look
		detail string // the node's last refusal
		cancel bool
		at     time.Duration // when the bump ended

		act  act
		send int
		bump bool
	}{
		"while both wait":                             {stage: StageSigned, look: seen(pooled)},
		"while the bump waits for its signature":      {stage: StageOffered, look: seen(pooled)},
		"also if a newer version exists":              {stage: StageSigned, more: []Version{second}, look: seen(pooled, nowhere)},
		"what it spends is sent first when forgotten": {stage: StageSigned, more: []Version{second}, look: seen(nowhere, nowhere), act: actSend, send: 0},
		"unless nodes refuse that": {
			stage: StageSigned, more: []Version{second}, look: seen(nowhere, nowhere), detail: "fee", act: actSend, send: 1,
		},
		"unless the pool has another version":   {stage: StageSigned, more: []Version{second}, look: seen(nowhere, pooled), act: actReplace},
		"unless it is to be cancelled":          {stage: StageSigned, look: seen(pooled), cancel: true, act: actReplace},
		"not for long after the bump has ended": {stage: StageDead, at: 40 * time.Minute, look: seen(pooled), act: actReplace},
		"then it may have another bump":         {stage: StageDead, at: 30 * time.Minute, look: seen(pooled), act: actReplace, bump: true},
	} {
		t.Run(name, func(t *testing.T) {
			tx, child := carriedBy(c.stage, c.more...)
			tx.Detail, tx.Cancel, child.UpdatedAt = c.detail, c.cancel, noon.Add(c.at)
			d := decide(later(tx, child, c.look))
			assert.Equal(t, c.act, d.act)
			assert.Equal(t, c.bump, d.bump)
			if c.act == actSend {
				assert.Equal(t, c.send, d.send)
			}
			assert.Empty(t, d.entries)
			assert.Empty(t, d.unlocks)
		})
	}
	kept := oneTransaction(StageSigned, signedVersion("a", 10), signedVersion("b", 12))
	kept.Detail, kept.SentAt = "conflict", noon.Add(time.Hour)
	assert.True(t, decide(later(kept, nil, seen(pooled, nowhere))).kept, "a node that keeps the first version keeps it from others as well")
	assert.False(t, decide(later(kept, nil, seen(nowhere, pooled))).kept)
	kept.Detail = ""
	assert.False(t, decide(later(kept, nil, seen(pooled, nowhere))).kept, "it may only not have arrived")
	tx := oneTransaction(StageSigned, signedVersion("a", 10))
	d := decide(later(tx, nil, seen(pooled)))
	assert.Equal(t, actReplace, d.act)
	assert.True(t, d.bump, "it never had one")
}

func TestDecide_APayoutSaysThatABumpIsToBeSigned(t *testing.T) {
	tx, child := carriedBy(StageOffered)
	f := later(tx, child, seen(pooled))
	d := decide(f)
	require.Equal(t, ReasonSignature, d.payouts[0].State.Reason)
	require.Contains(t, d.payouts[0].State.Detail, child.ID)
	f.payouts = d.payouts
	require.Equal(t, d.payouts, decide(f).payouts, "once")
	for _, stage := range []Stage{StageSigned, StageDropped} {
		_, f.child = carriedBy(stage)
		require.Empty(t, decide(f).payouts[0].State.Reason)
	}
}

func TestDecide_ABump(t *testing.T) {
	parent := func(change func(*Transaction)) *Transaction {
		p, _ := carriedBy(StageSigned)
		change(&p)
		return &p
	}
	waits := func(*Transaction) {}
	for name, c := range map[string]struct {
		tx     Transaction
		parent *Transaction
		look   *Look
		never  bool // its coin will never exist
		refuse string

		stage Stage
		act   act
		back  int64 // of the 50 that it reserved; -1 while they are reserved
		free  bool  // the coin that it spends
	}{
		"is signed":                              {tx: bumpOf(StagePlanned), parent: parent(waits), stage: StagePlanned, act: actSign, back: -1},
		"is given up if the parent is mined":     {tx: bumpOf(StagePlanned), parent: parent(func(p *Transaction) { p.Mined = 0 }), stage: StageDropped, back: 50, free: true},
		"is given up if the parent is cancelled": {tx: bumpOf(StagePlanned), parent: parent(func(p *Transaction) { p.Cancel = true }), stage: StageDropped, back: 50, free: true},
		"is given up if the parent has ended":    {tx: bumpOf(StagePlanned), parent: parent(func(p *Transaction) { p.Stage = StageDead }), stage: StageDropped, back: 50, free: true},
		"is given up if the signer refuses":      {tx: bumpOf(StagePlanned), parent: parent(waits), refuse: "policy", stage: StageDropped, back: 50, free: true},
		"is not given up once it may be signed": {
			tx: bumpOf(StageOffered), parent: parent(func(p *Transaction) { p.Mined = 0 }), look: seen(nowhere), stage: StageOffered, act: actSign, back: -1,
		},
		"gets a higher fee":                    {tx: bumpOf(StageSigned), parent: parent(waits), look: seen(pooled), stage: StageSigned, act: actReplace, back: -1},
		"gets none while that would be dear":   {tx: bumpOf(StageSigned), parent: parent(func(p *Transaction) { p.Cancel = true }), look: seen(pooled), stage: StageSigned, back: -1},
		"is dead if its coin will never exist": {tx: bumpOf(StageSigned), parent: parent(waits), look: seen(nowhere), never: true, stage: StageDead, back: 50, free: true},
		"pays what it paid":                    {tx: bumpOf(StageSigned), parent: parent(waits), look: seen(inBlock(20, final)), stage: StageFinal, back: 30},
	} {
		t.Run(name, func(t *testing.T) {
			f := later(c.tx, nil, c.look)
			f.payouts, f.parent, f.last, f.refused = nil, c.parent, true, c.refuse
			if c.never {
				f.tx.Never = []string{"a:1"}
			}
			d := decide(f)
			assert.Equal(t, c.stage, d.tx.Stage)
			assert.Equal(t, c.act, d.act)
			assert.Equal(t, c.free, len(d.unlocks) > 0)
			if c.back < 0 {
				assert.Empty(t, d.entries)
				return
			}
			require.Len(t, d.entries, 1)
			require.NoError(t, d.entries[0].Check())
			back := new(big.Int)
			for _, p := range d.entries[0].Postings {
				if p.Account.Kind == Float {
					back.Add(back, p.Units)
				}
			}
			assert.Equal(t, c.back, back.Int64())
		})
	}
}

// The same bytes are sent again, also if there is a newer version: what spends the change of the older one may be mined with
// it.
func TestDecide_WhatAReorganisationRemovedIsSentAgainItself(t *testing.T) {
	tx, child := carriedBy(StageFinal, signedVersion("b", 20))
	tx.Stage, tx.Mined, tx.Paid = StageFinal, 0, big.NewInt(10)
	f := later(tx, child, seen(nowhere, nowhere))
	f.payouts[0].State.Status = StatusPaid
	d := decide(f)
	require.Equal(t, actSend, d.act)
	require.Zero(t, d.send)
}
