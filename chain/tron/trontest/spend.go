package trontest

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"slices"
)

// The energy of a token's transfer: to an address that has some of it already, and to one that has none.
const (
	EnergyToHolder = 64_285
	EnergyToNew    = 130_285
)

// The prices of a new chain, in sun.
const (
	EnergyPrice = 100
	BytePrice   = 1000
)

const (
	transferSelector = "a9059cbb"
	newAccountFee    = 1_000_000 // in sun
	newAccountBytes  = 100_000   // in sun
)

// money is what addresses have and what they were given, by their hexadecimal form, and by contract ("" for TRX).
type money map[[2]string]*big.Int

func (m money) add(contract, address string, units *big.Int) {
	key := [2]string{contract, address}
	if m[key] == nil {
		m[key] = new(big.Int)
	}
	m[key].Add(m[key], units)
}

// bank is the part of a chain that transactions from outside need.
type bank struct {
	given    money            // before the first block
	prices   map[string]int64 // chain parameters
	breaks   string           // result of every call of a contract, if not empty
	code     string           // of every answer to a broadcast, if not empty ...
	takes    bool             // ... and whether the transaction is taken nevertheless
	received []string         // ids of all transactions that were taken, in order
}

func newBank() bank {
	return bank{given: money{}, prices: map[string]int64{
		"getEnergyFee": EnergyPrice, "getTransactionFee": BytePrice, "getMaxFeeLimit": 15_000_000_000,
		"getCreateNewAccountFeeInSystemContract": newAccountFee, "getCreateAccountFee": newAccountBytes,
	}}
}

// Give gives TRX to an address, as if it always had them.
func (c *Chain) Give(address string, sun int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bank.given.add("", hexAddress(address), big.NewInt(sun))
}

// GiveToken gives units of a token to an address, as if it always had them.
func (c *Chain) GiveToken(contract, address string, units *big.Int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bank.given.add(hexAddress(contract), hexAddress(address), units)
}

// SetPrice changes a parameter of the chain, such as getEnergyFee.
func (c *Chain) SetPrice(parameter string, sun int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bank.prices[parameter] = sun
}

// BreakCalls makes all calls of contracts that are broadcast from now on fail with a result such as REVERT; empty ends it.
func (c *Chain) BreakCalls(result string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bank.breaks = result
}

// AnswerBroadcasts makes the node answer every broadcast with the code, whether it takes the transaction or not; an empty
// code ends it.
func (c *Chain) AnswerBroadcasts(code string, takes bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bank.code, c.bank.takes = code, takes
}

// Drop forgets all transactions that wait for a block.
func (c *Chain) Drop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pool = nil
}

// Received returns the ids of all transactions that the node has taken, in order.
func (c *Chain) Received() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.bank.received)
}

// Balance returns what an address has by the last block: of a token, or TRX if contract is empty.
func (c *Chain) Balance(contract, address string) *big.Int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if contract != "" {
		contract = hexAddress(contract)
	}
	units, _ := c.balance(c.blocks, contract, hexAddress(address))
	return units
}

// balance returns what an address has, and whether it ever had anything.
func (c *Chain) balance(blocks []*block, contract, address string) (*big.Int, bool) {
	key := [2]string{contract, address}
	sum, known := new(big.Int), c.bank.given[key] != nil
	if known {
		sum.Set(c.bank.given[key])
	}
	for _, b := range blocks {
		for _, t := range b.txs {
			if d := t.deltas[key]; d != nil {
				sum.Add(sum, d)
				known = true
			}
		}
	}
	return sum, known
}

// account returns the response to getaccount.
func (c *Chain) account(blocks []*block, address string) Object {
	sun, active := c.balance(blocks, "", address)
	if !active {
		return Object{}
	}
	return trim(Object{"address": address, "balance": sun.Int64(), "create_time": int64(1)})
}

// parameters returns the response to getchainparameters.
func (c *Chain) parameters() Object {
	var all []Object
	for key, value := range c.bank.prices {
		all = append(all, trim(Object{"key": key, "value": value}))
	}
	return Object{"chainParameter": append(all, Object{"key": "getAllowUpdateAccountName"})}
}

