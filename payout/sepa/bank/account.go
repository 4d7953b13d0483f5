package bank

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/payout/sepa"
	"github.com/shopspring/decimal"
)

// Config configures an [Account].
type Config struct {
	// Store keeps what the bank was told and what it said: the one of the payouts. Required.
	Store Store
	// Network names the account among networks, such as "sepa:main"; required.
	Network chain.Network
	Owner   string    // the account's owner, at most 70 characters; required
	IBAN    sepa.IBAN // required
	BIC     sepa.BIC
	Address *sepa.Address // of the owner; banks have it
	Profile sepa.Profile
	Limits  sepa.Limits      // of documents that are read
	Now     func() time.Time // nil means time.Now
	Logger  *slog.Logger     // nil disables logging
}

// Store is the part of a payout.Store that an [Account] uses.
type Store interface {
	Document(ctx context.Context, name string) ([]byte, error)
	Documents(ctx context.Context, prefix, after string, limit int) ([]payout.Document, error)
	CommitPayouts(ctx context.Context, b payout.Batch) error
}

// Account is a payout.Provider for one account in euro. It takes instructions, writes them into files that a person or a
// program brings to the bank ([Account.Export]), and learns what became of them from the documents that the bank gives
// ([Account.ReadStatus], [Account.ReadEntries]). It is safe for concurrent use, also by several processes on one store.
type Account struct {
	cfg Config
	log *slog.Logger
}

var (
	_ payout.Provider   = (*Account)(nil)
	_ payout.Withdrawer = (*Account)(nil)
)

