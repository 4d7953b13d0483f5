package sheet_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/httpapi/internal/sheet"
)

func TestNoTextIsAFormula(t *testing.T) {
	for text, want := range map[string]string{
		"=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@SUM(A1)": "'@SUM(A1)", "\tx": "'\tx", "\rx": "'\rx",
		"": "", "x": "x", "0x1": "0x1", "a=1": "a=1", "'quoted": "'quoted", "ä;b\"c": "ä;b\"c",
	} {
		require.Equal(t, want, sheet.Harmless(text), "%q", text)
	}
}
