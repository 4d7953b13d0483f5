package books

import (
	"bytes"
	"fmt"
	"math/big"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/payout"
)

// Balances and lines are texts with a NUL between their fields, because every entry reads and writes some of them under
// the lock of the books. Everything else is JSON.

// encodeBalance returns the value of a balance: units, project, kind, asset.
func encodeBalance(b payout.Balance) []byte {
	out := append(b.Units.Append(nil, 10), 0)
	out = append(append(out, b.Account.Project...), 0)
	out = append(append(out, b.Account.Kind...), 0)
	return append(out, b.Account.Asset...)
}

func decodeBalance(value []byte) (b payout.Balance, err error) {
	fields := bytes.SplitN(value, []byte{0}, 4)
	if len(fields) != 4 {
		return b, fmt.Errorf("the balance %q is damaged", value)
	}
	b.Account = payout.Account{
		Project: string(fields[1]), Kind: payout.AccountKind(fields[2]), Asset: chain.AssetID(fields[3]),
	}
	b.Units, err = decodeUnits(fields[0])
	return b, err
}

// line is one posting as it is stored.
type line struct {
	entry          string // its ID
	units, balance *big.Int
}

// encode returns the value of a line: units, balance, id of the entry.
func (l line) encode() []byte {
	out := append(l.units.Append(nil, 10), 0)
	out = append(l.balance.Append(out, 10), 0)
	return append(out, l.entry...)
}

func decodeLine(value []byte) (l line, err error) {
	fields := bytes.SplitN(value, []byte{0}, 3)
	if len(fields) != 3 {
		return l, fmt.Errorf("the line %q is damaged", value)
	}
	l.entry = string(fields[2])
	if l.units, err = decodeUnits(fields[0]); err != nil {
		return l, err
	}
	l.balance, err = decodeUnits(fields[1])
	return l, err
}

func decodeUnits(text []byte) (*big.Int, error) {
	n, ok := new(big.Int).SetString(string(text), 10)
	if !ok {
		return nil, fmt.Errorf("the number %q is damaged", text)
	}
	return n, nil
}
