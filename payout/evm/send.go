package evm

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/payout"
)

// Verify implements [payout.Spender]. It takes the signed transaction as bytes, or as hexadecimal text that begins with
// 0x.
func (s *Spender) Verify(v payout.Version, signed []byte) (raw []byte, txID string, err error) {
	tx, err := s.verify(v, signed)
	if err != nil {
		return nil, "", fmt.Errorf("payout/evm: %w: %w", payout.ErrDiffers, err)
	}
	raw, err = tx.MarshalBinary()
	return raw, tx.Hash().Hex(), err
}

func (s *Spender) verify(v payout.Version, signed []byte) (*types.Transaction, error) {
	u, err := s.parse(v)
	if err != nil {
		return nil, err
	}
	if err := s.owns(laneOfTx(u)); err != nil {
		return nil, err
	}
	if signed, err = binary(signed); err != nil {
		return nil, err
	}
	var tx types.Transaction
	if err := tx.UnmarshalBinary(signed); err != nil {
		return nil, fmt.Errorf("read it: %w", err)
	}
	if what := difference(u.tx, &tx); what != "" {
		return nil, fmt.Errorf("another %s", what)
	}
	from, err := types.Sender(types.LatestSignerForChainID(s.id), &tx) // refuses a high s
	if err != nil {
		return nil, err
	}
	if signer := chain.Address(from.Hex()); signer != u.From {
		return nil, fmt.Errorf("it is signed by %s and not by %s", signer, u.From)
	}
	return &tx, nil
}

// owns returns an error unless the address is the wallet's at its branch and index.
func (s *Spender) owns(l lane) error {
	derive := s.c.Wallet.Change
	if l.branch == 0 {
		derive = func(index uint32) (chain.Address, error) { return s.c.Wallet.Address(context.Background(), index) }
	}
	address, err := derive(l.index)
	if err != nil {
		return err
	}
	if l.branch > laneBranch || address != l.address {
		return fmt.Errorf("%s is not address %d/%d of the wallet", l.address, l.branch, l.index)
	}
	return nil
}

// binary returns signed bytes, which may be written in hexadecimal.
func binary(signed []byte) ([]byte, error) {
	if len(signed) > 2*maxBytes {
		return nil, fmt.Errorf("it has more than %d bytes", maxBytes)
	}
	digits, isText := strings.CutPrefix(strings.TrimSpace(string(signed)), "0x")
	if !isText {
		return signed, nil
	}
	return hex.DecodeString(digits)
}

// difference names the first field in which two transactions differ.
func difference(want, got *types.Transaction) string {
	switch {
	case want.Type() != got.Type():
		return "type"
	case !got.Protected() || want.ChainId().Cmp(got.ChainId()) != 0:
		return "chain id"
	case want.Nonce() != got.Nonce():
		return "nonce"
	case got.To() == nil || *want.To() != *got.To():
		return "receiver"
	case want.Value().Cmp(got.Value()) != 0:
		return "value"
	case string(want.Data()) != string(got.Data()):
		return "call data"
	case want.Gas() != got.Gas():
		return "gas limit"
	case want.GasFeeCap().Cmp(got.GasFeeCap()) != 0:
		return "greatest fee"
	case want.GasTipCap().Cmp(got.GasTipCap()) != 0:
		return "tip"
	case len(got.AccessList()) > 0:
		return "access list"
	case got.Type() != types.LegacyTxType && got.Type() != types.DynamicFeeTxType:
		return "type"
	}
	return ""
}

// Send implements [payout.Spender].
func (s *Spender) Send(ctx context.Context, v payout.Version) error {
	if !v.Signed() {
		return errors.New("payout/evm: send: the version is not signed")
	}
	var hash common.Hash
	err := s.call(ctx, &hash, "eth_sendRawTransaction", hexutil.Bytes(v.Raw))
	if err == nil && v.TxID != "" && hash != common.HexToHash(v.TxID) {
		err = fmt.Errorf("the node names it %s", hash)
	}
	if err == nil {
		return nil
	}
	var fault *nodeError
	if errors.As(err, &fault) {
		switch code, known := classify(fault.text); {
		case known && code == "":
			return nil
		case known:
			err = &payout.RefusedError{Code: code, Reason: fault.text}
		}
	}
	return fmt.Errorf("payout/evm: send %s: %w", v.TxID, err)
}

// refusals has parts, in lower case, of what the clients say about a transaction that they get, in the order in which
// they are looked for. The clients have no codes for it: almost all is -32000.
var refusals = []struct {
	code  payout.Refusal // empty: the node has it
	parts []string
}{
	{"", []string{"already known", "known transaction", "already imported", "alreadyknown", "already in mempool"}},
	{payout.RefusedSpent, []string{"nonce too low", "oldnonce", "nonce is too low"}},
	{payout.RefusedFee, []string{
		"underpriced", "gas price below minimum", "max fee per gas less than block base fee", "feetoolow", "fee too low",
		"replacement not allowed", "gas price too low",
	}},
	{payout.RefusedCoins, []string{"insufficient funds", "insufficientfunds", "insufficient balance", "upfront cost exceeds"}},
	{payout.RefusedTooSoon, []string{
		"nonce too high", "nonce gap", "noncegap", "gapped", "in-flight transaction limit", "account limit exceeded",
		"address already reserved", "nonce too distant",
	}},
	{payout.RefusedInvalid, []string{
		"exceeds block gas limit", "intrinsic gas", "insufficient gas for floor data", "oversized data", "invalid sender",
		"invalid chain id", "invalid chainid", "wrong chain", "transaction gas limit too high", "exceeds the configured cap",
		"transaction type not supported", "invalid signature", "sender not an eoa", "rlp:", "only replay-protected",
		"max priority fee per gas higher than max fee per gas",
	}},
}

// classify translates what a node says; known is false for what it does not know, which proves nothing.
func classify(text string) (code payout.Refusal, known bool) {
	for _, r := range refusals {
		if contains(text, r.parts) {
			return r.code, true
		}
	}
	return "", false
}
