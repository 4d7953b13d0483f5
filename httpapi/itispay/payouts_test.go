package itispay_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/httpapi/itispay"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/rates"
	"github.com/cointill/cointill/webhook"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

const cryptoBody = `{"type":"CRYPTO_PAYOUT","fiat":{"amount":"25","currency":"EUR"},"crypto":{"currency":"SIM","address":"sim1customer"},` +
	`"user_id":"user-001","order_id":"order-001","merchant":"Tea & <Co>","reference":"payout test","callback_url":"https://example.com/payouts"}`

func TestAPayoutInCryptoIsConvertedRoundedDown(t *testing.T) {
	w, p := newTill(t, options{}, nil)
	for i, c := range []struct{ fiat, currency, crypto, want, rate string }{
		{`"25"`, "SIM", "", "0.0125", "2000"},
		{`10.01`, "TOK", "", "20.02", "0.5"},
		{`"0.01"`, "sim", "", "0.000005", "2000"},
		{`29.949999999999999`, "TOK", "", "59.9", "0.5"},
		{`"25"`, "SIM", `"0.5"`, "0.5", ""},
		{`"25"`, "SIM", `0.000000000000000005`, "0.000000000000000005", ""},
	} {
		amount := ""
		if c.crypto != "" {
			amount = `,"amount":` + c.crypto
		}
		got := w.pays(t, w.key, fmt.Sprintf(`{"type":"crypto_payout","fiat":{"amount":%s,"currency":"eur"},"crypto":{"currency":%q,"address":"sim1c"%s},"order_id":"%d"}`,
			c.fiat, c.currency, amount, i))
		require.Equal(t, 201, got.status, "%s", got.body)
		o := got.object(t)
		require.Equal(t, []any{c.want, c.want, "EUR", strings.ToUpper(c.currency)}, []any{o["amount"], o["crypto_amount"], o["fiat_currency"], o["crypto_currency"]})
		require.Equal(t, "CRYPTO_PAYOUT", o["type"])
		if c.rate == "" {
			require.NotContains(t, o, "exchange_rate")
			require.NotContains(t, o, "quote_id")
			continue
		}
		require.Equal(t, c.rate, o["exchange_rate"])
		require.Regexp(t, "^[0-9a-f-]{36}$", o["quote_id"])
	}
	require.Len(t, p.payouts(), 6)
	first := p.byKey("itispay/payout/order/0")
	require.Equal(t, "12500000000000000", first.Units.String())
	require.Equal(t, payout.KindPayout, first.Kind)
	require.Equal(t, chain.Address("sim1c"), first.To)
	p.sound()
}

// A rate of 3 divides nothing evenly.
func TestAConversionNeverPaysMoreThanTheValue(t *testing.T) {
	w, _ := newTill(t, options{service: func(c *invoice.Config) {
		told(c)
		c.Rates = thirds{}
	}}, nil)
	got := w.pays(t, w.key, `{"type":"CRYPTO_PAYOUT","fiat":{"amount":"1","currency":"EUR"},"crypto":{"currency":"TOK","address":"sim1c"}}`)
	require.Equal(t, "0.333333", got.text(t, "crypto_amount"))
	w.pays(t, w.key, `{"type":"CRYPTO_PAYOUT","fiat":{"amount":"1.001","currency":"EUR"},"crypto":{"currency":"TOK","address":"sim1c"}}`).refused(t, 422, "validation_error")
}

