package tron_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/tron"
)

// Blocks as they stand in public documents, in the form of the HTTP API. Where only the transactions of the
// header's block are left out, the header alone is proven.

// mainnetGenesis is block 0 of the main network, made of what every full node is configured with.
const mainnetGenesis = `{
	"blockID": "00000000000000001ebf88508a03865c71d452e25f4d51194196a1d22b6653dc",
	"block_header": {"raw_data": {
		"txTrieRoot": "8ef446bf3f395af929c218014f6101ec86576c5f61b2ae3236bf3a2ab5e2fecd",
		"witness_address": "41206e65772073797374656d206d75737420616c6c6f77206578697374696e672073797374656d7320746f206265206c696e6b656420746f67657468657220776974686f757420726571756972696e6720616e792063656e7472616c20636f6e74726f6c206f7220636f6f7264696e6174696f6e",
		"parentHash": "e58f33f9baf9305dc6f82b9f1934ea8f0ade2defb951258d50167028c780351f"
	}},
	"transactions": [
		{"txID": "788b4d0ca432b3d07f895dffe80429bf58398d0e86222460b07f9db38e238803",
			"raw_data_hex": "5a6f0801126b0a2d747970652e676f6f676c65617069732e636f6d2f70726f746f636f6c2e5472616e73666572436f6e7472616374123a0a17307830303030303030303030303030303030303030303012154171b0af54e0a1182a5e0947d6a64f3b22740ef3181880808ec69bffedaf01"},
		{"txID": "dfb4a633165cb85963ec1edfb4c9283644a3e136b77c063f4ba2e39307863a75",
			"raw_data_hex": "5a65080112610a2d747970652e676f6f676c65617069732e636f6d2f70726f746f636f6c2e5472616e73666572436f6e747261637412300a173078303030303030303030303030303030303030303030121541ef1bd15b5b657f69611b053a6f4fcd7268a50858"},
		{"txID": "25b18a55f86afb10e7aca38d0073d04c80397c6636069193953fdefaea0b8369",
			"raw_data_hex": "5a700801126c0a2d747970652e676f6f676c65617069732e636f6d2f70726f746f636f6c2e5472616e73666572436f6e7472616374123b0a17307830303030303030303030303030303030303030303012154177944d19c052b73ee2286823aa83f8138cb7032f1880808080808080808001"}
	]}`

// shastaBlock has one transaction, a call of a contract.
const shastaBlock = `{
	"blockID": "000000000203c375c7521ef953106e9a112e1902664a91becc5f40371a7397d7",
	"block_header": {"raw_data": {
		"number": 33801077, "txTrieRoot": "30fe6502e11e110fa389d5c17e1cf53fa8df93f26297d9f27cd8c07d3558d722",
		"witness_address": "41e71c365c9dbf284ca8c1eed2d7877638941b9011",
		"parentHash": "000000000203c3741f9a08f594934bd26df95cc6c49b475d118e3a87aed5a4a4", "version": 27, "timestamp": 1684509309000
	}, "witness_signature": "cb4845bbd745f620852a1a54a955cee0d1aecc209f2f96e9b4ea53bf3d2ceb0f665fa07a5e870fcf9c6b98110a33d5bba5f35b588cc4123394b7e9f439fe265301"},
	"transactions": [{
		"ret": [{"contractRet": "SUCCESS"}],
		"signature": ["95874b4774ba56125dfd7bf2a99a0652d4abda98c6977e3f417852b7ea6f2b81ff2f260df473d186be9586b6bbeb74b5382d7f058593fd72fb60da5d0f77f77100"],
		"txID": "31370141e3345421bdb92eff72f0d69aba8d04e636317ed52745d3f97e9faabb",
		"raw_data_hex": "0a02c36222084ddf60f936a910d940f0add4a483315a8e01081f1289010a31747970652e676f6f676c65617069732e636f6d2f70726f746f636f6c2e54726967676572536d617274436f6e747261637412540a1541fcf7ab2a2fb29362babd41647a22b223f7fbedec121541c3c5115bd3f5cfe5559c634eeb250f339ae3e29c222437383d0e00000000000000000000000000000000000000000000000000000188349354c970b8e0d0a48331900180a3c347"
	}]}`

