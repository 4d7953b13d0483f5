package trontest

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
)

// Habit is a way in which nodes and their gateways respond.
type Habit int

const (
	Normal      Habit = iota
	Busy              // java-tron's own limit: status 200, and an error outside of the usual form
	Lite              // a lite full node: status 200, and plain text for history
	Limited           // TronGrid's limit without a key: status 403
	TooMany           // a gateway's limit: status 429
	Unavailable       // status 503
	NoGetBlock        // a node with getblock turned off: status 404
	NoConstant        // a node that calls no contract
	Reverting         // contracts revert
	NoTrigger         // a node with triggerconstantcontract turned off: status 404
)

// Behave changes how the node responds.
func (c *Chain) Behave(h Habit) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.habit = h
}

// Edit makes f change the responses of a method, such as "getblockbynum", before they are sent: an [Object], or a list
// of them as []any, with json.Number for numbers. Nil ends it.
func (c *Chain) Edit(method string, f func(answer any) any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.edits[method] = f
}

// Calls returns how often a method was called, such as "wallet/getblock".
func (c *Chain) Calls(method string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.calls[method]
}

// Keys returns the API keys of the calls, in their order.
func (c *Chain) Keys() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.keys
}

// history has the methods that a lite full node does not support.
var history = map[string]bool{"getblockbynum": true, "gettransactioninfobyblocknum": true}

func (c *Chain) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	view, method, _ := strings.Cut(strings.Trim(r.URL.Path, "/"), "/")
	c.calls[view+"/"+method]++
	c.keys = append(c.keys, r.Header.Get("TRON-PRO-API-KEY"))
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	body, err := io.ReadAll(io.LimitReader(r.Body, 4<<20+1))
	switch {
	case err != nil:
		return
	case len(body) > 4<<20:
		http.Error(w, "<html>Payload Too Large</html>", http.StatusRequestEntityTooLarge)
		return
	case c.habit == Busy:
		say(w, http.StatusOK, failure("class java.lang.IllegalAccessException : lack of computing resources"))
		return
	case c.habit == Lite && history[method]:
		_, _ = io.WriteString(w, "this API is closed because this node is a lite fullnode")
		return
	case c.habit == Limited:
		say(w, http.StatusForbidden, Object{"Success": false, "StatusCode": 403,
			"Error": "The key exceeds the frequency limit(15), and the query server is suspended for 29 s"})
		return
	case c.habit == TooMany:
		say(w, http.StatusTooManyRequests, failure("request rate exceeded"))
		return
	case c.habit == Unavailable:
		say(w, http.StatusServiceUnavailable, failure("rate limited"))
		return
	case c.habit == NoGetBlock && method == "getblock", c.habit == NoTrigger && method == "triggerconstantcontract":
		say(w, http.StatusNotFound, failure("this API is unavailable due to config"))
		return
	}
	status, answer := c.answer(view, method, body)
	if edit := c.edits[method]; edit != nil {
		answer = edit(generic(answer))
	}
	say(w, status, answer)
}

func say(w http.ResponseWriter, status int, answer any) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer) // the client is gone
}

func failure(message string) Object { return Object{"Error": message} }

// generic returns a response as a decoder sees it.
func generic(answer any) any {
	raw, err := json.Marshal(answer)
	if err != nil {
		return answer
	}
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return answer
	}
	return v
}

// question has the parameters of all methods.
type question struct {
	Num      json.Number `json:"num"` // 0 if absent
	IDOrNum  string      `json:"id_or_num"`
	Detail   bool        `json:"detail"`
	Value    string      `json:"value"`
	Contract string      `json:"contract_address"`
	Selector string      `json:"function_selector"`
	Owner    string      `json:"owner_address"`
	Argument string      `json:"parameter"`
	Address  string      `json:"address"`
	Signed   string      `json:"transaction"`
}

func (c *Chain) answer(view, method string, body []byte) (int, any) {
	blocks := c.blocks
	switch view {
	case "wallet":
	case "walletsolidity":
		blocks = blocks[:max(1, len(blocks)-Solid)]
	default:
		return http.StatusNotFound, Object{}
	}
	var q question
	if err := json.Unmarshal(body, &q); err != nil {
		return http.StatusOK, failure("class org.tron.json.JSONException : " + err.Error())
	}
	if method == "broadcasthex" {
		return c.broadcast(q.Signed)
	}
	answer, known := answerOfBlocks(blocks, method, q)
	if !known {
		answer, known = c.answerOfState(blocks, method, q)
	}
	if !known {
		return http.StatusNotFound, failure("this API is unavailable due to config")
	}
	return http.StatusOK, answer
}

