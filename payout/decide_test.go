package payout

import (
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var noon = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

const (
	coin  chain.AssetID = "eip155:1/slip44:60"
	token chain.AssetID = "eip155:1/erc20:0xdAC17F958D2ee523a2206206994597C13D831ec7"
)

// onePayout returns a payout of 100 that reserves a fee of 10, in the transaction.
func onePayout(id string, status Status) Payout {
	own := Account{"shop", Available, coin}
	return Payout{
		ID: id, Project: "shop", Asset: chain.Asset{ID: coin}, To: "payee", Units: big.NewInt(100), Source: own, Payer: own, Fee: big.NewInt(10),
		FeeAsset: coin, State: State{Status: status, Transaction: "t"}, Requester: "anna", Version: 1,
	}
}

// signedVersion returns a version that moves 100 and at most the fee out of the lane.
func signedVersion(txID string, fee int64) Version {
	return Version{
		Unsigned: []byte("unsigned " + txID), Raw: []byte("raw " + txID), TxID: txID, Fee: big.NewInt(fee), Spends: []string{"anchor"}, Offered: true, At: noon,
		Moves: []Move{{Holding: Holding{Network: "eip155:1", Name: "lane", Asset: coin}, Units: big.NewInt(-100 - fee), Fee: true}},
	}
}

func cancelVersion(txID string, fee int64) Version {
	v := signedVersion(txID, fee)
	v.Cancels = true
	v.Moves[0].Units = big.NewInt(-fee)
	return v
}

func oneTransaction(stage Stage, versions ...Version) Transaction {
	return Transaction{
		ID: "t", Network: "eip155:1", Purpose: PurposePay, Lane: "lane", Anchor: "anchor", Payouts: []string{"p"}, Versions: versions, Stage: stage,
		Mined: -1, SentAt: noon, Version: 3,
	}
}

func plannedVersion() Version {
	v := signedVersion("", 10)
	v.Raw, v.Offered = nil, false
	return v
}

// seen returns what the chain says of each version.
func seen(versions ...Sighting) *Look { return &Look{Versions: versions} }

var (
	nowhere = Sighting{}
	pooled  = Sighting{Pooled: true}
)

func inBlock(fee int64, then func(*Sighting)) Sighting {
	s := Sighting{Height: 7, Fee: big.NewInt(fee)}
	if then != nil {
		then(&s)
	}
	return s
}

func final(s *Sighting)  { s.Final = true }
func failed(s *Sighting) { s.Final, s.Failed = true, true }
func buried(s *Sighting) { s.Final, s.Buried = true, true }

// elsewhere is another transaction that does the same.
func elsewhere(s *Sighting) { s.Final, s.Buried, s.TxID = true, true, "other" }

// TestDecide reads like the specification of a transaction's life. Its cases are named after what happens.
func TestDecide(t *testing.T) {
	cancelled := func(p Payout) Payout { return p.with(Action{Kind: ActionCancel}) }
	for name, c := range map[string]struct {
		tx     Transaction
		payout Payout
		look   *Look
		first  bool // a later transaction of the lane hangs on it
		after  time.Duration
		reject string

		stage   Stage
		status  Status
		reason  Reason
		act     act
		instead act
		entry   EntryKind // of the one entry; empty: none
		paid    int64     // what the fee was, if there is an entry
		queued  bool      // the payout may get another transaction
	}{
		"a plan is signed": {
			tx: oneTransaction(StagePlanned, plannedVersion()), payout: onePayout("p", StatusQueued),
			stage: StagePlanned, status: StatusQueued, act: actSign,
		},
		"a plan that nobody signed can be given up": {
			tx: oneTransaction(StagePlanned, plannedVersion()), payout: cancelled(onePayout("p", StatusQueued)),
			stage: StageDropped, status: StatusCancelled, reason: ReasonOperator, entry: EntryVoid, queued: true,
		},
		"P8: a plan that later ones hang on leaves no gap: it pays ourselves": {
			tx: oneTransaction(StagePlanned, plannedVersion()), payout: cancelled(onePayout("p", StatusQueued)), first: true,
			stage: StagePlanned, status: StatusQueued, act: actReplace,
		},
		"P22: what the signer refuses is tried again later, not at once": {
			tx: oneTransaction(StagePlanned, plannedVersion()), payout: onePayout("p", StatusQueued), reject: "policy",
			stage: StageDropped, status: StatusQueued, reason: ReasonRefused, queued: true,
		},
		"P1: what is in no pool is sent again, and never to be paid again": {
			tx: oneTransaction(StageSigned, signedVersion("a", 10)), payout: onePayout("p", StatusSigned), look: seen(nowhere), after: 2 * time.Minute,
			stage: StageSigned, status: StatusSigned, act: actSend,
		},
		"P5: no time refunds what is signed": {
			tx: oneTransaction(StageSigned, signedVersion("a", 10)), payout: onePayout("p", StatusSent), look: seen(nowhere), after: 1000 * time.Hour,
			stage: StageSigned, status: StatusSent, act: actSend,
		},
		"what a node has is sent": {
			tx: oneTransaction(StageSigned, signedVersion("a", 10)), payout: onePayout("p", StatusSigned), look: seen(pooled),
			stage: StageSigned, status: StatusSent,
		},
		"what no block takes gets a higher fee": {
			tx: oneTransaction(StageSigned, signedVersion("a", 10)), payout: onePayout("p", StatusSent), look: seen(pooled), after: time.Hour,
			stage: StageSigned, status: StatusSent, act: actReplace,
		},
		"what may be signed is cancelled by a transaction that excludes it": {
			tx: oneTransaction(StageOffered, signedVersion("a", 10)), payout: cancelled(onePayout("p", StatusQueued)), look: seen(nowhere),
			stage: StageOffered, status: StatusQueued, act: actReplace,
		},
		"and what nodes forgot is sent again where that cannot be made": {
			tx: oneTransaction(StageSigned, signedVersion("a", 10)), payout: cancelled(onePayout("p", StatusSent)), look: seen(nowhere), after: time.Minute,
			stage: StageSigned, status: StatusSent, act: actReplace, instead: actSend,
		},
		"but not while a node has it": {
			tx: oneTransaction(StageSigned, signedVersion("a", 10)), payout: cancelled(onePayout("p", StatusSent)), look: seen(pooled), after: time.Minute,
			stage: StageSigned, status: StatusSent, act: actReplace,
		},
		"a block is not the end": {
			tx: oneTransaction(StageSigned, signedVersion("a", 10)), payout: onePayout("p", StatusSent), look: seen(inBlock(8, nil)),
			stage: StageSigned, status: StatusSent, reason: ReasonConfirming,
		},
		"P20: what a reorganisation removed before it was final is sent again, the same bytes": {
			tx: minedAt(oneTransaction(StageSigned, signedVersion("a", 10)), 0), payout: onePayout("p", StatusSent), look: seen(nowhere), after: 2 * time.Minute,
			stage: StageSigned, status: StatusSent, act: actSend,
		},
		"final is paid": {
			tx: oneTransaction(StageSigned, signedVersion("a", 10)), payout: onePayout("p", StatusSent), look: seen(inBlock(8, final)),
			stage: StageFinal, status: StatusPaid, entry: EntryPost, paid: 8,
		},
		"an older version pays as well": {
			tx: oneTransaction(StageSigned, signedVersion("a", 5), signedVersion("b", 10)), payout: onePayout("p", StatusSent), look: seen(inBlock(4, final), nowhere),
			stage: StageFinal, status: StatusPaid, entry: EntryPost, paid: 4,
		},
		"P27: mined and failed is not paid, and the fee is gone": {
			tx: oneTransaction(StageSigned, signedVersion("a", 10)), payout: onePayout("p", StatusSent), look: seen(inBlock(9, failed)),
			stage: StageFinal, status: StatusFailed, reason: ReasonReverted, entry: EntryVoid, paid: 9,
		},
		"a cancellation is one once it is final": {
			tx: oneTransaction(StageSigned, signedVersion("a", 5), cancelVersion("b", 10)), payout: cancelled(onePayout("p", StatusSent)),
			look: seen(nowhere, inBlock(10, final)), stage: StageFinal, status: StatusCancelled, reason: ReasonOperator, entry: EntryVoid, paid: 10,
		},
		"a cancellation that comes too late is a payment": {
			tx: oneTransaction(StageSigned, signedVersion("a", 5), cancelVersion("b", 10)), payout: cancelled(onePayout("p", StatusSent)),
			look: seen(inBlock(5, final), nowhere), stage: StageFinal, status: StatusPaid, entry: EntryPost, paid: 5,
		},
		"who was cancelled for another's sake waits until that is buried": {
			tx: oneTransaction(StageSigned, signedVersion("a", 5), cancelVersion("b", 10)), payout: onePayout("p", StatusSent),
			look: seen(nowhere, inBlock(10, final)), stage: StageFinal, status: StatusSent, reason: ReasonConfirming, entry: EntryFee, paid: 10,
		},
		"and then gets another transaction": {
			tx: minedAt(oneTransaction(StageFinal, signedVersion("a", 5), cancelVersion("b", 10)), 1), payout: onePayout("p", StatusSent),
			look: seen(nowhere, inBlock(8, buried)), stage: StageBuried, status: StatusQueued, queued: true,
		},
		"final is watched until it is buried": {
			tx: minedAt(oneTransaction(StageFinal, signedVersion("a", 10)), 0), payout: onePayout("p", StatusPaid), look: seen(inBlock(8, buried)),
			stage: StageBuried, status: StatusPaid,
		},
		"what was final and is gone is an alarm, and is sent again": {
			tx: minedAt(oneTransaction(StageFinal, signedVersion("a", 10)), 0), payout: paidFee(onePayout("p", StatusPaid), 8), look: seen(nowhere),
			stage: StageSigned, status: StatusSent, reason: ReasonUndone, entry: EntryRevert, act: actSend,
		},
		"what came back in another block with another fee is undone, and decided anew": {
			tx: minedAt(oneTransaction(StageFinal, signedVersion("a", 10)), 0), payout: paidFee(onePayout("p", StatusPaid), 8), look: seen(inBlock(9, final)),
			stage: StageSigned, status: StatusSent, reason: ReasonUndone, entry: EntryRevert,
		},
		"and so it is before it is final again": {
			tx: minedAt(oneTransaction(StageFinal, signedVersion("a", 10)), 0), payout: paidFee(onePayout("p", StatusPaid), 8), look: seen(inBlock(9, nil)),
			stage: StageSigned, status: StatusSent, reason: ReasonUndone, entry: EntryRevert,
		},
		"what came back and failed is undone": {
			tx: minedAt(oneTransaction(StageFinal, signedVersion("a", 10)), 0), payout: paidFee(onePayout("p", StatusPaid), 8), look: seen(inBlock(8, failed)),
			stage: StageSigned, status: StatusSent, reason: ReasonUndone, entry: EntryRevert,
		},
		"what came back under another id is undone once that is buried": {
			tx: minedAt(oneTransaction(StageFinal, signedVersion("a", 10)), 0), payout: paidBy("a", paidFee(onePayout("p", StatusPaid), 8)), look: seen(inBlock(8, elsewhere)),
			stage: StageSigned, status: StatusSent, reason: ReasonUndone, entry: EntryRevert,
		},
		"a foreign transaction is no end before it is buried": {
			tx: oneTransaction(StageSigned, signedVersion("a", 10)), payout: onePayout("p", StatusSent), look: &Look{Versions: []Sighting{nowhere}, Taken: true},
			stage: StageSigned, status: StatusSent, reason: ReasonForeign,
		},
		"a foreign transaction that is buried ends it": {
			tx: oneTransaction(StageSigned, signedVersion("a", 10)), payout: onePayout("p", StatusSent),
			look:  &Look{Versions: []Sighting{nowhere}, Taken: true, TakenFinal: true},
			stage: StageDead, status: StatusFailed, reason: ReasonForeign, entry: EntryVoid,
		},
		"what a foreign transaction may have paid is not paid again": {
			tx: oneTransaction(StageSigned, signedVersion("a", 10)), payout: onePayout("p", StatusSent),
			look:  &Look{Versions: []Sighting{nowhere}, Taken: true, TakenFinal: true, Dead: true},
			stage: StageDead, status: StatusFailed, reason: ReasonForeign, entry: EntryVoid,
		},
		"nor by the version that a signer still has": {
			tx: oneTransaction(StageOffered, offered(plannedVersion())), payout: onePayout("p", StatusQueued),
			look:  &Look{Versions: []Sighting{nowhere}, Taken: true, TakenFinal: true},
			stage: StageDead, status: StatusFailed, reason: ReasonForeign, entry: EntryVoid,
		},
		"what can never be mined is tried again with another": {
			tx: oneTransaction(StageSigned, signedVersion("a", 10)), payout: onePayout("p", StatusSent), look: &Look{Versions: []Sighting{nowhere}, Dead: true},
			stage: StageDead, status: StatusQueued, reason: ReasonRefused, queued: true,
		},
		"a version that spends what never exists ends nothing while another can be mined": {
			tx: never(oneTransaction(StageSigned, spends(signedVersion("a", 10), "gone"), signedVersion("b", 12)), "gone"), payout: onePayout("p", StatusSent), look: seen(nowhere, pooled),
			stage: StageSigned, status: StatusSent,
		},
		"but all of them do": {
			tx: never(oneTransaction(StageSigned, spends(signedVersion("a", 10), "gone"), spends(signedVersion("b", 12), "lost")), "gone", "lost"), payout: onePayout("p", StatusSent), look: seen(nowhere, nowhere),
			stage: StageDead, status: StatusQueued, reason: ReasonRefused, queued: true,
		},
		"P22: and fails after enough tries": {
			tx: oneTransaction(StageSigned, signedVersion("a", 10)), payout: tried(onePayout("p", StatusSent), 4), look: &Look{Versions: []Sighting{nowhere}, Dead: true},
			stage: StageDead, status: StatusFailed, reason: ReasonRefused, entry: EntryVoid, queued: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := facts{
				tx: c.tx, payouts: []Payout{c.payout}, look: c.look, last: !c.first, refused: c.reject, now: noon.Add(c.after),
				rules: rules{resend: time.Minute, bump: 30 * time.Minute, maxTries: 5, retry: time.Minute},
			}
			d := decide(f)
			p := d.payouts[0]
			assert.Equal(t, c.stage, d.tx.Stage)
			assert.Equal(t, c.status, p.State.Status)
			assert.Equal(t, c.reason, p.State.Reason)
			assert.Equal(t, c.act, d.act)
			assert.Equal(t, c.instead, d.instead)
			assert.Equal(t, c.queued, p.State.Transaction == "", "may get another transaction")
			assert.Equal(t, d, decide(f), "the same facts, the same decision")
			if c.entry == "" {
				assert.Empty(t, d.entries)
				return
			}
			require.Len(t, d.entries, 1)
			assert.Equal(t, c.entry, d.entries[0].Kind)
			require.NoError(t, d.entries[0].Check())
			if c.entry != EntryRevert {
				assert.Equal(t, c.paid, outside(d.entries[0])-amount(c.entry), "the fee")
			}
			assert.Zero(t, outside(d.entries[0])+moved(d.moves), "what leaves the books leaves our addresses")
		})
	}
}

