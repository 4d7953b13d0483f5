package bitcoin

import (
	"cmp"
	"slices"
	"sort"
)

// coin is an output that may be spent.
type coin struct {
	name   string // "txid:vout"
	value  int64
	branch uint32
	index  uint32
}

// bill is what chosen coins must pay for.
type bill struct {
	outputs int64 // sum of the outputs without change
	least   int64 // the fee must not be below it, whatever the size
	fixed   int64 // weight of the transaction without the inputs to choose and without change
	input   int64 // weight of an input
	change  int64 // weight of the output for change
	dust    int64 // the smallest change that is not left to the fee
	rate    int64 // for 1000 virtual bytes
	most    int   // greatest number of coins to choose
	paid    int64 // value of inputs that are chosen already
	must    bool  // there must be change
}

// effective returns what a coin adds beyond the fee for its input.
func (b bill) effective(c coin) int64 { return c.value - feeFor(b.rate, b.input) }

// target returns what the effective values must add up to.
func (b bill) target() int64 {
	fee := max(feeFor(b.rate, b.fixed), b.least)
	t := b.outputs + fee - b.paid
	if b.must {
		t += b.gap()
	}
	return t
}

// gap returns how much more than the target leaves room for change.
func (b bill) gap() int64 { return feeFor(b.rate, b.change) + b.dust }

// order returns the coins as choose expects them: the largest first, and by name where that is equal, so that the same
// coins are always chosen. There may be a hundred thousand of them: it sorts by the digits of their values, which takes a
// fraction of the time of comparing them.
func order(coins []coin) []coin {
	ranks := make([]rank, len(coins)) // small, and without pointers
	for i, c := range coins {
		ranks[i] = rank{c.value, int32(i)}
	}
	ordered := make([]coin, len(coins))
	for i, r := range byDigits(ranks) {
		ordered[i] = coins[r.at]
	}
	for i := 0; i < len(ordered); {
		end := i + 1
		for end < len(ordered) && ordered[end].value == ordered[i].value {
			end++
		}
		if end > i+1 {
			slices.SortFunc(ordered[i:end], func(a, b coin) int { return cmp.Compare(a.name, b.name) })
		}
		i = end
	}
	return ordered
}

// rank is a coin's value, and its place among the others.
type rank struct {
	value int64
	at    int32
}

// byDigits sorts ranks by value, the largest first. It also changes its argument.
func byDigits(ranks []rank) []rank {
	const bits, digits = 11, 1 << 11
	spare := make([]rank, len(ranks))
	for shift := 0; shift < 63; shift += bits {
		var starts [digits]int32
		for _, r := range ranks {
			starts[digits-1-r.value>>shift&(digits-1)]++
		}
		if slices.Contains(starts[:], int32(len(ranks))) {
			continue // they all have the same digit
		}
		next := int32(0)
		for i, n := range starts {
			starts[i] = next
			next += n
		}
		for _, r := range ranks {
			at := &starts[digits-1-r.value>>shift&(digits-1)]
			spare[*at] = r
			*at++
		}
		ranks, spare = spare, ranks
	}
	return ranks
}

// choose returns which of the ordered coins pay the bill, by their indexes, and reports whether they suffice. It prefers
// coins that leave no change (branch and bound), and else takes the largest, the last of which may be a smaller one that
// suffices. It changes nothing, and returns the same for the same arguments.
func choose(coins []coin, b bill) ([]int, bool) {
	useful := sort.Search(len(coins), func(i int) bool { return b.effective(coins[i]) <= 0 })
	coins = coins[:useful]
	if b.target() <= 0 {
		return nil, true
	}
	if !b.must {
		if exact := b.exact(coins); exact != nil {
			return exact, true
		}
	}
	return b.largest(coins)
}

// tries bounds the search for an exact match.
const tries = 50_000

// exact returns coins whose surplus is too little for change, or nil if the search finds none. It walks the tree of
// choices with the largest coins first, and cuts what is too much or cannot be enough any more.
func (b bill) exact(coins []coin) []int {
	target := b.target()
	limit := target + b.gap() - 1
	first := sort.Search(len(coins), func(i int) bool { return b.effective(coins[i]) <= limit })
	rest := make([]int64, len(coins)+1-first) // sums from each coin to the end
	for i := len(coins) - 1; i >= first; i-- {
		rest[i-first] = rest[i-first+1] + b.effective(coins[i])
	}
	var chosen []int
	sum, next := int64(0), first
	for range tries {
		switch {
		case sum >= target && sum <= limit:
			return chosen
		case sum <= limit && len(chosen) < b.most && next < len(coins) && sum+rest[next-first] >= target:
			chosen = append(chosen, next)
			sum += b.effective(coins[next])
			next++
			continue
		case len(chosen) == 0:
			return nil
		}
		// Leave out the last one, and those like it, which make no difference.
		last := chosen[len(chosen)-1]
		chosen = chosen[:len(chosen)-1]
		sum -= b.effective(coins[last])
		for next = last + 1; next < len(coins) && coins[next].value == coins[last].value; next++ {
			continue
		}
	}
	return nil
}

// largest returns the largest coins that suffice.
func (b bill) largest(coins []coin) ([]int, bool) {
	target := b.target()
	var chosen []int
	for sum := int64(0); sum < target; {
		i := len(chosen)
		if i == len(coins) || i == b.most {
			return nil, false
		}
		if need := target - sum; b.effective(coins[i]) >= need {
			return append(chosen, b.lastOf(coins, i, need)), true
		}
		chosen = append(chosen, i)
		sum += b.effective(coins[i])
	}
	return chosen, true
}

// lastOf returns the smallest coin from number i on that brings what is needed with enough for change, or i.
func (b bill) lastOf(coins []coin, i int, need int64) int {
	if !b.must {
		need += b.gap()
	}
	after := sort.Search(len(coins)-i, func(j int) bool { return b.effective(coins[i+j]) < need })
	return max(i, i+after-1)
}
