package rates_test

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/rates"
	"github.com/cointill/cointill/rates/ratestest"
)

var (
	trxEUR = rates.Pair{Base: "TRX", Quote: "EUR"}
	trxUSD = rates.Pair{Base: "TRX", Quote: "USD"}
)

// quotes returns a source of the given pairs, "TRX/USDT" for one, as of age before noon.
func quotes(name string, age time.Duration, values map[string]string) rates.Source {
	return sourceFunc(func(_ context.Context, p rates.Pair) (rates.Rate, error) {
		value, ok := values[p.String()]
		if !ok {
			return rates.Rate{}, fmt.Errorf("%s: %w for %s", name, rates.ErrNoRate, p)
		}
		return rates.Rate{Pair: p, Value: dec(value), Time: noon.Add(-age), Source: name}, nil
	})
}

// euroWay goes from a coin to USDT, to dollars, to euros.
func euroWay(coins, tether, euro rates.Source) rates.CrossConfig {
	return rates.CrossConfig{
		Via: []string{"USDT", "USD"},
		Legs: []rates.Leg{
			{Name: "binance", Source: coins},
			{Name: "kraken", Source: tether},
			{Name: "ecb", Source: euro, Inverted: true, MaxAge: 6 * 24 * time.Hour},
		},
		Now: atNoon,
	}
}

func newCross(t *testing.T, config rates.CrossConfig) *rates.Cross {
	t.Helper()
	c, err := rates.NewCross(config)
	require.NoError(t, err)
	return c
}

func usualWay(t *testing.T) *rates.Cross {
	return newCross(t, euroWay(
		quotes("binance", time.Second, map[string]string{"TRX/USDT": "0.25"}),
		quotes("kraken", time.Minute, map[string]string{"USDT/USD": "0.999"}),
		quotes("ecb", 69*time.Hour, map[string]string{"EUR/USD": "1.08"}),
	))
}

func TestCrossConformance(t *testing.T) {
	ratestest.Run(t, func(t *testing.T) rates.Source { return usualWay(t) }, ratestest.Setup{
		Known:   trxEUR,
		Value:   dec("0.23125"),
		Unknown: rates.Pair{Base: "NOCOIN", Quote: "EUR"},
		Stalled: func(t *testing.T) rates.Source { return newCross(t, euroWay(hangs(), hangs(), hangs())) },
		Now:     atNoon,
	})
}

func TestCrossMultipliesAlongTheWay(t *testing.T) {
	for _, tc := range []struct {
		pair  string
		value string
		who   string
		age   time.Duration
	}{
		{"TRX/EUR", "0.23125", "cross(binance TRX/USDT, kraken USDT/USD, ecb EUR/USD inverted)", 69 * time.Hour},
		{"TRX/USD", "0.24975", "cross(binance TRX/USDT, kraken USDT/USD)", time.Minute},
		{"TRX/USDT", "0.25", "cross(binance TRX/USDT)", time.Second},
		{"USDT/EUR", "0.925", "cross(kraken USDT/USD, ecb EUR/USD inverted)", 69 * time.Hour},
		{"USDT/USD", "0.999", "cross(kraken USDT/USD)", time.Minute},
		{"USD/EUR", "0.9259259259259259259259259259259259", "cross(ecb EUR/USD inverted)", 69 * time.Hour},
	} {
		t.Run(tc.pair, func(t *testing.T) {
			base, quote, _ := strings.Cut(tc.pair, "/")
			r, err := usualWay(t).Rate(t.Context(), rates.Pair{Base: base, Quote: quote})
			require.NoError(t, err)
			require.Equal(t, tc.value, r.Value.String())
			require.Equal(t, tc.who, r.Source)
			require.Equal(t, noon.Add(-tc.age), r.Time, "the oldest leg's")
		})
	}
}