// answerOfBlocks returns the response of a method that reads blocks, and reports whether it is one.
func answerOfBlocks(blocks []*block, method string, q question) (answer any, known bool) {
	num, _ := q.Num.Int64()
	last := int64(len(blocks) - 1)
	switch method {
	case "getnowblock":
		return blocks[last].show(true), true
	case "getblock":
		if num = last; q.IDOrNum != "" {
			var err error
			if num, err = strconv.ParseInt(q.IDOrNum, 10, 64); err != nil {
				return failure("id must be legal block hash."), true
			}
		}
		if num < 0 {
			return failure("num must be non-positive number."), true
		}
		return at(blocks, num).show(q.Detail), true
	case "getblockbynum":
		return at(blocks, num).show(true), true
	case "gettransactioninfobyblocknum":
		if num <= 0 {
			return Object{}, true
		}
		return at(blocks, num).infos(), true
	case "gettransactioninfobyid":
		for _, b := range blocks {
			for _, o := range b.infos() {
				if o["id"] == q.Value {
					return o, true
				}
			}
		}
		return Object{}, true
	}
	return nil, false
}

// answerOfState returns the response of a method that reads accounts, contracts or the pool, and reports whether it is
// one.
func (c *Chain) answerOfState(blocks []*block, method string, q question) (answer any, known bool) {
	switch method {
	case "triggerconstantcontract":
		if q.Argument != "" && c.isContract(q.Contract) && c.habit == Normal {
			return c.tokenCall(blocks, q.Owner, q.Contract, q.Selector, q.Argument), true
		}
		return c.constant(q.Contract, q.Selector), true
	case "getaccount":
		return c.account(blocks, q.Address), true
	case "getchainparameters":
		return c.parameters(), true
	case "gettransactionfrompending":
		for _, t := range c.pool {
			if t.ID == q.Value {
				return t.show(), true
			}
		}
		return Object{}, true
	case "getcontract":
		if _, ok := c.decimals[q.Value]; !ok {
			return Object{}, true
		}
		return Object{"contract_address": q.Value, "bytecode": "6080"}, true
	}
	return nil, false
}

func at(blocks []*block, num int64) *block {
	if num < 0 || num >= int64(len(blocks)) {
		return nil
	}
	return blocks[num]
}

// show returns a block as the API shows it, and an empty object for a missing one.
func (b *block) show(whole bool) Object {
	if b == nil {
		return Object{}
	}
	o := Object{"blockID": b.id, "block_header": Object{"raw_data": b.header}}
	if b.header["number"] != nil { // block 0 is not signed
		o["block_header"].(Object)["witness_signature"] = strings.Repeat("ab", 65)
	}
	if !whole || len(b.txs) == 0 {
		return o
	}
	var txs []Object
	for _, t := range b.txs {
		tx := t.show()
		tx["ret"] = []Object{trim(Object{"contractRet": t.ContractRet})}
		txs = append(txs, tx)
	}
	o["transactions"] = txs
	return o
}

// show returns a transaction as the API shows it, without its result.
func (t *Tx) show() Object {
	return Object{
		"txID": t.ID, "raw_data_hex": fmt.Sprintf("%x", t.raw), "signature": []string{fmt.Sprintf("%x", t.signature)},
		"raw_data": Object{"contract": []Object{t.contract}},
	}
}

// infos returns the results of a block's transactions; a missing block has none.
func (b *block) infos() []Object {
	all := []Object{}
	if b == nil {
		return all
	}
	for _, t := range b.txs {
		o := Object{
			"id": t.ID, "fee": t.Fee, "contractResult": []string{""}, "receipt": trim(Object{"net_usage": int64(345), "result": t.Receipt}),
		}
		maps.Copy(o, trim(Object{"blockNumber": b.header["number"], "blockTimeStamp": b.time}))
		if t.ContractRet != "SUCCESS" {
			o["result"], o["resMessage"] = "FAILED", fmt.Sprintf("%x", t.ContractRet+" opcode executed")
		}
		if t.Logs != nil {
			o["log"] = t.Logs
		}
		if t.Internal != nil {
			o["internal_transactions"] = t.Internal
		}
		all = append(all, o)
	}
	return all
}

// constant answers a call of a contract. Errors are in the result's code, but a revert is a success whose transaction
// failed.
func (c *Chain) constant(contract, selector string) Object {
	decimals, ok := c.decimals[contract]
	switch {
	case c.habit == NoConstant:
		return Object{"result": Object{"code": "CONTRACT_VALIDATE_ERROR", "message": fmt.Sprintf("%x", "this node does not support constant")}}
	case !ok:
		return Object{"result": Object{"code": "CONTRACT_VALIDATE_ERROR", "message": fmt.Sprintf("%x", "Smart contract is not exist.")}}
	case c.habit == Reverting || selector != "decimals()":
		return Object{
			"result":      Object{"result": true, "message": fmt.Sprintf("%x", "REVERT opcode executed")},
			"energy_used": 512, "constant_result": []string{""}, "transaction": Object{"ret": []Object{{"ret": "FAILED"}}},
		}
	}
	return Object{
		"result": Object{"result": true}, "energy_used": 935, "constant_result": []string{fmt.Sprintf("%064x", decimals)},
		"transaction": Object{"ret": []Object{{}}},
	}
}