func TestThePartsOfAPayoutHaveTwoSpellingsAndKeepWhatIsUnknown(t *testing.T) {
	w, p := newTill(t, options{}, nil)
	ask := func(fiat, crypto, more string) answer {
		return w.pays(t, w.key, `{"type":"CRYPTO_PAYOUT","fiat":`+fiat+`,"crypto":`+crypto+more+`}`)
	}
	const euro = `{"amount":"25","currency":"EUR"}`
	for _, crypto := range []string{
		`{"currency":"SIM","crypto_address":"sim1c"}`, `{"currency":"SIM","cryptoAddress":"sim1c","address":"sim1c"}`, `{"currency":"SIM","address":"SIM1C","network":"simulated"}`,
		`{"currency":"SIM","address":"sim1c","network":"` + string(p.network) + `","amount":null}`,
	} {
		got := ask(euro, crypto, "")
		require.Equal(t, 201, got.status, "%s", got.body)
		require.Equal(t, "sim1c", got.text(t, "crypto_address"))
		require.NotContains(t, got.object(t), "crypto")
	}
	got := ask(`{"amount":25,"currency":"EUR","feePolicy":{"a":[1,"<&>"]}}`, `{"currency":"SIM","address":"sim1c","memo":"7"}`, `,"beneficiary":{"firstName":"Ann","x_y":1}`)
	require.Equal(t, 201, got.status, "%s", got.body)
	require.JSONEq(t, `{"amount":25,"currency":"EUR","feePolicy":{"a":[1,"<&>"]}}`, part(t, got, "fiat"))
	require.JSONEq(t, `{"currency":"SIM","address":"sim1c","memo":"7"}`, part(t, got, "crypto"))
	require.JSONEq(t, `{"firstName":"Ann","x_y":1}`, part(t, got, "beneficiary"))
}

func part(t *testing.T, a answer, name string) string {
	t.Helper()
	var o map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(a.body, &o))
	return string(o[name])
}

