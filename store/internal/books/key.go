package books

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/payout"
)

// The first byte of a key is its kind.
const (
	kindPayout      = 'p' // id: the payout
	kindReference   = 'r' // project, key: id of the payout
	kindClaim       = 'q' // hash of a claim's token: id of the payout
	kindListed      = 'l' // index, its texts, moment: id of the payout
	kindTransaction = 't' // id: the transaction
	kindOpen        = 'o' // network, time of creation, id: id of the transaction
	kindEntry       = 'e' // id: position of the entry, and the hash of what it says
	kindPosition    = 'f' // position: the entry
	kindLast        = 'z' // position of the last entry
	kindLine        = 'n' // account, position: what one posting did
	kindBalance     = 'b' // account: its balance
	kindTotal       = 's' // asset: the sums
	kindHolding     = 'h' // network, name: the holding
	kindLock        = 'k' // network, name: id of the transaction
	kindReceipt     = 'v' // invoice, key of the payment: the receipt
	kindCredit      = 'c' // invoice: the credit
	kindWaiting     = 'w' // network, height, invoice: id of the invoice
	kindCounter     = 'u' // name: the sum
	kindDocument    = 'd' // name: the document
	kindClosing     = 'y' // the closing
)

// key encodes texts, numbers and times so that keys sort by their first part, then by the next. Each text ends with a
// mark, so that no text is the beginning of another.
type key []byte

func newKey(kind byte, texts ...string) key {
	k := make(key, 0, 96)
	k = append(k, kind)
	for _, text := range texts {
		k = k.text(text)
	}
	return k
}

// maxText is the longest text that is part of a key as it is. A longer one is replaced by its hash: such texts are found,
// but are in no particular order.
const maxText = 80

func (k key) text(text string) key {
	if len(text) > maxText {
		hash := sha256.Sum256([]byte(text))
		return append(append(k, 0, 2), hash[:]...)
	}
	return append(k.beginning(text), 0, 1)
}

// maxName is the longest name of a holding or a document, whose keys keep the order of the names.
const maxName = 200

func (k key) name(name string) key { return append(k.beginning(name), 0, 1) }

// beginning adds a text without its mark: all texts that begin with it have it in common.
func (k key) beginning(text string) key {
	return append(k, strings.ReplaceAll(text, "\x00", "\x00\xff")...)
}

func (k key) number(n uint64) key { return binary.BigEndian.AppendUint64(k, n) }

// moment adds a time, also one that nanoseconds in 64 bits cannot hold.
func (k key) moment(t time.Time) key {
	k = binary.BigEndian.AppendUint64(k, uint64(t.Unix())^1<<63)
	return binary.BigEndian.AppendUint32(k, uint32(t.Nanosecond()))
}

// latest adds what makes the newest come first: every byte of the time and the id is inverted.
func (k key) latest(t time.Time, id string) key {
	return k.inverted(key{}.moment(t).text(id))
}

func (k key) inverted(part key) key {
	for _, b := range part {
		k = append(k, ^b)
	}
	return k
}

func (k key) String() string { return string(k) }

// after returns the first key behind all that begin with k.
func (k key) after() string {
	end := append(key{}, k...)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i] != 0xff {
			end[i]++
			return string(end[:i+1])
		}
	}
	return "\xff\xff\xff\xff" // no key begins like this
}

func payoutKey(id string) string      { return newKey(kindPayout, id).String() }
func referenceKey(p, k string) string { return newKey(kindReference, p, k).String() }
func claimKey(hash string) string     { return newKey(kindClaim, hash).String() }
func transactionKey(id string) string { return newKey(kindTransaction, id).String() }
func entryKey(id string) string       { return newKey(kindEntry, id).String() }
func positionKey(n int64) string      { return newKey(kindPosition).number(uint64(n)).String() }
func positionIn(k string) int64       { return int64(binary.BigEndian.Uint64([]byte(k[1:]))) }
func lastKey() string                 { return newKey(kindLast).String() }
func totalKey(a chain.AssetID) string { return newKey(kindTotal, string(a)).String() }
func creditKey(invoice string) string { return newKey(kindCredit, invoice).String() }
func counterKey(name string) string   { return newKey(kindCounter, name).String() }
func documentKey(name string) string  { return newKey(kindDocument).name(name).String() }
func closingKey() string              { return newKey(kindClosing).String() }

func lineOf(a payout.Account) key {
	return newKey(kindLine, a.Project, string(a.Kind), string(a.Asset))
}

func balanceKey(a payout.Account) string {
	return newKey(kindBalance, a.Project, string(a.Kind), string(a.Asset)).String()
}

func holdingKey(n chain.Network, name string) string {
	return newKey(kindHolding, string(n)).name(name).String()
}

// lockKey keeps the order of the names that holdings can have.
func lockKey(n chain.Network, name string) string {
	of := newKey(kindLock, string(n))
	if len(name) > maxName {
		return of.text(name).String()
	}
	return of.name(name).String()
}

func receiptKey(r payout.Receipt) string {
	return newKey(kindReceipt, r.Invoice, string(r.Key.Network), r.Key.TxID, r.Key.Index).String()
}

// openKeys returns the keys that lead to a transaction. It has none before it is stored, nor when nothing is expected of
// it any more.
func openKeys(t payout.Transaction) []string {
	if !t.Stage.Open() {
		return nil
	}
	return []string{newKey(kindOpen, string(t.Network)).moment(t.CreatedAt).text(t.ID).String()}
}

func waitingKeys(c payout.Credit) []string {
	if c.Wait == 0 {
		return nil
	}
	return []string{newKey(kindWaiting, string(c.Network)).number(c.Wait).text(c.Invoice).String()}
}

// The indexes of listings. Each holds payouts in the order in which they are listed.
const (
	listedAll      = "a"
	listedProject  = "p" // project
	listedStatusOf = "q" // project, status
	listedStatus   = "s" // status
	listedTerm     = "t" // folded text
)

// listedKeys returns the keys of a payout in all indexes.
func listedKeys(p payout.Payout) []string {
	if p.ID == "" {
		return nil
	}
	status := string(p.State.Status)
	out := make([]string, 0, 9)
	add := func(texts ...string) {
		out = append(out, newKey(kindListed, texts...).latest(p.CreatedAt, p.ID).String())
	}
	add(listedAll)
	add(listedProject, p.Project)
	add(listedStatusOf, p.Project, status)
	add(listedStatus, status)
	for _, term := range p.Terms() {
		add(listedTerm, folded(term))
	}
	return out
}

// folded returns the same text for all that [strings.EqualFold] takes for equal.
func folded(text string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
			least = min(least, other)
		}
		return least
	}, text)
}

// checkName refuses a name that is too long for its place in the order of names.
func checkName(what, name string) error {
	if name == "" || len(name) > maxName {
		return fmt.Errorf("%s %.64q needs a name of 1 to %d bytes", what, name, maxName)
	}
	return nil
}

// nameIn returns the name in the key of a document.
func nameIn(k string) string {
	return strings.ReplaceAll(k[1:len(k)-2], "\x00\xff", "\x00")
}
