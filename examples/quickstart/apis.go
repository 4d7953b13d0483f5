package main

import (
	"embed"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/httpapi/checkout"
	"github.com/cointill/cointill/httpapi/cryptomus"
	"github.com/cointill/cointill/httpapi/cryptosteroid"
	"github.com/cointill/cointill/httpapi/desk"
	"github.com/cointill/cointill/httpapi/itispay"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store/sqlite"
	"github.com/cointill/cointill/webhook"
)

// accountKey authenticates POST /projects. A real key is random and in no source file.
const accountKey = "00000000000000000000000000000000000000000000000000000000000000aa"

// Prefixes of the handlers. The paths of CryptoSteroid begin with /merchants/.
const (
	itispayPath     = "/api/v1"
	cryptomusPath   = "/v1"
	cryptomusPathV2 = "/v2"
	hookPath        = "/shop/hook"
	payPath         = "/dev/pay"
	pagePath        = "/pay"
	deskPath        = "/desk"
)

// formats holds the formats of webhooks. The Service's notifier and the API share each.
type formats struct {
	itispay       *itispay.Format
	cryptosteroid *cryptosteroid.Format
	cryptomus     *cryptomus.Format
}

// newFormats returns formats with the names of the assets in each API. CryptoSteroid knows only a few.
func (h *house) newFormats() formats {
	view := cryptosteroid.View{InvoiceURL: h.publicURL("{id}")}
	var currencies []cryptomus.Currency
	for _, a := range h.offer.chain.Assets {
		currencies = append(currencies, cryptomus.Currency{Code: a.Code, Network: h.offer.short, Asset: a.Asset})
		if slices.Contains(cryptosteroid.Methods(), a.Code) {
			view.Methods = append(view.Methods, cryptosteroid.Method{Name: a.Code, Asset: a.Asset})
		}
	}
	return formats{itispay.NewFormat(), cryptosteroid.NewFormat(view), cryptomus.NewFormat(currencies...)}
}

// notifier returns a notifier for all formats.
func (f formats) notifier() (*webhook.Notifier, error) {
	return webhook.NewNotifier(webhook.Standard(), f.itispay, f.cryptosteroid, f.cryptomus)
}

// handlers mounts the APIs, the feed, the health, the shop's receiver of webhooks, and the payer on one mux.
func (h *house) handlers(projects *invoice.Projects, store *sqlite.Store) error {
	replies := store.Replies() // so that a request with an Idempotency-Key runs once, even if its response is lost
	one := itispay.Config{
		Service: h.invoices, Format: h.formats.itispay, Projects: projects, Replies: replies, Store: store, Resent: h.dispatcher.Hint,
		Accounts: []httpapi.Account{{ID: "quickstart", KeyHash: invoice.HashKey(accountKey)}},
		// Nothing real is sold here: the only shop is an administrator, and simulated callbacks are allowed.
		Admins: []string{h.shop.project}, Simulation: &itispay.Simulation{Client: h.client()},
	}
	if h.payouts != nil {
		one.Payouts = h.payouts
	}
	first, err := itispay.New(one)
	if err != nil {
		return err
	}
	second, err := cryptosteroid.New(cryptosteroid.Config{Service: h.invoices, Format: h.formats.cryptosteroid, Projects: projects, Replies: replies})
	if err != nil {
		return err
	}
	third := cryptomus.Config{
		Personal: func(project string) string { return project + "/personal" },
		Service:  h.invoices, Format: h.formats.cryptomus, Projects: projects, Store: store, Resent: h.dispatcher.Hint, Replies: replies,
		TestClient: h.client(),
		PageURL:    func(inv invoice.Invoice) string { return h.publicURL(inv.ID) },
	}
	if h.payouts != nil {
		third.Payouts = h.payouts
	}
	feed, err := httpapi.NewFeed(httpapi.FeedConfig{Service: h.invoices, Projects: projects})
	if err != nil {
		return err
	}
	ready, err := httpapi.Ready(httpapi.ReadyConfig{Service: h.invoices})
	if err != nil {
		return err
	}
	if err := h.openPage(); err != nil {
		return err
	}
	office, err := h.openDesk(projects, store)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle(deskPath+"/", http.StripPrefix(deskPath, office))
	mux.Handle(pagePath+"/", http.StripPrefix(pagePath, h.page))
	mux.Handle(itispayPath+"/", http.StripPrefix(itispayPath, first))
	for _, path := range []string{"/merchants/", "/docs", "/openapi.json"} {
		mux.Handle(path, second)
	}
	if err := mountCryptomus(mux, third); err != nil {
		return err
	}
	mux.Handle("/events", feed)
	mux.Handle("/alive", httpapi.Alive())
	mux.Handle("/ready", ready)
	mux.HandleFunc("GET /{$}", h.index)
	mux.HandleFunc("POST "+hookPath, h.shop.hook)
	mux.HandleFunc("POST "+payPath, h.payer.serve(h.shop.project))
	h.server = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	return nil
}

