package evm

import (
	"fmt"
	"strconv"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/internal/token"
)

// The two kinds of asset on an EVM network, as CAIP-19 namespaces.
const (
	native    = token.Native
	tokenKind = "erc20"
)

// nativeDecimals is a constant of the protocol: JSON-RPC counts native value in 10^-18 on every network.
const nativeDecimals = 18

// systemAddress is the address in the logs of native coin (EIP-7708), which look like those of a token.
const systemAddress chain.Address = "0xffffFFFfFFffffffffffffffFfFFFfffFFFfFFfE"

// coinType is the SLIP-44 coin type of Ether. CAIP-19 requires a number; the network tells coins apart.
const coinType = "60"

// Native returns a network's own coin with a code for people, such as ETH. Its identity has the coin type of Ether; a
// Node also accepts a native coin configured with another one, such as slip44:966.
func Native(network chain.Network, code string) chain.Asset {
	return chain.Asset{
		ID:       chain.AssetID(string(network) + "/" + native + ":" + coinType),
		Code:     code,
		Decimals: nativeDecimals,
	}
}

// ERC20 returns the token of a contract. The contract may have any spelling that [ParseAddress] accepts; the asset's
// identity has the canonical one.
func ERC20(network chain.Network, contract, code string, decimals int) (chain.Asset, error) {
	address, err := parseAddress(contract)
	if err != nil {
		return chain.Asset{}, fmt.Errorf("evm: token %s: contract %.100q: %w", code, contract, err)
	}
	a := chain.Asset{
		ID:       chain.AssetID(string(network) + "/" + tokenKind + ":" + string(address)),
		Code:     code,
		Decimals: decimals,
	}
	if err := checkAsset(a); err != nil {
		return chain.Asset{}, fmt.Errorf("evm: %w", err)
	}
	return a, nil
}

// checkAsset returns an error unless this package can watch the asset, and its spelling is canonical.
func checkAsset(a chain.Asset) error {
	if err := a.Validate(); err != nil {
		return err
	}
	if _, err := chainID(a.ID.Network()); err != nil {
		return err
	}
	switch a.ID.Namespace() {
	case native:
		if a.Decimals != nativeDecimals {
			return fmt.Errorf("asset %s: a native coin has %d decimals", a.ID, nativeDecimals)
		}
	case tokenKind:
		if canonical, err := parseAddress(a.ID.Reference()); err != nil {
			return fmt.Errorf("asset %s: %w", a.ID, err)
		} else if string(canonical) != a.ID.Reference() {
			return fmt.Errorf("asset %s: write the contract as %s", a.ID, canonical)
		} else if canonical == systemAddress {
			return fmt.Errorf("asset %s: its logs are those of the native coin (EIP-7708)", a.ID)
		}
	default:
		return fmt.Errorf("asset %s: neither %s nor %s", a.ID, native, tokenKind)
	}
	return nil
}

// chainID returns the number in a network's name (CAIP-2, namespace eip155).
func chainID(n chain.Network) (uint64, error) {
	id, err := strconv.ParseUint(n.Reference(), 10, 64)
	if n.Namespace() != "eip155" || err != nil || id == 0 || strconv.FormatUint(id, 10) != n.Reference() {
		return 0, fmt.Errorf("%q is not an EVM network such as eip155:1", n)
	}
	return id, nil
}
