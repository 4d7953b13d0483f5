package bitcoin_test

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/bitcoin"
)

func allCoins() []bitcoin.Params {
	return []bitcoin.Params{
		bitcoin.Bitcoin(), bitcoin.BitcoinTestnet(), bitcoin.BitcoinTestnet4(), bitcoin.BitcoinSignet(), bitcoin.BitcoinRegtest(),
		bitcoin.Litecoin(), bitcoin.LitecoinTestnet(), bitcoin.LitecoinRegtest(),
		bitcoin.Dogecoin(), bitcoin.DogecoinTestnet(), bitcoin.DogecoinRegtest(),
		bitcoin.BitcoinCash(), bitcoin.BitcoinCashTestnet(), bitcoin.BitcoinCashRegtest(),
	}
}

// headerHash hashes the 80 bytes of a first header with version 1.
func headerHash(t testing.TB, merkleRoot string, time, bits, nonce uint32) string {
	t.Helper()
	root, err := hex.DecodeString(merkleRoot)
	require.NoError(t, err)
	slices.Reverse(root)
	header := append(binary.LittleEndian.AppendUint32(nil, 1), make([]byte, 32)...)
	header = append(header, root...)
	for _, v := range []uint32{time, bits, nonce} {
		header = binary.LittleEndian.AppendUint32(header, v)
	}
	sum := sha256.Sum256(header)
	sum = sha256.Sum256(sum[:])
	slices.Reverse(sum[:])
	return hex.EncodeToString(sum[:])
}

func TestParams_GenesisIsTheHashOfTheFirstHeader(t *testing.T) {
	const (
		bitcoinRoot  = "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b"
		litecoinRoot = "97ddfbbae6be97fd6cdf3e7ca13232a3afff2353e29badfab7f73011edd4ced9"
		dogecoinRoot = "5b2a3f53f605d62c53e62932dac6925e3d74afa5a4b459745c36d42d0ed26a69"
	)
	for _, c := range []struct {
		coin              bitcoin.Params
		root              string
		time, bits, nonce uint32
	}{
		{bitcoin.Bitcoin(), bitcoinRoot, 1231006505, 0x1d00ffff, 2083236893},
		{bitcoin.BitcoinTestnet(), bitcoinRoot, 1296688602, 0x1d00ffff, 414098458},
		{bitcoin.BitcoinTestnet4(), "7aa0a7ae1e223414cb807e40cd57e667b718e42aaf9306db9102fe28912b7b4e", 1714777860, 0x1d00ffff, 393743547},
		{bitcoin.BitcoinSignet(), bitcoinRoot, 1598918400, 0x1e0377ae, 52613770},
		{bitcoin.BitcoinRegtest(), bitcoinRoot, 1296688602, 0x207fffff, 2},
		{bitcoin.Litecoin(), litecoinRoot, 1317972665, 0x1e0ffff0, 2084524493},
		{bitcoin.LitecoinTestnet(), litecoinRoot, 1486949366, 0x1e0ffff0, 293345},
		{bitcoin.LitecoinRegtest(), litecoinRoot, 1296688602, 0x207fffff, 0},
		{bitcoin.Dogecoin(), dogecoinRoot, 1386325540, 0x1e0ffff0, 99943},
		{bitcoin.DogecoinTestnet(), dogecoinRoot, 1391503289, 0x1e0ffff0, 997879},
		{bitcoin.DogecoinRegtest(), dogecoinRoot, 1296688602, 0x207fffff, 2},
		{bitcoin.BitcoinCash(), bitcoinRoot, 1231006505, 0x1d00ffff, 2083236893},
		{bitcoin.BitcoinCashTestnet(), bitcoinRoot, 1296688602, 0x1d00ffff, 414098458},
		{bitcoin.BitcoinCashRegtest(), bitcoinRoot, 1296688602, 0x207fffff, 2},
	} {
		require.Equal(t, headerHash(t, c.root, c.time, c.bits, c.nonce), c.coin.Genesis, c.coin.Name)
	}
}

func TestParams_NamesOfNetworksAndAssets(t *testing.T) {
	for _, c := range []struct {
		coin  bitcoin.Params
		asset chain.AssetID
		code  string
	}{
		{bitcoin.Bitcoin(), "bip122:000000000019d6689c085ae165831e93/slip44:0", "BTC"},
		{bitcoin.BitcoinTestnet(), "bip122:000000000933ea01ad0ee984209779ba/slip44:1", "BTC"},
		{bitcoin.BitcoinTestnet4(), "bip122:00000000da84f2bafbbc53dee25a72ae/slip44:1", "BTC"},
		{bitcoin.BitcoinSignet(), "bip122:00000008819873e925422c1ff0f99f7c/slip44:1", "BTC"},
		{bitcoin.Litecoin(), "bip122:12a765e31ffd4059bada1e25190f6e98/slip44:2", "LTC"},
		{bitcoin.Dogecoin(), "bip122:1a91e3dace36e2be3bf030a65679fe82/slip44:3", "DOGE"},
		{bitcoin.BitcoinCash(), "bip122:000000000000000000651ef99cb9fcbe/slip44:145", "BCH"},
	} {
		require.Equal(t, chain.Asset{ID: c.asset, Code: c.code, Decimals: 8}, c.coin.Asset())
	}
}

func TestParams_EachIsANetworkOfItsOwn(t *testing.T) {
	seen := make(map[chain.Network]bool)
	for _, p := range allCoins() {
		_, err := chain.ParseNetwork(string(p.Network))
		require.NoError(t, err, p.Name)
		require.NoError(t, p.Asset().Validate(), p.Name)
		require.Equal(t, p.Network, p.Asset().ID.Network())
		require.Equal(t, "bip122", p.Network.Namespace())
		require.False(t, seen[p.Network], p.Name)
		require.Positive(t, p.MaxMoney)
		seen[p.Network] = true
	}
}

// A node of the other coin returns the same block 0: only a later block distinguishes them.
func TestIncident26_CoinsWithTheSameFirstBlockAreDistinguishedByALaterOne(t *testing.T) {
	forks := make(map[string]bool)
	for _, p := range []bitcoin.Params{bitcoin.Bitcoin(), bitcoin.BitcoinTestnet(), bitcoin.BitcoinCash(), bitcoin.BitcoinCashTestnet()} {
		require.NotZero(t, p.Fork.Height, p.Name)
		require.Len(t, p.Fork.Hash, 64, p.Name)
		require.False(t, forks[p.Fork.Hash], p.Name)
		forks[p.Fork.Hash] = true
	}
	require.Equal(t, bitcoin.Bitcoin().Genesis, bitcoin.BitcoinCash().Genesis)
	require.Zero(t, bitcoin.Litecoin().Fork)
}
