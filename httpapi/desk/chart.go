package desk

import (
	"fmt"
	"html/template"
	"math/big"
	"strings"
	"time"
)

// The size of a chart in the units of its viewBox.
const (
	chartWidth  = 600
	chartHeight = 96
)

// bars returns an SVG with a bar for each sum, all that is needed beside a table of the same numbers. It has no style of its
// own: classes are the page's. A sum that is not 0 is never invisible.
func bars(sums []*big.Int, days []time.Time, label string) template.HTML {
	most := new(big.Int)
	for _, n := range sums {
		if n != nil && n.Cmp(most) > 0 {
			most = n
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="bars" viewBox="0 0 %d %d" role="img" aria-label="%s" preserveAspectRatio="none">`, chartWidth, chartHeight, template.HTMLEscapeString(label))
	step := chartWidth / max(1, len(sums))
	for i, n := range sums {
		height := int64(0)
		if n != nil && n.Sign() > 0 {
			height = max(2, new(big.Int).Div(new(big.Int).Mul(n, big.NewInt(chartHeight-4)), most).Int64())
		}
		class := "rod"
		if height == 0 {
			class, height = "rod none", 1
		}
		fmt.Fprintf(&b, `<rect class="%s" x="%d" y="%d" width="%d" height="%d"><title>%s</title></rect>`,
			class, i*step+1, chartHeight-height, max(1, step-3), height, days[i].Format(day))
	}
	b.WriteString("</svg>")
	return template.HTML(b.String()) //nolint:gosec // the label is escaped, everything else are numbers
}