// shastaInfo is a result for the transaction of shastaBlock.
const shastaInfo = `[{"id": "31370141e3345421bdb92eff72f0d69aba8d04e636317ed52745d3f97e9faabb", "blockNumber": 33801077,
	"blockTimeStamp": 1684509309000, "contractResult": [""], "receipt": {"result": "SUCCESS"}}]`

// liveBlock is of a private network of java-tron 4.8.2.
const liveBlock = `{
	"blockID":"00000000000000a568a725352ccd7fbad4e65f56ed11d420a505c21f2230145d",
	"block_header":{"raw_data":{
		"timestamp":1790865510000,"txTrieRoot":"c85f5050cb4a05c58222017f823191d5ae1ca07b7bd7f090f493a35c10f03491",
		"parentHash":"00000000000000a4b0ef6ad98a02403ebb86833716c2350b6338a6ee79df2dfc","number":165,
		"witness_address":"417e5f4552091a69125d5dfcb7b8c2659029395bdf","version":38}},
	"transactions":[{
		"signature":["755e1552868a1734c90c28dacb66e58f85eaa5fc2845593280e3b6ee1cf1b7af793cc378d8c3ad144542502270ab852095665abfffdea306200a9942a67e161401"],
		"ret":[{"contractRet":"SUCCESS"}],
		"raw_data_hex":"0a0200a42208b0ef6ad98a02403e40b8e1e8d38f345a57083b12530a38747970652e676f6f676c65617069732e636f6d2f70726f746f636f6c2e43616e63656c416c6c556e667265657a655632436f6e747261637412170a1541dcf2957055e8fcde477a077ecfeddf5ab235754770a1899cbf8f34",
		"txID":"db8667ffea27109131fd5c113abcadd535c896590814a50dbf9eda253a8d19da"}]}`

// publishedHeaders are of the main network and of Nile, of different years and versions.
var publishedHeaders = map[uint64]string{
	100: `{"blockID": "00000000000000644df09e6883a3a7900814f8d78cf47b255b7ed284527a773d", "block_header": {"raw_data": {
		"number": 100, "txTrieRoot": "0000000000000000000000000000000000000000000000000000000000000000",
		"witness_address": "414b4778beebb48abe0bc1df42e92e0fe64d0c8685",
		"parentHash": "0000000000000063ed8544c4c17fc053dfc729e610673c783bcdc3cf0781b07f", "timestamp": 1529891811000}}}`,
	30864544: `{"blockID": "0000000001d6f4a09f60c27befccff6fe3cc593b2d6c46cdc79d3fd4f55db859", "block_header": {"raw_data": {
		"number": 30864544, "parentHash": "0000000001d6f49f615231bdeeddd8b563c746188d5e270a58afc87b059f29de",
		"timestamp": 1623055923000, "txTrieRoot": "cc12586dc14ca32175ff230931dfad4e2f57b71850948edae7ef1c7a7de08881",
		"version": 21, "witness_address": "41c81107148e5fa4b4a2edf3d5354db6c6be5b5549"}}}`,
	66987565: `{"blockID": "0000000003fe262d52bfa4b2814f816fd2e57af5b98a33d60d8630a03a908e0e", "block_header": {"raw_data": {
		"number": 66987565, "txTrieRoot": "faf8fe3858339ead25cc892461c82a59b84dca4a51c45b026676bf3f45a352a2",
		"witness_address": "41b2f713d57dbcec679d93a8849fa0cd0e4db594ba",
		"parentHash": "0000000003fe262c85cd6b02033f4c3e5c1efa35de256a17bd906dc61fb1aeed", "version": 34, "timestamp": 1777445121000}}}`,
}

// serve returns an adapter on a server with one response a method.
func serve(t testing.TB, answers map[string]string, assets ...chain.Asset) *tron.Node {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, answers[r.URL.Path])
	}))
	t.Cleanup(server.Close)
	n, err := tron.New(tron.Config{Network: tron.Mainnet, URL: server.URL, Assets: append(assets, tron.Native(tron.Mainnet, "TRX"))})
	require.NoError(t, err)
	return n
}