func TestCrossDoesNotGoBackwards(t *testing.T) {
	for _, p := range []rates.Pair{{Base: "USD", Quote: "USDT"}, {Base: "EUR", Quote: "TRX"}, {Base: "USD", Quote: "TRX"}} {
		_, err := usualWay(t).Rate(t.Context(), p)
		require.ErrorIs(t, err, rates.ErrNoRate, p.String())
	}
}

// exactly is the rate of TRX/EUR before rounding.
func exactly(coin, tether, euro decimal.Decimal) *big.Rat {
	exact := new(big.Rat).Mul(coin.Rat(), tether.Rat())
	return exact.Quo(exact, euro.Rat())
}

// checkRounding wants got not above exact, and below it by less than 10^-33 of it.
func checkRounding(t *testing.T, got decimal.Decimal, exact *big.Rat) {
	t.Helper()
	missing := new(big.Rat).Sub(exact, got.Rat())
	require.GreaterOrEqual(t, missing.Sign(), 0, "%s is above the exact %s", got, exact)
	bound := new(big.Rat).Mul(exact, decimal.New(1, -33).Rat())
	require.Negative(t, missing.Cmp(bound), "%s is too far below the exact %s", got, exact)
}

func TestA34_ACrossRateIsRoundedDownOnce(t *testing.T) {
	for places := range int32(19) {
		t.Run(fmt.Sprintf("%d decimals", places), func(t *testing.T) {
			coin, tether, euro := decimal.New(7, -places), decimal.New(1, 0).Sub(decimal.New(1, -places-1)), dec("1.0932")
			c := newCross(t, euroWay(says(coin.String(), 0), says(tether.String(), 0), says(euro.String(), 0)))
			r, err := c.Rate(t.Context(), trxEUR)
			require.NoError(t, err)
			checkRounding(t, r.Value, exactly(coin, tether, euro))

			r, err = c.Rate(t.Context(), trxUSD)
			require.NoError(t, err)
			require.True(t, r.Value.Equal(coin.Mul(tether)), "a product of few digits is exact: %s", r.Value)
		})
	}
}

func TestA34_RoundingOfACrossRateNeverFavoursThePayer(t *testing.T) {
	rng := rand.New(rand.NewPCG(34, 41))
	random := func() decimal.Decimal {
		return decimal.New(rng.Int64N(1<<40)+1, -int32(rng.IntN(14)))
	}
	for range 2000 {
		coin, tether, euro := random(), random(), random()
		c := newCross(t, euroWay(says(coin.String(), 0), says(tether.String(), 0), says(euro.String(), 0)))
		r, err := c.Rate(t.Context(), trxEUR)
		require.NoError(t, err)
		exact := exactly(coin, tether, euro)
		checkRounding(t, r.Value, exact)

		// price / rate in units of 10^-18, rounded up
		price := decimal.New(rng.Int64N(1_000_000)+1, -2)
		due := ceil(new(big.Rat).Quo(price.Shift(18).Rat(), r.Value.Rat()))
		fair := ceil(new(big.Rat).Quo(price.Shift(18).Rat(), exact))
		require.GreaterOrEqual(t, due.Cmp(fair), 0, "%s is less than the fair %s", due, fair)
	}
}

func ceil(r *big.Rat) *big.Int {
	q, m := new(big.Int).QuoRem(r.Num(), r.Denom(), new(big.Int))
	return q.Add(q, big.NewInt(int64(m.Sign())))
}

func TestAStableCoinThatLosesItsPegIsPricedAndNotAssumed(t *testing.T) {
	way := func(tether rates.Source) rates.CrossConfig {
		return euroWay(quotes("binance", 0, map[string]string{"TRX/USDT": "0.25"}), tether, says("1.08", 0))
	}
	lost := quotes("kraken", 0, map[string]string{"USDT/USD": "0.88"})
	r, err := newCross(t, way(lost)).Rate(t.Context(), trxUSD)
	require.NoError(t, err)
	require.Equal(t, "0.22", r.Value.String())

	_, err = newCross(t, way(quotes("kraken", 0, nil))).Rate(t.Context(), trxUSD)
	require.ErrorIs(t, err, rates.ErrNoRate, "without a price of USDT, nothing in it is priced in USD")
	require.EqualError(t, err, "rates: no rate for TRX/USD: USDT/USD from kraken: rates: no rate for USDT/USD")

	bounded := way(lost)
	bounded.Bounds = map[rates.Pair]rates.Bounds{{Base: "USDT", Quote: "USD"}: {Min: dec("0.95"), Max: dec("1.05")}}
	_, err = newCross(t, bounded).Rate(t.Context(), trxUSD)
	require.ErrorIs(t, err, rates.ErrNoRate)
	require.ErrorContains(t, err, "USDT/USD from kraken: value 0.88 is outside 0.95 to 1.05")
}

