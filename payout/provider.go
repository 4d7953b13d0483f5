package payout

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/cointill/cointill/chain"
)

// Provider pays from an account that somebody else keeps: a bank, or a custodian. For payouts it is a network of its own,
// with one holding for each asset. All methods may block on the provider until ctx ends, and are called concurrently.
type Provider interface {
	// Network returns the name of the account among networks, in the form of CAIP-2, such as "sepa:main".
	Network() chain.Network
	// Account returns the account, for people.
	Account() chain.Address
	// Receiver checks a receiver and an amount without paying anything. It returns the canonical receiver, or a RefusedError.
	// With nil units the amount is not checked, and neither is who.
	Receiver(ctx context.Context, asset chain.Asset, to string, who Beneficiary, units *big.Int) (chain.Address, error)
	// Submit gives an instruction to the provider. It is idempotent: the ID of an instruction that the provider has makes
	// the call do nothing. Nil means that the provider has it. After any error, a RefusedError included, only Ask tells
	// whether it has.
	Submit(ctx context.Context, in Instruction) error
	// Ask returns what became of an instruction, or ErrNotFound if the provider does not have it: then it is submitted
	// again, under the same ID. After any other error nothing is known.
	Ask(ctx context.Context, id string) (Progress, error)
	// Funding returns the asset and the base units, more than 0, that an incoming payment brought to the account, or
	// ErrNotFound.
	Funding(ctx context.Context, id string) (chain.AssetID, *big.Int, error)
	// Balance returns what the account has of the asset, in base units, by the provider's newest word.
	Balance(ctx context.Context, asset chain.AssetID) (*big.Int, error)
}

// Withdrawer is an optional interface of a [Provider] that can take back what it has not begun with.
type Withdrawer interface {
	// Withdraw takes an instruction back, so that it is never paid and Ask reports OutcomeWithdrawn. It is idempotent. It
	// returns ErrNoReplacement when it is too late, and ErrNotFound for an instruction that the provider does not have. After
	// any other error only Ask tells.
	Withdraw(ctx context.Context, id string) error
}

// Beneficiary is who gets a payout that a [Provider] makes, beside the account number. Chains need none of it.
type Beneficiary struct {
	Name     string `json:"name,omitempty"` // the legal name, by which banks compare
	Business bool   `json:"business,omitempty"`
	BIC      string `json:"bic,omitempty"`
	Country  string `json:"country,omitempty"` // ISO 3166, two letters
	Town     string `json:"town,omitempty"`
	Address  string `json:"address,omitempty"` // street and number
	// Reference is what the beneficiary sees: a text, or a creditor reference (ISO 11649).
	Reference string `json:"reference,omitempty"`
}

// or returns the beneficiary, the zero one for nil.
func (b *Beneficiary) or() Beneficiary {
	if b == nil {
		return Beneficiary{}
	}
	return *b
}

// check refuses texts that are too long or no texts.
func (b *Beneficiary) check() error {
	all := b.or()
	for field, value := range map[string]string{
		"Name": all.Name, "BIC": all.BIC, "Country": all.Country, "Town": all.Town, "Address": all.Address, "Reference": all.Reference,
	} {
		if len(value) > 140 || !clean(value) {
			return refuse("Beneficiary."+field, "", "must be a text of at most 140 bytes")
		}
	}
	return nil
}

// Instruction tells a [Provider] to pay. It is the same each time, and there never is another for the same attempt.
type Instruction struct {
	ID          string        `json:"id"` // 32 characters of 0-9 and a-f; unique for ever
	Payout      string        `json:"payout"`
	Asset       chain.Asset   `json:"asset"`
	To          chain.Address `json:"to"`
	Units       *big.Int      `json:"units"`   // what the beneficiary gets, in base units
	MaxFee      *big.Int      `json:"max_fee"` // in base units of the same asset
	Beneficiary Beneficiary   `json:"beneficiary"`
	At          time.Time     `json:"at"` // when it was made
}

