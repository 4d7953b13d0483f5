package bitcoin

import (
	"strconv"

	"github.com/cointill/cointill/chain"
)

// decimals is the same for the whole family: 10^8 base units are one coin.
const decimals = 8

// Params describes a coin of the family on one of its networks. The functions of this package, such as [Bitcoin],
// return values; the zero value is not usable. A Params may be copied and is safe for concurrent use.
type Params struct {
	Name string // for people: "Bitcoin", "Litecoin testnet"
	Code string // unit of amounts: "BTC", also on test networks

	// Network is the CAIP-2 id: "bip122:" and the first half of the hash of block 0. A coin that shares its block 0
	// with another has the hash of its first own block there instead, as CAIP-4 specifies.
	Network chain.Network

	// Genesis is the hash of block 0 in the spelling of Core: lower-case hexadecimal, last byte first. It
	// distinguishes coins that Core's chain name ("main") does not. It is not sufficient where Fork is set.
	Genesis string

	// Fork is a block after the last split that the chain must contain, if another coin has the same block 0. Private
	// networks have none.
	Fork Fork

	// Test is set if the coins have no value and may be anybody's.
	Test bool

	// MWEB is set if blocks may end with a HogEx transaction and an extension block (Litecoin, LIP-3).
	MWEB bool

	// AuxPoW is set if headers may be followed by a proof of work of another chain (merged mining).
	AuxPoW bool

	// Confirm is how many confirmations payments should have by their amount, for [Node.Defaults]. The main networks
	// have what exchanges and payment processors usually require. If empty, there is no default.
	//
	//	Bitcoin        1 up to 0.01, 2 up to 0.1, 3 up to 1, then 6
	//	Litecoin       6 up to 10, then 12
	//	Dogecoin       20 up to 10,000, then 40
	//	Bitcoin Cash   6 up to 1, then 15
	//
	// In April 2026 Litecoin lost 13 blocks: sellers of what cannot be taken back should require more.
	Confirm []chain.Tier

	// MaxMoney is the largest value, in base units, that a valid output can have.
	MaxMoney int64

	// CoinType is the number of SLIP-44: 1 on every test network.
	CoinType uint32

	addresses
	dust   dustRule
	scheme string // of payment URIs
}

// ForkID reports whether signatures carry the fork id of Bitcoin Cash (0x40), and sign amounts.
func (p Params) ForkID() bool { return p.cashPrefix != "" }

// Segwit reports whether the coin has segregated witness.
func (p Params) Segwit() bool { return p.hrp != "" }

// Fork is a block that distinguishes two chains with the same beginning. The zero value is none.
type Fork struct {
	Height uint64
	Hash   string // in the spelling of Params.Genesis
}

// Asset returns the coin itself: its identity (CAIP-19), its code, eight decimals.
func (p Params) Asset() chain.Asset {
	return chain.Asset{
		ID:       chain.AssetID(string(p.Network) + "/slip44:" + strconv.FormatUint(uint64(p.CoinType), 10)),
		Code:     p.Code,
		Decimals: decimals,
	}
}

// networkOf returns the name of a chain by its first own block.
func networkOf(hash string) chain.Network { return chain.Network("bip122:" + hash[:32]) }

// testCoinType is the SLIP-44 coin type of the test networks of all coins.
const testCoinType = 1

// The largest value of an output, from the coins' own software (MAX_MONEY).
const (
	maxBitcoin  = 21_000_000_00000000
	maxLitecoin = 84_000_000_00000000
	maxDogecoin = 10_000_000_000_00000000
)

// Block 0 of the networks that Bitcoin and Bitcoin Cash have in common.
const (
	genesisMain    = "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"
	genesisTest    = "000000000933ea01ad0ee984209779baaec3ced90fa3f408719526f8d77f4943"
	genesisRegtest = "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206"
)