// mountCryptomus mounts both versions of the API at the paths that its clients use.
func mountCryptomus(mux *http.ServeMux, cfg cryptomus.Config) error {
	v1, err := cryptomus.New(cfg)
	if err != nil {
		return err
	}
	v2, err := cryptomus.NewV2(cfg)
	if err != nil {
		return err
	}
	mux.Handle(cryptomusPath+"/", http.StripPrefix(cryptomusPath, v1))
	mux.Handle(cryptomusPathV2+"/", http.StripPrefix(cryptomusPathV2, v2))
	return nil
}

// publicURL returns the URL of the page where an invoice of any API is paid.
func (h *house) publicURL(id string) string { return h.url() + pagePath + "/" + id }

// button is what only a test chain can have: somebody who pays at the push of it.
//
//go:embed extra.html
var button embed.FS

// openPage makes the payment page.
func (h *house) openPage() (err error) {
	cfg := checkout.Config{
		Invoices: h.invoices, Renew: true,
		Shop:      func(string) checkout.Shop { return checkout.Shop{Name: "Quickstart", Contact: h.url() + "/"} },
		Networks:  map[chain.Network]checkout.Network{h.offer.chain.Watcher.Network(): {Blocks: blockTime}},
		Templates: button,
	}
	if h.payouts != nil {
		cfg.Refunds = h.payouts
	}
	h.page, err = checkout.New(cfg)
	return err
}

// openDesk makes the operator's desk. Whoever reaches it is signed in: it is only on loopback, and no money is real.
func (h *house) openDesk(projects *invoice.Projects, store *sqlite.Store) (http.Handler, error) {
	return desk.New(desk.Config{
		Invoices: h.invoices, Projects: projects, Records: store.Records(), Payouts: h.payouts, Holdings: store, Outbox: store, Name: "Quickstart",
		Authenticate: func(*http.Request) (desk.Person, error) {
			return desk.Person{ID: "demo", Name: "Demo operator", Role: desk.RoleAdministrator, Proved: time.Now()}, nil
		},
		PaymentPage: func(inv invoice.Invoice) string { return h.publicURL(inv.ID) },
		ClaimPage:   func(token string) string { return h.publicURL("claim/" + token) },
	})
}

// index lists the paths.
func (h *house) index(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintf(w, `A till of Cointill's quickstart, for trying things out.

ItisPay's API         %[1]s%[2]s        its document for people: %[1]s%[2]s/docs
CryptoSteroid's API   %[1]s/merchants/    its document for people: %[1]s/docs
Cryptomus's API       %[1]s%[3]s            its document for people: %[1]s%[3]s/docs
The operator's desk   %[1]s%[4]s/
What happened         %[1]s/events
Alive and ready       %[1]s/alive, %[1]s/ready
`, h.url(), itispayPath, cryptomusPath, deskPath)
}

// method returns the first payment method of CryptoSteroid's API.
func (h *house) method() string {
	for _, a := range h.offer.chain.Assets {
		if slices.Contains(cryptosteroid.Methods(), a.Code) {
			return a.Code
		}
	}
	return ""
}

