package payouttest

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/payout"
)

// kind is how a chain keeps two transactions from both being taken.
type kind int

const (
	coins    kind = iota // they spend the same output, as on Bitcoin
	accounts             // they have the same sender and number, as on EVM networks
	expiring             // they cannot: each has a time after which it is not taken, as on TRON
)

func (k kind) String() string { return []string{"coins", "accounts", "expiring"}[k] }

// Depths of the simulated chains. Reorganisations may be as deep as one block less than buried: deeper ones cannot be
// told from another chain.
const (
	depthFinal  = 3
	depthBuried = 9
)

// tx is a transaction of a simulated chain. What it does is what is written here, whatever anybody says about it.
type tx struct {
	From    string            `json:"from"` // the sender, where there are accounts
	To      string            `json:"to"`   // our own address that Brings of Asset go to
	Brings  string            `json:"brings"`
	Spends  []string          `json:"spends"` // coins, or one "nonce:<sender>:<n>"
	Pays    map[string]string `json:"pays"`   // units by the id of the payout
	Payees  map[string]string `json:"payees"` // receivers by the id of the payout
	Makes   map[string]string `json:"makes"`  // units of our own new coins, by name
	Asset   string            `json:"asset"`  // what is paid
	Fee     string            `json:"fee"`    // the greatest
	Used    string            `json:"used"`   // the fee that it takes
	Fails   bool              `json:"fails"`  // in most blocks it moves nothing but its fee
	Expires int               `json:"expires"`
	Rate    int               `json:"rate"`
	Salt    int               `json:"salt"`
	Foreign bool              `json:"foreign"` // made by somebody else with our key
}

// signed is how a signed transaction is written. One that is signed again has another signature.
type signed struct {
	Tx  json.RawMessage `json:"tx"`
	N   int             `json:"n"`
	Sig string          `json:"sig"`
}

func (t tx) encode() []byte {
	b, err := json.Marshal(t)
	if err != nil {
		panic(err)
	}
	return b
}

// sign signs with the only key. With another n the signature is another.
func sign(unsigned []byte, n int) []byte {
	sum := sha256.Sum256(fmt.Appendf(nil, "key %d %s", n, unsigned))
	b, err := json.Marshal(signed{unsigned, n, hex.EncodeToString(sum[:8])})
	if err != nil {
		panic(err)
	}
	return b
}