// tokenCall returns the response to a constant call of balanceOf or transfer of a token.
func (c *Chain) tokenCall(blocks []*block, owner, contract, selector, parameter string) Object {
	fails := Object{
		"result":      Object{"result": true, "message": fmt.Sprintf("%x", "REVERT opcode executed")},
		"energy_used": 512, "constant_result": []string{""}, "transaction": Object{"ret": []Object{{"ret": "FAILED"}}},
	}
	args, err := hex.DecodeString(parameter)
	switch {
	case err != nil || len(args)%32 != 0 || len(args) == 0:
		return fails
	case selector == "balanceOf(address)":
		units, _ := c.balance(blocks, contract, "41"+hex.EncodeToString(args[12:32]))
		return Object{
			"result": Object{"result": true}, "energy_used": 4062, "constant_result": []string{fmt.Sprintf("%064x", units)},
			"transaction": Object{"ret": []Object{{}}},
		}
	case selector != "transfer(address,uint256)" || len(args) != 64:
		return fails
	}
	has, _ := c.balance(blocks, contract, owner)
	if c.bank.breaks != "" || has.Cmp(new(big.Int).SetBytes(args[32:])) < 0 {
		return fails
	}
	return Object{
		"result": Object{"result": true}, "energy_used": c.energy(blocks, contract, "41"+hex.EncodeToString(args[12:32])),
		"constant_result": []string{fmt.Sprintf("%064x", 1)}, "transaction": Object{"ret": []Object{{}}},
	}
}

func (c *Chain) energy(blocks []*block, contract, to string) int64 {
	if units, _ := c.balance(blocks, contract, to); units.Sign() > 0 {
		return EnergyToHolder
	}
	return EnergyToNew
}

// field is one field of a message: a number, or bytes.
type field struct {
	number uint64
	varint int64
	bytes  []byte
}

var errMessage = errors.New("not a message")

// fields reads a message.
func fields(message []byte) (all []field, err error) {
	for len(message) > 0 {
		key, n := binary.Uvarint(message)
		if n <= 0 {
			return nil, errMessage
		}
		message = message[n:]
		value, n := binary.Uvarint(message)
		if n <= 0 {
			return nil, errMessage
		}
		message = message[n:]
		switch f := (field{number: key >> 3}); key & 7 {
		case 0:
			f.varint = int64(value)
			all = append(all, f)
		case 2:
			if value > uint64(len(message)) {
				return nil, errMessage
			}
			f.bytes, message = message[:value], message[value:]
			all = append(all, f)
		default:
			return nil, errMessage
		}
	}
	return all, nil
}

// get returns the last field of a number, or an empty one.
func get(all []field, number uint64) (out field) {
	for _, f := range all {
		if f.number == number {
			out = f
		}
	}
	return out
}

// sent is a transaction from outside, decoded.
type sent struct {
	raw, signature  []byte
	refBytes, refID []byte
	expires, limit  int64
	kind            int64
	name            string
	owner, to       string
	amount          int64
	data            []byte
	size            int64 // what bandwidth is paid for
}

func decode(whole []byte) (s sent, err error) {
	outer, err := fields(whole)
	if err != nil {
		return s, err
	}
	s.raw, s.signature, s.size = get(outer, 1).bytes, get(outer, 2).bytes, int64(len(whole)+64)
	raw, err := fields(s.raw)
	if err != nil {
		return s, err
	}
	s.refBytes, s.refID = get(raw, 1).bytes, get(raw, 4).bytes
	s.expires, s.limit = get(raw, 8).varint, get(raw, 18).varint
	c, err := fields(get(raw, 11).bytes)
	if err != nil {
		return s, err
	}
	s.kind = get(c, 1).varint
	wrapped, err := fields(get(c, 2).bytes)
	if err != nil {
		return s, err
	}
	value, err := fields(get(wrapped, 2).bytes)
	s.owner, s.to = hex.EncodeToString(get(value, 1).bytes), hex.EncodeToString(get(value, 2).bytes)
	switch s.kind {
	case 1:
		s.name, s.amount = "TransferContract", get(value, 3).varint
	case 31:
		s.name, s.data = "TriggerSmartContract", get(value, 4).bytes
	default:
		return s, errMessage
	}
	return s, err
}

// broadcast returns the response to broadcasthex.
func (c *Chain) broadcast(text string) (int, any) {
	whole, err := hex.DecodeString(text)
	if err != nil {
		return http.StatusOK, failure("class org.bouncycastle.util.encoders.DecoderException : exception decoding Hex string")
	}
	s, err := decode(whole)
	if err != nil {
		return http.StatusOK, failure("class com.google.protobuf.InvalidProtocolBufferException : protocol message is broken")
	}
	id := sha256.Sum256(s.raw)
	say := func(code, message string) (int, any) {
		o := trim(Object{"code": code, "message": message, "txid": hex.EncodeToString(id[:])})
		if code == "SUCCESS" {
			o["result"] = true
		}
		return http.StatusOK, o
	}
	if c.bank.code != "" && !c.bank.takes {
		return say(c.bank.code, "as the test wants it")
	}
	if code, message := c.validate(s, hex.EncodeToString(id[:])); code != "SUCCESS" {
		return say(code, message)
	}
	c.take(s)
	c.bank.received = append(c.bank.received, hex.EncodeToString(id[:]))
	if c.bank.code != "" {
		return say(c.bank.code, "as the test wants it")
	}
	return say("SUCCESS", "")
}

