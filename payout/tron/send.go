package tron

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/cointill/cointill/payout"
)

// Verify implements [payout.Spender]. It accepts the encoded transaction, and the JSON of tools with one signature.
func (s *Spender) Verify(v payout.Version, signed []byte) (raw []byte, txID string, err error) {
	p, _, _, err := understand(v.Unsigned)
	if err == nil && p.txID() != v.TxID {
		err = errors.New("the version has another TxID")
	}
	if err != nil {
		return nil, "", fmt.Errorf("tron: verify: %w: the version is damaged: %w", payout.ErrDiffers, err)
	}
	data, signature, err := signedParts(signed)
	if err != nil {
		return nil, "", fmt.Errorf("tron: verify: %w: %w", payout.ErrDiffers, err)
	}
	if !bytes.Equal(data, p.encode()) {
		return nil, "", fmt.Errorf("tron: verify: %w: another transaction is signed", payout.ErrDiffers)
	}
	by, err := signerOf(p.id(), signature)
	if err == nil && by != p.from {
		err = fmt.Errorf("the key of %s signed instead of that of %s", by.address(), p.from.address())
	}
	if err != nil {
		return nil, "", fmt.Errorf("tron: verify: %w: %w", payout.ErrDiffers, err)
	}
	return seal(data, signature), v.TxID, nil
}

// Send implements [payout.Spender]. That a node has the transaction means only that: whether a block takes it is what Look
// reports.
func (s *Spender) Send(ctx context.Context, v payout.Version) error {
	if !v.Signed() {
		return errors.New("tron: send: the version is not signed")
	}
	if raw, _, err := unseal(v.Raw); err != nil || idOf(raw) != v.TxID {
		return errors.New("tron: send: the signed bytes do not have the version's id")
	}
	code, message, err := s.node.Broadcast(ctx, v.Raw)
	if err == nil {
		err = verdict(code, message)
	}
	if err != nil {
		return fmt.Errorf("tron: send transaction %s: %w", v.TxID, err)
	}
	return nil
}

func idOf(raw []byte) string {
	p, err := decode(raw)
	if err != nil {
		return ""
	}
	id := p.id()
	return hex.EncodeToString(id[:])
}

// verdict returns what a code of the protocol's response_code means for the transaction that was sent.
func verdict(code, message string) error {
	because := func(refusal payout.Refusal) error { return refused(refusal, code+": "+message) }
	switch code {
	case "SUCCESS", "DUP_TRANSACTION_ERROR":
		return nil
	case "BANDWITH_ERROR": //nolint:misspell // so spelled in the protocol
		return because(payout.RefusedCoins)
	case "CONTRACT_VALIDATE_ERROR", "CONTRACT_EXE_ERROR", "SIGERROR", "TOO_BIG_TRANSACTION_ERROR", "TRANSACTION_EXPIRATION_ERROR":
		return because(payout.RefusedInvalid)
	}
	// A node that is busy, lags or is on a fork (TAPOS_ERROR), and whatever else there may be: it may have been taken.
	return fmt.Errorf("node reports %.64s: %.200s", code, message)
}