func TestBadPayoutsAreRefusedAndChangeNothing(t *testing.T) {
	w, p := newTill(t, options{}, nil)
	before := p.balance(w.project)
	for body, says := range map[string]string{
		`{}`: "type is required",
		`{"type":"GIFT","fiat":{"amount":1,"currency":"EUR"}}`:                                                                                                "type must be CRYPTO_PAYOUT or FIAT_PAYOUT",
		`{"type":"CRYPTO_PAYOUT"}`:                                                                                                                            "fiat is required",
		`{"type":"CRYPTO_PAYOUT","fiat":[]}`:                                                                                                                  "fiat must be an object",
		`{"type":"CRYPTO_PAYOUT","fiat":{}}`:                                                                                                                  "fiat.amount is required",
		`{"type":"CRYPTO_PAYOUT","fiat":{"amount":"1"}}`:                                                                                                      "fiat.currency is required",
		`{"type":"CRYPTO_PAYOUT","fiat":{"amount":"-1","currency":"EUR"}}`:                                                                                    "fiat.amount must be",
		`{"type":"CRYPTO_PAYOUT","fiat":{"amount":"x","currency":"EUR"}}`:                                                                                     "fiat.amount must be",
		`{"type":"CRYPTO_PAYOUT","fiat":{"amount":1,"currency":7}}`:                                                                                           "fiat.currency must be a string",
		`{"type":"CRYPTO_PAYOUT","fiat":{"amount":1,"currency":"EUR"}}`:                                                                                       "crypto.currency is required",
		`{"type":"CRYPTO_PAYOUT","fiat":{"amount":1,"currency":"EUR"},"crypto":null}`:                                                                         "crypto.currency is required",
		`{"type":"CRYPTO_PAYOUT","fiat":{"amount":1,"currency":"EUR"},"crypto":"x"}`:                                                                          "crypto must be an object",
		`{"type":"CRYPTO_PAYOUT","fiat":{"amount":1,"currency":"EUR"},"crypto":{"currency":"SIM"}}`:                                                           "crypto.address is required",
		`{"type":"CRYPTO_PAYOUT","fiat":{"amount":1,"currency":"EUR"},"crypto":{"currency":"BTC","address":"sim1c"}}`:                                         "crypto.currency is not supported",
		`{"type":"CRYPTO_PAYOUT","fiat":{"amount":1,"currency":"EUR"},"crypto":{"currency":"SIM","address":"sim1c","network":"tron"}}`:                        "not supported on this network",
		`{"type":"CRYPTO_PAYOUT","fiat":{"amount":1,"currency":"EUR"},"crypto":{"currency":"SIM","address":"sim1c","crypto_address":"sim1d"}}`:                "crypto.crypto_address differs from address",
		`{"type":"CRYPTO_PAYOUT","fiat":{"amount":1,"currency":"EUR"},"crypto":{"currency":"SIM","address":"bc1q"}}`:                                          "crypto.address is refused: wrong_address",
		`{"type":"CRYPTO_PAYOUT","fiat":{"amount":1,"currency":"EUR"},"crypto":{"currency":"SIM","address":"sim1c","amount":0}}`:                              "crypto.amount must be",
		`{"type":"CRYPTO_PAYOUT","fiat":{"amount":1,"currency":"EUR"},"crypto":{"currency":"SIM","address":"sim1c","amount":"0.000000000000000001"}}`:         "crypto.amount is refused: dust",
		`{"type":"CRYPTO_PAYOUT","fiat":{"amount":1,"currency":"EUR"},"crypto":{"currency":"TOK","address":"sim1c","amount":"0.0000001"}}`:                    "crypto.amount has more than 6 decimals",
		`{"type":"CRYPTO_PAYOUT","fiat":{"amount":1,"currency":"XYZ"},"crypto":{"currency":"SIM","address":"sim1c"}}`:                                         "fiat.currency is not supported",
		`{"type":"CRYPTO_PAYOUT","fiat":{"amount":"0.0000001","currency":"EUR"},"crypto":{"currency":"SIM","address":"sim1c"}}`:                               "fiat.amount must have at most 2 decimals",
		`{"type":"CRYPTO_PAYOUT","fiat":{"amount":1,"currency":"EUR"},"crypto":{"currency":"SIM","address":"sim1c"},"callback_url":"ftp://x"}`:                "callback_url must be",
		`{"type":"CRYPTO_PAYOUT","fiat":{"amount":1,"currency":"EUR"},"crypto":{"currency":"SIM","address":"sim1c"},"reference":"a\nb"}`:                      "reference must be",
		`{"type":"CRYPTO_PAYOUT","fiat":{"amount":1,"currency":"EUR"},"crypto":{"currency":"SIM","address":"sim1c","x":"` + strings.Repeat("a", 9000) + `"}}`: "8 kB",
	} {
		require.Contains(t, w.pays(t, w.key, body).refused(t, 422, "validation_error"), says, body)
	}
	w.pays(t, w.key, `{"type"`).refused(t, 400, "bad_request")
	for _, missing := range []string{"X-Client-ID", "X-Project-ID"} {
		require.Contains(t, w.pays(t, w.key, cryptoBody, missing, "").refused(t, 422, "validation_error"), missing)
	}
	require.Equal(t, before, p.balance(w.project))
	require.Empty(t, p.payouts())
}

const bankBody = `{"type":"FIAT_PAYOUT","fiat":{"amount":"12.5","currency":"EUR"},"beneficiary":{"type":"individual","firstName":"Erika","lastName":"Muster",` +
	`"iban":"DE22 1","bic":"BANKDEFF","country":"DE","city":"Berlin","address":"Street 1","taxNumber":7},` +
	`"order_id":"order-002","reference":"Invoice 7","callback_url":"https://example.com/payouts"}`