func (c *Chain) validate(s sent, id string) (code, message string) {
	head := c.blocks[len(c.blocks)-1]
	if len(s.signature) != 65 {
		return "SIGERROR", "Validate signature error: miss sig or contract"
	}
	referred := slices.ContainsFunc(c.blocks[max(0, len(c.blocks)-65536):], func(b *block) bool {
		raw := unhex(b.id)
		return slices.Equal(raw[6:8], s.refBytes) && slices.Equal(raw[8:16], s.refID)
	})
	switch {
	case !referred:
		return "TAPOS_ERROR", "Tapos check error."
	case s.expires <= head.time || s.expires > head.time+24*60*60*1000:
		return "TRANSACTION_EXPIRATION_ERROR", "Transaction expired"
	case c.knows(id):
		return "DUP_TRANSACTION_ERROR", "Dup transaction."
	}
	has, active := c.balance(c.blocks, "", s.owner)
	switch {
	case !active:
		return "CONTRACT_VALIDATE_ERROR", "Validate TransferContract error, no OwnerAccount."
	case s.kind == 1 && s.owner == s.to:
		return "CONTRACT_VALIDATE_ERROR", "Cannot transfer TRX to yourself."
	case s.kind == 1 && c.isContract(s.to):
		return "CONTRACT_VALIDATE_ERROR", "Cannot transfer TRX to a smartContract."
	case s.kind == 1 && has.Cmp(big.NewInt(s.amount)) < 0:
		return "CONTRACT_VALIDATE_ERROR", "Validate TransferContract error, balance is not sufficient."
	case has.Cmp(big.NewInt(s.amount+s.size*c.bank.prices["getTransactionFee"])) < 0:
		return "BANDWITH_ERROR", "Account resource insufficient error." //nolint:misspell // so spelled in the protocol
	}
	return "SUCCESS", ""
}

func (c *Chain) isContract(address string) bool {
	_, is := c.decimals[address]
	return is
}

func (c *Chain) knows(id string) bool {
	is := func(t *Tx) bool { return t.ID == id }
	return slices.ContainsFunc(c.pool, is) || slices.ContainsFunc(c.blocks, func(b *block) bool { return slices.ContainsFunc(b.txs, is) })
}

// take puts a transaction into the pool, with what it will do. Nobody has free bandwidth or energy.
func (c *Chain) take(s sent) {
	t := c.RawTx(s.name, trim(Object{"owner_address": s.owner, "to_address": s.to, "amount": s.amount, "data": hex.EncodeToString(s.data)}), s.raw)
	t.signature, t.expires, t.deltas = s.signature, s.expires, money{}
	t.Fee = s.size * c.bank.prices["getTransactionFee"]
	if s.kind == 1 {
		if _, active := c.balance(c.blocks, "", s.to); !active {
			t.Fee = newAccountFee + newAccountBytes
		}
		t.deltas.add("", s.to, big.NewInt(s.amount))
		t.deltas.add("", s.owner, big.NewInt(-s.amount-t.Fee))
	} else {
		c.run(t, s)
		t.deltas.add("", s.owner, big.NewInt(-t.Fee))
	}
	c.pool = append(c.pool, t)
}

// run runs a token's transfer. Without enough of a fee limit it runs out of energy, and the whole limit is lost.
func (c *Chain) run(t *Tx, s sent) {
	t.Receipt = "SUCCESS"
	price := c.bank.prices["getEnergyFee"]
	if len(s.data) != 68 || hex.EncodeToString(s.data[:4]) != transferSelector || !c.isContract(s.to) {
		t.Fail("REVERT")
		return
	}
	to, units := "41"+hex.EncodeToString(s.data[16:36]), new(big.Int).SetBytes(s.data[36:])
	has, _ := c.balance(c.blocks, s.to, s.owner)
	energy := c.energy(c.blocks, s.to, to)
	switch {
	case energy*price > s.limit:
		t.Fee += s.limit
		t.Fail("OUT_OF_ENERGY")
	case c.bank.breaks != "":
		t.Fee += energy * price
		t.Fail(c.bank.breaks)
	case has.Cmp(units) < 0:
		t.Fee += energy * price
		t.Fail("REVERT")
	default:
		t.Fee += energy * price
		t.Token(Address(unhex(s.to)[1:]), Address(unhex(s.owner)[1:]), Address(unhex(to)[1:]), units)
		t.deltas.add(s.to, to, units)
		t.deltas.add(s.to, s.owner, new(big.Int).Neg(units))
	}
}
