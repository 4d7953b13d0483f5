package invoice

import (
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

const (
	testNet   chain.Network = "eip155:1337"
	coin      chain.AssetID = "eip155:1337/slip44:60"
	token     chain.AssetID = "eip155:1337/erc20:0x00000000000000000000000000000000000000aa"
	otherCoin chain.AssetID = "eip155:137/slip44:966"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// at is a moment so many minutes after the invoice was created; its deadline is minute 30.
func at(minute int) time.Time { return start.Add(time.Duration(minute) * time.Minute) }

// An invoice for 1000 units of coin that wants 3 confirmations.
func agreed(change ...func(*facts)) facts {
	f := facts{
		terms: Terms{Confirm: chain.Confirmations{Depth: 3}, Late: LateHold, Other: OtherAccept},
		asset: coin, due: big.NewInt(1000), deadline: at(30),
	}
	for _, c := range change {
		c(&f)
	}
	return f
}

func tolerance(percent int64) func(*facts) {
	return func(f *facts) { f.terms.TolerancePercent = decimal.NewFromInt(percent) }
}
func toleranceUnits(n int64) func(*facts) {
	return func(f *facts) { f.terms.ToleranceUnits = big.NewInt(n) }
}
func needs(c chain.Confirmations) func(*facts) { return func(f *facts) { f.terms.Confirm = c } }
func lateMoney(p LatePolicy) func(*facts)      { return func(f *facts) { f.terms.Late = p } }
func otherMoney(p OtherPolicy) func(*facts) {
	return func(f *facts) { f.terms.Other = p }
}
func completedAt(minute int) func(*facts) { return func(f *facts) { f.completedAt = at(minute) } }
func noAsset(f *facts)                    { f.asset, f.due = "", nil }

func operator(kinds ...ActionKind) func(*facts) {
	return func(f *facts) {
		for _, k := range kinds {
			n := len(f.actions) + 1
			f.actions = append(f.actions, Action{N: n, Kind: k, At: at(10 + n), Until: at(90)})
		}
	}
}

// pays adds a payment of the invoice's asset, seen in a block of the given height and minute.
func pays(units int64, height uint64, minute int, change ...func(*Payment)) func(*facts) {
	return func(f *facts) {
		p := Payment{
			Key: chain.Key{Network: testNet, TxID: string(rune('a' + len(f.payments))), Index: "value"}, Asset: coin,
			Units: big.NewInt(units), Credit: big.NewInt(units), FirstSeen: at(minute),
			Block: BlockRef{Height: height, Hash: "0x1", Time: at(minute)},
		}
		for _, c := range change {
			c(&p)
		}
		f.payments = append(f.payments, p)
	}
}

func inPool(p *Payment)      { p.Block = BlockRef{} }
func replaceable(p *Payment) { p.Block, p.Replaceable = BlockRef{}, true }
func withdrawn(p *Payment)   { p.Withdrawn = true }
func seenAt(minute int) func(*Payment) {
	return func(p *Payment) { p.FirstSeen = at(minute) }
}
func asToken(credit int64) func(*Payment) {
	return func(p *Payment) { p.Asset, p.Credit = token, big.NewInt(credit) }
}
func unvalued(p *Payment) { p.Asset, p.Credit = token, nil }
func onOtherNetwork(p *Payment) {
	p.Asset, p.Key.Network, p.Credit = otherCoin, otherCoin.Network(), nil
}
func rerated(credit int64) func(*Payment) {
	return func(p *Payment) { p.Rerated = big.NewInt(credit) }
}

// The chain has come to a height, and its time and ours to a minute.
func seen(height uint64, minute int) clock {
	return clock{head: chain.Head{Height: height, Time: at(minute)}, now: at(minute)}
}

func TestDecide(t *testing.T) {
	tests := []struct {
		rule    string
		facts   facts
		clock   clock
		status  Status
		outcome Outcome
		closed  bool
	}{
		{"nothing paid, time left", agreed(), seen(100, 10), StatusNew, 0, false},
		{"the second of the deadline is still in time", agreed(), seen(100, 30), StatusNew, 0, false},
		{"nothing paid, deadline over", agreed(), seen(100, 31), StatusExpired, 0, true},
		{"A2: a blind watcher expires nothing, however late it is", agreed(),
			clock{head: chain.Head{Height: 100, Time: at(29)}, now: at(600)}, StatusNew, 0, false},
		{"a watcher that has seen nothing at all expires nothing", agreed(), clock{now: at(600)}, StatusNew, 0, false},
		{"without an asset there is no chain to ask: our clock expires it", agreed(noAsset), seen(0, 31), StatusExpired, 0, true},
		{"without an asset it waits", agreed(noAsset), seen(0, 29), StatusNew, 0, false},

		{"A38: paid is not confirmed", agreed(pays(1000, 100, 5)), seen(100, 5), StatusPending, OutcomeExact, false},
		{"one confirmation short", agreed(pays(1000, 100, 5)), seen(101, 5), StatusPending, OutcomeExact, false},
		{"deep enough", agreed(pays(1000, 100, 5)), seen(102, 5), StatusCompleted, OutcomeExact, true},
		{"a node that is behind the payment confirms nothing", agreed(pays(1000, 100, 5)), seen(90, 5), StatusPending, OutcomeExact, false},
		{"what waits in the pool is seen, not confirmed", agreed(pays(1000, 0, 5, inPool)), seen(200, 5), StatusPending, OutcomeExact, false},
		{"zero confirmations take the pool's word", agreed(needs(chain.Confirmations{}), pays(1000, 0, 5, inPool)), seen(100, 5), StatusCompleted, OutcomeExact, true},
		{"... unless it may be replaced", agreed(needs(chain.Confirmations{}), pays(1000, 0, 5, replaceable)), seen(100, 5), StatusPending, OutcomeExact, false},
		{"... and one block settles that", agreed(needs(chain.Confirmations{}), pays(1000, 100, 5)), seen(100, 5), StatusCompleted, OutcomeExact, true},
		{"a finality tag counts, not the depth", agreed(needs(chain.Confirmations{Tag: chain.FinalityFinalized}), pays(1000, 100, 5)),
			clock{head: chain.Head{Height: 900, Finalized: 99, Time: at(6)}, now: at(6)}, StatusPending, OutcomeExact, false},
		{"... once it reaches the block", agreed(needs(chain.Confirmations{Tag: chain.FinalityFinalized}), pays(1000, 100, 5)),
			clock{head: chain.Head{Height: 900, Finalized: 100, Time: at(6)}, now: at(6)}, StatusCompleted, OutcomeExact, true},
		{"the safe tag likewise", agreed(needs(chain.Confirmations{Tag: chain.FinalitySafe}), pays(1000, 100, 5)),
			clock{head: chain.Head{Height: 900, Safe: 100, Time: at(6)}, now: at(6)}, StatusCompleted, OutcomeExact, true},

		{"less than due is partial", agreed(pays(999, 100, 5)), seen(200, 6), StatusPaidPartial, OutcomeUnder, false},
		{"Incident34: one unit below the tolerance is partial", agreed(tolerance(5), pays(949, 100, 5)), seen(200, 6), StatusPaidPartial, OutcomeUnder, false},
		{"the edge of the tolerance is paid", agreed(tolerance(5), pays(950, 100, 5)), seen(200, 6), StatusCompleted, OutcomeExact, true},
		{"A20: an exchange kept its fee: an absolute tolerance", agreed(toleranceUnits(30), pays(970, 100, 5)), seen(200, 6), StatusCompleted, OutcomeExact, true},
		{"... has an edge too", agreed(toleranceUnits(30), pays(969, 100, 5)), seen(200, 6), StatusPaidPartial, OutcomeUnder, false},
		{"over within the tolerance is exact", agreed(tolerance(5), pays(1050, 100, 5)), seen(200, 6), StatusCompleted, OutcomeExact, true},
		{"over beyond the tolerance is over", agreed(tolerance(5), pays(1051, 100, 5)), seen(200, 6), StatusCompleted, OutcomeOver, true},
		{"A36: nothing is never enough, even at 100 percent", agreed(tolerance(100)), seen(200, 6), StatusNew, 0, false},
		{"several transactions add up", agreed(pays(400, 100, 5), pays(600, 101, 6)), seen(200, 7), StatusCompleted, OutcomeExact, true},
		{"each waits for its own confirmations", agreed(pays(400, 100, 5), pays(600, 101, 6)), seen(102, 7), StatusPending, OutcomeExact, false},
		{"confirmed enough completes although more is on its way", agreed(pays(1000, 100, 5), pays(600, 102, 6)), seen(102, 7), StatusCompleted, OutcomeOver, true},

		{"a partial payment closes at the deadline and stays partial", agreed(pays(400, 100, 5)), seen(200, 31), StatusPaidPartial, OutcomeUnder, true},
		{"A18: paid in time, confirmed after the deadline", agreed(pays(1000, 100, 29)), seen(101, 60), StatusPending, OutcomeExact, false},
		{"... completes", agreed(pays(1000, 100, 29)), seen(102, 60), StatusCompleted, OutcomeExact, true},
		{"in time by its block, though we were down", agreed(pays(1000, 100, 29, seenAt(300))), seen(200, 300), StatusCompleted, OutcomeExact, true},
		{"in time by our own eyes, though the block came late", agreed(pays(1000, 100, 40, seenAt(29))), seen(200, 50), StatusCompleted, OutcomeExact, true},
		{"exactly at the deadline is in time", agreed(pays(1000, 100, 30)), seen(200, 50), StatusCompleted, OutcomeExact, true},

		{"A16: late money is held", agreed(pays(1000, 100, 31)), seen(200, 50), StatusExpired, OutcomeExact | OutcomeLate, true},
		{"... or accepted by policy", agreed(lateMoney(LateAccept), pays(1000, 100, 31)), seen(200, 50), StatusCompleted, OutcomeExact | OutcomeLate, true},
		{"... or by an operator", agreed(operator(ActionAcceptLate), pays(1000, 100, 31)), seen(200, 50), StatusCompleted, OutcomeExact | OutcomeLate, true},
		{"... or counts for what it is worth by then", agreed(lateMoney(LateRerate), pays(1000, 100, 31, rerated(800))), seen(200, 50), StatusPaidPartial, OutcomeExact | OutcomeLate, true},
		{"... which may be enough", agreed(lateMoney(LateRerate), pays(1000, 100, 31, rerated(1000))), seen(200, 50), StatusCompleted, OutcomeExact | OutcomeLate, true},
		{"... and nothing before the rate is known", agreed(lateMoney(LateRerate), pays(1000, 100, 31)), seen(200, 50), StatusExpired, OutcomeExact | OutcomeLate, true},
		{"a late top-up does not count when held", agreed(pays(400, 100, 5), pays(600, 101, 31)), seen(200, 50), StatusPaidPartial, OutcomeExact | OutcomeLate, true},

		{"another asset counts for its value", agreed(pays(7, 100, 5, asToken(1000))), seen(200, 6), StatusCompleted, OutcomeExact | OutcomeOtherAsset, true},
		{"A14: assets are never added up by their units", agreed(pays(1000, 100, 5, asToken(3))), seen(200, 6), StatusPaidPartial, OutcomeUnder | OutcomeOtherAsset, false},
		{"another asset is only recorded by policy", agreed(otherMoney(OtherHold), pays(7, 100, 5, asToken(1000))), seen(200, 6), StatusNew, OutcomeExact | OutcomeOtherAsset, false},
		{"another asset without a rate counts for nothing yet", agreed(pays(7, 100, 5, unvalued)), seen(200, 6), StatusNew, OutcomeOtherAsset, false},
		{"Incident15: another network is only on record", agreed(pays(1000, 100, 5, onOtherNetwork)), seen(200, 6), StatusNew, 0, false},

		{"A37: what was withdrawn does not count", agreed(pays(1000, 100, 5, withdrawn)), seen(200, 6), StatusNew, 0, false},
		{"vanished after the deadline: expired", agreed(pays(1000, 100, 5, withdrawn)), seen(200, 31), StatusExpired, 0, true},
		{"a partial payment that vanished in time leaves it new", agreed(pays(400, 0, 5, inPool, withdrawn)), seen(200, 6), StatusNew, 0, false},

		{"completed stays completed", agreed(completedAt(7), pays(1000, 100, 5)), seen(102, 60), StatusCompleted, OutcomeExact, true},
		{"Incident28: a deeper reorganisation is marked, never silent", agreed(completedAt(7), pays(1000, 100, 5, withdrawn)), seen(200, 60), StatusCompleted, OutcomeReverted, true},
		{"... also when a part is left", agreed(completedAt(7), pays(600, 100, 5), pays(400, 100, 5, withdrawn)), seen(200, 60), StatusCompleted, OutcomeUnder | OutcomeReverted, true},
		{"fewer confirmations than before are no reversal", agreed(completedAt(7), pays(1000, 100, 5)), seen(100, 8), StatusCompleted, OutcomeExact, true},
		{"A19: a second payment after completion is more", agreed(completedAt(7), pays(1000, 100, 5), pays(1000, 110, 20)), seen(200, 21), StatusCompleted, OutcomeOver, true},

		{"cancelled by the shop", agreed(operator(ActionCancel)), seen(100, 12), StatusCancelled, 0, true},
		{"money after that is on record and changes nothing", agreed(operator(ActionCancel), pays(1000, 100, 15)), seen(200, 20), StatusCancelled, OutcomeExact, true},
		{"reopened with more time", agreed(operator(ActionCancel, ActionReopen)), seen(200, 60), StatusNew, 0, false},
		{"reopened, and money had come: it counts", agreed(operator(ActionCancel, ActionReopen), pays(1000, 100, 15)), seen(200, 60), StatusCompleted, OutcomeExact, true},
		{"expired by hand needs no chain time", agreed(operator(ActionExpire)), seen(100, 12), StatusExpired, 0, true},
		{"... and what comes after is late", agreed(operator(ActionExpire), pays(1000, 100, 20)), seen(200, 25), StatusExpired, OutcomeExact | OutcomeLate, true},
		{"taken as paid by hand", agreed(operator(ActionComplete)), seen(100, 12), StatusCompleted, 0, true},
		{"... has nothing to be reverted", agreed(operator(ActionComplete), pays(1000, 100, 5, withdrawn)), seen(100, 12), StatusCompleted, 0, true},
		{"archived is the end", agreed(operator(ActionComplete, ActionArchive), pays(1000, 100, 5)), seen(200, 12), StatusArchived, OutcomeExact, true},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			got := decide(tt.facts, tt.clock)
			require.Equal(t, tt.status, got.Status)
			require.Equal(t, tt.outcome.String(), got.Outcome.String())
			require.Equal(t, tt.closed, got.Closed)
		})
	}
}