func TestAPayoutInFiatGoesToABankAccount(t *testing.T) {
	w, p := newTill(t, options{}, nil)
	got := w.pays(t, w.key, bankBody)
	require.Equal(t, 201, got.status, "%s", got.body)
	o := got.object(t)
	require.Equal(t, []any{"FIAT_PAYOUT", "pending", "12.50", "EUR", "12.50", "EUR"}, []any{o["type"], o["status"], o["amount"], o["currency"], o["fiat_amount"], o["fiat_currency"]})
	for _, absent := range []string{"crypto_amount", "crypto_address", "crypto_currency", "exchange_rate", "hash"} {
		require.NotContains(t, o, absent)
	}
	require.JSONEq(t, `{"type":"individual","firstName":"Erika","lastName":"Muster","iban":"DE22 1","bic":"BANKDEFF","country":"DE","city":"Berlin","address":"Street 1","taxNumber":7}`, part(t, got, "beneficiary"))
	made := p.payouts()[0]
	require.Equal(t, &payout.Beneficiary{Name: "Erika Muster", BIC: "BANKDEFF", Country: "DE", Town: "Berlin", Address: "Street 1", Reference: "Invoice 7"}, made.Beneficiary)
	require.Equal(t, []any{euro, chain.Address("DE221"), "1250"}, []any{made.Asset.ID, made.To, made.Units.String()})
	require.Equal(t, got.body, w.pays(t, w.key, bankBody).body)

	p.bank.paid = true
	for range 3 {
		require.NoError(t, p.Look(t.Context(), bankNetwork))
	}
	require.Equal(t, "completed", w.pays(t, w.key, bankBody).text(t, "status"))
	p.sound()
}

func TestBeneficiariesHaveManySpellings(t *testing.T) {
	w, p := newTill(t, options{}, nil)
	for i, c := range []struct {
		said string
		want payout.Beneficiary
	}{
		{`{"name":"Erika Muster","iban":"DE1","town":"Bonn"}`, payout.Beneficiary{Name: "Erika Muster", Town: "Bonn"}},
		{`{"first_name":"Erika","last_name":"Muster","iban":"DE1","type":"INDIVIDUAL"}`, payout.Beneficiary{Name: "Erika Muster"}},
		{`{"companyName":"Tea Ltd","iban":"DE1","type":"business"}`, payout.Beneficiary{Name: "Tea Ltd", Business: true}},
		{`{"company_name":"Tea Ltd","iban":"DE1","name":null}`, payout.Beneficiary{Name: "Tea Ltd", Business: true}},
		{`{"name":"Tea Ltd","iban":"DE1","type":"Business"}`, payout.Beneficiary{Name: "Tea Ltd", Business: true}},
	} {
		got := w.pays(t, w.key, fmt.Sprintf(`{"type":"fiat_payout","fiat":{"amount":1,"currency":"EUR"},"beneficiary":%s,"order_id":"%d"}`, c.said, i))
		require.Equal(t, 201, got.status, "%s", got.body)
		require.Equal(t, &c.want, p.byKey(fmt.Sprint("itispay/payout/order/", i)).Beneficiary)
	}
}

