package bitcoin_test

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	btc "github.com/cointill/cointill/chain/bitcoin"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/payout/bitcoin"
)

// coins is every coin with a kind of script that it has.
var coins = []struct {
	params btc.Params
	kind   btc.ScriptKind
	rate   int64 // the fall-back
	dust   int64 // of change
}{
	{btc.BitcoinRegtest(), btc.P2PKH, 10_000, 546}, {btc.BitcoinRegtest(), btc.P2SHP2WPKH, 10_000, 540},
	{btc.BitcoinRegtest(), btc.P2WPKH, 10_000, 294}, {btc.BitcoinRegtest(), btc.P2TR, 10_000, 330},
	{btc.LitecoinRegtest(), btc.P2WPKH, 10_000, 2_940},
	{btc.DogecoinRegtest(), btc.P2PKH, 1_000_000, 1_000_000},
	{btc.BitcoinCashRegtest(), btc.P2PKH, 1_000, 546},
}

func TestEveryCoinIsPlannedSignedAndVerified(t *testing.T) {
	for _, c := range coins {
		t.Run(c.params.Name+"/"+c.kind.String(), func(t *testing.T) {
			s, f := newFakeShop(t, c.params, c.kind)
			f.put(t, s, 6, 300_000_000, 200_000_000, 100_000_000)
			to := s.stranger(t, 1)
			tx := s.plan(t, s.payout(t, "a", to, 450_000_000, 10_000_000))
			s.sign(t, &tx)
			v := tx.Last()
			require.Equal(t, int64(450_000_000), s.pays(t, v, to))
			require.Equal(t, v.Fee.Int64(), s.feeOf(t, v))
			size := vsizeOf(parse(t, v))
			require.GreaterOrEqual(t, v.Fee.Int64()*1000, c.rate*size)
			require.LessOrEqual(t, v.Fee.Int64()*1000, c.rate*(size+int64(len(v.Spends))+1))
			for _, in := range parse(t, v).TxIn {
				require.EqualValues(t, uint32(0xfffffffd), in.Sequence)
			}
			s.send(t, tx)
			require.Equal(t, []string{toHex(v.Raw)}, f.sent)
		})
	}
}

// P16, P17: what is left is change from the dust limit of the relay policy on, whatever the fee rate, and otherwise fee.
func TestPlan_P16_P17_ChangeBelowDustGoesToTheFee(t *testing.T) {
	for _, c := range coins {
		for _, rate := range []int64{c.rate, 40 * c.rate} {
			t.Run(fmt.Sprint(c.params.Name, "/", c.kind, "/", rate), func(t *testing.T) {
				s, f := newFakeShop(t, c.params, c.kind, func(b *bitcoin.Config) { b.Fees.Fallback = rate })
				const value = 900_000_000
				name := f.put(t, s, 6, value)[0]
				plan := func(units int64) payout.Version {
					p, err := s.spender.Plan(t.Context(), s.books, []payout.Payout{s.payout(t, "a", s.stranger(t, 1), units, value)})
					require.NoError(t, err)
					require.Equal(t, []string{name}, p.Version.Spends)
					return p.Version
				}
				fee := plan(value / 2).Fee.Int64() // with change
				v := plan(value - fee - c.dust)
				require.Len(t, v.Moves, 2)
				require.Equal(t, c.dust, v.Moves[1].Units.Int64())
				v = plan(value - fee - c.dust + 1)
				require.Len(t, v.Moves, 1)
				require.Equal(t, fee+c.dust-1, v.Fee.Int64())
			})
		}
	}
}

func TestPlan_P23_TwoPayoutsToOneAddressAreTwoOutputs(t *testing.T) {
	s, f := newFakeShop(t, btc.BitcoinRegtest(), btc.P2WPKH)
	f.put(t, s, 6, 1_000_000)
	to := s.stranger(t, 1)
	tx := s.plan(t, s.payout(t, "a", to, 1000, 10_000), s.payout(t, "b", to, 1000, 10_000), s.payout(t, "c", to, 2000, 10_000))
	require.Equal(t, []string{"a", "b", "c"}, tx.Payouts)
	s.sign(t, &tx)
	require.Equal(t, int64(4000), s.pays(t, tx.Last(), to))
	require.Len(t, parse(t, tx.Last()).TxOut, 4)
}

