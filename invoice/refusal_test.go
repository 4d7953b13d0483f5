package invoice_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

// refusal is a call that is refused, and what the refusal names.
type refusal struct {
	name         string
	of           any // the struct that the field is of; nil for a parameter
	field, value string
	reason       string
	call         func(w *world) error
}

// creation is a Create that is refused for one thing.
func creation(field, value, reason string, change func(*invoice.Request)) refusal {
	return refusal{"Create", invoice.Request{}, field, value, reason, func(w *world) error {
		r := invoice.Request{Project: "shop", OrderID: "1", Price: price("20", "EUR"), Asset: "SIM"}
		change(&r)
		_, err := w.svc.Create(w.t.Context(), r)
		return err
	}}
}

func number(text string) *decimal.Decimal { d := decimal.RequireFromString(text); return &d }

func refusalsOfRequests() []refusal {
	long := strings.Repeat("é", 300)
	const secretURL = "https://me:pw@shop.example/hook?key=1#f"
	all := []refusal{
		creation("Project", "", "is required", func(r *invoice.Request) { r.Project = "" }),
		creation("Project", "a\x00", "must not have control characters, such as tabs and ends of lines", func(r *invoice.Request) { r.Project = "a\x00" }),
		creation("OrderID", "\xff", "must be valid UTF-8", func(r *invoice.Request) { r.OrderID = "\xff" }),
		creation("OrderID", " 1", "must not begin or end with a space", func(r *invoice.Request) { r.OrderID = " 1" }),
		creation("Name", long[:64], "must have at most 255 characters", func(r *invoice.Request) { r.Name = long }),
		creation("Price.Amount", "-1", "must be positive", func(r *invoice.Request) { r.Price = price("-1", "EUR") }),
		creation("Price.Amount", "1.001", "must not have more than 2 decimals", func(r *invoice.Request) { r.Price = price("1.001", "EUR") }),
		creation("Price.Amount", "1.0000001", "must not have more than 6 decimals", func(r *invoice.Request) { r.Price, r.Asset = price("1.0000001", "TOK"), "TOK" }),
		creation("Price.Amount", "1e1073741824", "is too large", func(r *invoice.Request) { r.Price.Amount = decimal.New(1, 1<<30) }),
		creation("Price.Amount", "", "is too large", func(r *invoice.Request) { r.Price.Amount = *number(strings.Repeat("9", 65)) }),
		creation("Price.Amount", "0.49", "is less than the minimum of 0.5 TOK", func(r *invoice.Request) { r.Price, r.Asset = price("0.49", "EUR"), "TOK" }),
		creation("Price.Currency", "XXX", "is not supported", func(r *invoice.Request) { r.Price.Currency = "XXX" }),
		creation("Asset", "XYZ", "is not supported", func(r *invoice.Request) { r.Asset = "XYZ" }),
		creation("Asset", "SIM", "is not supported", func(r *invoice.Request) { r.Only = []string{"TOK"} }),
		creation("CallbackURL", "https://shop.example/hook", "leads inside", func(r *invoice.Request) { r.CallbackURL = secretURL }),
		creation("CallbackURL", "", "must be an absolute http or https URL", func(r *invoice.Request) { r.CallbackURL = "me:pw@shop.example/hook?key=1" }),
		creation("CallbackURL", "ftp://shop.example/", "must be an absolute http or https URL", func(r *invoice.Request) { r.CallbackURL = "ftp://shop.example/?key=1" }),
		creation("CallbackURL", "https://shop.example/", "must have at most 2048 bytes", func(r *invoice.Request) {
			r.CallbackURL = "https://me:pw@shop.example/?key=" + strings.Repeat("1", 2048)
		}),
		creation("Format", "xml", "is unknown", func(r *invoice.Request) { r.Format = "xml" }),
		creation("Tolerance", "101", "must be 0 to 100", func(r *invoice.Request) { r.Tolerance = number("101") }),
		creation("Tolerance", "100", "of 100 would complete the invoice with any payment and is not allowed here", func(r *invoice.Request) { r.Tolerance = number("100") }),
		creation("ToleranceAmount", "-1", "must be positive", func(r *invoice.Request) { r.ToleranceAmount = *number("-1") }),
		creation("ToleranceAmount", "10", "must be less than what is due", func(r *invoice.Request) { r.ToleranceAmount = *number("10") }),
		creation("Window", "-1m0s", "must be at least 1s and at most 720h0m0s", func(r *invoice.Request) { r.Window = -time.Minute }),
		creation("Late", "maybe", "is not a policy", func(r *invoice.Request) { r.Late = "maybe" }),
		creation("Other", "maybe", "is not a policy", func(r *invoice.Request) { r.Other = "maybe" }),
		creation("Only", "A,B", "leave no asset to pay in", func(r *invoice.Request) { r.Only = []string{"A", "B"} }),
		creation("Except", "SIM,TOK", "leave no asset to pay in", func(r *invoice.Request) { r.Except = []string{"SIM", "TOK"} }),
		creation("Discount", "100", "must be more than -100 and less than 100", func(r *invoice.Request) { r.Discount = *number("100") }),
		creation("PayerShare", "101", "must be 0 to 100", func(r *invoice.Request) { r.PayerShare = *number("101") }),
		creation("RateSource", "moon", "is unknown", func(r *invoice.Request) { r.RateSource = "moon" }),
		creation("Data", "", "must be text", func(r *invoice.Request) { r.Data = map[string]string{"secret": "\xff"} }),
		creation("Data", "", "must be at most 32 texts of 16384 bytes in all", func(r *invoice.Request) { r.Data = map[string]string{"secret": strings.Repeat("x", 1<<15)} }),
	}
	return append(all, refusal{"CreateArchived", nil, "createdAt", "2100-01-01T00:00:00Z", "must not be in the future", func(w *world) error {
		_, err := w.svc.CreateArchived(w.t.Context(), invoice.Request{Project: "shop", Price: price("20", "EUR")}, time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC))
		return err
	}}, refusal{"CreateArchived", invoice.Request{}, "Asset", "XYZ", "is not supported", func(w *world) error {
		_, err := w.svc.CreateArchived(w.t.Context(), invoice.Request{Project: "shop", Price: price("20", "EUR"), Asset: "XYZ"}, time.Time{})
		return err
	}}, refusal{"CreateStanding", invoice.Deposit{}, "Asset", "XYZ", "is not supported", func(w *world) error {
		_, err := w.svc.CreateStanding(w.t.Context(), invoice.Deposit{Project: "shop", Asset: "XYZ"})
		return err
	}}, refusal{"CreateStanding", invoice.Deposit{}, "Project", "", "is required", func(w *world) error {
		_, err := w.svc.CreateStanding(w.t.Context(), invoice.Deposit{Asset: "SIM"})
		return err
	}})
}

