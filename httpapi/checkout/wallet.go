package checkout

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/cointill/cointill/chain"
)

// request is what a browser's wallet is asked to send (EIP-1193, eth_sendTransaction).
type request struct {
	Chain string // the chain's id in hexadecimal (EIP-695)
	To    string
	Value string // wei, in hexadecimal
	Data  string
}

// requestOf returns the transaction that pays units of the asset to the address, or nil if no browser's wallet of the
// kind can: it is for EVM networks (CAIP-2 namespace eip155), native coins and ERC-20 tokens.
func requestOf(asset chain.AssetID, to chain.Address, units *big.Int) *request {
	network := asset.Network()
	id, err := strconv.ParseUint(network.Reference(), 10, 64)
	if network.Namespace() != "eip155" || err != nil || units.Sign() <= 0 || !hexAddress(string(to)) {
		return nil
	}
	r := &request{Chain: fmt.Sprintf("0x%x", id), To: string(to), Value: fmt.Sprintf("0x%x", units)}
	token, isToken := strings.CutPrefix(strings.TrimPrefix(string(asset), string(network)+"/"), "erc20:")
	if !isToken {
		return r
	}
	if !hexAddress(token) || units.BitLen() > 256 {
		return nil
	}
	// transfer(address,uint256) of ERC-20
	r.Data = fmt.Sprintf("0xa9059cbb%024d%s%064x", 0, strings.ToLower(string(to[2:])), units)
	r.To, r.Value = token, "0x0"
	return r
}

// hexAddress reports whether the text is an address of 20 bytes.
func hexAddress(s string) bool {
	return len(s) == 42 && s[:2] == "0x" && strings.Trim(s[2:], "0123456789abcdefABCDEF") == ""
}
