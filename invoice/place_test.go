package invoice_test

import (
	"errors"
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
	"github.com/cointill/cointill/invoice"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

func pooled(size uint32) func(*invoice.Config) {
	return func(cfg *invoice.Config) {
		cfg.Chains[0].Pool = &invoice.Pool{Size: size, Quarantine: time.Hour}
	}
}

func shared(slots int) func(*invoice.Config) {
	return func(cfg *invoice.Config) {
		cfg.Chains[0].Shared = &invoice.Shared{Project: "till", Slots: slots, Quarantine: time.Hour}
	}
}

// pass lets time go by on the chain too.
func (w *world) pass(d time.Duration) {
	time.Sleep(d)
	w.mine(1)
}

func TestAPooledAddressRestsBeforeItIsUsedAgain(t *testing.T) {
	inWorld(t, func(w *world) {
		first, second := w.create(), w.create()
		require.NotEqual(t, first.Quote.Address, second.Quote.Address)
		_, err := w.svc.Create(t.Context(), invoice.Request{Project: "shop", Price: price("1", "EUR"), Asset: "SIM"})
		require.ErrorIs(t, err, invoice.ErrNoAddress)

		w.pass(31 * time.Minute) // the deadline
		w.wants(first, invoice.StatusExpired, 0)
		_, err = w.svc.Create(t.Context(), invoice.Request{Project: "shop", Price: price("1", "EUR"), Asset: "SIM"})
		require.ErrorIs(t, err, invoice.ErrNoAddress, "it rests")
		w.pass(61 * time.Minute)
		require.NotZero(t, w.get(first).State.ReleasedAt)

		third := w.create()
		require.Contains(t, []chain.Address{first.Quote.Address, second.Quote.Address}, third.Quote.Address)
		require.NotEqual(t, third.Quote.Address, w.create().Quote.Address)
	}, pooled(2))
}

func TestLateMoneyFindsItsInvoiceWhileTheAddressRestsAndUntilItIsUsedAgain(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create()
		w.pass(31 * time.Minute)
		w.pay(inv, "SIM", "1")
		w.mine(1)
		w.wants(inv, invoice.StatusExpired, under|late)
		w.pass(62 * time.Minute) // after the payment: the end of the quarantine moved with it
		require.NotZero(t, w.get(inv).State.ReleasedAt)
		w.pay(inv, "SIM", "1")
		w.mine(1)
		require.Len(t, w.get(inv).Payments, 2)

		next := w.create()
		require.Equal(t, inv.Quote.Address, next.Quote.Address)
		w.chain.Pay(next.Quote.Address, w.chain.Asset("SIM"), next.Quote.Due)
		w.mine(3)
		require.Equal(t, invoice.StatusCompleted, w.get(next).State.Status)
		require.Len(t, w.get(inv).Payments, 2)
	}, pooled(1))
}

func TestAPaymentStaysWithItsInvoiceWhoeverHasTheAddressNow(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create()
		w.chain.Pay(inv.Quote.Address, w.chain.Asset("SIM"), inv.Quote.Due)
		w.mine(3)
		w.wants(inv, invoice.StatusCompleted, exact)
		time.Sleep(2 * time.Hour)
		w.mine(1)
		next := w.create()
		require.Equal(t, inv.Quote.Address, next.Quote.Address)
		w.chain.Reorganise(4, 1, chaintest.Remined) // back beyond the payment, which is mined again
		w.mine(8)
		require.Empty(t, w.get(next).Payments)
		require.Len(t, w.get(inv).Payments, 1)
		require.False(t, w.get(inv).Payments[0].Withdrawn)
	}, pooled(1))
}

func TestRefreshGivesAnotherAddressWhenTheOldOneWasGivenUp(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create()
		w.pass(2 * time.Hour)
		other := w.create()
		require.Equal(t, inv.Quote.Address, other.Quote.Address)
		_, err := w.svc.SetStatus(t.Context(), invoice.Act{Project: "shop", Invoice: inv.ID}, invoice.StatusNew)
		var transition *invoice.TransitionError
		require.ErrorAs(t, err, &transition)

		fresh, err := w.svc.Refresh(t.Context(), invoice.Act{Project: "shop", Invoice: inv.ID}, time.Hour)
		require.NoError(t, err)
		require.Equal(t, invoice.StatusNew, fresh.State.Status)
		require.NotEqual(t, inv.Quote.Address, fresh.Quote.Address)
		require.Equal(t, inv.Quote.Due, fresh.Quote.Due)
		w.chain.Pay(fresh.Quote.Address, w.chain.Asset("SIM"), fresh.Quote.Due)
		w.mine(3)
		require.Equal(t, invoice.StatusCompleted, w.get(inv).State.Status)
		w.pass(2 * time.Hour)
		require.NotZero(t, w.get(inv).State.ReleasedAt, "the new address is given up in its turn")
	}, pooled(2))
}