// Progress is what became of an instruction. The first outcome that ends it counts, with its Fee.
type Progress struct {
	Outcome Outcome
	// Why is the provider's reason, or what holds the instruction up, for people.
	Why string
	// Fee is what the provider took beside the amount, in base units of the same asset, not negative; at most
	// Instruction.MaxFee counts.
	Fee *big.Int
	// Returned is what came back of it after it was paid, in base units of the asset: positive, and at most the amount. Nil if
	// nothing did. What comes back after the outcome is known is told by [Service.Returned].
	Returned *big.Int
	// Reference is the provider's own name of the payment, if it has one.
	Reference string
}

// Outcome is where an instruction is.
type Outcome string

// The outcomes. Accepted is not paid: only what has left the account is.
const (
	OutcomePending Outcome = "pending" // the provider has it
	OutcomeConfirm Outcome = "confirm" // a person has to confirm it at the provider
	OutcomePaid    Outcome = "paid"    // booked or settled
	OutcomeFailed  Outcome = "failed"  // it was not paid and never will be
	// OutcomeWithdrawn is that of an instruction that was taken back by a [Withdrawer] before anything was done with it.
	OutcomeWithdrawn Outcome = "withdrawn"
)

// provided lets a [Provider] work as a [Spender]: an instruction is a transaction with one version, which nothing replaces
// and which ends only by the provider's word. So instructions are stored before they are submitted, and submitted once,
// by the same machine that keeps transactions from being sent twice.
type provided struct{ Provider }

func (p provided) FeeAsset() chain.AssetID { return "" }
func (p provided) Lane() chain.Address     { return p.Account() }

// Receiver checks the receiver alone, for the list of those that are allowed.
func (p provided) Receiver(ctx context.Context, asset chain.Asset, to string, units *big.Int) (chain.Address, error) {
	return p.Provider.Receiver(ctx, asset, to, Beneficiary{}, units)
}

// holding returns what the account has of an asset.
func (p provided) holding(asset chain.AssetID) Holding {
	return Holding{Network: p.Network(), Name: string(p.Account()) + "/" + asset.Reference(), Asset: asset, Address: p.Account()}
}

func (p provided) Plan(ctx context.Context, w Wallet, payouts []Payout) (Plan, error) {
	open, err := w.Open(ctx)
	if err != nil {
		return Plan{}, err
	}
	for _, out := range payouts {
		h := p.holding(out.Asset.ID)
		free, err := Free(ctx, w, open, h.Name, "")
		if err != nil {
			return Plan{}, err
		}
		takes := new(big.Int).Add(out.Units, orZero(out.Fee))
		if free.Cmp(takes) < 0 {
			continue
		}
		in := Instruction{
			ID: instructionID(out), Payout: out.ID, Asset: out.Asset, To: out.To, Units: out.Units, MaxFee: orZero(out.Fee),
			Beneficiary: out.Beneficiary.or(), At: out.UpdatedAt,
		}
		unsigned, err := json.Marshal(in)
		if err != nil {
			return Plan{}, err
		}
		anchor := "instruction:" + in.ID
		return Plan{Lane: string(p.Account()), Anchor: anchor, Payouts: []string{out.ID}, Version: Version{
			Unsigned: unsigned, TxID: in.ID, Fee: orZero(out.Fee), Spends: []string{anchor}, At: out.UpdatedAt,
			Moves: []Move{{Holding: h, Units: takes.Neg(takes), Fee: true}},
		}}, nil
	}
	return Plan{}, ErrNoCoins
}

// instructionID returns the ID of the payout's instruction. It has one: what has failed is not tried again.
func instructionID(p Payout) string { return strings.ReplaceAll(p.ID, "-", "") }

// Replace takes back the instruction of a transaction that is to be cancelled, if the provider can. There is no other
// version: the next look says what became of it.
func (p provided) Replace(ctx context.Context, _ Wallet, t Transaction, _ *big.Int) (Version, error) {
	withdrawer, able := p.Provider.(Withdrawer)
	if !able || !t.Cancel {
		return Version{}, fmt.Errorf("%w: the provider has it", ErrNoReplacement)
	}
	err := withdrawer.Withdraw(ctx, t.Last().TxID)
	switch {
	case err == nil:
		err = fmt.Errorf("%w: it is being taken back", ErrNoReplacement)
	case errors.Is(err, ErrNotFound): // it may be on its way: only what the provider has can be taken back
		err = fmt.Errorf("%w: %w", ErrNoReplacement, err)
	}
	return Version{}, err
}