func TestPlan_PayoutsAreInTheOrderOfTheOutputs(t *testing.T) {
	s, f := newFakeShop(t, btc.BitcoinRegtest(), btc.P2WPKH)
	f.put(t, s, 6, 1_000_000)
	tx := s.plan(t, s.payout(t, "a", s.stranger(t, 1), 3000, 10_000), s.payout(t, "b", s.stranger(t, 2), 1000, 10_000),
		s.payout(t, "c", s.stranger(t, 3), 2000, 10_000))
	require.Equal(t, []string{"b", "c", "a"}, tx.Payouts)
}

func TestPlan_RefusesWhatCanNeverBePaid(t *testing.T) {
	s, f := newFakeShop(t, btc.BitcoinRegtest(), btc.P2WPKH)
	f.put(t, s, 6, 1_000_000)
	token := s.payout(t, "token", s.stranger(t, 1), 1000, 1000)
	token.Asset.ID = "eip155:1/slip44:60"
	bad := []payout.Payout{
		s.payout(t, "network", "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu", 1000, 1000),
		s.payout(t, "dust", s.stranger(t, 1), 545, 1000), token,
	}
	p, err := s.spender.Plan(t.Context(), s.books, bad)
	require.NoError(t, err)
	require.Empty(t, p.Version.Unsigned)
	require.Len(t, p.Refused, 3)
	p, err = s.spender.Plan(t.Context(), s.books, append(bad, s.payout(t, "good", s.stranger(t, 1), 546, 10_000)))
	require.NoError(t, err)
	require.Equal(t, []string{"good"}, p.Payouts)
	require.Len(t, p.Refused, 3)
}

func TestReceiver(t *testing.T) {
	s, _ := newFakeShop(t, btc.BitcoinRegtest(), btc.P2WPKH)
	coin := s.params.Asset()
	address := func(script ...byte) string {
		a, ok := s.params.AddressOf(script)
		require.True(t, ok)
		return string(a)
	}
	key := make([]byte, 32)
	for _, c := range []struct {
		what  string
		asset chain.Asset
		to    string
		units *big.Int
		code  payout.Refusal
	}{
		{"a taproot address", coin, address(append([]byte{0x51, 32}, key...)...), big.NewInt(330), ""},
		{"dust for it", coin, address(append([]byte{0x51, 32}, key...)...), big.NewInt(329), payout.RefusedDust},
		{"nothing", coin, string(s.stranger(t, 1)), new(big.Int), payout.RefusedDust},
		{"no amount", coin, string(s.stranger(t, 1)), nil, payout.RefusedDust},
		{"a negative amount", coin, string(s.stranger(t, 1)), big.NewInt(-5000), payout.RefusedDust},
		{"more than exists", coin, string(s.stranger(t, 1)), big.NewInt(21e14 + 1), payout.RefusedInvalid},
		{"more than 64 bits", coin, string(s.stranger(t, 1)), new(big.Int).Lsh(big.NewInt(1), 70), payout.RefusedInvalid},
		{"the main network", coin, "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu", big.NewInt(5000), payout.RefusedAddress},
		{"Litecoin", coin, "rltc1qcr8te4kr609gcawutmrza0j4xv80jy8zmfp6l0", big.NewInt(5000), payout.RefusedAddress},
		{"a witness version that nobody can own", coin, address(append([]byte{0x52, 32}, key...)...), big.NewInt(5000), payout.RefusedAddress},
		{"an anchor that everybody can spend", coin, address(0x51, 2, 0x4e, 0x73), big.NewInt(5000), payout.RefusedAddress},
		{"another asset", chain.Asset{ID: "eip155:1/slip44:60"}, string(s.stranger(t, 1)), big.NewInt(5000), payout.RefusedAsset},
	} {
		a, err := s.spender.Receiver(t.Context(), c.asset, c.to, c.units)
		if c.code == "" {
			require.NoError(t, err, c.what)
			require.Equal(t, c.to, string(a))
			continue
		}
		refused, ok := errors.AsType[*payout.RefusedError](err)
		require.True(t, ok, c.what)
		require.Equal(t, c.code, refused.Code, c.what)
	}
}