// idOf returns the id of a signed transaction. It covers the signature, but where transactions expire, as on TRON.
func (k kind) idOf(raw []byte) string {
	var s signed
	if k == expiring && json.Unmarshal(raw, &s) == nil {
		raw = s.Tx
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

// parse returns a signed transaction, and its unsigned form.
func parse(raw []byte) (tx, []byte, error) {
	var s signed
	var t tx
	if err := json.Unmarshal(raw, &s); err != nil {
		return tx{}, nil, err
	}
	if err := json.Unmarshal(s.Tx, &t); err != nil {
		return tx{}, nil, err
	}
	if want := sign(s.Tx, s.N); string(want) != string(raw) {
		return tx{}, nil, fmt.Errorf("the signature is wrong")
	}
	return t, s.Tx, nil
}

func num(s string) *big.Int {
	n, ok := new(big.Int).SetString(s, 10)
	if !ok {
		return new(big.Int)
	}
	return n
}

// state is what a chain says after a block.
type state struct {
	coins    map[string]*big.Int // unspent, by name
	balances map[string]*big.Int // by the names of holdings
	nonces   map[string]int      // the next of each sender
	taken    map[string]int      // height of each transaction
	spender  map[string]string   // id of the transaction that spent each lock
	fees     map[string]*big.Int // what each transaction took for itself
	failed   map[string]bool     // transactions that moved nothing but their fee
}

func (s state) clone() state {
	return state{
		maps.Clone(s.coins), maps.Clone(s.balances), maps.Clone(s.nonces), maps.Clone(s.taken), maps.Clone(s.spender),
		maps.Clone(s.fees), maps.Clone(s.failed),
	}
}

// block holds ids of transactions, and deposits that came from outside.
type block struct {
	txs      []string
	deposits []deposit
}

// The addresses of ours that are no invoice's.
const (
	lane  = "lane"
	topUp = "top-up lane"
)

// deposit is money that arrives from outside.
type deposit struct {
	name  string // of the coin
	asset string
	units *big.Int
	to    chain.Address // somebody else, if not empty
	at    string        // the address of ours, where there are accounts; empty for the lane
}

// simChain is a simulated chain: a node that everybody sees alike, with a pool.
type simChain struct {
	kind   kind
	assets []string // the first is the network's own coin
	txs    map[string]tx
	forms  map[string][]string // ids of what was signed from an unsigned form
	blocks []block             // block 1 first
	states []state             // before block 1, after block 1 ...
	pool   []string
	rate   int // the least that the pool takes, and of coins the least that blocks take
	extra  int // what blocks take of each transaction beside its own fee, as those of a chain do that is built on another one

	firstSeen bool              // the pool keeps the first of two transactions that exclude each other
	pins      map[string]int64  // by id in the pool: the fees of what payees have made of their outputs
	raws      map[string][]byte // what was sent once, by id
}

func newChain(k kind, assets []string) *simChain {
	return &simChain{
		kind: k, assets: assets, txs: map[string]tx{}, forms: map[string][]string{}, rate: 1,
		pins: map[string]int64{}, raws: map[string][]byte{},
		states: []state{{map[string]*big.Int{}, map[string]*big.Int{}, map[string]int{}, map[string]int{}, map[string]string{}, map[string]*big.Int{}, map[string]bool{}}},
	}
}

func (c *simChain) height() int { return len(c.blocks) }
func (c *simChain) tip() state  { return c.states[len(c.states)-1] }

// at returns the state after the block of the height.
func (c *simChain) at(height int) state { return c.states[max(0, min(height, len(c.blocks)))] }

// fits reports whether a transaction can be the next on the state, at the height.
func (c *simChain) fits(s state, id string, height int) error {
	t := c.txs[id]
	if _, done := s.taken[id]; done {
		return fmt.Errorf("already in a block")
	}
	if t.Expires > 0 && height > t.Expires {
		return fmt.Errorf("expired")
	}
	switch c.kind {
	case coins:
		for _, name := range t.Spends {
			if s.coins[name] == nil {
				return fmt.Errorf("input %s is spent or unknown", name)
			}
		}
		return nil
	case accounts:
		if want := numberName(t.From, s.nonces[t.From]); t.Spends[0] != want {
			return fmt.Errorf("number %s, expected %s", t.Spends[0], want)
		}
	case expiring:
	}
	native := c.assets[0]
	need := t.costs(native)[native]
	if more := new(big.Int).Sub(c.takes(t), num(t.Fee)); more.Sign() > 0 {
		need.Add(need, more)
	}
	if orZero(s.balances[placeName(t.From, native)]).Cmp(need) < 0 {
		return fmt.Errorf("too little of %s", native)
	}
	return nil
}

// fails reports whether a transaction moves nothing but its fee in a block: it does without enough of the token that it moves, and
// one that fails does not do so in every block. One that brings an address's coins to another of ours does: what was sent after a
// failure could not pay its fee on a branch without one.
func (c *simChain) fails(s state, t tx, height int) bool {
	native := c.assets[0]
	if t.Asset != native && orZero(s.balances[placeName(t.From, t.Asset)]).Cmp(orZero(t.costs(native)[t.Asset])) < 0 {
		return true
	}
	return t.Fails && (t.Brings != "" && t.Asset == native || (height+t.Salt)%3 > 0)
}

// costs returns what the sender must have, by asset.
func (t tx) costs(native string) map[string]*big.Int {
	out := map[string]*big.Int{native: num(t.Fee)}
	for _, units := range t.Pays {
		if out[t.Asset] == nil {
			out[t.Asset] = new(big.Int)
		}
		out[t.Asset] = new(big.Int).Add(out[t.Asset], num(units))
	}
	if t.Brings != "" {
		out[t.Asset] = new(big.Int).Add(orZero(out[t.Asset]), num(t.Brings))
	}
	return out
}

// placeName is the name of what an address has of an asset, numberName that of a sender's number.
func placeName(address, asset string) string { return address + "/" + asset }

func numberName(sender string, n int) string { return fmt.Sprintf("nonce:%s:%d", sender, n) }

// apply adds a transaction to the state.
func (c *simChain) apply(s *state, id string, height int) {
	t := c.txs[id]
	s.taken[id] = height
	for _, name := range t.Spends {
		s.spender[name] = id
	}
	s.fees[id] = c.takes(t)
	if c.kind == coins {
		for _, name := range t.Spends {
			delete(s.coins, name)
		}
		for name, units := range t.Makes {
			s.coins[coinName(id, name)] = num(units)
		}
		return
	}
	if c.kind == accounts {
		s.nonces[t.From]++
	}
	take := map[string]*big.Int{c.assets[0]: c.takes(t)}
	s.failed[id] = c.fails(*s, t, height)
	if !s.failed[id] {
		for _, units := range t.Pays {
			take[t.Asset] = new(big.Int).Add(orZero(take[t.Asset]), num(units))
		}
		if t.Brings != "" {
			take[t.Asset] = new(big.Int).Add(orZero(take[t.Asset]), num(t.Brings))
			to := placeName(t.To, t.Asset)
			s.balances[to] = new(big.Int).Add(orZero(s.balances[to]), num(t.Brings))
		}
	}
	for asset, units := range take {
		from := placeName(t.From, asset)
		s.balances[from] = new(big.Int).Sub(orZero(s.balances[from]), units)
	}
}

// takes returns what the next block takes for a transaction. That of coins is in what it spends and makes.
func (c *simChain) takes(t tx) *big.Int {
	if c.kind == coins {
		return num(t.Used)
	}
	return new(big.Int).Add(num(t.Used), big.NewInt(int64(c.extra)))
}

// coinName names an output of a transaction. Names that a plan chose stand for the outputs of whatever transaction makes
// them, since an id is known only after the signature.
func coinName(_, name string) string { return name }

// mine adds a block of what the pool has and the chain can take, the best paying first, skipping some.
func (c *simChain) mine(skip func(id string) bool, deposits ...deposit) {
	height := c.height() + 1
	s := c.tip().clone()
	b := block{deposits: deposits}
	for _, d := range deposits {
		if d.to != "" {
			continue
		}
		if c.kind == coins {
			s.coins[d.name] = d.units
		} else {
			at := placeName(cmp.Or(d.at, lane), d.asset)
			s.balances[at] = new(big.Int).Add(orZero(s.balances[at]), d.units)
		}
	}
	slices.SortStableFunc(c.pool, func(a, b string) int { return c.txs[b].Rate - c.txs[a].Rate })
	worth := c.worth()
	for again := true; again; {
		again = false
		for _, id := range c.pool {
			if _, in := s.taken[id]; in || !worth[id] || skip(id) || c.fits(s, id, height) != nil {
				continue
			}
			c.apply(&s, id, height)
			b.txs = append(b.txs, id)
			again = true
		}
	}
	c.blocks, c.states = append(c.blocks, b), append(c.states, s)
	c.tidyPool()
}

// tidyPool removes from the pool what can never follow the tip.
func (c *simChain) tidyPool() {
	s := c.tip()
	c.pool = slices.DeleteFunc(c.pool, func(id string) bool {
		_, in := s.taken[id]
		return in || c.excluded(s, id) || c.txs[id].Expires > 0 && c.height() >= c.txs[id].Expires
	})
	c.dropOrphans()
}

// dropOrphans removes from the pool what spends coins that are neither on the chain nor made in the pool, and the pins of
// what is not in the pool any more.
func (c *simChain) dropOrphans() {
	for before := -1; before != len(c.pool); {
		before = len(c.pool)
		c.pool = slices.DeleteFunc(c.pool, func(id string) bool {
			return c.kind == coins && slices.ContainsFunc(c.txs[id].Spends, func(name string) bool { return !c.has(name) })
		})
	}
	maps.DeleteFunc(c.pins, func(id string, _ int64) bool { return !slices.Contains(c.pool, id) })
}

// has reports whether a coin is on the chain or made by something in the pool.
func (c *simChain) has(name string) bool { return c.tip().coins[name] != nil || c.madeBy(name) != "" }

// madeBy returns the id of what makes the coin in the pool; empty if nothing does.
func (c *simChain) madeBy(name string) string {
	i := slices.IndexFunc(c.pool, func(id string) bool { _, makes := c.txs[id].Makes[name]; return makes })
	if i < 0 {
		return ""
	}
	return c.pool[i]
}

// below returns the transaction of the pool with those of the pool that it depends on.
func (c *simChain) below(id string) []string {
	out := []string{id}
	for i := 0; i < len(out); i++ {
		for _, name := range c.txs[out[i]].Spends {
			if by := c.madeBy(name); by != "" && !slices.Contains(out, by) {
				out = append(out, by)
			}
		}
	}
	return out
}

// above returns the transaction with those of the pool that depend on it.
func (c *simChain) above(id string) []string {
	out := []string{id}
	for _, other := range c.pool {
		if other != id && slices.Contains(c.below(other), id) {
			out = append(out, other)
		}
	}
	return out
}

// burden returns what a replacement of a transaction in the pool must pay more than.
func (c *simChain) burden(id string) int64 {
	sum := int64(0)
	for _, id := range c.above(id) {
		sum += num(c.txs[id].Fee).Int64() + c.pins[id]
	}
	return sum
}

// sums returns the size of transactions, and their fees.
func (c *simChain) sums(ids []string) (size, fees int64) {
	for _, id := range ids {
		size += sizeOf(len(c.txs[id].Pays))
		fees += num(c.txs[id].Fee).Int64()
	}
	return size, fees
}

// worth reports which transactions of the pool blocks take: of coins those that pay the network's rate, together with what
// they depend on, and what these depend on.
func (c *simChain) worth() map[string]bool {
	out := map[string]bool{}
	for _, id := range c.pool {
		all := []string{id}
		if c.kind == coins {
			all = c.below(id)
			if size, fees := c.sums(all); fees < size*int64(c.rate) {
				continue
			}
		}
		for _, id := range all {
			out[id] = true
		}
	}
	return out
}

// excluded reports whether what the transaction needs was spent by another on the state.
func (c *simChain) excluded(s state, id string) bool {
	return slices.ContainsFunc(c.txs[id].Spends, func(name string) bool { by, spent := s.spender[name]; return spent && by != id })
}

// rewind takes back n blocks. What was in them is in the pool again, or lost, as keep says.
func (c *simChain) rewind(n int, keep func(id string) bool) (lost []deposit) {
	for range n {
		last := c.blocks[len(c.blocks)-1]
		c.blocks, c.states = c.blocks[:len(c.blocks)-1], c.states[:len(c.states)-1]
		for _, id := range last.txs {
			if keep(id) && !slices.Contains(c.pool, id) {
				c.pool = append(c.pool, id)
			}
		}
		lost = append(lost, last.deposits...)
	}
	c.tidyPool()
	return lost
}

// submit puts a transaction into the pool, or refuses it as a node does.
func (c *simChain) submit(raw []byte) error {
	t, unsigned, err := parse(raw)
	if err != nil {
		return &payout.RefusedError{Code: payout.RefusedInvalid, Reason: err.Error()}
	}
	id := c.kind.idOf(raw)
	if _, known := c.txs[id]; !known {
		c.txs[id], c.forms[string(unsigned)] = t, append(c.forms[string(unsigned)], id)
	}
	c.raws[id] = raw
	s := c.tip()
	if _, in := s.taken[id]; in || slices.Contains(c.pool, id) {
		return nil
	}
	switch {
	case c.excluded(s, id):
		return &payout.RefusedError{Code: payout.RefusedSpent, Reason: "an input is spent"}
	case t.Expires > 0 && c.height() >= t.Expires:
		return &payout.RefusedError{Code: payout.RefusedInvalid, Reason: "expired"}
	case t.Rate < c.rate:
		return &payout.RefusedError{Code: payout.RefusedFee, Reason: "the pool wants more"}
	}
	if c.kind == coins && slices.ContainsFunc(t.Spends, func(name string) bool { return !c.has(name) }) {
		return &payout.RefusedError{Code: payout.RefusedSpent, Reason: "an input is spent or unknown"}
	}
	if err := c.displace(t); err != nil {
		return err
	}
	c.pool = append(c.pool, id)
	c.dropOrphans()
	return nil
}

// displace removes from the pool what the transaction excludes, with what depends on it, or refuses to.
func (c *simChain) displace(t tx) error {
	var out []string
	cost := int64(0)
	for _, other := range c.pool {
		if !slices.ContainsFunc(t.Spends, func(n string) bool { return slices.Contains(c.txs[other].Spends, n) }) {
			continue
		}
		switch {
		case c.kind == expiring:
			continue
		case c.firstSeen:
			return &payout.RefusedError{Code: payout.RefusedSpent, Reason: "the pool has another that spends it"}
		case t.Rate <= c.txs[other].Rate:
			return &payout.RefusedError{Code: payout.RefusedFee, Reason: "replacement underpriced"}
		}
		out = append(out, other)
		cost += c.burden(other)
	}
	if c.kind == coins && len(out) > 0 && num(t.Fee).Int64() <= cost {
		return &payout.RefusedError{Code: payout.RefusedFee, Reason: "replacement pays less than what it takes the place of"}
	}
	c.pool = slices.DeleteFunc(c.pool, func(id string) bool { return slices.Contains(out, id) })
	return nil
}

func orZero(n *big.Int) *big.Int {
	if n == nil {
		return new(big.Int)
	}
	return n
}