func refusalsOfReading() []refusal {
	list := func(field, value, reason string, q invoice.Query) refusal {
		return refusal{"List", invoice.Query{}, field, value, reason, func(w *world) error {
			_, err := w.svc.List(w.t.Context(), q)
			return err
		}}
	}
	return []refusal{
		list("Limit", "0", "must be 1 to 1000", invoice.Query{}),
		list("Offset", "-1", "must not be negative", invoice.Query{Limit: 1, Offset: -1}),
		list("Status", "paid", "is unknown", invoice.Query{Limit: 1, Status: "paid"}),
		list("Sort", "name", "is unknown", invoice.Query{Limit: 1, Sort: "name"}),
		{"Events", nil, "limit", "1001", "must be 1 to 1000", func(w *world) error {
			_, err := w.svc.Events(w.t.Context(), 0, 1001)
			return err
		}},
		{"Payments", nil, "limit", "0", "must be 1 to 1000", func(w *world) error {
			_, err := w.svc.Payments(w.t.Context(), "shop", "1", chain.Key{}, 0)
			return err
		}},
	}
}

func refusalsOfActs() []refusal {
	status := func(of any, field, value, reason string, a invoice.Act, to invoice.Status) refusal {
		return refusal{"SetStatus", of, field, value, reason, func(w *world) error {
			a.Invoice = w.create().ID
			_, err := w.svc.SetStatus(w.t.Context(), a, to)
			return err
		}}
	}
	choose := func(value, reason, asset string, before func(w *world, inv invoice.Invoice)) refusal {
		return refusal{"Choose", nil, "asset", value, reason, func(w *world) error {
			inv := w.create(func(r *invoice.Request) { r.Asset, r.Except = "", []string{"TOK"} })
			before(w, inv)
			_, err := w.svc.Choose(w.t.Context(), "shop", inv.ID, asset)
			return err
		}}
	}
	nothing := func(*world, invoice.Invoice) {}
	return []refusal{
		status(nil, "to", "paid", "is unknown", invoice.Act{}, "paid"),
		status(invoice.Act{}, "Actor", "a\x00", "must not have control characters, such as tabs and ends of lines", invoice.Act{Actor: "a\x00"}, invoice.StatusCancelled),
		status(invoice.Act{}, "Comment", strings.Repeat("x", 64), "must have at most 1024 characters", invoice.Act{Comment: strings.Repeat("x", 1025)}, invoice.StatusCancelled),
		{"Refresh", nil, "window", "1ms", "must be at least 1s and at most 720h0m0s", func(w *world) error {
			_, err := w.svc.Refresh(w.t.Context(), invoice.Act{Invoice: w.create().ID}, time.Millisecond)
			return err
		}},
		{"Requote", nil, "window", "1ms", "must be at least 1s and at most 720h0m0s", func(w *world) error {
			_, err := w.svc.Requote(w.t.Context(), invoice.Act{Invoice: w.create().ID}, time.Millisecond)
			return err
		}},
		choose("XYZ", "is not supported", "XYZ", nothing),
		choose("TOK", "is not supported", "TOK", nothing),
		choose("SIM", "can only be chosen while the invoice is new and nothing was paid", "SIM", func(w *world, inv invoice.Invoice) {
			_, err := w.svc.SetStatus(w.t.Context(), invoice.Act{Invoice: inv.ID}, invoice.StatusCancelled)
			require.NoError(w.t, err)
		}),
	}
}