func minedAt(t Transaction, i int) Transaction {
	t.Mined, t.Height = i, 7
	if t.Stage == StageFinal {
		s := inBlock(8, final)
		t.Effect, t.Paid = effect(t.Versions[i], s), s.Fee
	}
	return t
}

func offered(v Version) Version { v.Offered = true; return v }

func spends(v Version, name string) Version {
	v.Spends = append(slices.Clone(v.Spends), name)
	return v
}

func never(t Transaction, names ...string) Transaction { t.Never = names; return t }

func paidFee(p Payout, fee int64) Payout { p.State.Paid = big.NewInt(fee); return p }

func paidBy(txID string, p Payout) Payout { p.State.TxID = txID; return p }

func tried(p Payout, n int) Payout { p.State.Tried = n; return p }

// outside returns what an entry gives to the world outside.
func outside(e Entry) int64 {
	for _, p := range e.Postings {
		if p.Account.Kind == External {
			return p.Units.Int64()
		}
	}
	return 0
}

func amount(k EntryKind) int64 {
	if k == EntryPost {
		return 100
	}
	return 0
}

func moved(moves []Move) int64 {
	sum := int64(0)
	for _, m := range moves {
		sum += m.Units.Int64()
	}
	return sum
}

// TestSharesOfAFee divides fees among payouts: never more than each reserved, and nothing is left.
func TestSharesOfAFee(t *testing.T) {
	payouts := func(fees ...int64) []Payout {
		var out []Payout
		for _, f := range fees {
			p := onePayout("p", StatusSent)
			p.Fee = big.NewInt(f)
			out = append(out, p)
		}
		return out
	}
	for _, c := range []struct {
		fee     int64
		of      []Payout
		cancels bool
		want    []int64
	}{
		{10, payouts(10), false, []int64{10}},
		{10, payouts(10, 10), false, []int64{5, 5}},
		{11, payouts(10, 10, 10), false, []int64{4, 4, 3}},
		{30, payouts(10, 10, 10), false, []int64{10, 10, 10}},
		{1, payouts(1000, 1, 1000), false, []int64{1, 0, 0}},
		{0, payouts(10, 10), false, []int64{0, 0}},
	} {
		d := decision{payouts: c.of}
		var got []int64
		for _, n := range d.shares(big.NewInt(c.fee), c.cancels) {
			got = append(got, n.Int64())
		}
		assert.Equal(t, c.want, got)
	}
	some := payouts(10, 10, 10)
	some[1] = some[1].with(Action{Kind: ActionCancel})
	d := decision{payouts: some}
	var got []int64
	for _, n := range d.shares(big.NewInt(14), true) {
		got = append(got, n.Int64())
	}
	assert.Equal(t, []int64{2, 10, 2}, got, "who is cancelled pays for it first")
}

