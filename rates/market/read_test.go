package market_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/rates/market"
)

func TestATimeInSecondsIsReadExactlyOrRefused(t *testing.T) {
	body := func(at string) string { return `{"bid":"2","ask":"2","timestamp":"` + at + `"}` }
	r, err := responds(t, market.Bitstamp(), body("1711356300")).Rate(t.Context(), btcEUR)
	require.NoError(t, err)
	require.Equal(t, time.Date(2024, 3, 25, 8, 45, 0, 0, time.UTC), r.Time)
	for _, bad := range []string{"", "0", "-1", "1711356300.5", "soon", "99999999999999999", "1e9"} {
		_, err := responds(t, market.Bitstamp(), body(bad)).Rate(t.Context(), btcEUR)
		require.ErrorContains(t, err, "is not seconds since 1970", bad)
	}
}

func TestATimeInMillisecondsIsReadExactlyOrRefused(t *testing.T) {
	body := func(at string) string {
		return `{"code":"200000","data":{"bestBid":"2","bestAsk":"2","time":` + at + `}}`
	}
	r, err := responds(t, market.KuCoin(), body("1711356300123")).Rate(t.Context(), pair("BTC/USDT"))
	require.NoError(t, err)
	require.Equal(t, time.Date(2024, 3, 25, 8, 45, 0, 123e6, time.UTC), r.Time)
	for _, bad := range []string{"null", "0", "-1", "1711356300.5", "1711356300123000000", "1.7e12"} {
		_, err := responds(t, market.KuCoin(), body(bad)).Rate(t.Context(), pair("BTC/USDT"))
		require.ErrorContains(t, err, "is not milliseconds since 1970", bad)
	}
}