func TestRefreshOfAnInvoiceWithAnAddressOfItsOwnKeepsIt(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create()
		w.pass(time.Hour)
		fresh, err := w.svc.Refresh(t.Context(), invoice.Act{Project: "shop", Invoice: inv.ID}, 0)
		require.NoError(t, err)
		require.Equal(t, inv.Quote.Address, fresh.Quote.Address)
		require.Equal(t, invoice.StatusNew, fresh.State.Status)
		require.WithinDuration(t, time.Now().Add(30*time.Minute), fresh.EffectiveDeadline(), time.Second)
		again, err := w.svc.Refresh(t.Context(), invoice.Act{Project: "shop", Invoice: inv.ID}, 0)
		require.NoError(t, err)
		require.Equal(t, fresh.Version, again.Version, "what is new stays as it is")
	})
}

func TestInvoicesAtASharedAddressAreToldApartByTheExactAmount(t *testing.T) {
	inWorld(t, func(w *world) {
		first, second := w.create(), w.create()
		require.Equal(t, first.Quote.Address, second.Quote.Address)
		require.Equal(t, w.units("SIM", "10").String(), first.Quote.Due.String())
		require.Equal(t, w.units("SIM", "10.00000001").String(), second.Quote.Due.String())
		w.chain.Pay(second.Quote.Address, w.chain.Asset("SIM"), second.Quote.Due)
		w.mine(3)
		require.Equal(t, invoice.StatusCompleted, w.get(second).State.Status)
		require.Equal(t, invoice.StatusNew, w.get(first).State.Status)
	}, shared(0))
}

func TestWhatFitsNoInvoiceAtASharedAddressIsTheRemainder(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create()
		w.pay(inv, "SIM", "3")
		w.pay(inv, "TOK", "10")
		w.mine(3)
		require.Equal(t, invoice.StatusNew, w.get(inv).State.Status)
		page, err := w.svc.List(t.Context(), invoice.Query{Project: "till", Standing: true, Limit: 10})
		require.NoError(t, err)
		require.Len(t, page.Invoices, 1)
		seen, mature := page.Invoices[0].Deposits()
		require.Equal(t, w.units("SIM", "3"), seen[w.chain.Asset("SIM").ID])
		require.Equal(t, w.units("TOK", "10"), mature[w.chain.Asset("TOK").ID])
	}, shared(0))
}

func TestWhoChoosesAnAssetAgainGetsTheSharedAmountBack(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create(func(r *invoice.Request) { r.Asset = "" })
		due := map[string]string{}
		for n := range 10 {
			for _, code := range []string{"SIM", "TOK"} {
				w.rates.set(code, "EUR", fmt.Sprint(n+1))
				got, err := w.svc.Choose(t.Context(), "shop", inv.ID, code)
				require.NoError(t, err)
				if n == 0 {
					due[code] = got.Quote.Due.String()
				}
				require.Equal(t, due[code], got.Quote.Due.String(), "at the rate that it was quoted at")
				require.LessOrEqual(t, len(got.Earlier), 1)
			}
		}
		_, err := w.svc.Choose(t.Context(), "shop", inv.ID, "SIM")
		require.NoError(t, err)
		_, err = w.svc.Choose(t.Context(), "shop", inv.ID, "TOK")
		var refused *invoice.InvalidError
		require.ErrorAs(t, err, &refused, "each choice is told, so they have an end")
		other := w.create()
		require.NotEqual(t, due["SIM"], other.Quote.Due.String())
		for code, units := range due { // also what was shown first still finds the invoice
			amount, _ := new(big.Int).SetString(units, 10)
			w.chain.Pay(w.get(inv).Quote.Address, w.chain.Asset(code), amount)
		}
		w.mine(3)
		require.Len(t, w.get(inv).Payments, 2)
		w.wants(inv, invoice.StatusCompleted, over|otherAsset)
	}, shared(3))
}