func TestDecideSaysWhenToLookAgain(t *testing.T) {
	tests := []struct {
		rule  string
		facts facts
		clock clock
		want  Wake
	}{
		{"at the deadline", agreed(), seen(100, 1), Wake{Time: at(30)}},
		{"not at the deadline once enough was seen", agreed(pays(1000, 100, 5)), seen(100, 5), Wake{Height: 102}},
		{"at both while partial", agreed(pays(400, 100, 5)), seen(101, 5), Wake{Height: 102, Time: at(30)}},
		{"when the first of several matures", agreed(pays(400, 104, 5), pays(600, 101, 5)), seen(104, 5), Wake{Height: 106}},
		{"on the clock of the tag", agreed(needs(chain.Confirmations{Tag: chain.FinalityFinalized}), pays(1000, 100, 5)), seen(100, 5), Wake{Tag: chain.FinalityFinalized, Height: 100}},
		{"never when all is settled", agreed(completedAt(6), pays(1000, 100, 5)), seen(200, 6), Wake{}},
		{"with the next block while a rate is missing", agreed(pays(9, 100, 5, unvalued)), seen(100, 5), Wake{Height: 101, Time: at(30)}},
		{"with the next block, not the next finality, for a rate", agreed(needs(chain.Confirmations{Tag: chain.FinalitySafe}), pays(9, 100, 5, unvalued)), seen(100, 5), Wake{Height: 101, Time: at(30)}},
		{"at the new deadline after reopening", agreed(operator(ActionCancel, ActionReopen)), seen(100, 20), Wake{Time: at(90)}},
		{"A19: for a late payment of an expired invoice too", agreed(lateMoney(LateAccept), pays(1000, 100, 31)), seen(100, 31), Wake{Height: 102}},
		{"never for a deposit that was taken back", standingFacts(pays(9, 100, 5, withdrawn)), seen(100, 5), Wake{}},
		{"never for an archived one", agreed(operator(ActionArchive), pays(1000, 100, 5)), seen(100, 5), Wake{}},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			require.Equal(t, tt.want, decide(tt.facts, tt.clock).Wake)
		})
	}
}

