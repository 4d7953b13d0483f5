package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/cointill/cointill/internal/devchain"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/payout/bitcoin"
	"github.com/cointill/cointill/payout/evm"
	"github.com/cointill/cointill/payout/signer"
)

// path returns that of the account.
func path(name string) string {
	if name == "btc" {
		return "m/84h/1h/0h"
	}
	return "m/44h/60h/0h"
}

// family returns how transactions are read and signed.
func family(name, xpub string) (signer.Family, error) {
	if name == "btc" {
		return bitcoin.NewSigning(params, kind, xpub)
	}
	return evm.NewSigning(devchain.Network, xpub)
}

// openSeed opens the encrypted file with the account's key.
func openSeed(dir, name string) (*signer.Seed, error) {
	blind, err := family(name, "")
	if err != nil {
		return nil, err
	}
	pass, err := os.ReadFile(passFile(dir))
	if err != nil {
		return nil, err
	}
	defer clear(pass)
	return signer.Open(seedFile(dir), pass, signer.Account{Family: blind, Path: path(name)})
}

// runSigner is the process that has the keys. On Ethereum it serves the protocol of the package payout/signer; on Bitcoin
// it has no connection to anything, and reads and writes files, as somebody does who carries them on a stick.
func runSigner(ctx context.Context, r role, out io.Writer) error {
	w, err := readWorld(r.dir)
	if err != nil {
		return err
	}
	seed, err := openSeed(r.dir, w.Chain)
	if err != nil {
		return err
	}
	defer func() { _ = seed.Close() }() // never fails
	blind, err := family(w.Chain, "")
	if err != nil {
		return err
	}
	reads, err := family(w.Chain, seed.Public(blind.Network()))
	if err != nil {
		return err
	}
	s := story{out, "signer"}
	policy := w.policy()
	if w.Chain == "btc" {
		guard, err := signer.NewGuard(signer.GuardConfig{Signer: seed, Families: []signer.Family{reads}, Policy: policy})
		if err != nil {
			return err
		}
		s.say("offline", "the key is here, and nowhere else: %s", seed)
		return errors.Join(replaceFile(readyFile(r.dir), nil), carry(ctx, r.dir, guard, s))
	}
	handler, err := signer.NewHandler(signer.HandlerConfig{Signer: seed, Families: []signer.Family{reads}, Policy: policy, Token: w.Secret})
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", strings.TrimPrefix(w.Signer, "http://"))
	if err != nil {
		return err
	}
	s.say("listening", "the key is here, and nowhere else: %s", seed)
	if err := replaceFile(readyFile(r.dir), nil); err != nil {
		return errors.Join(err, listener.Close())
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Second}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// maxRounds bounds the payees that the signer knows.
const maxRounds = 200

// policy returns one that pays the known payees what is due to them, and ourselves. It keeps no journal, and so does not
// count what it signed: the example signer does.
func (w world) policy() signer.Policy {
	due := map[string]bool{}
	for round := 1; round <= maxRounds; round++ {
		for _, p := range w.payments(round) {
			due[fmt.Sprint(p.to, p.asset.ID, unitsOf(p.asset, p.units))] = true
		}
	}
	return func(_ context.Context, _ payout.SignRequest, p payout.Parsed) error {
		for _, o := range p.Outputs {
			if !o.Own && !due[fmt.Sprint(o.To, o.Asset, o.Units)] {
				return &payout.RefusedError{Code: payout.RefusedPolicy, Reason: fmt.Sprintf("%s of %s to %s is not due", o.Units, o.Asset, o.To)}
			}
		}
		return nil
	}
}

// The folders between the process that pays and the one that signs. A file is called after the transaction and the number
// of its version.
func unsignedDir(dir string) string { return filepath.Join(dir, "to-sign") }
func signedDir(dir string) string   { return filepath.Join(dir, "signed") }

func fileOf(transaction string, n int) string { return fmt.Sprintf("%s.%d.psbt", transaction, n) }

// carry signs what is in one folder into the other, until ctx ends.
func carry(ctx context.Context, dir string, s payout.Signer, tell story) error {
	for pause(ctx, pollTime) {
		files, err := filepath.Glob(filepath.Join(unsignedDir(dir), "*.psbt"))
		if err != nil {
			return err
		}
		for _, file := range files {
			name := filepath.Base(file)
			if _, err := os.Stat(filepath.Join(signedDir(dir), name)); err == nil {
				continue
			}
			unsigned, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			id, number, _ := strings.Cut(strings.TrimSuffix(name, ".psbt"), ".")
			n, err := strconv.Atoi(number)
			if err != nil {
				return err
			}
			signed, err := s.Sign(ctx, payout.SignRequest{Network: params.Network, Transaction: id, N: n, Unsigned: unsigned})
			if err != nil {
				return err
			}
			if err := replaceFile(filepath.Join(signedDir(dir), name), signed); err != nil {
				return err
			}
			tell.say("signed", "%s, a PSBT of %d bytes", name, len(unsigned))
		}
	}
	return nil
}
