// Command checkout shows what a payer can see: the payment page in every state, in the style of a made-up shop, with nothing
// behind it. It is for looking at a style, a template or a translation.
//
//	go run ./examples/checkout -states
package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/httpapi/checkout"
	"github.com/cointill/cointill/httpapi/checkout/checkouttest"
	"github.com/cointill/cointill/invoice"
)

//go:embed style.css
var style []byte

func main() {
	states := flag.Bool("states", false, "serve every state, and print a link to each")
	addr := flag.String("addr", "127.0.0.1:0", "address to listen on")
	flag.Parse()
	if !*states {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *addr, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "checkout:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends.
func run(ctx context.Context, addr string, out io.Writer) error {
	samples := checkouttest.New(time.Now())
	page, err := checkout.New(checkout.Config{Invoices: samples, Shop: shop, Links: links, Style: style, Renew: true, Networks: networks()})
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/pay/", http.StripPrefix("/pay", page))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	ctx, end := context.WithCancel(ctx)
	told := make(chan error, 1)
	go func() { told <- page.Run(ctx) }()
	context.AfterFunc(ctx, func() { _ = server.Close() })
	for _, name := range samples.Names() {
		fmt.Fprintf(out, "%-12s http://%s/pay/%s\n", name, listener.Addr(), checkouttest.ID(name))
	}
	err = server.Serve(listener)
	end()
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return errors.Join(err, <-told)
}

// shop is what the page says of the made-up shop.
func shop(string) checkout.Shop {
	return checkout.Shop{Name: "Corner Books", Contact: "help@shop.example", Terms: "https://shop.example/terms"}
}

func links(invoice.Invoice) checkout.Links {
	return checkout.Links{Back: "https://shop.example/cart", Done: "https://shop.example/thanks"}
}

// networks returns what the page says of networks, with fees as they may be.
func networks() map[chain.Network]checkout.Network {
	fee := func(text string) func(chain.Asset) string { return func(chain.Asset) string { return text } }
	return map[chain.Network]checkout.Network{
		"bip122:000000000019d6689c085ae165831e93": {Explorer: "https://explorer.example/bitcoin/{txid}", Fee: fee("0.40 EUR")},
		"eip155:1":        {Explorer: "https://explorer.example/ethereum/{txid}", Fee: fee("0.15 EUR")},
		"tron:0x2b6653dc": {Explorer: "https://explorer.example/tron/{txid}", Fee: fee("1.80 EUR")},
	}
}
