package payout

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/cointill/cointill/chain"
)

// Purpose is what a transaction is for.
type Purpose string

// The purposes of transactions.
const (
	PurposePay   Purpose = "pay"    // it pays its payouts
	PurposeSweep Purpose = "sweep"  // it brings money from a deposit address to the wallet
	PurposeTopUp Purpose = "top_up" // it brings coins for fees to a deposit address
	PurposeBump  Purpose = "bump"   // it spends the change of a transaction that is too cheap, and pays for both
)

// Stage is how far a transaction is.
type Stage string

// The stages of a transaction.
const (
	StagePlanned Stage = "planned" // its unsigned bytes are stored, and no signer has seen them
	StageOffered Stage = "offered" // a signer may have signed it: only a conflict on the chain can end it now
	StageSigned  Stage = "signed"  // a signed version is stored
	StageFinal   Stage = "final"   // a version is final; it is watched until it is buried
	StageBuried  Stage = "buried"  // nothing is expected any more
	StageDropped Stage = "dropped" // given up while it was planned
	StageDead    Stage = "dead"    // proven that no version can ever be mined
)

// Open reports whether the transaction has to be looked at.
func (s Stage) Open() bool {
	return s == StagePlanned || s == StageOffered || s == StageSigned || s == StageFinal
}