// New checks the configuration and returns an Account. It starts nothing.
func New(c Config) (*Account, error) {
	switch {
	case c.Store == nil || c.Network == "" || c.Owner == "":
		return nil, errors.New("bank: Config: Store, Network and Owner are required")
	case c.Logger == nil:
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	iban, err := sepa.ParseIBAN(string(c.IBAN))
	if err == nil && c.BIC != "" {
		c.BIC, err = sepa.ParseBIC(string(c.BIC))
	}
	if err != nil {
		return nil, fmt.Errorf("bank: Config: %w", err)
	}
	c.IBAN = iban
	return &Account{c, c.Logger}, nil
}

// Asset returns the euro at the account, with cents as base units.
func (a *Account) Asset() chain.Asset {
	return chain.Asset{ID: chain.AssetID(a.cfg.Network) + "/iso4217:EUR", Code: "EUR", Decimals: 2}
}

// Network implements payout.Provider.
func (a *Account) Network() chain.Network { return a.cfg.Network }

// Account implements payout.Provider.
func (a *Account) Account() chain.Address { return chain.Address(a.cfg.IBAN) }

// Receiver implements payout.Provider. It asks nobody.
func (a *Account) Receiver(_ context.Context, asset chain.Asset, to string, who payout.Beneficiary, units *big.Int) (chain.Address, error) {
	iban, err := sepa.ParseIBAN(to)
	switch {
	case asset.ID != a.Asset().ID:
		return "", &payout.RefusedError{Code: payout.RefusedAsset, Reason: "only euros are transferred"}
	case err != nil:
		return "", &payout.RefusedError{Code: payout.RefusedAddress, Reason: err.Error()}
	case !iban.SEPA():
		return "", &payout.RefusedError{Code: payout.RefusedAddress, Reason: "credit transfers do not reach its country"}
	case units == nil:
		return chain.Address(iban), nil
	case units.Sign() <= 0:
		return "", &payout.RefusedError{Code: payout.RefusedDust, Reason: "less than a cent"}
	}
	transfer := a.transfer(payout.Instruction{ID: "1", Asset: asset, To: chain.Address(iban), Units: units, Beneficiary: who})
	if err := transfer.Check(a.cfg.Profile); err != nil {
		return "", &payout.RefusedError{Code: payout.RefusedInvalid, Reason: err.Error()}
	}
	return chain.Address(iban), nil
}

// transfer returns the credit transfer of an instruction.
func (a *Account) transfer(in payout.Instruction) sepa.Transfer {
	who := in.Beneficiary
	t := sepa.Transfer{
		EndToEndID: in.ID, Amount: in.Asset.Decimal(in.Units), Creditor: who.Name, IBAN: sepa.IBAN(in.To),
		BIC: sepa.BIC(strings.ToUpper(strings.ReplaceAll(who.BIC, " ", ""))),
	}
	if ref, err := sepa.ParseReference(who.Reference); err == nil {
		t.Reference = ref
	} else {
		t.Remittance = who.Reference
	}
	if who.Town != "" && who.Country != "" { // banks refuse anything less
		t.Address = &sepa.Address{Town: who.Town, Country: strings.ToUpper(who.Country)}
		if who.Address != "" {
			t.Address.Lines = []string{who.Address}
		}
	}
	return t
}

// order is an instruction with what became of it.
type order struct {
	Instruction payout.Instruction `json:"instruction"`
	File        string             `json:"file,omitempty"` // that it was exported in
	Status      sepa.Status        `json:"status,omitempty"`
	// Confirm is the result of the verification of the payee, while somebody has to confirm the transfer.
	Confirm string `json:"confirm,omitempty"`
	Why     string `json:"why,omitempty"`    // of a rejection or a return
	Broken  bool   `json:"broken,omitempty"` // it could not be written
	// Withdrawn reports that it was taken back before a file had it.
	Withdrawn bool   `json:"withdrawn,omitempty"`
	Booked    string `json:"booked,omitempty"` // key of the entry that debited the account
	// Returned is what came back, in cents, and Return the key of the entry that credited it.
	Returned *big.Int `json:"returned,omitempty"`
	Return   string   `json:"return,omitempty"`
}

// progress returns what a provider says of the order.
func (o order) progress() payout.Progress {
	p := payout.Progress{Outcome: payout.OutcomePending, Reference: o.File, Fee: new(big.Int)}
	switch {
	case o.Return != "": // so it was paid
		p.Outcome, p.Why, p.Returned = payout.OutcomePaid, o.Why, o.Returned
	case o.Booked != "" || o.Status.Settled():
		p.Outcome = payout.OutcomePaid
	case o.Withdrawn:
		p.Outcome = payout.OutcomeWithdrawn
	case o.Broken || o.Status.Rejected():
		p.Outcome, p.Why = payout.OutcomeFailed, cmp.Or(o.Why, string(o.Status))
	case o.Confirm != "":
		p.Outcome, p.Why = payout.OutcomeConfirm, o.Confirm
	case o.File == "":
		p.Why = "waits for a file"
	default:
		p.Why = strings.TrimSpace("in file " + o.File + " " + string(o.Status))
	}
	return p
}

// euro returns an amount in cents as a decimal.
func euro(cents *big.Int) decimal.Decimal { return decimal.NewFromBigInt(cents, -2) }

func (a *Account) name(kind string, parts ...string) string {
	return strings.Join(append([]string{"sepa", string(a.cfg.IBAN), kind}, parts...), "/")
}

// The kinds of documents.
const (
	kindOrder   = "order"   // by the ID of the instruction
	kindQueue   = "queue"   // those that no file has yet
	kindFile    = "file"    // what is known of a file
	kindBytes   = "bytes"   // the file itself
	kindIDs     = "ids"     // the IDs of its orders
	kindEntry   = "entry"   // money that came in
	kindBalance = "balance" // the newest one that the bank has told
)

// Submit implements payout.Provider. The instruction waits for the next file.
func (a *Account) Submit(ctx context.Context, in payout.Instruction) error {
	value, err := json.Marshal(order{Instruction: in})
	if err == nil {
		err = a.cfg.Store.CommitPayouts(ctx, payout.Batch{Documents: []payout.Document{
			{Name: a.name(kindOrder, in.ID), Value: value}, {Name: a.name(kindQueue, in.ID), Value: []byte("1")},
		}})
	}
	if errors.Is(err, payout.ErrConflict) {
		_, _, err = a.order(ctx, in.ID) // it has it
	}
	if err != nil {
		return fmt.Errorf("bank: submit %s: %w", in.ID, err)
	}
	return nil
}

// order returns an order, and the document that it is kept in.
func (a *Account) order(ctx context.Context, id string) (order, payout.Document, error) {
	name := a.name(kindOrder, id)
	value, err := a.cfg.Store.Document(ctx, name)
	if err == nil && value == nil {
		err = payout.ErrNotFound
	}
	var o order
	if err == nil {
		err = json.Unmarshal(value, &o)
	}
	return o, payout.Document{Name: name, Was: value}, err
}

// Ask implements payout.Provider.
func (a *Account) Ask(ctx context.Context, id string) (payout.Progress, error) {
	o, _, err := a.order(ctx, id)
	if err != nil {
		return payout.Progress{}, fmt.Errorf("bank: order %.40q: %w", id, err)
	}
	return o.progress(), nil
}

// Withdraw implements payout.Withdrawer: an order that no file has can be taken back.
func (a *Account) Withdraw(ctx context.Context, id string) error {
	err := payout.ErrConflict
	for i := 0; i < attempts && errors.Is(err, payout.ErrConflict); i++ {
		err = a.withdraw(ctx, id)
	}
	if err != nil {
		return fmt.Errorf("bank: withdraw order %.40q: %w", id, err)
	}
	return nil
}

func (a *Account) withdraw(ctx context.Context, id string) error {
	o, doc, err := a.order(ctx, id)
	if err != nil || o.Withdrawn {
		return err
	}
	queued := payout.Document{Name: a.name(kindQueue, id), Was: []byte("1")}
	if o.File != "" || o.progress().Outcome != payout.OutcomePending {
		return fmt.Errorf("%w: %s", payout.ErrNoReplacement, cmp.Or(o.progress().Why, "it has ended"))
	}
	o.Withdrawn = true
	batch := payout.Batch{Documents: []payout.Document{queued}}
	if err := replace(&batch, doc, o); err != nil {
		return err
	}
	return a.cfg.Store.CommitPayouts(ctx, batch)
}

// incoming is money that came in and is no order of ours.
type incoming struct {
	Cents *big.Int  `json:"cents"`
	At    time.Time `json:"at"`
	From  string    `json:"from,omitempty"`
	Text  string    `json:"text,omitempty"`
}

// Funding implements payout.Provider: the id is the one of an [Incoming].
func (a *Account) Funding(ctx context.Context, id string) (chain.AssetID, *big.Int, error) {
	var in incoming
	if err := a.load(ctx, a.name(kindEntry, id), &in); err != nil {
		return "", nil, fmt.Errorf("bank: incoming payment %.40q: %w", id, err)
	}
	return a.Asset().ID, in.Cents, nil
}

// balance is what the bank said that the account has.
type balance struct {
	Cents     *big.Int  `json:"cents"`
	At        time.Time `json:"at"` // of the newest entry
	Statement string    `json:"statement"`
}

// Balance implements payout.Provider: it is the closing balance of the newest statement that was read, or ErrNotFound.
func (a *Account) Balance(ctx context.Context, asset chain.AssetID) (*big.Int, error) {
	var kept balance
	err := a.load(ctx, a.name(kindBalance), &kept)
	if asset != a.Asset().ID {
		err = payout.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("bank: balance of %s: %w", asset, err)
	}
	return kept.Cents, nil
}

// load reads a document, or returns ErrNotFound.
func (a *Account) load(ctx context.Context, name string, into any) error {
	value, err := a.cfg.Store.Document(ctx, name)
	if err == nil && value == nil {
		err = payout.ErrNotFound
	}
	if err != nil {
		return err
	}
	return json.Unmarshal(value, into)
}