func TestBadPayoutsToBanksAreRefusedAndChangeNothing(t *testing.T) {
	w, p := newTill(t, options{}, nil)
	for part, says := range map[string]string{
		`"fiat":{"amount":1,"currency":"EUR"}`:                                                                                        "beneficiary.iban is required",
		`"fiat":{"amount":1,"currency":"EUR"},"beneficiary":[]`:                                                                       "beneficiary must be an object",
		`"fiat":{"amount":1,"currency":"EUR"},"beneficiary":{"iban":"DE1"}`:                                                           "beneficiary.name is required",
		`"fiat":{"amount":1,"currency":"EUR"},"beneficiary":{"name":"A"}`:                                                             "beneficiary.iban is required",
		`"fiat":{"amount":1,"currency":"EUR"},"beneficiary":{"name":"A","iban":7}`:                                                    "beneficiary.iban must be a string",
		`"fiat":{"amount":1,"currency":"EUR"},"beneficiary":{"name":"A","iban":"x"}`:                                                  "beneficiary.iban is refused",
		`"fiat":{"amount":1,"currency":"USD"},"beneficiary":{"name":"A","iban":"DE1"}`:                                                "fiat.currency is not supported",
		`"fiat":{"amount":1.005,"currency":"EUR"},"beneficiary":{"name":"A","iban":"DE1"}`:                                            "fiat.amount has more than 2 decimals",
		`"fiat":{"amount":1,"currency":"EUR"},"beneficiary":{"name":"` + strings.Repeat("a", 141) + `","iban":"DE1"}`:                 "beneficiary.name must be",
		`"fiat":{"amount":1,"currency":"EUR"},"beneficiary":{"name":"A","iban":"DE1","bic":"` + strings.Repeat("a", 141) + `"}`:       "beneficiary.bic must be",
		`"reference":"` + strings.Repeat("a", 141) + `","fiat":{"amount":1,"currency":"EUR"},"beneficiary":{"name":"A","iban":"DE1"}`: "reference must be",
	} {
		require.Contains(t, w.pays(t, w.key, `{"type":"FIAT_PAYOUT",`+part+`}`).refused(t, 422, "validation_error"), says, part)
	}
	w.pays(t, w.key, `{"type":"FIAT_PAYOUT","fiat":{"amount":10000,"currency":"EUR"},"beneficiary":{"name":"A","iban":"DE1"}}`).refused(t, 422, "insufficient_balance")
	w.api = w.newAPI(t, func(c *itispay.Config) { c.Payouts = p })
	require.Contains(t, w.pays(t, w.key, bankBody).refused(t, 422, "validation_error"), "FIAT_PAYOUT is not served here")
	require.Empty(t, p.payouts())
}

func TestTheSameOrderIsOnePayout(t *testing.T) {
	now := start
	w, p := newTill(t, options{}, nil)
	first := w.pays(t, w.key, cryptoBody)
	require.Equal(t, 201, first.status, "%s", first.body)
	again := w.pays(t, w.key, cryptoBody)
	require.Equal(t, first.body, again.body)
	require.Equal(t, first.body, w.pays(t, w.key, strings.Replace(cryptoBody, "CRYPTO_PAYOUT", "crypto_payout", 1)).body)
	for _, other := range []string{
		strings.Replace(cryptoBody, `"25"`, `"26"`, 1), strings.Replace(cryptoBody, "sim1customer", "sim1thief", 1), strings.Replace(cryptoBody, "payout test", "another", 1),
	} {
		require.Contains(t, w.pays(t, w.key, other).refused(t, 409, "conflict"), first.text(t, "id"))
	}
	require.Len(t, p.payouts(), 1)

	p.pay()
	done := w.pays(t, w.key, cryptoBody)
	require.Equal(t, 201, done.status)
	require.Equal(t, "completed", done.text(t, "status"))
	require.Equal(t, "0x1", done.text(t, "hash"))
	require.Equal(t, first.text(t, "quote_id"), done.text(t, "quote_id"))

	theirs := w.pays(t, w.other, cryptoBody)
	theirs.refused(t, 422, "insufficient_balance")
	require.NotContains(t, string(theirs.body), first.text(t, "id"), "order ids are those of a project")
	require.Equal(t, now, start)
	p.sound()
}

func TestWithoutAnOrderIDThePayoutIsKnownByTheTransactionOrTheHeader(t *testing.T) {
	w, p := newTill(t, options{}, nil)
	bare := strings.Replace(cryptoBody, `"order_id":"order-001",`, "", 1)
	named := strings.Replace(bare, `"user_id"`, `"transaction_id":"tx-1","user_id"`, 1)
	one, two := w.pays(t, w.key, named), w.pays(t, w.key, named)
	require.Equal(t, one.body, two.body)
	require.Equal(t, "tx-1", one.text(t, "transaction_id"))
	one, two = w.pays(t, w.key, bare, "Idempotency-Key", `"k"`), w.pays(t, w.key, bare, "Idempotency-Key", "k")
	require.Equal(t, one.body, two.body)
	require.Equal(t, one.text(t, "id"), one.text(t, "transaction_id"))
	w.pays(t, w.key, strings.Replace(bare, `"25"`, `"26"`, 1), "Idempotency-Key", "k").refused(t, 409, "conflict")
	require.NotEqual(t, w.pays(t, w.key, bare).text(t, "id"), w.pays(t, w.key, bare).text(t, "id"), "each is a new one")
	long := strings.Replace(cryptoBody, "order-001", strings.Repeat("ä", 255), 1)
	require.Equal(t, w.pays(t, w.key, long).body, w.pays(t, w.key, long).body)
	require.Len(t, p.payouts(), 5)
}