// Transaction pays payouts, or moves our own coins, in several versions of which the chain can take only one: all of
// them spend the Anchor.
type Transaction struct {
	ID      string        `json:"id"` // a UUID (version 7)
	Network chain.Network `json:"network"`
	Purpose Purpose       `json:"purpose"`
	// Lane is the wallet or address that spends, as the Spender names it.
	Lane string `json:"lane"`
	// Anchor is the name of the lock that all versions hold: an output of an earlier transaction, or a sender with a
	// nonce. Where the chain has no such thing it is made up, and a second version is never made.
	Anchor  string   `json:"anchor"`
	Payouts []string `json:"payouts,omitempty"` // ids, in the order of the outputs
	// Versions are oldest first. One that no signer has seen is the last.
	Versions []Version `json:"versions"`
	Stage    Stage     `json:"stage"`
	// Cancel is set once the payouts should not be paid any more: the next version pays us instead.
	Cancel bool `json:"cancel,omitempty"`
	// Hurry is what an operator chose for the next version, or for a bump, until there is one; nil if nothing.
	Hurry *Hurry `json:"hurry,omitempty"`
	// Never names coins that versions spend and that can never exist, because another version of the transaction that should
	// have made them is buried.
	Never []string `json:"never,omitempty"`
	// Parent is, of a bump, the id of the transaction whose change it spends. Child is the id of the newest bump of this
	// one, whether it is open or has ended; empty if there was none.
	Parent string `json:"parent,omitempty"`
	Child  string `json:"child,omitempty"`
	// Foreign reports that a transaction that is not ours spent the anchor.
	Foreign bool `json:"foreign,omitempty"`
	// Mined is the version that a block has, by its index in Versions; -1 if none.
	Mined  int    `json:"mined"`
	Height uint64 `json:"height,omitempty"`
	// Effect is what the final version did to our holdings, and Paid the fee that it paid. Undone counts how often a
	// reorganisation took a final version back.
	Effect []Move   `json:"effect,omitempty"`
	Paid   *big.Int `json:"paid,omitempty"`
	Undone int      `json:"undone,omitempty"`
	// Made names the coins that were booked with a final version and taken back with it. A version that somebody else sent
	// may have made them under an id that no version has.
	Made []string `json:"made,omitempty"`
	// Payer is the operator's account that the fee of a sweep, top-up or bump was reserved in; Fee is the sum reserved there.
	Payer     Account   `json:"payer,omitzero"`
	Fee       *big.Int  `json:"fee,omitempty"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	SentAt    time.Time `json:"sent_at,omitzero"` // when a version was sent last
	// Sent is how many versions there are up to the newest one that was sent; 0 if none was, or if it was stored before this
	// was kept.
	Sent    int    `json:"sent,omitempty"`
	Detail  string `json:"detail,omitempty"`  // the node's last refusal, or what else a person should know of it
	Refused string `json:"refused,omitempty"` // why the signer never signs the only version
	Version int64  `json:"version"`           // number of commits, from 1
}

// Version is one transaction as it is or was to be signed.
type Version struct {
	Unsigned []byte `json:"unsigned"` // what a signer gets: a PSBT, or the network's unsigned transaction
	// TxID is the id on the chain; before the signature it is known only where signatures are no part of it.
	TxID string `json:"txid,omitempty"`
	Raw  []byte `json:"raw,omitempty"` // the signed bytes, as they are sent
	// Fee is the greatest fee in base units of the network's own coin, and Rate the fee rate in its usual unit for
	// people.
	Fee  *big.Int `json:"fee"`
	Rate string   `json:"rate,omitempty"`
	// Spends names the locks that the version needs, the anchor among them.
	Spends []string `json:"spends"`
	// Moves is what the version does to our holdings if it succeeds, with the greatest fee. A name that begins with a
	// colon is that of an output of the version itself, while TxID is not known: see [Version.Effects].
	Moves []Move `json:"moves"`
	// Offered reports that a signer may have signed it.
	Offered bool `json:"offered,omitempty"`
	// Cancels reports that the version pays none of the payouts.
	Cancels bool      `json:"cancels,omitempty"`
	Expires time.Time `json:"expires,omitzero"` // the chain's time after which it cannot be mined; zero if never
	At      time.Time `json:"at"`               // when it was planned
	// Hurry is the choice of an operator that it follows; nil if it follows what the network asks for.
	Hurry *Hurry `json:"hurry,omitempty"`
	// Note holds what the Spender needs to know about it later.
	Note []byte `json:"note,omitempty"`
}

// Hurry is what an operator chose so that a transaction is mined sooner.
type Hurry struct {
	// Fee is the fee of the next version, or that of a bump alone, in base units of the network's own coin.
	Fee   *big.Int  `json:"fee"`
	At    time.Time `json:"at"`
	Actor string    `json:"actor,omitempty"`
}

// Signed reports whether the version is signed.
func (v Version) Signed() bool { return len(v.Raw) > 0 }

// Shown reports whether a signer may have signed the version, so that it may be on the chain or in a pool.
func (v Version) Shown() bool { return v.Offered || v.Signed() }

// Effects returns Moves with the names that the holdings have once the transaction is on the chain under the id: the
// outputs of a version whose id depends on its signatures are named by it only then.
func (v Version) Effects(txID string) []Move {
	moves := slices.Clone(v.Moves)
	for i := range moves {
		if strings.HasPrefix(moves[i].Holding.Name, ":") {
			moves[i].Holding.Name = txID + moves[i].Holding.Name
		}
	}
	return moves
}

// Last returns the newest version.
func (t Transaction) Last() Version { return t.Versions[len(t.Versions)-1] }

// Signed reports whether any version is signed.
func (t Transaction) Signed() bool {
	return slices.ContainsFunc(t.Versions, Version.Signed)
}

// doomed reports whether every version spends a coin that can never exist.
func (t Transaction) doomed() bool {
	never := func(name string) bool { return slices.Contains(t.Never, name) }
	return !slices.ContainsFunc(t.Versions, func(v Version) bool { return !slices.ContainsFunc(v.Spends, never) })
}

// neverMade returns the names of the coins that the transaction's versions would have made and that will never exist, now
// that it has ended. The version that is mined may be so under another id than it was signed with here: then its coins
// have other names.
func (t Transaction) neverMade() []string {
	names := slices.Clone(t.Made)
	for _, v := range t.Versions {
		if v.TxID != "" {
			names = append(names, made(v.Effects(v.TxID))...)
		}
	}
	var out []string
	for _, name := range names {
		exists := t.Stage == StageBuried && slices.Contains(made(t.Effect), name)
		if !exists && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// maker returns the index of the signed version that makes the coin with the name, or -1.
func (t Transaction) maker(name string) int {
	return slices.IndexFunc(t.Versions, func(v Version) bool {
		return v.Signed() && slices.Contains(made(v.Effects(v.TxID)), name)
	})
}

// made returns the names of the coins that moves make.
func made(moves []Move) (names []string) {
	for _, m := range moves {
		if m.Makes {
			names = append(names, m.Holding.Name)
		}
	}
	return names
}

// unsigned returns the index of the newest version that a signer may have signed and that is not signed here, or -1.
func (t Transaction) unsigned() int {
	for i, v := range slices.Backward(t.Versions) {
		if v.Offered && !v.Signed() {
			return i
		}
	}
	return -1
}

// newestSent returns the index of the newest version that was sent, or -1. Of what was stored without Sent, it goes by times: a
// version that was made when something was sent counts as sent. If it was not, it is sent with what nodes forget.
func (t Transaction) newestSent() int {
	if t.Sent > 0 || t.SentAt.IsZero() {
		return t.Sent - 1
	}
	for i, v := range slices.Backward(t.Versions) {
		if v.Signed() && !t.SentAt.Before(v.At) {
			return i
		}
	}
	return 0
}

// locks returns the names of all locks that any version needs, each once, the anchor first.
func (t Transaction) locks() []string {
	out := []string{t.Anchor}
	for _, v := range t.Versions {
		for _, name := range v.Spends {
			if !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	return out
}

// Check returns an error that describes what makes the transaction unsafe, or nil. A store refuses one that is unsafe:
// two versions that do not exclude each other could both be mined.
func (t Transaction) Check() error {
	if t.ID == "" || t.Network == "" || t.Anchor == "" || len(t.Versions) == 0 {
		return errors.New("a transaction needs ID, Network, Anchor and Versions")
	}
	for i, v := range t.Versions {
		switch {
		case !slices.Contains(v.Spends, t.Anchor):
			return fmt.Errorf("version %d of transaction %s does not spend the anchor %s", i, t.ID, t.Anchor)
		case i < len(t.Versions)-1 && !v.Shown():
			return fmt.Errorf("version %d of transaction %s was shown to no signer and is not the last", i, t.ID)
		}
	}
	return nil
}

// Move changes what we hold at one place.
type Move struct {
	Holding Holding  `json:"holding"` // its identity; Units is not read
	Units   *big.Int `json:"units"`   // added; negative units leave
	// Makes reports that the move makes the holding, a coin: nothing but this transaction can.
	Makes bool `json:"makes,omitempty"`
	// Fee marks the move that contains the network's fee, where what is paid may be less than the greatest fee. If the
	// version fails, it is the only one that happens, with the fee alone.
	Fee bool `json:"fee,omitempty"`
}

// Holding is money at one of our places: a coin (an unspent output), or what an address has of an asset. Its natural key
// is Network and Name.
type Holding struct {
	Network chain.Network `json:"network"`
	Name    string        `json:"name"` // of a coin "txid:vout"; of an account's balance "address/asset reference"
	Asset   chain.AssetID `json:"asset"`
	Address chain.Address `json:"address"`
	// Wallet, Branch and Index say which key spends it: branch 0 has the addresses of invoices, branch 1 change.
	Wallet string   `json:"wallet,omitempty"`
	Branch uint32   `json:"branch,omitempty"`
	Index  uint32   `json:"index,omitempty"`
	Units  *big.Int `json:"units"`
	Height uint64   `json:"height,omitempty"` // of the block that made the coin

	// Lock is the id of the transaction that spends it; empty while it is free. Only reads set it.
	Lock string `json:"lock,omitempty"`
}

// Lock gives a name on a network to a transaction, until it is given up. Coins, and numbers of senders, are locked.
type Lock struct {
	Network     chain.Network
	Name        string
	Transaction string
}

// Receipt is one payment as the ledger has it.
type Receipt struct {
	Key     chain.Key     `json:"key"`
	Invoice string        `json:"invoice"`
	Project string        `json:"project"`
	Asset   chain.AssetID `json:"asset"`
	Units   *big.Int      `json:"units"`
	Holding Holding       `json:"holding"`
	// Booked reports that the ledger has it now, and Accepted that it is the project's own.
	Booked   bool  `json:"booked"`
	Accepted bool  `json:"accepted"`
	N        int   `json:"n"`       // number of entries so far
	Version  int64 `json:"version"` // from 1
}

// Credit is what the ledger has of one invoice.
type Credit struct {
	Invoice  string                     `json:"invoice"`
	Project  string                     `json:"project"`
	Received map[chain.AssetID]*big.Int `json:"received,omitempty"` // booked now
	Own      map[chain.AssetID]*big.Int `json:"own,omitempty"`      // of these, what became the project's, commission included
	// RefundedHeld and RefundedOwn are reserved for refunds or paid, from what was held and from the project's own.
	RefundedHeld map[chain.AssetID]*big.Int `json:"refunded_held,omitempty"`
	RefundedOwn  map[chain.AssetID]*big.Int `json:"refunded_own,omitempty"`
	// Commission is the operator's part, in base units of Asset.
	Commission *big.Int      `json:"commission,omitempty"`
	Asset      chain.AssetID `json:"asset,omitempty"`
	N          int           `json:"n"`
	// Wait is the height, on Network, at which it must be looked at again because a payment is deep enough then; 0 if none.
	Network chain.Network `json:"network,omitempty"`
	Wait    uint64        `json:"wait,omitempty"`
	Version int64         `json:"version"` // from 1
}

// Refundable returns what came in of the asset and was not refunded, in base units; never negative.
func (c Credit) Refundable(asset chain.AssetID) *big.Int {
	left := new(big.Int).Sub(orZero(c.Received[asset]), orZero(c.RefundedHeld[asset]))
	left.Sub(left, orZero(c.RefundedOwn[asset]))
	if left.Sign() < 0 {
		return new(big.Int)
	}
	return left
}

// Over returns what came in of the asset beyond what is due, and was not refunded; never negative.
func (c Credit) Over(asset chain.AssetID, due *big.Int) *big.Int {
	left := new(big.Int).Sub(c.Refundable(asset), orZero(due))
	if left.Sign() < 0 {
		return new(big.Int)
	}
	return left
}