func TestPlan_ChoosesOnlyWhatTheNodeShows(t *testing.T) {
	for what, spoil := range map[string]func(f *fake, s *shop, name, id string){
		"not final":         func(f *fake, _ *shop, _, id string) { f.depth[id] = 1 },
		"unconfirmed":       func(f *fake, _ *shop, _, id string) { f.depth[id] = 0 },
		"unknown":           func(f *fake, _ *shop, _, id string) { delete(f.txs, id) },
		"spent by somebody": func(f *fake, _ *shop, name, _ string) { f.spent[name] = true },
		"of another amount": func(f *fake, _ *shop, _, id string) { f.txs[id].TxOut[0].Value-- },
		"to another key":    func(f *fake, _ *shop, _, id string) { f.txs[id].TxOut[0].PkScript[5] ^= 1 },
		"locked": func(_ *fake, s *shop, name, _ string) {
			h := s.books.holdings[name]
			h.Lock = "x"
			s.books.holdings[name] = h
		},
		"of another wallet": func(_ *fake, s *shop, name, _ string) {
			h := s.books.holdings[name]
			h.Wallet = "x"
			s.books.holdings[name] = h
		},
		"of no amount": func(_ *fake, s *shop, name, _ string) {
			h := s.books.holdings[name]
			h.Units = nil
			s.books.holdings[name] = h
		},
		"of an unknown branch": func(_ *fake, s *shop, name, _ string) {
			h := s.books.holdings[name]
			h.Branch = 2
			s.books.holdings[name] = h
		},
		"of another key number": func(_ *fake, s *shop, name, _ string) {
			h := s.books.holdings[name]
			h.Index++
			s.books.holdings[name] = h
		},
		"without a name": func(_ *fake, s *shop, name, _ string) {
			h := s.books.holdings[name]
			h.Name = "coin"
			s.books.holdings[name] = h
		},
	} {
		t.Run(what, func(t *testing.T) {
			s, f := newFakeShop(t, btc.BitcoinRegtest(), btc.P2WPKH)
			names := f.put(t, s, 6, 900_000, 200_000)
			spoil(f, s, names[0], names[0][:64])
			p, err := s.spender.Plan(t.Context(), s.books, []payout.Payout{s.payout(t, "a", s.stranger(t, 1), 100_000, 10_000)})
			require.NoError(t, err)
			require.Equal(t, names[1:], p.Version.Spends)
			_, err = s.spender.Plan(t.Context(), s.books, []payout.Payout{s.payout(t, "a", s.stranger(t, 1), 400_000, 10_000)})
			require.ErrorIs(t, err, payout.ErrNoCoins)
			require.Equal(t, uint32(1), s.books.numbers, "no number was wasted")
		})
	}
}

// What leaves Litecoin's extension block cannot be spent for six blocks.
func TestPlan_LitecoinWaitsForSixConfirmations(t *testing.T) {
	s, f := newFakeShop(t, btc.LitecoinRegtest(), btc.P2WPKH, func(c *bitcoin.Config) { c.Final = 1 })
	id := f.put(t, s, 5, 900_000)[0][:64]
	pay := []payout.Payout{s.payout(t, "a", s.stranger(t, 1), 100_000, 10_000)}
	_, err := s.spender.Plan(t.Context(), s.books, pay)
	require.ErrorIs(t, err, payout.ErrNoCoins)
	f.depth[id]++
	_, err = s.spender.Plan(t.Context(), s.books, pay)
	require.NoError(t, err)
}

