package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/cointill/cointill/chain"
	chainbitcoin "github.com/cointill/cointill/chain/bitcoin"
	"github.com/cointill/cointill/payout/bitcoin"
	"github.com/cointill/cointill/payout/evm"
	"github.com/cointill/cointill/payout/signer"
	"github.com/cointill/cointill/payout/tron"
)

// config is the configuration file. Files that it names are relative to the working directory.
type config struct {
	Listen  string `json:"listen"`  // host and port; without a certificate only a loopback address
	Seed    string `json:"seed"`    // file of the seed
	Journal string `json:"journal"` // file of the policy's memory; made if missing

	TokenFile   string `json:"token_file"`  // bearer token, at least 32 bytes
	Certificate string `json:"certificate"` // of the server, PEM
	Key         string `json:"key"`         // of the certificate, PEM
	Clients     string `json:"clients"`     // authority of client certificates, PEM; demands one

	Accounts []account `json:"accounts"`
	// Receivers is the list of receivers of each network, in canonical spelling.
	Receivers map[chain.Network][]chain.Address `json:"receivers"`
	// Daily is what may leave in a day of UTC, fees included, in base units. Nothing of any other asset leaves.
	Daily map[chain.AssetID]*big.Int `json:"daily"`
}

// account is an account that is signed for.
type account struct {
	Network chain.Network `json:"network"`
	// Path says, for a coin of the Bitcoin family, the kind of its scripts as well: m/44h, m/49h, m/84h or m/86h.
	Path string `json:"path"`
}

func readConfig(path string) (c config, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return c, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return c, err
	}
	for asset, units := range c.Daily {
		if units == nil || units.Sign() < 0 {
			return c, fmt.Errorf("daily: %s needs an amount", asset)
		}
	}
	return c, nil
}

// readSecret reads a file without the line break at its end.
func readSecret(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	return bytes.TrimRight(text, "\r\n"), err
}

func (c config) token() (string, error) {
	if c.TokenFile == "" {
		return "", nil
	}
	text, err := readSecret(c.TokenFile)
	return string(text), err
}

// coins has the networks of the Bitcoin family that are signed for.
var coins = []chainbitcoin.Params{
	chainbitcoin.Bitcoin(), chainbitcoin.BitcoinTestnet4(), chainbitcoin.BitcoinSignet(), chainbitcoin.BitcoinRegtest(),
	chainbitcoin.Litecoin(), chainbitcoin.LitecoinTestnet(), chainbitcoin.LitecoinRegtest(), chainbitcoin.Dogecoin(),
	chainbitcoin.BitcoinCash(),
}

// purposes has the kinds of scripts by the first level of an account's path (BIP-43).
var purposes = map[string]chainbitcoin.ScriptKind{
	"44h": chainbitcoin.P2PKH, "49h": chainbitcoin.P2SHP2WPKH, "84h": chainbitcoin.P2WPKH, "86h": chainbitcoin.P2TR,
}

// family returns how the transactions of an account's network are read. With the account's xpub, it knows which receivers
// are ours.
func (a account) family(xpub string) (signer.Family, error) {
	switch a.Network.Namespace() {
	case "tron":
		return tron.NewSigning(a.Network, xpub)
	case "eip155":
		return evm.NewSigning(a.Network, xpub)
	}
	i := slices.IndexFunc(coins, func(p chainbitcoin.Params) bool { return p.Network == a.Network })
	if i < 0 {
		return nil, fmt.Errorf("accounts: no family for network %q", a.Network)
	}
	levels := strings.Split(strings.ReplaceAll(a.Path, "'", "h"), "/")
	if len(levels) < 2 || purposes[levels[1]] == chainbitcoin.FromKey {
		return nil, fmt.Errorf("accounts: the path %q of %s does not begin with m/44h, m/49h, m/84h or m/86h", a.Path, coins[i].Name)
	}
	return bitcoin.NewSigning(coins[i], purposes[levels[1]], xpub)
}

// accounts returns what is derived from the seed.
func (c config) accounts() (out []signer.Account, err error) {
	for _, a := range c.Accounts {
		f, err := a.family("")
		if err != nil {
			return nil, err
		}
		out = append(out, signer.Account{Family: f, Path: a.Path})
	}
	return out, nil
}

// families returns what the policy reads transactions with.
func (c config) families(seed *signer.Seed) (out []signer.Family, err error) {
	for _, a := range c.Accounts {
		f, err := a.family(seed.Public(a.Network))
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}

// tls returns the configuration of TLS, or nil for a loopback address without.
func (c config) tls(listener net.Listener) (*tls.Config, error) {
	if c.Certificate == "" {
		at, is := listener.Addr().(*net.TCPAddr)
		if !is || !at.IP.IsLoopback() || c.Clients != "" {
			return nil, errors.New("certificate: required, but for a loopback address without client certificates")
		}
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(c.Certificate, c.Key)
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	out := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS13}
	if c.Clients != "" {
		text, err := os.ReadFile(c.Clients)
		if err != nil {
			return nil, fmt.Errorf("clients: %w", err)
		}
		out.ClientAuth, out.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
		if !out.ClientCAs.AppendCertsFromPEM(text) {
			return nil, errors.New("clients: no certificate in the file")
		}
	}
	return out, nil
}