// A payout is worth what it was worth when it was first asked for.
func TestARepeatedOrderIsNotConvertedAgain(t *testing.T) {
	rate := int64(2000)
	w, p := newTill(t, options{service: func(c *invoice.Config) {
		told(c)
		c.Rates = moving{&rate}
	}}, nil)
	first := w.pays(t, w.key, cryptoBody)
	require.Equal(t, 201, first.status, "%s", first.body)
	rate = 1000
	require.Equal(t, first.body, w.pays(t, w.key, cryptoBody).body)
	require.Equal(t, "0.025", w.pays(t, w.key, strings.Replace(cryptoBody, "order-001", "order-002", 1)).text(t, "crypto_amount"))
	require.Len(t, p.payouts(), 2)
}

// The same request at the same time, at two rates, is one payout, whichever comes first.
func TestAnOrderThatWasMadeMeanwhileIsTheSame(t *testing.T) {
	w, p := newTill(t, options{}, nil)
	first := w.pays(t, w.key, cryptoBody)
	w.api = w.newAPI(t, func(c *itispay.Config) { c.Payouts = &late{till: p} })
	require.Equal(t, first.body, w.pays(t, w.key, cryptoBody).body)
	w.api = w.newAPI(t, func(c *itispay.Config) { c.Payouts = &late{till: p} })
	w.pays(t, w.key, strings.Replace(cryptoBody, `"25"`, `"26"`, 1)).refused(t, 409, "conflict")
	require.Len(t, p.payouts(), 1)
}

func TestWhatCannotBePaidNowCanBeAskedForAgain(t *testing.T) {
	w, p := newTill(t, options{api: func(c *itispay.Config) { c.Replies = httpapi.NewReplies(0) }}, func(c *payout.Config) {
		c.ProjectPolicies = map[string]payout.Policies{"": {}}
	})
	much := `{"currency":"SIM","to":"sim1own","amount":"12"}`
	withdraw := func(body string) answer {
		r := w.request("POST", "/withdraw", w.key, body)
		r.Header.Set("Idempotency-Key", "k")
		return w.send(t, w.api, r)
	}
	before := p.balance(w.project)
	require.Contains(t, withdraw(much).refused(t, 422, "insufficient_balance"), "balance")
	require.Equal(t, before, p.balance(w.project))
	p.fund(w.project, w.chain.Asset("SIM"), "3000000000000000000")
	got := withdraw(much)
	require.Equal(t, 200, got.status, "%s", got.body)
	require.Equal(t, got.body, withdraw(much).body)
	require.Len(t, p.payouts(), 1)
}