func TestA33_EachLegHasAnAgeLimitOfItsOwn(t *testing.T) {
	for _, tc := range []struct {
		name string
		coin time.Duration
		euro time.Duration
		why  string // empty: there is a rate
	}{
		{"a weekend's reference rate and a fresh coin", time.Minute, 69 * time.Hour, ""},
		{"the coin is as old as the reference rate", 69 * time.Hour, 69 * time.Hour, "TRX/USDT from binance: rate is 69h0m0s old, more than 5m0s"},
		{"the reference rate is a week old", time.Minute, 168 * time.Hour, "EUR/USD from ecb: rate is 168h0m0s old, more than 144h0m0s"},
		{"a leg from the future", -2 * time.Minute, 0, "in the future"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newCross(t, euroWay(says("0.25", tc.coin), says("1", 0), says("1.08", tc.euro)))
			r, err := c.Rate(t.Context(), trxEUR)
			if tc.why == "" {
				require.NoError(t, err)
				require.Equal(t, noon.Add(-tc.euro), r.Time)
				return
			}
			require.ErrorIs(t, err, rates.ErrNoRate)
			require.ErrorContains(t, err, tc.why)
		})
	}
}

func TestA31_ALegThatFailsOrHangsIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		config := euroWay(fails(&rates.HTTPError{Source: "binance", Status: 451}), hangs(), says("1.08", 0))
		config.Now = nil
		c := newCross(t, config)
		start := time.Now()
		_, err := c.Rate(t.Context(), trxUSD)
		require.EqualError(t, err, "rates: no rate for TRX/USD: TRX/USDT from binance: HTTP status 451; "+
			"USDT/USD from kraken: no response within 10s")
		require.Equal(t, 10*time.Second, time.Since(start), "all legs are asked at once")
		var refused *rates.HTTPError
		require.ErrorAs(t, err, &refused)
		require.NotErrorIs(t, err, context.DeadlineExceeded, "the caller's context has not ended")

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = c.Rate(ctx, trxUSD)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestIncident36_BoundsHoldTheResultToo(t *testing.T) {
	config := euroWay(says("250", 0), says("1", 0), says("1.08", 0)) // the coin times a thousand
	config.Bounds = map[rates.Pair]rates.Bounds{trxEUR: {Min: dec("0.01"), Max: dec("10")}}
	_, err := newCross(t, config).Rate(t.Context(), trxEUR)
	require.ErrorIs(t, err, rates.ErrNoRate)
	require.ErrorContains(t, err, "is outside 0.01 to 10")
}

func TestIncident37_NonsenseInALegIsRefusedAndNotDividedBy(t *testing.T) {
	for _, value := range []string{"0", "-1.08"} {
		for i := range 3 {
			legs := []rates.Source{says("0.25", 0), says("1", 0), says("1.08", 0)}
			legs[i] = says(value, 0)
			_, err := newCross(t, euroWay(legs[0], legs[1], legs[2])).Rate(t.Context(), trxEUR)
			require.ErrorIs(t, err, rates.ErrNoRate)
			require.ErrorContains(t, err, "not positive")
		}
	}
	// A reciprocal of what is barely allowed has too many places.
	c := newCross(t, euroWay(says("1e-20", 0), says("1e-20", 0), says("1e20", 0)))
	_, err := c.Rate(t.Context(), trxEUR)
	require.ErrorIs(t, err, rates.ErrNoRate)
	// The product itself has few digits, and is exact however small.
	r, err := c.Rate(t.Context(), trxUSD)
	require.NoError(t, err)
	require.True(t, r.Value.Equal(decimal.New(1, -40)), "%s", r.Value)
}