func TestPublished_HeadersHashToTheirIDs(t *testing.T) {
	for height, answer := range publishedHeaders {
		h, err := serve(t, map[string]string{"/wallet/getblock": answer}).Header(t.Context(), height)
		require.NoError(t, err)
		require.Equal(t, height, h.Height)
		require.Contains(t, answer, h.Hash)
		require.Contains(t, answer, h.Parent)
		broken := strings.Replace(answer, `"timestamp": 1`, `"timestamp": 2`, 1)
		_, err = serve(t, map[string]string{"/wallet/getblock": broken}).Header(t.Context(), height)
		require.ErrorIs(t, err, chain.ErrIncomplete)
	}
}

func TestPublished_BlocksMakeTheirRoots(t *testing.T) {
	for name, c := range map[string]struct {
		height uint64
		block  string
		infos  string
	}{
		"main network's block 0, three transactions": {0, mainnetGenesis, "not asked"},
		"call of a contract":                         {33801077, shastaBlock, shastaInfo},
		"private network of java-tron 4.8":           {165, liveBlock, "not asked"},
	} {
		t.Run(name, func(t *testing.T) {
			answers := map[string]string{"/wallet/getblockbynum": c.block, "/wallet/gettransactioninfobyblocknum": c.infos}
			b, err := serve(t, answers).Block(t.Context(), c.height)
			require.NoError(t, err)
			require.Contains(t, c.block, b.Hash)
			require.Empty(t, b.Transfers)

			var o object
			require.NoError(t, json.Unmarshal([]byte(c.block), &o))
			txs := o["transactions"].([]any)
			o["transactions"] = txs[1:]
			short, err := json.Marshal(o)
			require.NoError(t, err)
			answers["/wallet/getblockbynum"] = string(short)
			_, err = serve(t, answers).Block(t.Context(), c.height)
			require.Error(t, err, "a transaction is missing")
		})
	}
}

func TestPublished_Block0HasNoParentAndNoNumber(t *testing.T) {
	h, err := serve(t, map[string]string{"/wallet/getblock": mainnetGenesis}).Header(t.Context(), 0)
	require.NoError(t, err)
	require.Equal(t, chain.Header{
		Hash: "00000000000000001ebf88508a03865c71d452e25f4d51194196a1d22b6653dc", Time: time.Unix(0, 0).UTC(),
	}, h)
}

func TestPublished_ShastaTransactionIsWhatItWas(t *testing.T) {
	answers := map[string]string{"/wallet/getblockbynum": shastaBlock, "/wallet/gettransactioninfobyblocknum": `[{
		"id": "31370141e3345421bdb92eff72f0d69aba8d04e636317ed52745d3f97e9faabb", "blockNumber": 33801077, "blockTimeStamp": 1684509309000,
		"receipt": {"result": "SUCCESS"}, "log": [{"address": "a614f803b6fd780986a42c78ec9c7f77e6ded13c", "topics": [
		"ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef",
		"0000000000000000000000007e5f4552091a69125d5dfcb7b8c2659029395bdf",
		"000000000000000000000000c8599111f29c1e1e061265b4af93ea1f274ad78a"],
		"data": "00000000000000000000000000000000000000000000000000000000000f4240"}]}]`}
	usdt := mainnetUSDT(t)
	b, err := serve(t, answers, usdt).Block(t.Context(), 33801077)
	require.NoError(t, err)
	require.Equal(t, []chain.Transfer{{
		TxID: "31370141e3345421bdb92eff72f0d69aba8d04e636317ed52745d3f97e9faabb", Index: usdtContract + "#0:" + vectors[0][0],
		Asset: usdt.ID, From: "TMVQGm1qAQYVdetCeGRRkTWYYrLXuHK2HC", To: chain.Address(vectors[0][0]), Units: units(1_000_000),
	}}, b.Transfers)
	require.Equal(t, time.UnixMilli(1684509309000).UTC(), b.Time)
}
