package bitcoin

import (
	"context"
	"errors"
	"strings"

	btc "github.com/cointill/cointill/chain/bitcoin"
	"github.com/cointill/cointill/payout"
)

// The codes with which nodes refuse a transaction.
const (
	codeDecode    = -22
	codeMissing   = -25 // inputs are unknown or spent, or something else is wrong with it
	codeRejected  = -26
	codeConfirmed = -27 // a block has it
)

// refusals has parts of the reasons that come with a code, which do not change: they are part of Core's interface, and
// btcd has some of its own. The first that is found counts.
var refusals = []struct {
	part string
	code payout.Refusal
}{
	{"insufficient fee", payout.RefusedFee},
	{"insufficient priority", payout.RefusedFee},
	{"min relay fee not met", payout.RefusedFee},
	{"mempool min fee not met", payout.RefusedFee},
	{"min fee not met", payout.RefusedFee},
	{"mempool full", payout.RefusedFee},
	{"under the required amount", payout.RefusedFee},
	{"feerate", payout.RefusedFee},
	{"dust", payout.RefusedDust},
	{"too-long-mempool-chain", payout.RefusedTooSoon},
	{"missing", payout.RefusedSpent},
	{"txn-mempool-conflict", payout.RefusedSpent},
	{"spends-conflicting-tx", payout.RefusedSpent},
	{"replacement-adds-unconfirmed", payout.RefusedSpent},
	{"orphan transaction", payout.RefusedSpent},
	{"already spent", payout.RefusedSpent},
	{"double spend", payout.RefusedSpent},
}

// known are parts of the reasons that mean that the node has the transaction already.
var known = []string{"txn-already-known", "txn-already-in-mempool", "already in block chain", "already have transaction"}

// Send implements [payout.Spender]. A node that has the transaction already, in its pool or in a block, is no refusal.
func (s *Spender) Send(ctx context.Context, v payout.Version) error {
	if !v.Signed() {
		return errors.New("payout/bitcoin: the version is not signed")
	}
	return translate(s.node.SendRaw(ctx, v.Raw))
}

// translate returns nil for an error that means that the node has the transaction, and the RefusedError of others.
func translate(err error) error {
	var e *btc.Error
	if !errors.As(err, &e) {
		return err
	}
	reason := strings.ToLower(e.Message)
	switch e.Code {
	case codeConfirmed:
		return nil
	case codeDecode:
		return &payout.RefusedError{Code: payout.RefusedInvalid, Reason: e.Message}
	case codeRejected, codeMissing:
		for _, part := range known {
			if strings.Contains(reason, part) {
				return nil
			}
		}
	default:
		return err
	}
	for _, r := range refusals {
		if strings.Contains(reason, r.part) {
			return &payout.RefusedError{Code: r.code, Reason: e.Message}
		}
	}
	return &payout.RefusedError{Code: payout.RefusedInvalid, Reason: e.Message}
}
