// Command signer is a signer of payouts in a process of its own, as an example of how to build one: it holds the keys of
// the payout accounts, reads every transaction that it is asked to sign, and has a policy of its own, so that an intruder
// in the shop's server cannot empty the wallet.
//
//	signer -new payouts.seed -passphrase-file pass < seed.hex
//	signer -config signer.json -passphrase-file pass
//
// The first reads a seed (what BIP-39 makes of a mnemonic and its passphrase) in hexadecimal digits from the standard
// input, and makes an encrypted file of it. The second serves the protocol of the package payout/signer. Its configuration
// is the JSON form of the type config. It signs only for receivers on its list, and for the account's own addresses, and
// for each asset only so much a day, fees included. It refuses all else.
//
// Give it a machine of its own, and run one process with each journal.
package main

import (
	"context"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/cointill/cointill/payout/signer"
)

func main() {
	configPath := flag.String("config", "", "file with the configuration; serves until it is interrupted")
	create := flag.String("new", "", "makes this file with the seed that is on the standard input")
	passphrasePath := flag.String("passphrase-file", "", "file with the passphrase of the seed")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	if err := start(ctx, *configPath, *create, *passphrasePath, os.Stdin, log); err != nil {
		fmt.Fprintln(os.Stderr, "signer:", err)
		os.Exit(1)
	}
}

func start(ctx context.Context, configPath, create, passphrasePath string, in io.Reader, log *slog.Logger) error {
	passphrase, err := readSecret(passphrasePath)
	if err != nil {
		return fmt.Errorf("passphrase-file: %w", err)
	}
	defer clear(passphrase)
	if create != "" {
		return makeSeed(create, passphrase, in)
	}
	c, err := readConfig(configPath)
	if err != nil {
		return fmt.Errorf("config: %w", err)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return err
	}
	return serve(ctx, c, passphrase, listener, log)
}

// makeSeed makes the encrypted file of a seed.
func makeSeed(path string, passphrase []byte, in io.Reader) error {
	text, err := io.ReadAll(io.LimitReader(in, 1000))
	if err != nil {
		return err
	}
	defer clear(text)
	secret, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		return errors.New("the seed must be in hexadecimal digits")
	}
	defer clear(secret)
	return signer.Create(path, passphrase, secret)
}

// serve signs until ctx ends. It closes the listener.
func serve(ctx context.Context, c config, passphrase []byte, listener net.Listener, log *slog.Logger) (err error) {
	defer func() { _ = listener.Close() }() // the server closes it as well
	accounts, err := c.accounts()
	if err != nil {
		return err
	}
	seed, err := signer.Open(c.Seed, passphrase, accounts...)
	if err != nil {
		return err
	}
	defer func() { _ = seed.Close() }() // never fails
	families, err := c.families(seed)
	if err != nil {
		return err
	}
	p, err := openPolicy(c, time.Now)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	token, err := c.token()
	if err != nil {
		return err
	}
	handler, err := signer.NewHandler(signer.HandlerConfig{
		Signer: seed, Families: families, Policy: p.allow, Token: token, ClientCertificates: c.Clients != "", Logger: log,
	})
	if err != nil {
		return err
	}
	for _, a := range accounts {
		log.Info("signs", "network", a.Family.Network(), "xpub", seed.Public(a.Family.Network()))
	}
	return listen(ctx, c, handler, listener)
}

// listen serves the handler until ctx ends and what was begun has ended.
func listen(ctx context.Context, c config, handler http.Handler, listener net.Listener) error {
	mux := http.NewServeMux()
	mux.Handle("/sign", handler)
	secure, err := c.tls(listener)
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler: mux, TLSConfig: secure, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute,
		MaxHeaderBytes: 16 << 10,
	}
	ended := make(chan error, 1)
	go func() {
		if secure == nil {
			ended <- server.Serve(listener)
			return
		}
		ended <- server.ServeTLS(listener, "", "")
	}()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	err = server.Shutdown(last)
	if served := <-ended; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
