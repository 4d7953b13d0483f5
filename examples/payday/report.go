package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/big"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/payout"
)

// report prints the ledger, compares what is owed with what is held, and what is held with the chain. It returns an error
// for any difference.
func report(ctx context.Context, r role, out io.Writer) (err error) {
	t, err := openTill(ctx, r, out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.db.Close()) }()
	for _, who := range []string{project, ""} {
		balances, err := t.payouts.Balance(ctx, who)
		if err != nil {
			return err
		}
		for _, b := range balances {
			t.say("balance", "%-22s %12s %s", owner(b.Account), t.amount(b.Account.Asset, b.Units), t.code(b.Account.Asset))
		}
	}
	if err := t.statement(ctx, payout.Account{Project: project, Kind: payout.Available, Asset: t.Coin.ID}); err != nil {
		return err
	}
	if err := t.solvency(ctx); err != nil {
		return err
	}
	return t.audit(ctx)
}

func owner(a payout.Account) string {
	if a.Project == "" {
		return string(a.Kind)
	}
	return fmt.Sprintf("%s of the %s", a.Kind, a.Project)
}

// statement prints the lines of an account.
func (t *till) statement(ctx context.Context, a payout.Account) error {
	lines, err := t.payouts.Statement(ctx, a, 0, 1000)
	if err != nil {
		return err
	}
	t.say("statement", "%s, %s, %d lines, the last of them:", owner(a), t.code(a.Asset), len(lines))
	for _, l := range lines[max(0, len(lines)-12):] {
		t.say("", "%4d  %-10s %12s %12s  %s", l.Position, l.Kind, t.amount(a.Asset, l.Units), t.amount(a.Asset, l.Balance), short(l.Subject))
	}
	return nil
}

// solvency compares what is owed with what is held, as sums that are kept and counted anew.
func (t *till) solvency(ctx context.Context) error {
	sums, err := t.payouts.Solvency(ctx)
	if err != nil {
		return err
	}
	if len(sums) == 0 {
		return errors.New("nothing was ever booked")
	}
	for _, s := range sums {
		t.say("solvency", "%s: owed %s, held %s", t.code(s.Asset), t.amount(s.Asset, s.Owed), t.amount(s.Asset, s.Held))
		if s.Owed.Cmp(s.Held) != 0 {
			return fmt.Errorf("%s: owed is not held", t.code(s.Asset))
		}
	}
	return t.payouts.Recount(ctx)
}

// audit compares the holdings with the chain.
func (t *till) audit(ctx context.Context) error {
	var wrong error
	err := t.payouts.Audit(ctx, t.network, func(d payout.Difference) {
		wrong = errors.Join(wrong, fmt.Errorf("%s: the books say %s, the chain %s", d.Holding.Name, d.Books, d.Chain))
	})
	if err != nil || wrong != nil {
		return errors.Join(err, wrong)
	}
	holdings, err := t.store.Holdings(ctx, t.network, "", 1000)
	t.say("audit", "the chain has what the books have, at all %d places", len(holdings))
	return err
}

func (t *till) asset(id chain.AssetID) chain.Asset {
	if id == t.Token.ID {
		return t.Token
	}
	return t.Coin
}

func (t *till) code(id chain.AssetID) string { return t.asset(id).Code }

// amount returns units as people write them, cut after eight decimals.
func (t *till) amount(id chain.AssetID, units *big.Int) string {
	return t.asset(id).Decimal(units).Truncate(8).String()
}