func TestTransactionsThatDoNotExcludeEachOtherAreRefused(t *testing.T) {
	tx := oneTransaction(StageSigned, signedVersion("a", 5), signedVersion("b", 10))
	require.NoError(t, tx.Check())
	tx.Versions[1].Spends = []string{"another coin"}
	assert.ErrorContains(t, tx.Check(), "does not spend the anchor")
	tx = oneTransaction(StageSigned, plannedVersion(), signedVersion("b", 10))
	assert.Error(t, tx.Check(), "a version that nobody may sign is forgotten before the next")
}

func TestAwait(t *testing.T) {
	p := onePayout("p", "")
	p.State = State{}
	assert.Equal(t, State{Status: StatusQueued}, await(p, noon))
	p.NotBefore = noon.Add(time.Hour)
	assert.Equal(t, State{Status: StatusQueued, Reason: ReasonCooling}, await(p, noon))
	assert.False(t, p.ready(noon))
	p.Approvals = 1
	assert.Equal(t, State{Status: StatusRequested, Reason: ReasonApproval}, await(p, noon))
	assert.Equal(t, StatusRequested, await(p.with(Action{Kind: ActionApprove, Actor: "anna"}), noon).Status, "the requester does not count")
	assert.Equal(t, StatusQueued, await(p.with(Action{Kind: ActionApprove, Actor: "ben"}), noon).Status)
	p.To = ""
	assert.Equal(t, ReasonReceiver, await(p, noon).Reason)
	assert.Equal(t, State{Status: StatusCancelled, Reason: ReasonExpired, EndAt: noon}, await(p.with(Action{Kind: ActionExpire}), noon))
}