func refusalsOfProjects() []refusal {
	project := func(field, value, reason string, in invoice.NewProject) refusal {
		return refusal{"Projects.Create", invoice.NewProject{}, field, value, reason, func(w *world) error {
			ps, err := invoice.NewProjects(w.store, nil)
			require.NoError(w.t, err)
			_, _, err = ps.Create(w.t.Context(), in)
			return err
		}}
	}
	discount := func(of any, field, value, reason, code string, percent, before int) refusal {
		return refusal{"Projects.SetDiscount", of, field, value, reason, func(w *world) error {
			ps, err := invoice.NewProjects(w.store, nil)
			require.NoError(w.t, err)
			p, _, err := ps.Create(w.t.Context(), invoice.NewProject{Owner: "o", Name: fmt.Sprintf("%q %d %d", code, percent, before)})
			require.NoError(w.t, err)
			for i := range before {
				require.NoError(w.t, ps.SetDiscount(w.t.Context(), p.ID, fmt.Sprint("A", i), 1))
			}
			return ps.SetDiscount(w.t.Context(), p.ID, code, percent)
		}}
	}
	return []refusal{
		project("Owner", "", "is required", invoice.NewProject{Name: "n"}),
		project("Owner", "a\n", "must not have control characters, such as tabs and ends of lines", invoice.NewProject{Owner: "a\n", Name: "n"}),
		project("Name", " ", "is required", invoice.NewProject{Owner: "o", Name: " "}),
		project("Name", strings.Repeat("n", 64), "must have at most 100 characters", invoice.NewProject{Owner: "o", Name: strings.Repeat("n", 101)}),
		project("Description", "\x00", "must not have control characters, such as tabs and ends of lines", invoice.NewProject{Owner: "o", Name: "n", Description: "\x00"}),
		project("AllowedIPs", "10.0.0", "has an entry that is neither an IP address nor a CIDR block", invoice.NewProject{Owner: "o", Name: "n", AllowedIPs: "10.0.0.1, 10.0.0"}),
		project("AllowedIPs", strings.Repeat("1,", 32), "has more than 100 entries", invoice.NewProject{Owner: "o", Name: "n", AllowedIPs: strings.Repeat("1,", 101)}),
		discount(nil, "code", "a\x00", "must be the code of an asset", "a\x00", 1, 0),
		discount(nil, "percent", "-100", "must be -99 to 100", "BTC", -100, 0),
		discount(invoice.Project{}, "Discounts", "BTC", "has 200 entries, and no room for more", "BTC", 1, 200),
	}
}

// parameters are those of methods that refuse them.
var parameters = []string{"asset", "code", "createdAt", "limit", "percent", "to", "window"}

// hasField reports whether a path such as Price.Amount leads through fields of a struct.
func hasField(of any, path string) bool {
	typ := reflect.TypeOf(of)
	for name := range strings.SplitSeq(path, ".") {
		field, found := typ.FieldByName(name)
		if !found {
			return false
		}
		typ = field.Type
	}
	return true
}

func TestARefusalNamesTheCallersFieldAndValue(t *testing.T) {
	within := func(c *invoice.Config) {
		c.CheckCallback = func(url string) error {
			if strings.Contains(url, "pw") {
				return errors.New("leads inside")
			}
			return nil
		}
	}
	inWorld(t, func(w *world) {
		all := slices.Concat(refusalsOfRequests(), refusalsOfReading(), refusalsOfActs(), refusalsOfProjects())
		for _, r := range all {
			about := fmt.Sprintf("%s: %s %q", r.name, r.field, r.value)
			err := r.call(w)
			bad, ok := errors.AsType[*invoice.InvalidError](err)
			require.True(t, ok, "%s: %v", about, err)
			require.Equal(t, []string{r.field, r.value, r.reason}, []string{bad.Field, bad.Value, bad.Reason}, about)
			if r.of == nil {
				require.Contains(t, parameters, bad.Field, about)
			} else {
				require.True(t, hasField(r.of, bad.Field), "%T has no %s", r.of, bad.Field)
			}
			require.LessOrEqual(t, len(bad.Value), 64, about)
			text := r.field + " " + r.reason
			if r.value != "" {
				text = fmt.Sprintf("%s %q %s", r.field, r.value, r.reason)
			}
			require.Equal(t, text, bad.Error())
			require.Equal(t, strings.HasPrefix(r.reason, "is less than the minimum"), errors.Is(err, invoice.ErrBelowMinimum), about)
		}
	}, within)
}
