package chaintest

import (
	"math/big"
	"slices"
	"testing"

	"github.com/cointill/cointill/chain"
)

// What the cases of both suites do with a chain, and what they look for in transfers.

// pay sends units of the first asset.
func pay(t *testing.T, d Driver, to chain.Address, units int64) (txid string) {
	t.Helper()
	return d.Pay(t, d.Assets()[0], to, big.NewInt(units))
}

// oddUnits returns an amount of the asset with a last digit, beyond 64 bits if that is not too much of it.
func oddUnits(a chain.Asset) *big.Int {
	units := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(a.Decimals)), nil)
	if a.Decimals >= 18 {
		units.Lsh(big.NewInt(1), 64) // 18.4 whole units
	}
	return units.Add(units, big.NewInt(7))
}

// payAround makes a payment in the block before the last depth ones, and in the first and the last of these.
func payAround(t *testing.T, d Driver, to chain.Address, depth int) (txids []string) {
	t.Helper()
	txids = append(txids, pay(t, d, to, 21_000))
	d.Mine(t, 1)
	txids = append(txids, pay(t, d, to, 22_000))
	d.Mine(t, 1)
	if depth > 1 {
		d.Mine(t, depth-2)
		txids = append(txids, pay(t, d, to, 23_000))
		d.Mine(t, 1)
	}
	return txids
}

// payAfter makes a payment in the second of two blocks; the first takes in what a reorganisation left waiting.
func payAfter(t *testing.T, d Driver, to chain.Address) (txid string) {
	t.Helper()
	d.Mine(t, 1)
	txid = pay(t, d, to, 24_000)
	d.Mine(t, 1)
	return txid
}

// find returns the transfers to an address.
func find(transfers []chain.Transfer, to chain.Address) []chain.Transfer {
	return slices.DeleteFunc(slices.Clone(transfers), func(t chain.Transfer) bool { return t.To != to })
}

// keysByTx returns the key of the last transfer of each transaction, and the first key that two transfers have, if any.
func keysByTx(transfers []chain.Transfer) (byTx map[string]chain.Key, twice *chain.Key) {
	seen := map[chain.Key]bool{}
	byTx = map[string]chain.Key{}
	for _, t := range transfers {
		k := t.Key()
		if seen[k] && twice == nil {
			twice = &k
		}
		seen[k], byTx[t.TxID] = true, k
	}
	return byTx, twice
}

// rekeyed returns a transaction whose transfer has another key than before, if there is one.
func rekeyed(before, after map[string]chain.Key) (txid string, found bool) {
	for txid, key := range after {
		if old, ok := before[txid]; ok && old != key {
			return txid, true
		}
	}
	return "", false
}
