package main

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/cointill/cointill/invoice"
	"github.com/shopspring/decimal"
)

// gallery is a second shop, whose invoices are in all states, for a look at its pages. Its payers do what payers do.
type gallery struct {
	house   *house
	project string // its id
	new     bool   // this start has made it
	sights  []sight
}

// sight is one invoice of the gallery, and what becomes of it.
type sight struct {
	inv  invoice.Invoice
	pays []int64 // parts of the price, in percent
	late bool    // it pays when the time is over
	to   invoice.Status
}

const galleryName = "Gallery"

// openGallery makes the second shop, or finds the one of an earlier start.
func openGallery(ctx context.Context, h *house, projects *invoice.Projects) (*gallery, error) {
	g := &gallery{house: h}
	p, _, err := projects.Create(ctx, invoice.NewProject{Owner: "quickstart", Name: galleryName})
	if err == nil {
		g.project, g.new = p.ID, true
		return g, nil
	}
	if !errors.Is(err, invoice.ErrDuplicateProject) {
		return nil, err
	}
	list, err := projects.List(ctx, "", invoice.MaxPage)
	for _, p := range list {
		if p.Name == galleryName {
			g.project = p.ID
		}
	}
	return g, err
}

// create makes the invoices.
func (g *gallery) create(ctx context.Context) error {
	assets := g.house.offer.chain.Assets
	for i := range 28 {
		kinds := []sight{
			{pays: []int64{100}}, {}, {pays: []int64{60, 40}}, {pays: []int64{130}}, {pays: []int64{70}}, {to: invoice.StatusCancelled}, {},
			{pays: []int64{50}, late: true}, {late: true}, {pays: []int64{100}}, {to: invoice.StatusExpired}, {pays: []int64{100}, late: true},
		}
		s := kinds[i%len(kinds)]
		r := invoice.Request{
			Project: g.project, OrderID: fmt.Sprintf("G-%03d", i+1), Name: []string{"Two tickets", "A book", "Coffee for a month"}[i%3],
			Price: invoice.Price{Currency: "EUR", Amount: decimal.New(int64(490+i*375), -2)}, Asset: assets[i%len(assets)].Code, Window: time.Hour,
		}
		if s.late {
			r.Window = time.Second
		}
		if i%len(kinds) == 6 {
			r.Asset = "" // the payer has not chosen
		}
		var err error
		if s.inv, err = g.house.invoices.Create(ctx, r); err != nil {
			return fmt.Errorf("create %s: %w", r.OrderID, err)
		}
		g.sights = append(g.sights, s)
	}
	return nil
}

// live lets the payers and the shop do what they do with each invoice.
func (g *gallery) live(ctx context.Context) error {
	for _, late := range []bool{false, true} {
		for _, s := range g.sights {
			if s.late != late {
				continue
			}
			if err := g.happen(ctx, s); err != nil {
				return fmt.Errorf("gallery: %s: %w", s.inv.OrderID, err)
			}
		}
		if late {
			return nil
		}
		select { // until the time of those that come late is over, by the clock of the chain
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second + 4*blockTime):
		}
	}
	return nil
}

func (g *gallery) happen(ctx context.Context, s sight) error {
	for _, percent := range s.pays {
		q := s.inv.Quote
		units := new(big.Int).Mul(q.Due, big.NewInt(percent))
		if _, err := g.house.net.pay(ctx, q.Asset, q.Address, units.Quo(units, big.NewInt(100))); err != nil {
			return err
		}
	}
	if s.to == "" {
		return nil
	}
	_, err := g.house.invoices.SetStatus(ctx, invoice.Act{Invoice: s.inv.ID, Actor: "demo", Comment: "as an example"}, s.to)
	return err
}