// A top-up of a deposit address looks like a payment of its invoice. The coins are ours already.
func TestBook_ATopUpIsNoIncome(t *testing.T) {
	payment := func(tx string, asset chain.AssetID, units int64) invoice.Payment {
		return invoice.Payment{
			Key: chain.Key{Network: "eip155:1", TxID: tx, Index: "0"}, Asset: asset, To: "deposit", Units: big.NewInt(units),
			Block: invoice.BlockRef{Height: 5, Hash: "b"},
		}
	}
	paid, topUp := payment("payer's", token, 100), payment("ours", coin, 7)
	f := creditFacts{
		inv:      invoice.Invoice{ID: "i", Project: "shop", State: invoice.State{Status: invoice.StatusCompleted}, Quote: &invoice.Quote{Asset: chain.Asset{ID: token}}},
		payments: []invoice.Payment{paid, topUp}, ours: map[chain.Key]bool{topUp.Key: true}, deep: map[chain.Network]uint64{"eip155:1": 9},
		holding: func(d Deposit) Holding { return Holding{Name: string(d.To) + "/" + string(d.Asset), Asset: d.Asset} }, now: noon,
	}
	out := book(f)
	require.Len(t, out.receipts, 1)
	require.Equal(t, paid.Key, out.receipts[0].Key)
	require.Len(t, out.moves, 1)
	require.Nil(t, out.credit.Received[coin])
	require.Equal(t, big.NewInt(100), out.credit.Received[token])

	f.ours = nil // somebody else's coins are income
	require.Len(t, book(f).receipts, 2)
}