func TestPlan_FeeIsAtMostWhatIsReserved(t *testing.T) {
	s, f := newFakeShop(t, btc.BitcoinRegtest(), btc.P2WPKH)
	f.put(t, s, 6, 1_000_000)
	plan := func(fees ...int64) (payout.Plan, error) {
		var all []payout.Payout
		for i, fee := range fees {
			all = append(all, s.payout(t, ids(10)[i], s.stranger(t, 1), 10_000, fee))
		}
		return s.spender.Plan(t.Context(), s.books, all)
	}
	p, err := plan(10_000)
	require.NoError(t, err)
	fee := p.Version.Fee.Int64()
	_, err = plan(fee)
	require.NoError(t, err)
	_, err = plan(fee - 1)
	require.ErrorIs(t, err, payout.ErrFeeTooHigh)

	const output = 340 // fee for a further output to a public key hash
	p, err = plan(fee, output)
	require.NoError(t, err)
	require.Len(t, p.Payouts, 2)
	for _, fees := range [][]int64{{fee, output - 1}, {0, fee}, {0, fee, 0}, {output - 1, 0, fee}} {
		p, err = plan(fees...)
		require.NoError(t, err)
		require.Equal(t, []string{ids(10)[slices.Index(fees, fee)]}, p.Payouts, "%v: what reserves too little waits", fees)
	}
}

func TestPlan_WhatCoinsDoNotSufficeForWaits(t *testing.T) {
	s, f := newFakeShop(t, btc.BitcoinRegtest(), btc.P2WPKH)
	f.put(t, s, 6, 60_000, 50_000)
	var all []payout.Payout
	for i, units := range []int64{200_000, 40_000, 90_000, 30_000} {
		all = append(all, s.payout(t, ids(4)[i], s.stranger(t, 1), units, 10_000))
	}
	p, err := s.spender.Plan(t.Context(), s.books, all)
	require.NoError(t, err)
	require.ElementsMatch(t, []string{ids(4)[1], ids(4)[3]}, p.Payouts)
	_, err = s.spender.Plan(t.Context(), s.books, all[:1])
	require.ErrorIs(t, err, payout.ErrNoCoins)
}

func TestPlan_BatchIsLimited(t *testing.T) {
	s, f := newFakeShop(t, btc.BitcoinRegtest(), btc.P2WPKH, func(c *bitcoin.Config) { c.Batch = 2 })
	f.put(t, s, 6, 1_000_000)
	var all []payout.Payout
	for _, id := range ids(5) {
		all = append(all, s.payout(t, id, s.stranger(t, 1), 10_000, 10_000))
	}
	p, err := s.spender.Plan(t.Context(), s.books, all)
	require.NoError(t, err)
	require.Equal(t, ids(2), p.Payouts)
}

func TestPlan_FeeRates(t *testing.T) {
	const btcPerKB = `{"feerate":%s,"blocks":6}`
	for _, c := range []struct {
		what    string
		replies map[string]string
		rate    string
	}{
		{"no estimate: the fall-back", map[string]string{"estimatesmartfee": `{"errors":["Insufficient data"],"blocks":6}`}, "10 sat/vB"},
		{"unknown methods: the fall-back", nil, "10 sat/vB"},
		{"a negative estimate of old nodes: the fall-back", map[string]string{"estimatefee": `-1`}, "10 sat/vB"},
		{"an estimate", map[string]string{"estimatesmartfee": fmt.Sprintf(btcPerKB, "0.00012345")}, "12.345 sat/vB"},
		{"one with an exponent", map[string]string{"estimatesmartfee": fmt.Sprintf(btcPerKB, "2.1e-05")}, "2.1 sat/vB"},
		{"fractions are rounded up", map[string]string{"estimatesmartfee": fmt.Sprintf(btcPerKB, "0.000020001")}, "2.001 sat/vB"},
		{"an old estimate", map[string]string{"estimatefee": `0.0003`}, "30 sat/vB"},
		{"the floor of the policy", map[string]string{"estimatesmartfee": fmt.Sprintf(btcPerKB, "0.000001")}, "1 sat/vB"},
		{"P14: the node's floor", map[string]string{
			"estimatesmartfee": fmt.Sprintf(btcPerKB, "0.00001"),
			"getmempoolinfo":   `{"mempoolminfee":0.00001420,"minrelaytxfee":0.00001000}`,
		}, "1.42 sat/vB"},
		{"the relay fee of another method", map[string]string{
			"estimatesmartfee": fmt.Sprintf(btcPerKB, "0.00001"), "getnetworkinfo": `{"relayfee":0.00003}`,
		}, "3 sat/vB"},
		{"nonsense: the fall-back", map[string]string{"estimatesmartfee": fmt.Sprintf(btcPerKB, "1e400")}, "10 sat/vB"},
	} {
		t.Run(c.what, func(t *testing.T) {
			s, f := newFakeShop(t, btc.BitcoinRegtest(), btc.P2WPKH)
			f.put(t, s, 6, 1_000_000)
			for method, reply := range c.replies {
				f.replies[method] = reply
			}
			p, err := s.spender.Plan(t.Context(), s.books, []payout.Payout{s.payout(t, "a", s.stranger(t, 1), 10_000, 100_000)})
			require.NoError(t, err)
			require.Equal(t, c.rate, p.Version.Rate)
		})
	}
}