func (p provided) Verify(v Version, signed []byte) ([]byte, string, error) {
	if !bytes.Equal(v.Unsigned, signed) {
		return nil, "", ErrDiffers
	}
	return signed, v.TxID, nil
}

func (p provided) Send(ctx context.Context, v Version) error {
	var in Instruction
	if err := json.Unmarshal(v.Raw, &in); err != nil {
		return fmt.Errorf("the instruction %s is damaged: %w", v.TxID, err)
	}
	return p.Submit(ctx, in)
}

func (p provided) Look(ctx context.Context, t Transaction) (Look, error) {
	v := t.Last()
	got, err := p.Ask(ctx, v.TxID)
	if errors.Is(err, ErrNotFound) {
		return Look{Versions: []Sighting{{}}}, nil
	}
	if err != nil {
		return Look{}, err
	}
	var in Instruction
	if err := json.Unmarshal(v.Unsigned, &in); err != nil {
		return Look{}, fmt.Errorf("the instruction %s is damaged: %w", v.TxID, err)
	}
	if orZero(got.Returned).Cmp(in.Units) > 0 {
		return Look{}, fmt.Errorf("the provider reports that %s of the %s of %s came back", got.Returned, in.Units, v.TxID)
	}
	if orZero(got.Fee).Sign() < 0 || orZero(got.Returned).Sign() < 0 {
		return Look{}, fmt.Errorf("the provider reports negative units of %s: a fee of %s, and %s that came back", v.TxID, got.Fee, got.Returned)
	}
	seen := Sighting{Why: got.Why}
	switch got.Outcome {
	case OutcomePending:
		seen.Pooled = true
	case OutcomeConfirm:
		seen.Pooled, seen.Asks = true, true
	case OutcomePaid, OutcomeFailed, OutcomeWithdrawn:
		seen.Height, seen.Final, seen.Buried, seen.Failed = 1, true, true, got.Outcome != OutcomePaid
		seen.Withdrawn, seen.Returned = got.Outcome == OutcomeWithdrawn, got.Returned
		if seen.Fee = orZero(got.Fee); seen.Fee.Cmp(v.Fee) > 0 {
			seen.Fee = v.Fee
		}
		if t.Stage == StageFinal { // its word counts once: there is no reorganisation
			seen.Fee, seen.Failed = t.Paid, false
			seen.Failed = !t.endedAs(seen)
		}
	default:
		return Look{}, fmt.Errorf("the provider reports the outcome %q of %s", got.Outcome, v.TxID)
	}
	return Look{Versions: []Sighting{seen}}, nil
}

func (p provided) Holding(d Deposit) Holding { return p.holding(d.Asset) }

func (p provided) Funding(ctx context.Context, id string) ([]Move, error) {
	asset, units, err := p.Provider.Funding(ctx, id)
	if err != nil {
		return nil, err
	}
	if orZero(units).Sign() <= 0 {
		return nil, fmt.Errorf("the provider reports that the payment %s brought %s units", id, units)
	}
	return []Move{{Holding: p.holding(asset), Units: units}}, nil
}

// Received finds nothing: a provider knows its own account alone.
func (p provided) Received(context.Context, string, chain.Address, chain.AssetID) (*big.Int, error) {
	return nil, ErrNotFound
}

func (p provided) Audit(ctx context.Context, holdings []Holding) ([]*big.Int, error) {
	out := make([]*big.Int, len(holdings))
	for i, h := range holdings {
		units, err := p.Balance(ctx, h.Asset)
		if err != nil {
			return nil, err
		}
		out[i] = units
	}
	return out, nil
}

// instructor is the signer of what needs no signature.
type instructor struct{}

func (instructor) Sign(_ context.Context, r SignRequest) ([]byte, error) { return r.Unsigned, nil }
