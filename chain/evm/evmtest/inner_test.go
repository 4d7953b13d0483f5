package evmtest

import (
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/params"
	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
)

const (
	awaited = 20 * time.Second
	tick    = time.Millisecond
)

// The contracts, in the EVM's code. Calls take gas, receiver, value, and four zeros for input and output.
const (
	zeros   = "5f5f5f5f" // PUSH0 four times
	revert  = "5f5ffd"   // REVERT with nothing
	pushAdr = "73"       // PUSH20
)

func hexOf(a common.Address) string { return strings.ToLower(a.Hex()[2:]) }

// batcher pays every (receiver, value) of its input, whether the calls succeed or not, and then ends so.
func batcher(end string) string {
	end += strings.Repeat("00", 3-len(end)/2)
	return "5f" + // i = 0
		"5b" + "803611" + "600b57" + // loop: if the input is longer than i, go on at 0x0b
		end +
		"5b" + zeros + "8460200135" + "8535" + "5af150" + // call with the value at i+32 to the receiver at i
		"604001" + "600156" // i += 64, loop
}

// passing gives what it gets to the receiver, and then ends so.
func passing(to common.Address, end string) string {
	return zeros + "34" + pushAdr + hexOf(to) + "5af150" + end
}

// lending has the other contract's code run as its own.
func lending(code common.Address) string { return zeros + pushAdr + hexOf(code) + "5af45000" }

// dying destroys itself in favour of the receiver.
func dying(to common.Address) string { return pushAdr + hexOf(to) + "ff" }

// pays is one payment of a batch.
type pays struct {
	to    common.Address
	value int64
}

func input(all ...pays) []byte {
	var data []byte
	for _, p := range all {
		data = append(data, common.LeftPadBytes(p.to[:], 32)...)
		data = append(data, common.LeftPadBytes(big.NewInt(p.value).Bytes(), 32)...)
	}
	return data
}

// eachFull runs a test on both nodes.
func eachFull(t *testing.T, test func(t *testing.T, w full)) {
	t.Run("geth", func(t *testing.T) { test(t, newFull(t)) })
	t.Run("anvil", func(t *testing.T) { test(t, newFullAnvil(t)) })
}

// received is what a receiver was given in the last block, by the adapter and by its balance.
func (w full) received(t *testing.T, n chain.Node, to common.Address) []string {
	t.Helper()
	tip, err := n.Tip(t.Context())
	require.NoError(t, err)
	b, err := n.Block(t.Context(), tip.Height)
	require.NoError(t, err)
	sum, all := new(big.Int), []string{}
	for _, x := range b.Transfers {
		if x.To == chain.Address(to.Hex()) {
			sum.Add(sum, x.Units)
			all = append(all, x.Index[:strings.IndexAny(x.Index+":", ":")]+" "+x.Units.String())
		}
	}
	before, err := w.sender.client.BalanceAt(t.Context(), to, new(big.Int).SetUint64(tip.Height-1))
	require.NoError(t, err)
	after, err := w.sender.client.BalanceAt(t.Context(), to, new(big.Int).SetUint64(tip.Height))
	require.NoError(t, err)
	require.Equal(t, after.Sub(after, before).String(), sum.String(), "what the balance gained")
	return all
}

func (w full) receiver(t *testing.T) common.Address {
	return common.HexToAddress(string(w.Address(t)))
}

func TestTraces_SeeExactlyWhatBalancesGain(t *testing.T) {
	eachFull(t, func(t *testing.T, w full) {
		shop, other := w.receiver(t), w.receiver(t)
		batch := w.sender.deploy(t, batcher(""))
		reverting := w.sender.deploy(t, batcher(revert))
		forward := w.sender.deploy(t, passing(shop, "00"))
		takesBack := w.sender.deploy(t, passing(shop, revert)) // pays, and then fails
		refuses := w.sender.deploy(t, revert)
		lend := w.sender.deploy(t, lending(forward))
		dies := w.sender.deploy(t, dying(shop))
		w.Mine(t, 1)
		n := w.traced(t)

		for _, c := range []struct {
			name string
			to   common.Address
			// value and input of the transaction
			value int64
			input []byte
			want  []string
		}{
			{"a contract passes it on", forward, 5, nil, []string{"call#0 5"}},
			{"a batch, twice to one", batch, 30, input(pays{shop, 5}, pays{other, 6}, pays{shop, 7}), []string{"call#0 5", "call#1 7"}},
			{"through two contracts", batch, 5, input(pays{forward, 5}), []string{"call#0 5"}},
			{"Incident5: more than the contract has", batch, 1, input(pays{shop, 1 << 40}, pays{shop, 3}), []string{"call#1 3"}},
			{"a call that fails", batch, 5, input(pays{refuses, 5}, pays{shop, 4}), []string{"call#0 4"}},
			{"Incident4: paid within a call that fails", batch, 5, input(pays{takesBack, 5}), []string{}},
			{"Incident4: the whole transaction fails", reverting, 5, input(pays{shop, 5}), []string{}},
			{"code that runs for another contract", lend, 5, nil, []string{"call#0 5"}},
			{"a contract destroys itself", dies, 5, nil, []string{"call#0 5"}},
			{"nothing is passed on", batch, 0, input(pays{shop, 0}), []string{}},
			{"itself", shop, 5, nil, []string{"value 5"}},
		} {
			t.Run(c.name, func(t *testing.T) {
				w.sender.send(t, &c.to, c.value, c.input)
				w.Mine(t, 1)
				require.Equal(t, c.want, w.received(t, n, shop))
			})
		}
	})
}

func TestTraces_KeysStayInAReorganisation(t *testing.T) {
	w := newFull(t)
	shop := w.receiver(t)
	batch := w.sender.deploy(t, batcher(""))
	w.Mine(t, 1)
	n := w.traced(t)
	w.sender.send(t, &batch, 9, input(pays{shop, 4}, pays{shop, 5}))
	w.Mine(t, 1)
	tip, err := n.Tip(t.Context())
	require.NoError(t, err)
	before, err := n.Block(t.Context(), tip.Height)
	require.NoError(t, err)
	require.Len(t, before.Transfers, 3)
	w.Reorganise(t, 1)
	after, err := n.Block(t.Context(), tip.Height)
	require.NoError(t, err)
	require.NotEqual(t, before.Hash, after.Hash)
	require.Equal(t, before.Transfers, after.Transfers)
}

// On a chain with EIP-7708, coin is in the transaction, in its trace and in its logs, and booked once.
func TestIncident14_CoinOfACallIsBookedOnceWhereItIsLoggedToo(t *testing.T) {
	w := newFull(t, func(c *params.ChainConfig) { c.AmsterdamTime = new(uint64) })
	w.assets = w.assets[:1] // under these rules the token's code does not fit in its transaction's gas
	shop := w.receiver(t)
	forward := w.sender.deploy(t, passing(shop, "00"))
	w.Mine(t, 1)
	txid := w.sender.send(t, &forward, 5, nil)
	w.sender.send(t, &shop, 6, nil)
	w.Mine(t, 1)
	require.Equal(t, []string{"call#0 5", "value 6"}, w.received(t, w.traced(t), shop))
	receipt, err := w.sender.client.TransactionReceipt(t.Context(), common.HexToHash(txid))
	require.NoError(t, err)
	require.NotEmpty(t, receipt.Logs, "the rule is in force")
}
