package evm

import (
	"time"

	"github.com/cointill/cointill/chain"
)

// Network describes a network that shops take payments on. It is a starting point for the shop's own configuration: a
// value to copy and change, which nothing in this package reads.
type Network struct {
	ID     chain.Network
	Name   string // for people
	Native Listed // the coin that fees are paid in
	Tokens []Listed

	// BlockTime is about how long a block takes. Networks shorten it from time to time.
	BlockTime time.Duration

	// Safe and Finalized report whether the network's own tags of that name are meaningful: a block will not be
	// removed unless much more fails than this node. Where they are false, count confirmations.
	Safe, Finalized bool
}

// Listed is an asset of the catalogue. Its Code is unique in the catalogue: the symbol, "_" and a tag of the network,
// such as USDT_ERC20 for Ethereum, USDT_BSC, USDC_POLYGON or ETH_BASE. A native coin on the network that is named
// after it has its symbol alone: ETH, BNB, POL, AVAX.
type Listed struct {
	chain.Asset
	Symbol string // name on exchanges, independent of the network: USDT
}

// Assets returns the network's native coin and its tokens, for [Config.Assets].
func (n Network) Assets() []chain.Asset {
	all := []chain.Asset{n.Native.Asset}
	for _, t := range n.Tokens {
		all = append(all, t.Asset)
	}
	return all
}

// Networks returns the catalogue, a new one with every call. Where several tokens have the same name, it lists the one
// that the issuer supports today: native USDC rather than USDC.e, USDT0 on Optimism and Arbitrum. On BSC and for USDT
// on Base there is only a bridged one. Issuers move their tokens, so compare the contracts with the issuer's own page
// before taking money; [Node.Tip] compares the decimals with the contract.
func Networks() []Network {
	return []Network{
		mainnet(), optimism(), bsc(), polygon(), base(), arbitrum(), avalanche(),
		{
			ID: "eip155:11155111", Name: "Sepolia", Native: coin("eip155:11155111", "ETH", "SEPOLIA"),
			BlockTime: 12 * time.Second, Safe: true, Finalized: true,
		},
	}
}

func mainnet() Network {
	const id, tag = "eip155:1", "ERC20"
	return Network{
		ID: id, Name: "Ethereum", Native: coin(id, "ETH", ""), BlockTime: 12 * time.Second, Safe: true, Finalized: true,
		Tokens: []Listed{
			listed(id, "USDT", tag, "0xdAC17F958D2ee523a2206206994597C13D831ec7", 6),
			listed(id, "USDC", tag, "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48", 6),
			listed(id, "DAI", tag, "0x6B175474E89094C44Da98b954EedeAC495271d0F", 18),
		},
	}
}

func optimism() Network {
	const id, tag = "eip155:10", "OPTIMISM"
	return Network{
		ID: id, Name: "Optimism", Native: coin(id, "ETH", tag), BlockTime: 2 * time.Second, Safe: true, Finalized: true,
		Tokens: []Listed{
			listed(id, "USDT", tag, "0x01bFF41798a0BcF287b996046Ca68b395DbC1071", 6),
			listed(id, "USDC", tag, "0x0b2C639c533813f4Aa9D7837CAf62653d097Ff85", 6),
		},
	}
}

// bsc has tokens with 18 decimals where others have 6.
func bsc() Network {
	const id, tag = "eip155:56", "BSC"
	return Network{
		ID: id, Name: "BNB Smart Chain", Native: coin(id, "BNB", ""), BlockTime: 750 * time.Millisecond, Safe: true, Finalized: true,
		Tokens: []Listed{
			listed(id, "USDT", tag, "0x55d398326f99059fF775485246999027B3197955", 18),
			listed(id, "USDC", tag, "0x8AC76a51cc950d9822D68b83fE1Ad97B32Cd580d", 18),
		},
	}
}

// polygon has final milestones, but its nodes do not know the tag safe.
func polygon() Network {
	const id, tag = "eip155:137", "POLYGON"
	return Network{
		ID: id, Name: "Polygon", Native: coin(id, "POL", ""), BlockTime: 2 * time.Second, Finalized: true,
		Tokens: []Listed{
			listed(id, "USDT", tag, "0xc2132D05D31c914a87C6611C10748AEb04B58e8F", 6),
			listed(id, "USDC", tag, "0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359", 6),
			listed(id, "DAI", tag, "0x8f3Cf7ad23Cd3CaDbD9735AFf958023239c6A063", 18),
		},
	}
}

func base() Network {
	const id, tag = "eip155:8453", "BASE"
	return Network{
		ID: id, Name: "Base", Native: coin(id, "ETH", tag), BlockTime: 2 * time.Second, Safe: true, Finalized: true,
		Tokens: []Listed{
			listed(id, "USDT", tag, "0xfde4C96c8593536E31F229EA8f37b2ADa2699bb2", 6),
			listed(id, "USDC", tag, "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913", 6),
			listed(id, "DAI", tag, "0x50c5725949A6F0c72E6C4a641F24049A917DB0Cb", 18),
		},
	}
}

func arbitrum() Network {
	const id, tag = "eip155:42161", "ARBITRUM"
	return Network{
		ID: id, Name: "Arbitrum One", Native: coin(id, "ETH", tag), BlockTime: 250 * time.Millisecond, Safe: true, Finalized: true,
		Tokens: []Listed{
			listed(id, "USDT", tag, "0xFd086bC7CD5C481DCC9C85ebE478A1C0b69FCbb9", 6),
			listed(id, "USDC", tag, "0xaf88d065e77c8cC2239327C5EDb3A432268e5831", 6),
		},
	}
}

// avalanche accepts a block irrevocably: the tags name the same block as latest.
func avalanche() Network {
	const id, tag = "eip155:43114", "AVALANCHE"
	return Network{
		ID: id, Name: "Avalanche C-Chain", Native: coin(id, "AVAX", ""), BlockTime: 2 * time.Second, Safe: true, Finalized: true,
		Tokens: []Listed{
			listed(id, "USDT", tag, "0x9702230A8Ea53601f5cD2dc00fDBc13d4dF4A8c7", 6),
			listed(id, "USDC", tag, "0xB97EF9Ef8734C71904D8002F8b6Bc66Dd9c48a6E", 6),
		},
	}
}

func coin(id chain.Network, symbol, tag string) Listed {
	return Listed{Native(id, codeOf(symbol, tag)), symbol}
}

// listed requires the spelling of ERC-55, so that it cannot fail.
func listed(id chain.Network, symbol, tag, contract string, decimals int) Listed {
	return Listed{chain.Asset{
		ID: chain.AssetID(string(id) + "/" + tokenKind + ":" + contract), Code: codeOf(symbol, tag), Decimals: decimals,
	}, symbol}
}

func codeOf(symbol, tag string) string {
	if tag == "" {
		return symbol
	}
	return symbol + "_" + tag
}
