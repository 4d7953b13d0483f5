package bitcoin

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

func coinsOf(values ...int64) []coin {
	coins := make([]coin, len(values))
	for i, v := range values {
		coins[i] = coin{name: strconv.Itoa(i), value: v}
	}
	return order(coins)
}

// free is a bill without any fee.
func free(outputs int64) bill { return bill{outputs: outputs, dust: 10, most: 100} }

func TestChoose(t *testing.T) {
	with := func(b bill, change func(*bill)) bill {
		change(&b)
		return b
	}
	for _, c := range []struct {
		what   string
		coins  []int64
		bill   bill
		values []int64 // nil: not enough
	}{
		{"an exact match instead of the largest", []int64{1000, 600, 400, 300}, free(700), []int64{400, 300}},
		{"a surplus below dust is a match", []int64{1000, 609}, free(600), []int64{609}},
		{"a surplus of dust is change", []int64{1000, 610}, free(600), []int64{610}},
		{"the smallest one that suffices, with room for change", []int64{5000, 800, 700, 605}, with(free(600), func(b *bill) { b.must = true }), []int64{700}},
		{"the largest ones, and one that suffices for the rest", []int64{500, 400, 300, 250, 100}, free(675), []int64{500, 250}},
		{"all of them", []int64{50, 40, 30}, free(120), []int64{50, 40, 30}},
		{"too little", []int64{50, 40, 30}, free(121), nil},
		{"none", nil, free(1), nil},
		{"too many", []int64{50, 40, 30}, with(free(100), func(b *bill) { b.most = 2 }), nil},
		{"what is paid already suffices", []int64{50}, with(free(100), func(b *bill) { b.paid = 100 }), []int64{}},
		{"a coin that costs more than it brings is none", []int64{100, 100}, with(free(1), func(b *bill) { b.rate, b.input = 1000, 400 }), nil},
		{"the fee of each input is counted", []int64{1100, 1000}, with(free(1000), func(b *bill) { b.rate, b.input = 1000, 400 }), []int64{1100}},
		{"the least fee counts if it is higher", []int64{2000, 1100}, with(free(1000), func(b *bill) { b.least = 101 }), []int64{2000}},
	} {
		t.Run(c.what, func(t *testing.T) {
			coins := coinsOf(c.coins...)
			chosen, ok := choose(coins, c.bill)
			require.Equal(t, c.values != nil, ok)
			got := []int64{}
			for _, i := range chosen {
				got = append(got, coins[i].value)
			}
			if ok {
				require.ElementsMatch(t, c.values, got)
			}
		})
	}
}

// Whatever is chosen suffices, names no coin twice, and is the same again; and when nothing is chosen, the largest coins do
// not suffice.
func TestChoose_AlwaysSuffices(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		values := make([]int64, r.IntN(40))
		for i := range values {
			values[i] = r.Int64N(5000)
		}
		coins := coinsOf(values...)
		b := bill{
			outputs: r.Int64N(40_000), fixed: r.Int64N(4000), input: 4 * (1 + r.Int64N(150)), change: 4 * r.Int64N(40), dust: r.Int64N(500),
			rate: r.Int64N(5000), most: 1 + r.IntN(30), must: r.IntN(2) == 0, least: r.Int64N(300),
		}
		chosen, ok := choose(coins, b)
		again, _ := choose(coins, b)
		require.Equal(t, chosen, again)
		sum, seen := int64(0), map[int]bool{}
		for _, i := range chosen {
			require.False(t, seen[i])
			seen[i] = true
			sum += b.effective(coins[i])
		}
		if ok {
			require.GreaterOrEqual(t, sum, b.target())
			require.LessOrEqual(t, len(chosen), b.most)
			continue
		}
		most := int64(0)
		for _, c := range coins[:min(len(coins), b.most)] {
			most += max(0, b.effective(c))
		}
		require.Less(t, most, b.target())
	}
}

func TestFeeFor_P14_P15_RoundsUp(t *testing.T) {
	for _, c := range []struct{ rate, weight, fee int64 }{
		{1000, 4 * 141, 141}, {1000, 4*141 - 3, 141}, {1000, 4*141 + 1, 142}, {1001, 4 * 141, 142}, {1010, 4 * 141, 143},
		{100, 4 * 141, 15}, {1, 4, 1}, {0, 400, 0}, {1000, 0, 0}, {100_000_000_000, 400_000, 10_000_000_000_000},
	} {
		require.Equal(t, c.fee, feeFor(c.rate, c.weight), "%d for %d", c.rate, c.weight)
	}
}

// BIP-125, and a higher rate.
func TestCost_AReplacementPaysMore(t *testing.T) {
	c := cost{rate: 1000, before: 500, increment: 1000, best: 2500}
	require.Equal(t, int64(700), c.fee(4*200))
	require.Equal(t, int64(2251), c.fee(4*900), "more for each byte")
	c.best = 250
	require.Equal(t, int64(1400), c.fee(4*900), "the sum and an increment for its own size")
	c.rate = 20_000
	require.Equal(t, int64(18_000), c.fee(4*900))

	// Nodes round rates down to whole units for 1000 bytes before they compare them.
	for _, size := range []int64{109, 177, 1000, 33_333} {
		c := cost{before: 1, increment: 1, best: 13_504}
		require.Greater(t, c.fee(4*size)*1000/size, c.best)
	}
}

func BenchmarkChooseFrom100000Coins(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	coins := make([]coin, 100_000)
	for i := range coins {
		coins[i] = coin{name: strconv.Itoa(i), value: 1000 + r.Int64N(30_000_000)}
	}
	for b.Loop() {
		_, ok := choose(order(coins), bill{
			outputs: 123_456_789, fixed: 500, input: 272, change: 124, dust: 294, rate: 10_000, most: mostInputs,
		})
		require.True(b, ok)
	}
}

func TestOrder_TheLargestComeFirstAndEqualOnesByName(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, most := range []int64{1, 3, 2_000, 5_000_000, 1<<63 - 1} {
		for _, n := range []int{0, 1, 2, 500} {
			coins := make([]coin, n)
			for i := range coins {
				coins[i] = coin{name: strconv.Itoa(i * 7919 % 1009), value: r.Int64N(most) + 1}
			}
			want := slices.SortedStableFunc(slices.Values(coins), func(a, b coin) int {
				return cmp.Or(cmp.Compare(b.value, a.value), cmp.Compare(a.name, b.name))
			})
			require.Equal(t, append([]coin{}, want...), order(coins))
		}
	}
}
