// Package checkout is the payment page: where the links lead that the APIs answer, and where a payer chooses a currency,
// sees the address and the exact amount, and follows the payment until it is complete. A shop mounts it in its own mux:
//
//	page, err := checkout.New(checkout.Config{Invoices: service})
//	mux.Handle("/pay/", http.StripPrefix("/pay", page))
//	go page.Run(ctx)
//
// The page of an invoice is then at /pay/{id}, with the id of the invoice, and that of a refund that its payer has to claim
// at /pay/claim/{token}. Whoever knows an id sees the page: ids cannot be guessed.
//
// # Without scripts, and with one
//
// Everything works without scripts: choosing is a form, and the page looks again by itself. The one script, of the same
// origin, adds copying, a countdown, the wallets of the browser (EIP-6963), and news by server-sent events, for which
// [Checkout.Run] reads the feed of events once for all open pages. Where events do not get through, the page asks every five
// seconds. A page that was asleep asks when it is shown again.
//
// # Security
//
// The policy of each page allows nothing but what the page's own origin serves, and neither scripts nor styles within the
// page. There are no cookies. Links to the shop are http and https URLs, and nothing in a request becomes a link. Acts are
// refused from other origins ([http.CrossOriginProtection]). A shop that shows the page in a frame of its own names its
// origin in [Shop.Frame] and adds ?frame=1 to the URL; it is then told by postMessage, with
//
//	{cointill: id, kind: "paid", height: 640}
//
// whenever the page changes. It must not take that for a payment: only webhooks and the API say that money has come.
//
// # Languages
//
// The page speaks the browser's language, or that of ?lang=de. The words are in the folder words; a host replaces any of
// them ([Config.Words]), any template ([Config.Templates]), and the style ([Config.Style]), which is made of variables such
// as --accent. The folders' files are read with the package; what a template gets is what the embedded ones use.
//
// # Limits
//
// The page shows what the store says. It makes no request to any other host, and needs none. The host limits the rate of
// requests, if it must, as for the rest of its site, and sets ReadHeaderTimeout and IdleTimeout of its server; a
// WriteTimeout ends streams, which the page then opens again.
package checkout