func TestPoliciesOfPayoutsAreRefusals(t *testing.T) {
	sim := func(w *world) chain.AssetID { return w.chain.Asset("SIM").ID }
	w := newWorld(t, options{service: told})
	p := w.openTill(t, func(c *payout.Config) {
		c.ProjectPolicies = map[string]payout.Policies{
			w.project: {Daily: map[chain.AssetID]*big.Int{sim(w): units("1000000000000000000")}, ApproveAbove: map[chain.AssetID]*big.Int{sim(w): units("500000000000000000")}},
			w.rival:   {Listed: true},
		}
	})
	p.fund(w.project, w.chain.Asset("SIM"), "10000000000000000000")
	p.fund(w.rival, w.chain.Asset("SIM"), "10000000000000000000")
	w.api = w.newAPI(t, func(c *itispay.Config) { c.Payouts = p })
	w.do(t, "POST", "/withdraw", w.key, `{"currency":"SIM","to":"sim1own","amount":"1.5"}`).refused(t, 422, "limit_exceeded")
	require.Contains(t, w.do(t, "POST", "/withdraw", w.other, `{"currency":"SIM","to":"sim1own","amount":"1"}`).refused(t, 422, "validation_error"), "to is not on the list")
	require.Equal(t, "pending", w.do(t, "POST", "/withdraw", w.key, `{"currency":"SIM","to":"sim1own","amount":"0.7"}`).text(t, "status"), "it waits for an approval")
	p.pay()
	require.Equal(t, payout.StatusRequested, p.payouts()[0].State.Status)

	tokens := `{"currency":"TOK","to":"sim1own","amount":"1"}`
	p.fund(w.project, w.chain.Asset("TOK"), "5000000")
	got := w.do(t, "POST", "/withdraw", w.key, tokens)
	require.Contains(t, got.refused(t, 503, "unavailable"), "fee", "the operator has no coins for it")
	require.Contains(t, w.log.String(), "float")
}

func TestANodeThatIsDownIsAnInternalError(t *testing.T) {
	w, p := newTill(t, options{}, nil)
	p.spender.Down = errors.New("connection refused to 10.0.0.7")
	got := w.pays(t, w.key, cryptoBody)
	got.refused(t, 500, "internal_error")
	require.NotContains(t, string(got.body), "10.0.0.7")
	require.Contains(t, w.log.String(), "10.0.0.7")
	require.Empty(t, p.payouts())
}

func TestAWithdrawalGoesToTheShopsOwnWallet(t *testing.T) {
	w, p := newTill(t, options{}, nil)
	got := w.do(t, "POST", "/withdraw", w.key, `{"currency":"SIM","to":"SIM1Own","amount":"0.002"}`)
	require.Equal(t, 200, got.status, "%s", got.body)
	id := p.payouts()[0].ID
	require.Equal(t, `{"status":"pending","fee":"0.001","wallet_hash":"sim1own","amount":"0.002","txn_id":"`+id+`"}`+"\n", string(got.body))
	require.Equal(t, payout.KindWithdrawal, p.payouts()[0].Kind)
	token := w.do(t, "POST", "/withdraw", w.key, `{"currency":"tok","to":"sim1own","amount":100}`)
	require.Equal(t, "0", token.text(t, "fee"), "the operator pays it")
	require.Equal(t, "100", token.text(t, "amount"))
	w.do(t, "POST", "/withdraw", w.key, `{"currency":"SIM","to":"SIM1Own","amount":"0.002"}`)
	require.Len(t, p.payouts(), 3, "without a key each request is a new one")

	for body, says := range map[string]string{
		`{}`: "currency is required", `{"currency":"SIM","to":"","amount":"1"}`: "to must not be empty", `{"currency":"SIM","to":"sim1a"}`: "amount is required",
		`{"currency":"BTC","to":"sim1a","amount":"1"}`: "currency is not supported", `{"currency":"SIM","to":"bc1","amount":"1"}`: "to is refused",
		`{"currency":"SIM","to":"sim1a","amount":"0"}`: "amount must be more than 0", `{"currency":"SIM","to":"sim1a","amount":"-1"}`: "amount must be",
		`{"currency":"SIM","to":"sim1a","amount":"1e5x"}`: "amount must be", `{"currency":"TOK","to":"sim1a","amount":"0.0000001"}`: "decimals",
	} {
		require.Contains(t, w.do(t, "POST", "/withdraw", w.key, body).refused(t, 422, "validation_error"), says, body)
	}
	w.do(t, "POST", "/withdraw", w.key, `[]`).refused(t, 400, "bad_request")
	p.pay()
	p.pay()
	p.pay()
	p.sound()
	require.Equal(t, map[string]string{"available " + w.chain.Asset("SIM").ID.Reference(): "9995999998000000000", "available " + w.chain.Asset("TOK").ID.Reference(): "900000000", "available EUR": "100000"}, p.balance(w.project))
}

