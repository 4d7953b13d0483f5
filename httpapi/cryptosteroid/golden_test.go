package cryptosteroid_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/cointill/cointill/httpapi/internal/contract"
	"github.com/stretchr/testify/require"
)

// published holds the members of the published objects in order.
var published = map[string]string{
	"invoice": "merchantId invoiceId fiatAmount fiatCurrency description whoPayCommission payment=null externalId=null invoiceUrl " +
		"returnUrl=null failReturnUrl=null processingUrl=null timeoutSeconds createdAt expiresAt updatedAt=null status",
	"payment": "method address amount net fee paid=null", "paid": "hash received fiat finished",
	"address": "id currency network address qr createdAt status minPaymentAmount", "archived": "archived status",
	"refusal": "statusCode message error",
}

// is compares an object with a golden file, and its members with the published ones, of which some have a value and
// others are absent.
func (w *alive) is(object, file string, body []byte, set, absent string) {
	w.t.Helper()
	members := published[object]
	for name := range strings.FieldsSeq(set) {
		members = strings.Replace(members, name+"=null", name, 1)
	}
	for name := range strings.FieldsSeq(absent) {
		members = strings.Replace(members, name+"=null ", "", 1)
	}
	require.Equal(w.t, members, contract.Members(w.t, body), file)
	if file != "" {
		contract.Golden(w.t, file, body)
	}
}

// member returns a member of an object as JSON.
func member(t *testing.T, body []byte, name string) json.RawMessage {
	t.Helper()
	var out map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(body, &out))
	return out[name]
}

func TestA25_AnswersAndTheWebhookAreThePublishedObjects(t *testing.T) {
	inLife(t, options{service: percent("1")}, func(w *alive) {
		w.pass(w.poll / 4) // between two polls
		w.is("invoice", "create", w.create(t, `{"fiatCurrency":"EUR","fiatAmount":"100","description":"Order of a chair"}`).body, "", "processingUrl")
		const all = "payment externalId returnUrl failReturnUrl processingUrl"
		got := w.create(t, `{"fiatCurrency":"USD","fiatAmount":100.10,"description":"A & B <1>\nfast","whoPayCommission":"seller",
			"externalId":"A/1","paymentMethod":"USDT_ERC20","secret":"`+secret+`","processingUrl":"https://shop.example/hook?o=1",
			"returnUrl":"https://shop.example/ok","failReturnUrl":"http://shop.example/no","unknown":{"ignored":[1]}}`)
		w.is("invoice", "create_everything", got.body, all, "")
		path := w.invoices() + "/" + got.text(t, "invoiceId")
		read := w.do(t, "GET", path, "", "")
		w.is("invoice", "read", read.body, strings.TrimSuffix(all, " processingUrl"), "processingUrl")
		require.Equal(t, strings.Replace(string(got.body), `"processingUrl":"https://shop.example/hook?o=1",`, "", 1), string(read.body),
			"Incident 41: everybody sees the rest")
		w.pass(time.Minute)
		chosen := w.do(t, "PATCH", path, "", `{"paymentMethod":"ETH"}`)
		w.is("invoice", "chosen", chosen.body, strings.TrimSuffix(all, " processingUrl")+" updatedAt", "processingUrl")
		w.is("payment", "", member(t, chosen.body, "payment"), "", "")
		w.is("refusal", "refusal", w.do(t, "PATCH", path, "", `{"paymentMethod":"DOGE"}`).body, "", "")

		w.pay(w.one, "SIM", chosen.payment(t)["address"].(string), chosen.payment(t)["amount"].(string))
		w.mine(2)
		told := []byte(w.endpoint.Hooks()[0].Body)
		w.is("invoice", "webhook", told, all+" updatedAt", "")
		w.is("payment", "", member(t, told, "payment"), "paid", "")
		w.is("paid", "", member(t, member(t, told, "payment"), "paid"), "", "")

		address := w.do(t, "POST", w.wallet("USDT_ERC20"), w.key, `{"label":"till 7"}`)
		w.is("address", "address", address.body, "", "")
		w.is("archived", "archived", w.do(t, "DELETE", w.wallet("USDT_ERC20")+"/"+address.text(t, "id"), w.key, "").body, "", "")
	})
}
