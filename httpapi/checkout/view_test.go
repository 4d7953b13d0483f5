package checkout

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"math/big"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/bitcoin"
)

func TestUsualTimesAreOfNetworksThatExist(t *testing.T) {
	for _, p := range []bitcoin.Params{bitcoin.Bitcoin(), bitcoin.BitcoinCash(), bitcoin.Litecoin(), bitcoin.Dogecoin()} {
		require.NotZero(t, usual[p.Network].Blocks, p.Name)
	}
}

func TestBech32GoesIntoACodeInUpperCase(t *testing.T) {
	for in, want := range map[string]string{
		"bitcoin:bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu?amount=0.5": "BITCOIN:BC1QCR8TE4KR609GCAWUTMRZA0J4XV80JY8Z306FYU?amount=0.5",
		"litecoin:ltc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu":          "LITECOIN:LTC1QCR8TE4KR609GCAWUTMRZA0J4XV80JY8Z306FYU",
		"bitcoin:1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa?amount=1":           "bitcoin:1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa?amount=1",
		"ethereum:0x9858EfFD232B4033E47d90003D41EC34EcaEda94@1?value=1": "ethereum:0x9858EfFD232B4033E47d90003D41EC34EcaEda94@1?value=1",
		"TUEZSdKsoDHQMeZwihtdoBiN46zxhGWYdH":                            "TUEZSdKsoDHQMeZwihtdoBiN46zxhGWYdH",
		"":                                                              "",
	} {
		require.Equal(t, want, upper(in))
	}
	tight, err := qrOf("BITCOIN:BC1QCR8TE4KR609GCAWUTMRZA0J4XV80JY8Z306FYU")
	require.NoError(t, err)
	loose, err := qrOf("bitcoin:bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu")
	require.NoError(t, err)
	require.Less(t, tight.Size, loose.Size)
}

// C10, C14: what a camera reads is the payment URI and nothing else.
func TestACodeIsReadBackByZbarimg(t *testing.T) {
	if _, err := exec.LookPath("zbarimg"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("zbarimg is not installed")
		}
		t.Skip("zbarimg is not installed")
	}
	for _, uri := range []string{
		"BITCOIN:BC1QCR8TE4KR609GCAWUTMRZA0J4XV80JY8Z306FYU?amount=0.00053218",
		"ethereum:0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48@1/transfer?address=0x9858EfFD232B4033E47d90003D41EC34EcaEda94&uint256=54310000",
		"TUEZSdKsoDHQMeZwihtdoBiN46zxhGWYdH",
		"BITCOIN:BC1QCR8TE4KR609GCAWUTMRZA0J4XV80JY8Z306FYU",
	} {
		c, err := qrOf(uri)
		require.NoError(t, err)
		cmd := exec.CommandContext(t.Context(), "zbarimg", "--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", "-")
		cmd.Stdin = bytes.NewReader(picture(t, c))
		out, err := cmd.Output()
		require.NoError(t, err, uri)
		require.Equal(t, uri, strings.TrimSpace(string(out)))
	}
}

// picture draws the path of a code.
func picture(t *testing.T, c code) []byte {
	const scale = 6
	img := image.NewGray(image.Rect(0, 0, c.Size*scale, c.Size*scale))
	for i := range img.Pix {
		img.Pix[i] = 255
	}
	for _, m := range regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1h-\d+z`).FindAllStringSubmatch(c.Path, -1) {
		n := [3]int{}
		for i := range n {
			n[i], _ = strconv.Atoi(m[i+1])
		}
		for y := n[1] * scale; y < (n[1]+1)*scale; y++ {
			for x := n[0] * scale; x < (n[0]+n[2])*scale; x++ {
				img.SetGray(x, y, color.Gray{})
			}
		}
	}
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, img))
	return b.Bytes()
}

func TestOnlyAPaymentURIBecomesADeepLink(t *testing.T) {
	for _, uri := range []string{
		"bitcoin:bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu?amount=0.5", "ethereum:0x9858EfFD232B4033E47d90003D41EC34EcaEda94@1?value=1",
		"bitcoincash:qq0?amount=1", "tron:TUEZSdKsoDHQMeZwihtdoBiN46zxhGWYdH",
	} {
		require.EqualValues(t, uri, deepLink(uri))
	}
	for _, text := range []string{
		"", "TUEZSdKsoDHQMeZwihtdoBiN46zxhGWYdH", "javascript:alert(1)", "JavaScript:alert(1)", "data:text/html,x", "https://evil.example/",
		`bitcoin:x"onclick=alert(1)`, "bitcoin:<script>", "bitcoin:a b", "bitcoin:" + strings.Repeat("a", maxURI), "x:y",
	} {
		require.Empty(t, deepLink(text), text)
	}
}

