package main

import (
	"context"
	"fmt"
	"math/big"
	"net/http"
	"sync"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/internal/devchain"
	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/ethclient"
)

// payer has more play money than it can spend. It keeps no notes: before it pays it looks at what the
// chain says has arrived, so that it pays nothing twice after a crash.
type payer struct {
	node   *devchain.Chain
	client *ethclient.Client
	mu     sync.Mutex // one payment at a time
}

func newPayer(ctx context.Context, node *devchain.Chain) (*payer, error) {
	client, err := ethclient.DialContext(ctx, node.URL())
	return &payer{node: node, client: client}, err
}

// pay sends what the order's plan says and the chain does not have yet, one transaction a part.
func (p *payer) pay(ctx context.Context, o *order) error {
	asset := p.node.Native()
	if o.Currency != asset.Code {
		asset = p.node.Token()
	}
	target := new(big.Int)
	for _, percent := range o.parts {
		part := new(big.Int).Mul(asset.UnitsUp(o.Amount), big.NewInt(percent))
		target.Add(target, part.Div(part, big.NewInt(100)))
		if err := p.reach(ctx, asset, chain.Address(o.Address), target); err != nil {
			return fmt.Errorf("pay order %s: %w", o.ID, err)
		}
	}
	return nil
}

// reach pays until the address has received so many units in blocks.
func (p *payer) reach(ctx context.Context, asset chain.Asset, to chain.Address, target *big.Int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	have, err := p.received(ctx, asset, to)
	if err != nil || have.Cmp(target) >= 0 {
		return err
	}
	if _, err := p.node.Pay(ctx, asset, to, new(big.Int).Sub(target, have)); err != nil {
		return err
	}
	for have.Cmp(target) < 0 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(blockTime / 4):
		}
		if have, err = p.received(ctx, asset, to); err != nil {
			return err
		}
	}
	return nil
}

// received is what the chain says an address has. Nobody spends from these addresses.
func (p *payer) received(ctx context.Context, asset chain.Asset, to chain.Address) (*big.Int, error) {
	address := common.HexToAddress(string(to))
	if asset == p.node.Native() {
		return p.client.BalanceAt(ctx, address, nil)
	}
	contract := common.HexToAddress(asset.ID.Reference())
	balanceOf := append([]byte{0x70, 0xa0, 0x82, 0x31}, common.LeftPadBytes(address.Bytes(), 32)...)
	answer, err := p.client.CallContract(ctx, ethereum.CallMsg{To: &contract, Data: balanceOf}, nil)
	return new(big.Int).SetBytes(answer), err
}

// serve lets a person with curl have an order paid in full.
func (p *payer) serve(s *shop) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		inv, err := s.find(r.Context(), r.FormValue("order"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusNotFound)
			return
		}
		o := &order{ID: inv.OrderID, Address: inv.Details.Address, Amount: inv.Amount, Currency: r.FormValue("currency"), parts: []int64{100}}
		if err := p.pay(r.Context(), o); err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		fmt.Fprintf(w, "paid %s to %s\n", o.Amount, o.Address)
	}
}