func TestPlan_WaitsAboveTheCap(t *testing.T) {
	s, f := newFakeShop(t, btc.BitcoinRegtest(), btc.P2WPKH)
	f.put(t, s, 6, 100_000_000)
	pay := []payout.Payout{s.payout(t, "a", s.stranger(t, 1), 10_000, 1_000_000)}
	for method, reply := range map[string]string{
		"estimatesmartfee": `{"feerate":0.00500001}`, "getmempoolinfo": `{"mempoolminfee":20999999}`,
		"getnetworkinfo": `{"incrementalfee":20999999}`,
	} {
		f.replies[method] = reply
		_, err := s.spender.Plan(t.Context(), s.books, pay)
		require.ErrorIs(t, err, payout.ErrFeeTooHigh, method)
		delete(f.replies, method)
	}
	_, err := s.spender.Plan(t.Context(), s.books, pay)
	require.NoError(t, err)
}

func TestPlan_ANodeThatFailsIsAnError(t *testing.T) {
	for _, method := range []string{"getblockchaininfo", "gettxout", "getblockhash"} {
		s, f := newFakeShop(t, btc.BitcoinRegtest(), btc.P2WPKH)
		f.put(t, s, 6, 1_000_000)
		f.replies[method] = `!{"code":-28,"message":"Loading"}`
		_, err := s.spender.Plan(t.Context(), s.books, []payout.Payout{s.payout(t, "a", s.stranger(t, 1), 10_000, 10_000)})
		require.ErrorIs(t, err, chain.ErrBehind, method)
		require.NotErrorIs(t, err, payout.ErrNoCoins)
		require.Zero(t, s.books.numbers)
	}
}

// BenchmarkPlanFrom100000Coins plans from the holdings of a wallet with a hundred thousand coins, all of them already read
// from the store. The goal is 50 ms on one core. On a machine that does other work, the time of the processor counts, which
// pprof shows for Plan:
//
//	GOMAXPROCS=1 go test ./payout/bitcoin -run '^$' -bench PlanFrom -benchtime 100x -cpuprofile cpu.prof
//	go tool pprof -top -cum -focus 'Spender..Plan$' bitcoin.test cpu.prof
func BenchmarkPlanFrom100000Coins(b *testing.B) {
	s, f := newFakeShop(b, btc.BitcoinRegtest(), btc.P2WPKH)
	const keys = 50
	f.put(b, s, 6, slices.Repeat([]int64{1}, keys)...)
	first := s.books.holdings
	listed := &list{books: s.books}
	for i := range 100_000 {
		for _, h := range first {
			tx := f.txs[h.Name[:64]].Copy()
			tx.LockTime, tx.TxOut[0].Value = uint32(i), int64(1_000+i*7919%30_000_000)
			id := tx.TxHash().String()
			f.txs[id], f.depth[id] = tx, 6
			h.Name, h.Units = id+":0", big.NewInt(tx.TxOut[0].Value)
			listed.all = append(listed.all, h)
			break // of the map: any of them
		}
	}
	all := []payout.Payout{s.payout(b, "a", s.stranger(b, 1), 123_456_789, 1_000_000)}
	for b.Loop() {
		_, err := s.spender.Plan(b.Context(), listed, all)
		require.NoError(b, err)
	}
}

// list is books whose holdings are in a list.
type list struct {
	*books
	all []payout.Holding
}

func (l *list) Holdings(_ context.Context, _ chain.AssetID, visit func(payout.Holding) bool) error {
	for _, h := range l.all {
		if !visit(h) {
			break
		}
	}
	return nil
}
