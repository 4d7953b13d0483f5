package main

var quoteTable = []mutation{
	{
		name: "what is due is rounded down", file: "invoice/number.go",
		from: `	if rest.Sign() > 0 {
		quotient`,
		to: `	if rest.Sign() < 0 {
		quotient`,
		rule: "a shop gets at least the price",
	},
	{
		name: "what is paid is rounded up", file: "invoice/prepare_quote.go",
		from: `return divideDown(paid.Decimal(p.Units)`, to: `return divideUp(paid.Decimal(p.Units)`,
		rule: "a payment in another asset is not worth more than it is",
	},
	{
		name: "the worth of the price goes down", file: "invoice/prepare_quote.go",
		from: `.RoundUp(x.cfg.Fiat[x.cfg.Reference])`, to: `.RoundDown(x.cfg.Fiat[x.cfg.Reference])`,
		rule: "what an invoice is worth in the reference currency is rounded up, as what is due is",
	},
	{
		name: "the payer pays the whole commission", file: "invoice/asset.go",
		from: `q.Due.Add(q.Due, divideUp(decimal.NewFromBigInt(q.Fee, 0).Mul(t.PayerPercent), hundred))`, to: `q.Due.Add(q.Due, q.Fee)`,
		rule: "the payer pays his part of the commission",
	},
	{
		name: "a discount is a surcharge", file: "invoice/prepare_quote.go",
		from: `p.Amount.Mul(hundred.Sub(inv.Terms.DiscountPercent))`, to: `p.Amount.Mul(hundred.Add(inv.Terms.DiscountPercent))`,
		rule: "a discount is taken off the price",
	},
	{
		name: "the minimum itself is refused", file: "invoice/asset.go",
		from: `due.Cmp(least) < 0 {`, to: `due.Cmp(least) <= 0 {`,
		rule: "the minimum can be asked for",
	},
	{
		name: "the floor itself is dust", file: "invoice/prepare_quote.go",
		from: `p.Dust = known && p.Units.Cmp(a.floorUnits()) < 0`, to: `p.Dust = known && p.Units.Cmp(a.floorUnits()) <= 0`,
		rule: "only what is less than the floor is dust",
	},
	{
		name: "the floor is rounded down", file: "invoice/asset.go",
		from: `return a.UnitsUp(a.Floor)`, to: `return a.UnitsDown(a.Floor)`,
		rule: "what is less than the floor is dust, also by a part of a unit",
	},
	{
		name: "what pays an invoice may be dust", file: "invoice/prepare_quote.go",
		from: `p.Units.Cmp(q.Due) >= 0 {`, to: `p.Units.Cmp(q.Due) > 0 {`,
		rule: "what is due is enough, however little it is",
	},
	{
		name: "every payment is dust", file: "invoice/prepare_quote.go",
		from: `p.Dust = known && p.Units.Cmp(a.floorUnits()) < 0`, to: `p.Dust = known && a.ID != ""`,
		rule: "money counts",
	},
	{
		name: "any rate will do", file: "invoice/prepare_quote.go",
		from: `	if r.Value.Sign() <= 0 {`, to: `	if false {`,
		rule: "no invoice without a trustworthy rate",
	},
	{
		name: "a discount is forgotten in what a payment is worth", file: "invoice/prepare_quote.go",
		from: `inv.Price.Amount.Mul(hundred.Sub(inv.Terms.DiscountPercent))
	if`,
		to: `inv.Price.Amount.Mul(hundred)
	if`,
		rule: "who pays exactly the discounted price's worth in another asset has paid",
	},
	{
		name: "the commission is paid as the price", file: "invoice/payment.go",
		from: `return new(big.Int).Sub(inv.Quote.Due, divideUp(`, to: `return new(big.Int).Sub(inv.Quote.Due, divideDown(`,
		rule: "the payer's part of the commission is what it was when the invoice was quoted",
	},
	{
		name: "a released address is shown to payers", file: "invoice/service_price.go",
		from: ` || !inv.State.ReleasedAt.IsZero() {`, to: ` {`,
		rule: "nobody is asked to pay to an address that may be somebody else's",
	},
}