func TestASharedAddressIsFullWhenAllAmountsAreTaken(t *testing.T) {
	inWorld(t, func(w *world) {
		for range 3 {
			w.create()
		}
		_, err := w.svc.Create(t.Context(), invoice.Request{Project: "shop", Price: price("20", "EUR"), Asset: "SIM"})
		require.ErrorIs(t, err, invoice.ErrNoAddress)
		_, err = w.svc.Create(t.Context(), invoice.Request{Project: "shop", Price: price("21", "EUR"), Asset: "SIM"})
		require.NoError(t, err, "other amounts are free")
		w.pass(2 * time.Hour)
		w.create() // they have rested
	}, shared(3))
}

func TestAChoiceCanBeChangedUntilSomethingIsPaid(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create()
		changed, err := w.svc.Choose(t.Context(), "shop", inv.ID, "TOK")
		require.NoError(t, err)
		require.Equal(t, "TOK", changed.Quote.Asset.Code)
		require.Equal(t, w.units("TOK", "20").String(), changed.Quote.Due.String())
		require.Equal(t, inv.Quote.Address, changed.Quote.Address, "one wallet, one address")
		require.Len(t, changed.Earlier, 1)
		back, err := w.svc.Choose(t.Context(), "shop", inv.ID, "SIM")
		require.NoError(t, err)
		w.pay(back, "SIM", "10")
		w.mine(1)
		w.mine(2)
		w.wants(inv, invoice.StatusCompleted, exact)
		require.Equal(t, []invoice.EventType{
			invoice.EventCreated, invoice.EventAssetChosen, invoice.EventAssetChosen, invoice.EventPaymentReceived,
			invoice.EventPending, invoice.EventCompleted,
		}, w.told(inv))
	})
}

func TestAnInvoiceMayAllowSomeAssetsOnly(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create(func(r *invoice.Request) { r.Asset, r.Except = "", []string{"SIM", "unknown"} })
		choices := w.svc.Choices(inv)
		require.Len(t, choices, 1)
		require.Equal(t, "TOK", choices[0].Code)
		var invalid *invoice.InvalidError
		_, err := w.svc.Choose(t.Context(), "shop", inv.ID, "SIM")
		require.ErrorAs(t, err, &invalid)
		_, err = w.svc.Create(t.Context(), invoice.Request{Project: "shop", Price: price("1", "EUR"), Asset: "SIM", Only: []string{"TOK"}})
		require.ErrorAs(t, err, &invalid)
		_, err = w.svc.Create(t.Context(), invoice.Request{Project: "shop", Price: price("1", "EUR"), Only: []string{"TOK"}, Except: []string{"TOK"}})
		require.ErrorAs(t, err, &invalid, "nothing is left")
	})
}

func TestDiscountAndCommissionRoundUpInWhatIsDue(t *testing.T) {
	commission := func(cfg *invoice.Config) {
		cfg.Commission = func(project string, a chain.Asset) decimal.Decimal {
			if project == "shop" && a.Code == "SIM" {
				return decimal.RequireFromString("2")
			}
			return decimal.Zero
		}
	}
	for _, c := range []struct {
		discount, share, due, fee string
	}{
		{"0", "0", "10", "0.2"},
		{"0", "100", "10.2", "0.2"},
		{"0", "50", "10.1", "0.2"},
		{"10", "100", "9.18", "0.18"},
		{"-5", "0", "10.5", "0.21"},
		{"33.333333333", "100", "6.80000001", "0.133333333334"},
	} {
		t.Run(fmt.Sprintf("discount %s share %s", c.discount, c.share), func(t *testing.T) {
			inWorld(t, func(w *world) {
				inv := w.create(func(r *invoice.Request) {
					r.Discount, r.PayerShare = decimal.RequireFromString(c.discount), decimal.RequireFromString(c.share)
				})
				require.Equal(t, w.units("SIM", c.due).String(), inv.Quote.Due.String())
				require.Equal(t, w.units("SIM", c.fee).String(), inv.Quote.Fee.String())
				require.Equal(t, inv.Quote.Fee, inv.Quote.CommissionUp(inv.Quote.Due))
				require.Equal(t, "0", inv.Quote.CommissionUp(w.units("SIM", "0")).String())
			}, commission)
		})
	}
}

func TestARateSourceMayBeNamed(t *testing.T) {
	other := newQuotes()
	inWorld(t, func(w *world) {
		inv := w.create(func(r *invoice.Request) { r.RateSource = "other" })
		require.Equal(t, w.units("SIM", "5").String(), inv.Quote.Due.String())
		_, err := w.svc.Create(t.Context(), invoice.Request{Project: "shop", Price: price("1", "EUR"), Asset: "SIM", RateSource: "none"})
		var invalid *invoice.InvalidError
		require.ErrorAs(t, err, &invalid)
	}, func(cfg *invoice.Config) {
		other.set("SIM", "EUR", "4")
		cfg.RateSources = map[string]invoice.RateSource{"other": other}
	})
}