func TestDecideLeavesItsInputAlone(t *testing.T) {
	f := agreed(tolerance(5), pays(400, 100, 5), pays(600, 101, 6), operator(ActionAcceptLate))
	slices.Reverse(f.payments)
	before := f.payments[0].Key
	s := decide(f, seen(200, 10))
	s.Received.SetInt64(1)
	s.Counted.SetInt64(1)
	require.Equal(t, before, f.payments[0].Key)
	require.Equal(t, int64(600), f.payments[0].Credit.Int64())
	require.Equal(t, int64(1000), f.due.Int64())
}

// FuzzDecide: neither the order nor the repetition of facts matters, a decision taken twice is the
// same, and what the machine says of amounts adds up.
func FuzzDecide(f *testing.F) {
	for seed := range uint64(40) {
		f.Add(seed, uint8(seed%7), uint8(seed%5))
	}
	f.Fuzz(func(t *testing.T, seed uint64, payments, actions uint8) {
		rng := rand.New(rand.NewPCG(seed, 1))
		facts := randomFacts(rng, int(payments%9), int(actions%5))
		c := seen(95+rng.Uint64N(20), rng.IntN(70))
		want := decide(facts, c)

		shuffled := facts
		shuffled.payments = repeat(rng, facts.payments)
		shuffled.actions = repeat(rng, facts.actions)
		require.Equal(t, want, decide(shuffled, c), "order or repetition changed the decision")

		facts.completedAt = want.CompletedAt
		require.Equal(t, want, decide(facts, c), "deciding again on what was decided changed it")
		require.LessOrEqual(t, want.Confirmed.Cmp(want.Counted), 0)
		require.LessOrEqual(t, want.Counted.Cmp(want.Received), 0)
		if want.Status == StatusCompleted && !want.Outcome.Has(OutcomeReverted) && foldActions(facts.deadline, facts.actions).completed.IsZero() {
			require.True(t, enough(facts.terms, facts.due, want.Counted), "completed without the money")
		}
	})
}