func TestLinksOfAShopAreWebAddresses(t *testing.T) {
	for raw, want := range map[string]string{
		"https://shop.example/a?b=c": "https://shop.example/a?b=c", "http://shop.example": "http://shop.example",
		"javascript:alert(1)": "", "//evil.example": "", "/path": "", "https://user:pw@shop.example": "", "https://": "", "data:x": "", "": "",
	} {
		require.Equal(t, want, safeURL(raw), raw)
	}
	require.EqualValues(t, "mailto:help@shop.example", contactURL("help@shop.example"))
	require.EqualValues(t, "https://shop.example/help", contactURL("https://shop.example/help"))
	for _, bad := range []string{"", "javascript:alert(1)", "a@b?subject=x", "help at shop", `"><script>@x`, "a@b@c"} {
		require.Empty(t, contactURL(bad), bad)
	}
	require.Equal(t, "https://shop.example:8443", origin("https://shop.example:8443/x"))
	require.Empty(t, origin("*"))
}

func TestABrowsersWalletIsAskedForTheExactPayment(t *testing.T) {
	const to = "0x9858EfFD232B4033E47d90003D41EC34EcaEda94"
	one, _ := new(big.Int).SetString("1000000000000000000", 10)
	require.Equal(t, &request{Chain: "0x1", To: to, Value: "0xde0b6b3a7640000"}, requestOf("eip155:1/slip44:60", to, one))
	require.Equal(t, &request{
		Chain: "0x89", To: "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48", Value: "0x0",
		Data: "0xa9059cbb0000000000000000000000009858effd232b4033e47d90003d41ec34ecaeda9400000000000000000000000000000000000000000000000000000000033cb5f0",
	}, requestOf("eip155:137/erc20:0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48", to, big.NewInt(54_310_384)))
	for _, c := range []struct {
		asset chain.AssetID
		to    chain.Address
		units int64
	}{
		{"bip122:000000000019d6689c085ae165831e93/slip44:0", to, 1}, {"eip155:x/slip44:60", to, 1}, {"eip155:1/slip44:60", "bc1q", 1},
		{"eip155:1/slip44:60", to, 0}, {"eip155:1/erc20:0x12", to, 1},
	} {
		require.Nil(t, requestOf(c.asset, c.to, big.NewInt(c.units)), "%+v", c)
	}
}

func TestAnAddressIsShownInGroupsThatAreTheAddress(t *testing.T) {
	for _, address := range []string{"", "short", "123456789012", "1234567890123", "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu"} {
		var b strings.Builder
		list := groups(address)
		for _, g := range list {
			b.WriteString(g.Text)
		}
		require.Equal(t, address, b.String())
		require.True(t, list[0].End && list[len(list)-1].End)
	}
}

func TestTypesOfAddressesThatOldWalletsDoNotKnow(t *testing.T) {
	for address, want := range map[string]string{
		"bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu":                     "SegWit (bech32)",
		"bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr": "Taproot (bech32m)",
		"1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa":                             "",
		"0x9858EfFD232B4033E47d90003D41EC34EcaEda94":                     "",
	} {
		require.Equal(t, want, addressType(address))
	}
}