func TestAProjectMayHaveSoManyNewInvoicesAndNoMore(t *testing.T) {
	inWorld(t, func(w *world) {
		capped := func(r *invoice.Request) { r.MaxNew = 2 }
		w.create(capped)
		paid := w.create(capped)
		_, err := w.svc.Create(t.Context(), invoice.Request{Project: "shop", Price: price("1", "EUR"), Asset: "SIM", MaxNew: 2})
		require.ErrorIs(t, err, invoice.ErrTooManyNew)
		_, err = w.svc.Create(t.Context(), invoice.Request{Project: "shop", OrderID: paid.OrderID, Price: price("1", "EUR"), Asset: "SIM", MaxNew: 2})
		require.ErrorIs(t, err, invoice.ErrDuplicateOrder, "who repeats an order learns of it first")
		w.pay(paid, "SIM", "10")
		w.mine(1)
		w.create(capped)
	})
}

func TestASinglePaymentDecides(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create(func(r *invoice.Request) { r.Single = true })
		w.pay(inv, "SIM", "4")
		w.mine(1)
		got := w.get(inv)
		require.Equal(t, invoice.StatusPaidPartial, got.State.Status)
		require.True(t, got.State.Closed)
	})
}

func TestDepositsToAStandingInvoiceAreToldWhenSeenAndWhenDeepEnough(t *testing.T) {
	inWorld(t, func(w *world) {
		inv, err := w.svc.CreateStanding(t.Context(), invoice.Deposit{Project: "shop", OrderID: "customer 7", Asset: "SIM", Data: map[string]string{"k": "v"}})
		require.NoError(t, err)
		require.Equal(t, map[string]string{"k": "v"}, w.get(inv).Data)
		w.pass(3 * time.Hour) // it has no deadline
		w.pay(inv, "TOK", "5")
		w.mine(1)
		w.mine(2)
		require.Equal(t, invoice.EventDeposit, w.told(inv)[2], "another asset of the network alone")
		inv, err = w.svc.CreateStanding(t.Context(), invoice.Deposit{Project: "shop", OrderID: "customer 8", Asset: "SIM"})
		require.NoError(t, err)
		w.pay(inv, "SIM", "1")
		w.pay(inv, "TOK", "5")
		w.mine(1)
		got := w.get(inv)
		require.Equal(t, invoice.StatusNew, got.State.Status)
		require.False(t, got.State.Closed)
		require.Equal(t, []invoice.EventType{invoice.EventCreated, invoice.EventPaymentReceived, invoice.EventPaymentReceived}, w.told(inv))
		require.Equal(t, invoice.ClassDeposit, w.payload(w.events(inv)[1]).Data.Payment.Class)
		w.mine(2)
		require.Equal(t, []invoice.EventType{invoice.EventDeposit, invoice.EventDeposit}, w.told(inv)[3:])
		w.chain.Reorganise(3, 1, chaintest.Remined)
		w.mine(5)
		told := w.told(inv)
		require.Contains(t, []int{5, 7, 9}, len(told), "what came again was told again, with its loss before")

		for _, refused := range []invoice.Status{invoice.StatusCompleted, invoice.StatusExpired} {
			_, err = w.svc.SetStatus(t.Context(), invoice.Act{Project: "shop", Invoice: inv.ID}, refused)
			var transition *invoice.TransitionError
			require.True(t, errors.As(err, &transition), "%s", refused)
		}
		_, err = w.svc.SetStatus(t.Context(), invoice.Act{Project: "shop", Invoice: inv.ID}, invoice.StatusCancelled)
		require.NoError(t, err)
		w.pay(inv, "SIM", "2")
		w.mine(1)
		events := w.events(inv)
		require.Equal(t, invoice.ClassAfterCancel, w.payload(events[len(events)-1]).Data.Payment.Class)
		_, err = w.svc.SetStatus(t.Context(), invoice.Act{Project: "shop", Invoice: inv.ID}, invoice.StatusArchived)
		require.NoError(t, err)
		w.mine(2)
		told = w.told(inv)
		require.Equal(t, invoice.EventDeposit, told[len(told)-1], "what was on its way is told, whatever became of the invoice")
		page, err := w.svc.List(t.Context(), invoice.Query{Project: "shop", Limit: 10})
		require.NoError(t, err)
		require.Empty(t, page.Invoices, "standing invoices are listed apart")
	})
}

