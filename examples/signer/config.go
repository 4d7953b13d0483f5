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

	"github.com/cointill/cointill/chain"
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

	Accounts []struct {
		Network chain.Network `json:"network"`
		Path    string        `json:"path"`
	} `json:"accounts"`
	// Receivers is the list of receivers of each network, in canonical spelling.
	Receivers map[chain.Network][]chain.Address `json:"receivers"`
	// Daily is what may leave in a day of UTC, fees included, in base units. Nothing of any other asset leaves.
	Daily map[chain.AssetID]*big.Int `json:"daily"`
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

// family returns how the transactions of a network are read. With the account's xpub, it knows which receivers are ours.
func family(network chain.Network, xpub string) (signer.Family, error) {
	switch network.Namespace() {
	case "tron":
		return tron.NewSigning(network, xpub)
	default:
		return nil, fmt.Errorf("accounts: no family for network %q", network)
	}
}

// accounts returns what is derived from the seed.
func (c config) accounts() (out []signer.Account, err error) {
	for _, a := range c.Accounts {
		f, err := family(a.Network, "")
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
		f, err := family(a.Network, seed.Public(a.Network))
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