func randomFacts(rng *rand.Rand, payments, actions int) facts {
	f := agreed(tolerance(rng.Int64N(20)), needs(chain.Confirmations{Depth: rng.Uint64N(4)}),
		lateMoney([]LatePolicy{LateHold, LateAccept, LateRerate}[rng.IntN(3)]))
	for range payments {
		units := 1 + rng.Int64N(1200)
		var changes []func(*Payment)
		for _, c := range []func(*Payment){inPool, replaceable, withdrawn, asToken(units), unvalued, onOtherNetwork, rerated(units / 2), seenAt(rng.IntN(60))} {
			if rng.IntN(5) == 0 {
				changes = append(changes, c)
			}
		}
		pays(units, 95+rng.Uint64N(15), rng.IntN(60), changes...)(&f)
	}
	for range actions {
		operator([]ActionKind{ActionCancel, ActionExpire, ActionReopen, ActionComplete, ActionAcceptLate}[rng.IntN(5)])(&f)
	}
	return f
}

func repeat[T any](rng *rand.Rand, in []T) []T {
	out := slices.Clone(in)
	for range rng.IntN(4) {
		if len(in) > 0 {
			out = append(out, in[rng.IntN(len(in))])
		}
	}
	rng.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// A34, for every number of decimals: what is owed rounds up, what is credited rounds down, by less
// than one unit.
func TestA34_RoundingDirectionIsFixed(t *testing.T) {
	rng := rand.New(rand.NewPCG(34, 1))
	for decimals := range 19 {
		for range 50 {
			amount := decimal.New(1+rng.Int64N(1_000_000), -2).Shift(int32(decimals))
			rate := decimal.New(1+rng.Int64N(1_000_000_000), -5)
			up, down := divideUp(amount, rate), divideDown(amount, rate)
			exact := decimal.NewFromBigInt(up, 0).Mul(rate)
			require.True(t, exact.GreaterThanOrEqual(amount), "what is owed was rounded in the payer's favour")
			require.True(t, exact.Sub(rate).LessThan(amount), "what is owed was rounded by a unit or more")
			require.True(t, decimal.NewFromBigInt(down, 0).Mul(rate).LessThanOrEqual(amount))
			require.LessOrEqual(t, new(big.Int).Sub(up, down).Int64(), int64(1))
		}
	}
}

func TestSortKeysSortLikeNumbers(t *testing.T) {
	numbers := []string{"0", "0.000000000000000001", "0.00000001", "0.0999", "0.1", "0.10001", "1", "1.5", "9", "10", "10.01", "99999999", "1000000000000000", "115792089237316195423570985008687907853269984665640564039457584007913129639935"}
	for i := 1; i < len(numbers); i++ {
		a, b := SortKey(decimal.RequireFromString(numbers[i-1])), SortKey(decimal.RequireFromString(numbers[i]))
		require.Less(t, a, b, "%s and %s", numbers[i-1], numbers[i])
	}
	require.Equal(t, SortKey(decimal.RequireFromString("10")), SortKey(decimal.RequireFromString("10.000")))
	require.Equal(t, SortKey(decimal.New(1, 3)), SortKey(decimal.RequireFromString("1000")))
}