func TestA13_RecoveryTellsAWalletHowFarToLook(t *testing.T) {
	listing(t, func(t *testing.T, on func(*invoice.Config)) {
		inWorld(t, func(w *world) {
			var list []invoice.Invoice
			for range 9 {
				list = append(list, w.create())
			}
			for _, i := range []int{1, 2, 6} {
				w.pay(list[i], "SIM", "1")
			}
			w.mine(1)
			r, err := w.svc.Recovery(t.Context(), list[0].Network())
			require.NoError(t, err)
			require.Equal(t, [][2]uint32{{1, 2}, {6, 6}}, r.Used)
			require.Equal(t, uint32(3), r.Gap)
			require.Equal(t, r.Next-7, r.Tail)
			require.GreaterOrEqual(t, r.Next, uint32(9))
			require.Empty(t, r.Descriptor)
			_, err = w.svc.Recovery(t.Context(), "eip155:999")
			require.ErrorIs(t, err, invoice.ErrNotFound)
		}, on)
	})
}

func TestOneTokenOnTwoNetworksIsPricedAlike(t *testing.T) {
	inWorld(t, func(w *world) {
		w.rates.set("USDX", "EUR", "0.5")
		inv := w.create(func(r *invoice.Request) { r.Asset = "TOK" })
		require.Equal(t, w.units("TOK", "40").String(), inv.Quote.Due.String(), "20 EUR at the rate of the symbol")
		same := w.create(func(r *invoice.Request) { r.Asset, r.Price = "TOK", price("7", "SIM") })
		require.Equal(t, w.units("TOK", "7").String(), same.Quote.Due.String(), "no rate is needed between the two")
		for _, r := range w.svc.Rates(t.Context()) {
			require.Contains(t, []string{"SIM", "TOK"}, r.Pair.Base, "listed by their codes")
		}
		w.rates.set("USDX", "GBP", "0.4")
		w.rates.set("USDX", "CHF", "0.6")
		var all []string
		for _, r := range w.svc.FiatRates(t.Context(), "TOK") {
			all = append(all, r.Pair.Base+" "+r.Pair.Quote+" "+r.Value.String())
		}
		require.Equal(t, []string{"TOK EUR 0.5", "TOK CHF 0.6", "TOK GBP 0.4"}, all, "the reference currency first, and what there is of the others")
		require.Empty(t, w.svc.FiatRates(t.Context(), "nothing"))
	}, func(cfg *invoice.Config) {
		for i := range cfg.Chains[0].Assets {
			cfg.Chains[0].Assets[i].Symbol = "USDX"
		}
	})
}

func TestThePricesWorthInAnotherAssetPaysThePrice(t *testing.T) {
	inWorld(t, func(w *world) {
		w.rates.set("TOK", "EUR", "0.9")
		inv := w.create(func(r *invoice.Request) { r.Asset, r.Price = "TOK", price("10", "EUR") })
		require.Equal(t, "11111112", inv.Quote.Due.String(), "rounded up")
		w.pay(inv, "SIM", "5") // exactly 10 EUR
		w.mine(1)
		w.mine(2)
		w.wants(inv, invoice.StatusCompleted, exact|otherAsset)
		less := w.create(func(r *invoice.Request) { r.Asset, r.Price = "TOK", price("10", "EUR") })
		w.pay(less, "SIM", "4.999999999999999999")
		w.mine(3)
		w.wants(less, invoice.StatusPaidPartial, under|otherAsset)
	})
}

func TestAPartialPaymentThatClosesUnconfirmedIsToldWhenItIsConfirmed(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create(func(r *invoice.Request) { r.Single = true })
		w.pay(inv, "SIM", "4")
		w.mine(1)
		require.False(t, w.get(inv).State.PartialConfirmed())
		w.mine(2)
		require.True(t, w.get(inv).State.PartialConfirmed())
		require.Equal(t, []invoice.EventType{
			invoice.EventCreated, invoice.EventPaymentReceived, invoice.EventPaidPartial, invoice.EventConfirmed,
		}, w.told(inv))

		inTime := w.create()
		w.pay(inTime, "SIM", "4")
		w.mine(1)
		w.mine(2)
		w.pass(31 * time.Minute)
		require.Equal(t, invoice.EventClosed, w.told(inTime)[len(w.told(inTime))-1], "what is certain when it closes is told once")
	})
}