// The key of a withdrawal is its name for ever, with or without kept replies: after a crash nothing is paid twice.
func TestAWithdrawalIsKnownByItsKey(t *testing.T) {
	w, p := newTill(t, options{}, nil)
	ask := func(key, to string) answer {
		r := w.request("POST", "/withdraw", w.key, `{"currency":"SIM","to":"`+to+`","amount":"0.002"}`)
		r.Header.Set("Idempotency-Key", key)
		return w.send(t, w.api, r)
	}
	first := ask(`"k"`, "sim1own")
	require.Equal(t, first.body, ask("k", "sim1own").body)
	ask("k", "sim1other").refused(t, 409, "conflict")
	require.NotEqual(t, first.body, ask("l", "sim1own").body)
	require.Len(t, p.payouts(), 2)
}

func TestPayoutsWithoutTheFormatAreRefused(t *testing.T) {
	w := newWorld(t, options{service: told})
	for _, notifier := range []payout.Notifier{nil, standard(t)} {
		p := w.openTill(t, func(c *payout.Config) { c.Notifier = notifier })
		_, err := itispay.New(w.config(func(c *itispay.Config) { c.Payouts = p }))
		require.ErrorContains(t, err, "the Notifier of Payouts has no format itispay: give it Config.Format")
	}
}

func standard(t *testing.T) payout.Notifier {
	n, err := webhook.NewNotifier(webhook.Standard())
	require.NoError(t, err)
	return n
}

func TestACurrencyOfAPayoutMayBeTheAssetOnItsNetwork(t *testing.T) {
	w, p := newTill(t, options{api: func(c *itispay.Config) {
		c.Format = itispay.NewFormat(itispay.Currency{Code: "Coin", Asset: "SIM", Network: "main"}, itispay.Currency{Code: "coin", Asset: "TOK", Network: "main"})
	}}, nil)
	ask := func(crypto string) answer {
		return w.pays(t, w.key, `{"type":"CRYPTO_PAYOUT","fiat":{"amount":25,"currency":"EUR"},"crypto":{"address":"sim1c",`+crypto+`}}`)
	}
	for _, crypto := range []string{`"currency":"sim","network":"MAIN"`, `"currency":"Coin"`, `"currency":"Coin","network":"Simulated"`} {
		require.Equal(t, "Coin", ask(crypto).text(t, "crypto_currency"), crypto)
	}
	require.Equal(t, "coin", ask(`"currency":"coin"`).text(t, "crypto_currency"))
	require.Contains(t, ask(`"currency":"SIM"`).refused(t, 422, "validation_error"), "crypto.currency is not supported")
	require.Contains(t, ask(`"currency":"COIN"`).refused(t, 422, "validation_error"), "crypto.currency could be one of several")
	require.Len(t, p.payouts(), 4)
}

func TestAConversionNeedsARateAndAValue(t *testing.T) {
	w, p := newTill(t, options{service: func(c *invoice.Config) {
		told(c)
		c.Rates = rates.NewFixed(c.Now, map[rates.Pair]decimal.Decimal{pair("TOK", "EUR"): decimal.NewFromInt(100_000)})
	}}, nil)
	w.pays(t, w.key, cryptoBody).refused(t, 503, "rate_unavailable")
	dear := strings.NewReplacer(`"25"`, `"0.01"`, `"SIM"`, `"TOK"`).Replace(cryptoBody)
	require.Contains(t, w.pays(t, w.key, dear).refused(t, 422, "validation_error"), "fiat.amount is too small", "0.0000001 is less than one unit")
	require.Empty(t, p.payouts())
}
