package itispay_test

import (
	"bytes"
	"encoding/base64"
	"image/png"
	"strings"
	"testing"

	"github.com/cointill/cointill/httpapi/itispay"
	"github.com/stretchr/testify/require"
	"rsc.io/qr"
)

// The picture is the same as the library's, for codes of every size.
func TestQRCodesOfAllSizesAreThoseOfTheLibrary(t *testing.T) {
	sizes := map[int]bool{}
	for length := 1; length <= 2331; length = length*12/11 + 1 {
		for _, letter := range []string{"a", "A"} {
			text := strings.Repeat(letter, length)
			uri, err := itispay.QRCode(text)
			require.NoError(t, err)
			data, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(uri, "data:image/png;base64,"))
			require.NoError(t, err)
			got, err := png.Decode(bytes.NewReader(data))
			require.NoError(t, err)
			want, err := qr.Encode(text, qr.M)
			require.NoError(t, err)
			sizes[want.Size] = true
			want.Scale = 4
			bounds := want.Image().Bounds()
			require.Equal(t, bounds, got.Bounds())
			for y := range bounds.Dy() {
				for x := range bounds.Dx() {
					r, _, _, _ := got.At(x, y).RGBA()
					if (r == 0) != want.Black(x/4-4, y/4-4) || x < 16 && r == 0 {
						t.Fatalf("%d letters: pixel %d, %d is wrong", length, x, y)
					}
				}
			}
		}
	}
	require.Greater(t, len(sizes), 35)
	_, err := itispay.QRCode(strings.Repeat("a", 2332))
	require.Error(t, err)
}

// BenchmarkQRCodeOfTheLibrary is the reference for BenchmarkQRCode.
func BenchmarkQRCodeOfTheLibrary(b *testing.B) {
	for b.Loop() {
		code, err := qr.Encode(benchURI, qr.M)
		if err != nil {
			b.Fatal(err)
		}
		code.Scale = 4
		base64.StdEncoding.EncodeToString(code.PNG())
	}
}