// curl prints links, of which one leads to the page of the trial invoice, and commands to paste into a shell.
func (h *house) curl(trial string) string {
	code := h.offer.chain.Assets[len(h.offer.chain.Assets)-1].Code // of the token, if there is one
	method := h.method()
	return fmt.Sprintf(`
The till is open; Ctrl-C ends it. %[1]s says what is there. Try, in a browser:

a page to pay    %[16]s
the desk         %[1]s%[17]s/

Or, in another terminal:

export BASE=%[1]s KEY=%[2]s PROJECT=%[3]s PAYMENT_KEY=%[4]s PAYOUT_KEY=%[13]s

### ItisPay's API

# an invoice for 12.50 EUR
curl -s -H "Api-Key: $KEY" -H 'Content-Type: application/json' -d '{"order_id":"mine-1","fiat_amount":12.5,"currency":"%[5]s","callback_url":"%[7]s"}' $BASE%[8]s/invoices

# a callback that means nothing, to try the shop's page out
curl -s -H "Api-Key: $KEY" -H 'Content-Type: application/json' -d "{\"invoice_id\":\"$(curl -s -H "Api-Key: $KEY" "$BASE%[8]s/invoices?page_size=1" | sed -E 's/.*"invoice_id":"([^"]+)".*/\1/')\",\"status\":\"completed\"}" $BASE%[8]s/webhooks/simulate

# somebody pays it
curl -s -d 'order=mine-1' $BASE%[9]s

# what became of it
curl -s -H "Api-Key: $KEY" "$BASE%[8]s/invoices?page_size=1"

# all invoices of all projects, for an administrator
curl -s -H "Api-Key: $KEY" "$BASE%[8]s/admin/invoices?page_size=1"

# what can be paid in, and the document of the API, which people read at %[1]s%[8]s/docs
curl -s $BASE%[8]s/currencies
curl -s $BASE%[8]s/openapi.json

# another project, with a key of its own
curl -s -H 'Api-Key: %[10]s' -H 'Content-Type: application/json' -d '{"name":"Second shop"}' $BASE%[8]s/projects

### CryptoSteroid's API, documented at %[1]s/docs

# the same: an invoice, somebody pays it, what became of it
id=$(curl -s -H "X-Api-Key: $KEY" -H 'Content-Type: application/json' -d '{"fiatCurrency":"EUR","fiatAmount":"12.50","description":"mine-2","externalId":"mine-2","paymentMethod":"%[6]s","processingUrl":"%[7]s","secret":"word"}' $BASE/merchants/$PROJECT/invoices | sed -E 's/.*"invoiceId":"([^"]+)".*/\1/'); echo "$id"
curl -s -d "order=$id" $BASE%[9]s
curl -s $BASE/merchants/$PROJECT/invoices/$id

### Cryptomus's API, documented at %[1]s%[11]s/docs

# the same; requests are signed with the MD5 of their body in base64 and a key
sign() { printf '%%s%%s' "$(printf '%%s' "$1" | openssl base64 -A)" "$2" | openssl md5 -r | cut -c1-32; }
body='{"amount":"12.50","currency":"EUR","order_id":"mine-3","to_currency":"%[5]s","url_callback":"%[7]s"}'; curl -s -H "merchant: $PROJECT" -H "sign: $(sign "$body" "$PAYMENT_KEY")" -d "$body" $BASE%[11]s/payment
curl -s -d 'order=mine-3' $BASE%[9]s
body='{"order_id":"mine-3"}'; curl -s -H "merchant: $PROJECT" -H "sign: $(sign "$body" "$PAYMENT_KEY")" -d "$body" $BASE%[11]s/payment/info

# a webhook that means nothing, to try the shop's page out
body='{"currency":"%[5]s","network":"%[12]s","url_callback":"%[7]s","status":"paid"}'; curl -s -H "merchant: $PROJECT" -H "sign: $(sign "$body" "$PAYMENT_KEY")" -d "$body" $BASE%[11]s/test-webhook/payment

%[14]s### Beside the APIs

# what happened to all of them, in order
curl -s -H "Api-Key: $KEY" "$BASE/events?after=0"

# whether the process runs, and whether it sees the chain
curl -s $BASE/alive
curl -s $BASE/ready

### Once the shop was told, which is written below

%[15]s# the latest callback of the first invoice again
curl -s -H "Api-Key: $KEY" -H 'Content-Type: application/json' -d '{"order_id":"mine-1"}' $BASE%[8]s/webhooks/resend
`, h.url(), h.shop.key, h.shop.project, h.shop.payment, code, method, h.url()+hookPath, itispayPath, payPath, accountKey, cryptomusPath, h.offer.short, h.shop.payout, h.moneyOut(), h.refund(), h.publicURL(trial), deskPath)
}

// moneyOut prints commands that send money.
func (h *house) moneyOut() string {
	if h.payouts == nil {
		return ""
	}
	return fmt.Sprintf(`### Money out, of what was paid

# a withdrawal, by ItisPay's API
curl -s -H "Api-Key: $KEY" -H 'Content-Type: application/json' -d '{"currency":"ETH","to":"%[1]s","amount":"0.001"}' $BASE%[2]s/withdraw

# a payout by Cryptomus's API, which has a key of its own for that, and what became of it
body='{"amount":"0.002","currency":"ETH","network":"eth","order_id":"out-1","address":"%[1]s","is_subtract":true,"url_callback":"%[3]s"}'; curl -s -H "merchant: $PROJECT" -H "sign: $(sign "$body" "$PAYOUT_KEY")" -d "$body" $BASE%[4]s/payout
body='{"order_id":"out-1"}'; curl -s -H "merchant: $PROJECT" -H "sign: $(sign "$body" "$PAYOUT_KEY")" -d "$body" $BASE%[4]s/payout/info

`, nobody, itispayPath, h.url()+hookPath, cryptomusPath)
}

// refund prints a command that refunds an order.
func (h *house) refund() string {
	if h.payouts == nil {
		return ""
	}
	return fmt.Sprintf(`# the money of the third order back, without the network's fee, once it is in the books
sleep 3; body='{"order_id":"mine-3","address":"%s","is_subtract":false}'; curl -s -H "merchant: $PROJECT" -H "sign: $(sign "$body" "$PAYMENT_KEY")" -d "$body" $BASE%s/payment/refund

`, nobody, cryptomusPath)
}

// nobody is an address without an owner.
const nobody = "0x000000000000000000000000000000000000dEaD"