// Bitcoin returns Bitcoin's main network.
func Bitcoin() Params {
	return Params{
		Name: "Bitcoin", Code: "BTC", Network: networkOf(genesisMain), Genesis: genesisMain,
		Fork:     Fork{478559, "00000000000000000019f112ec0a9982926f1258cdcc558dd7c3b7e5dc7fa148"},
		MaxMoney: maxBitcoin, CoinType: 0,
		addresses: base58Addresses(0x00, 0x05).withSegwit("bc"), dust: dustRule{perKB: 3000}, scheme: "bitcoin",
		Confirm: tiers([2]int64{10, 1}, [2]int64{100, 2}, [2]int64{1_000, 3}, [2]int64{0, 6}),
	}
}

// bitcoinTest returns what Bitcoin's test networks have in common. Addresses of testnet3, testnet4 and signet cannot
// be distinguished.
func bitcoinTest(name, genesis, hrp string) Params {
	return Params{
		Name: name, Code: "BTC", Network: networkOf(genesis), Genesis: genesis, Test: true,
		MaxMoney: maxBitcoin, CoinType: testCoinType,
		addresses: base58Addresses(0x6f, 0xc4).withSegwit(hrp), dust: dustRule{perKB: 3000}, scheme: "bitcoin",
	}
}

// BitcoinTestnet returns Bitcoin's test network with the number 3.
func BitcoinTestnet() Params {
	p := bitcoinTest("Bitcoin testnet3", genesisTest, "tb")
	p.Fork = Fork{1200007, "00000000000004f2dc41845771909db57e04191714ed8c963f7e56713a7b6cea"}
	return p
}

// BitcoinTestnet4 returns Bitcoin's test network with the number 4 (BIP-94), which has a block 0 of its own.
func BitcoinTestnet4() Params {
	return bitcoinTest("Bitcoin testnet4", "00000000da84f2bafbbc53dee25a72ae507ff4914b867c565be350b0da8bf043", "tb")
}

// BitcoinSignet returns Bitcoin's default signet.
func BitcoinSignet() Params {
	return bitcoinTest("Bitcoin signet", "00000008819873e925422c1ff0f99f7cc9bbb232af63a077a480a3633bee1ef6", "tb")
}

// BitcoinRegtest returns a private Bitcoin network, as bitcoind -regtest makes it.
func BitcoinRegtest() Params {
	return bitcoinTest("Bitcoin regtest", genesisRegtest, "bcrt")
}

// Litecoin returns Litecoin's main network.
func Litecoin() Params {
	const genesis = "12a765e31ffd4059bada1e25190f6e98c99d9714d334efa41a195a7e7e04bfe2"
	return Params{
		Name: "Litecoin", Code: "LTC", Network: networkOf(genesis), Genesis: genesis,
		MWEB: true, MaxMoney: maxLitecoin, CoinType: 2,
		addresses: base58Addresses(0x30, 0x32).withOldP2SH(0x05).withSegwit("ltc").withMWEB("ltcmweb"),
		dust:      dustRule{perKB: 30000}, scheme: "litecoin",
		Confirm: tiers([2]int64{10_000, 6}, [2]int64{0, 12}),
	}
}

func litecoinTest(name, genesis, hrp string) Params {
	return Params{
		Name: name, Code: "LTC", Network: networkOf(genesis), Genesis: genesis, Test: true,
		MWEB: true, MaxMoney: maxLitecoin, CoinType: testCoinType,
		addresses: base58Addresses(0x6f, 0x3a).withOldP2SH(0xc4).withSegwit(hrp).withMWEB("tmweb"),
		dust:      dustRule{perKB: 30000}, scheme: "litecoin",
	}
}

// LitecoinTestnet returns Litecoin's test network with the number 4.
func LitecoinTestnet() Params {
	return litecoinTest("Litecoin testnet", "4966625a4b2851d9fdee139e56211a0d88575f59ed816ff5e6a63deb4e3e29a0", "tltc")
}

// LitecoinRegtest returns a private Litecoin network, as litecoind -regtest makes it.
func LitecoinRegtest() Params {
	return litecoinTest("Litecoin regtest", "530827f38f93b43ed12af0b3ad25a288dc02ed74d6d7857862df51fc56c416f9", "rltc")
}

