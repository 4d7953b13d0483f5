package tron

import (
	"fmt"
	"regexp"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/internal/token"
)

// The public networks. The reference of a TRON network in CAIP-2 is its chain id, which is the last four bytes of
// the id of block 0.
const (
	Mainnet chain.Network = "tron:0x2b6653dc"
	Nile    chain.Network = "tron:0xcd8690dc"
	Shasta  chain.Network = "tron:0x94a9059e"
)

// genesis returns the id of block 0 of a public network, or "".
func genesis(n chain.Network) string {
	switch n {
	case Mainnet:
		return "00000000000000001ebf88508a03865c71d452e25f4d51194196a1d22b6653dc"
	case Nile:
		return "0000000000000000d698d4192c56cb6be724a558448e2684802de4d6cd8690dc"
	case Shasta:
		return "0000000000000000de1aa88295e1fcf982742f773e0419c5a9c134c994a9059e"
	}
	return ""
}

// The two kinds of asset, as CAIP-19 namespaces.
const (
	native    = token.Native
	tokenKind = "trc20"
)

// nativeDecimals is a constant of the protocol: 1 TRX is 10^6 sun.
const nativeDecimals = 6

// coinType is the SLIP-44 coin type of TRX.
const coinType = "195"

// Native returns a network's own coin with a code for people, TRX. Its base unit is the sun.
func Native(network chain.Network, code string) chain.Asset {
	return chain.Asset{
		ID:       chain.AssetID(string(network) + "/" + native + ":" + coinType),
		Code:     code,
		Decimals: nativeDecimals,
	}
}

// TRC20 returns the token of a contract. The contract may have any spelling that [ParseAddress] accepts; the asset's
// identity has the canonical one.
func TRC20(network chain.Network, contract, code string, decimals int) (chain.Asset, error) {
	address, err := parse(contract)
	if err != nil {
		return chain.Asset{}, fmt.Errorf("tron: token %s: contract %.100q: %w", code, contract, err)
	}
	a := chain.Asset{
		ID:       chain.AssetID(string(network) + "/" + tokenKind + ":" + string(spell(address))),
		Code:     code,
		Decimals: decimals,
	}
	if err := checkAsset(a); err != nil {
		return chain.Asset{}, fmt.Errorf("tron: %w", err)
	}
	return a, nil
}

// checkAsset returns an error unless this package can watch the asset, and its spelling is canonical.
func checkAsset(a chain.Asset) error {
	if err := a.Validate(); err != nil {
		return err
	}
	if err := checkNetwork(a.ID.Network()); err != nil {
		return err
	}
	switch a.ID.Namespace() {
	case native:
		if a.ID.Reference() != coinType || a.Decimals != nativeDecimals {
			return fmt.Errorf("asset %s: the native coin is %s:%s and has %d decimals", a.ID, native, coinType, nativeDecimals)
		}
	case tokenKind:
		if contract, err := parse(a.ID.Reference()); err != nil {
			return fmt.Errorf("asset %s: %w", a.ID, err)
		} else if canonical := spell(contract); string(canonical) != a.ID.Reference() {
			return fmt.Errorf("asset %s: write the contract as %s", a.ID, canonical)
		}
	default:
		return fmt.Errorf("asset %s: neither %s nor %s", a.ID, native, tokenKind)
	}
	return nil
}

var chainID = regexp.MustCompile(`^0x[0-9a-f]{8}$`)

func checkNetwork(n chain.Network) error {
	if n.Namespace() != "tron" || !chainID.MatchString(n.Reference()) {
		return fmt.Errorf("%q is not a TRON network such as %s", n, Mainnet)
	}
	return nil
}