// Until the end is buried, another version may come back and need its coins: a second transaction must not spend them.
func TestCoinsAreFreeOnceNoVersionThatNeedsThemCanComeBack(t *testing.T) {
	other := signedVersion("b", 10)
	other.Spends = []string{"anchor", "coin"}
	tx := oneTransaction(StageSigned, other, signedVersion("a", 12))
	f := facts{tx: tx, payouts: []Payout{onePayout("p", StatusSent)}, look: seen(nowhere, inBlock(8, final)), now: noon}
	d := decide(f)
	require.Equal(t, StageFinal, d.tx.Stage)
	require.Empty(t, d.unlocks)
	f.tx, f.payouts, f.look = d.tx, d.payouts, seen(nowhere, inBlock(8, buried))
	d = decide(f)
	require.Equal(t, StageBuried, d.tx.Stage)
	require.Equal(t, []string{"coin"}, d.unlocks)
}

// A balance gets money from whatever transaction; only a coin is made by one alone.
func TestOnlyCoinsNeverExist(t *testing.T) {
	coin := Move{Holding: Holding{Name: "a:1"}, Units: big.NewInt(7), Makes: true}
	balance := Move{Holding: Holding{Name: "deposit/ETH"}, Units: big.NewInt(7)}
	first := signedVersion("a", 10)
	first.Moves = append(first.Moves, coin, balance)
	tx := minedAt(oneTransaction(StageBuried, first, signedVersion("b", 12)), 1)
	assert.Equal(t, []string{"a:1"}, tx.neverMade())
	tx.Mined, tx.Effect = 0, first.Moves
	assert.Empty(t, tx.neverMade())
	tx.Effect = slices.Clone(first.Moves)
	tx.Effect[1].Holding.Name = "x:1" // signed again by somebody else: what was to spend a:1 never can
	assert.Equal(t, []string{"a:1"}, tx.neverMade())
}

// A version that somebody else sent made a coin under an id that it does not have here. What takes its place unmakes it.
func TestACoinThatWasTakenBackMayNeverExist(t *testing.T) {
	first := plannedVersion()
	first.TxID, first.Moves = "", []Move{{Holding: Holding{Name: ":1"}, Units: big.NewInt(7), Makes: true}}
	tx := oneTransaction(StageFinal, offered(first))
	tx.Mined, tx.Height = 0, 7
	tx.Effect = first.Effects("x")
	d := decide(facts{tx: tx, payouts: []Payout{onePayout("p", StatusPaid)}, look: &Look{Versions: []Sighting{nowhere}}, now: noon})
	assert.Equal(t, []string{"x:1"}, d.tx.Made)
	d.tx.Stage = StageDead
	assert.Equal(t, []string{"x:1"}, d.tx.neverMade())
	again := d.tx
	again.Stage, again.Effect = StageBuried, tx.Effect
	assert.Empty(t, again.neverMade(), "the same came back")
}