// dogecoinSoft is the value, 0.01 DOGE, below which Dogecoin Core requires an additional fee for the output.
const dogecoinSoft = 1_000_000

// Dogecoin returns Dogecoin's main network.
func Dogecoin() Params {
	const genesis = "1a91e3dace36e2be3bf030a65679fe821aa1d6ef92e7c9902eb318182c355691"
	return Params{
		Name: "Dogecoin", Code: "DOGE", Network: networkOf(genesis), Genesis: genesis,
		AuxPoW: true, MaxMoney: maxDogecoin, CoinType: 3,
		addresses: base58Addresses(0x1e, 0x16), dust: dustRule{flat: dogecoinSoft}, scheme: "dogecoin",
		Confirm: tiers([2]int64{10_000_000, 20}, [2]int64{0, 40}),
	}
}

func dogecoinTest(name, genesis string, p2pkh byte) Params {
	return Params{
		Name: name, Code: "DOGE", Network: networkOf(genesis), Genesis: genesis, Test: true,
		AuxPoW: true, MaxMoney: maxDogecoin, CoinType: testCoinType,
		addresses: base58Addresses(p2pkh, 0xc4), dust: dustRule{flat: dogecoinSoft}, scheme: "dogecoin",
	}
}

// DogecoinTestnet returns Dogecoin's test network.
func DogecoinTestnet() Params {
	return dogecoinTest("Dogecoin testnet", "bb0a78264637406b6360aad926284d544d7049f45189db5664f3c4d07350559e", 0x71)
}

// DogecoinRegtest returns a private Dogecoin network, as dogecoind -regtest makes it.
func DogecoinRegtest() Params {
	return dogecoinTest("Dogecoin regtest", "3d2160a3b5dc4a9d62e7e66a295f70313ac808440ef7400d6c0772171ce973a5", 0x6f)
}

// BitcoinCash returns the main network of Bitcoin Cash. It has Bitcoin's blocks up to 478558, and shares later blocks
// with the coins that split from it, up to 661647.
func BitcoinCash() Params {
	const first = "000000000000000000651ef99cb9fcbe0dadde1d424bd9f15ff20136191a5eec" // block 478559
	return Params{
		Name: "Bitcoin Cash", Code: "BCH", Network: networkOf(first), Genesis: genesisMain,
		Fork:     Fork{661648, "0000000000000000029e471c41818d24b8b74c911071c4ef0b4a0509f9b5a8ce"},
		MaxMoney: maxBitcoin, CoinType: 145,
		addresses: base58Addresses(0x00, 0x05).withCashAddr("bitcoincash"), dust: dustRule{perKB: 3000}, scheme: "bitcoincash",
		Confirm: tiers([2]int64{1_000, 6}, [2]int64{0, 15}),
	}
}

// BitcoinCashTestnet returns the test network of Bitcoin Cash with the number 3. It has Bitcoin's blocks up to
// 1155875.
func BitcoinCashTestnet() Params {
	const first = "00000000000e38fef93ed9582a7df43815d5c2ba9fd37ef70c9a0ea4a285b8f5"
	p := bitcoinCashTest("Bitcoin Cash testnet", genesisTest, "bchtest")
	p.Network, p.Fork = networkOf(first), Fork{1155876, first}
	return p
}

// BitcoinCashRegtest returns a private network of Bitcoin Cash. It starts with the same block as Bitcoin's, and no
// later block is known in advance; so that a program can have both, its Network is a name of our own.
func BitcoinCashRegtest() Params {
	p := bitcoinCashTest("Bitcoin Cash regtest", genesisRegtest, "bchreg")
	p.Network = chain.Network("bip122:bch-" + genesisRegtest[:28])
	return p
}

func bitcoinCashTest(name, genesis, prefix string) Params {
	return Params{
		Name: name, Code: "BCH", Genesis: genesis, Test: true,
		MaxMoney: maxBitcoin, CoinType: testCoinType,
		addresses: base58Addresses(0x6f, 0xc4).withCashAddr(prefix), dust: dustRule{perKB: 3000}, scheme: prefix,
	}
}