func TestTheSourceOfACrossRateIsBounded(t *testing.T) {
	long := sourceFunc(func(_ context.Context, p rates.Pair) (rates.Rate, error) {
		return rates.Rate{Pair: p, Value: dec("1"), Time: noon, Source: strings.Repeat("s", 1000)}, nil
	})
	code := func(letter string) string { return strings.Repeat(letter, 16) }
	leg := rates.Leg{Name: strings.Repeat("n", 64), Source: long, Inverted: true}
	c := newCross(t, rates.CrossConfig{
		Via:  []string{code("B"), code("C"), code("D")},
		Legs: []rates.Leg{leg, leg, leg, leg},
		Now:  atNoon,
	})
	r, err := c.Rate(t.Context(), rates.Pair{Base: code("A"), Quote: code("E")})
	require.NoError(t, err)
	require.Contains(t, r.Source, leg.Name+" "+code("B")+"/"+code("A")+" inverted, ")
	require.LessOrEqual(t, len(r.Source), 450)
}

func TestNewCrossRefusesBadConfigurationByField(t *testing.T) {
	one := rates.Leg{Name: "a", Source: says("1", 0)}
	two := []rates.Leg{one, one}
	for field, config := range map[string]rates.CrossConfig{
		"Via has 0":       {Legs: []rates.Leg{one}},
		"Via has 4":       {Via: []string{"A", "B", "C", "D"}, Legs: []rates.Leg{one, one, one, one, one}},
		`Via[0] "usd"`:    {Via: []string{"usd"}, Legs: two},
		`Via[1] "USD"`:    {Via: []string{"USD", "USD"}, Legs: []rates.Leg{one, one, one}},
		"Legs has 1":      {Via: []string{"USD"}, Legs: []rates.Leg{one}},
		"Legs[1].Name":    {Via: []string{"USD"}, Legs: []rates.Leg{one, {Source: one.Source}}},
		"Legs[0].Name":    {Via: []string{"USD"}, Legs: []rates.Leg{{Name: strings.Repeat("a", 65), Source: one.Source}, one}},
		"Legs[1].Source":  {Via: []string{"USD"}, Legs: []rates.Leg{one, {Name: "b"}}},
		"Legs[1]: MaxAge": {Via: []string{"USD"}, Legs: []rates.Leg{one, {Name: "b", Source: one.Source, MaxAge: -1}}},
		"Timeout":         {Via: []string{"USD"}, Legs: two, Timeout: -1},
		"Bounds of":       {Via: []string{"USD"}, Legs: two, Bounds: map[rates.Pair]rates.Bounds{btcEUR: {}}},
	} {
		t.Run(field, func(t *testing.T) {
			_, err := rates.NewCross(config)
			require.ErrorContains(t, err, field)
		})
	}
}

func FuzzCross(f *testing.F) {
	f.Add("0.25", "0.999", "1.08")
	f.Add("1e-20", "1e29", "3")
	f.Add("9999999999999999999999999999999999999999", "7e-30", "0.000000000000000000000000000001")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		legs := make([]rates.Source, 3)
		values := make([]decimal.Decimal, 3)
		for i, text := range []string{a, b, c} {
			v, err := rates.ParseValue(text)
			if err != nil || v.Sign() <= 0 {
				return
			}
			values[i], legs[i] = v, says(text, 0)
		}
		r, err := newCross(t, euroWay(legs[0], legs[1], legs[2])).Rate(t.Context(), trxEUR)
		if err != nil {
			require.True(t, errors.Is(err, rates.ErrNoRate), "%v", err)
			return
		}
		require.NoError(t, r.Validate())
		checkRounding(t, r.Value, exactly(values[0], values[1], values[2]))
	})
}
