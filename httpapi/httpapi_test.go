package httpapi_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/invoice"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

type faultBody struct {
	Text string `json:"text"`
}

// fault maps errors to responses of a minimal dialect.
func fault(err error) (int, any) {
	if refused, ok := errors.AsType[*httpapi.Error](err); ok {
		return refused.Status, faultBody{refused.Message}
	}
	if invalid, ok := errors.AsType[*invoice.InvalidError](err); ok {
		return 422, faultBody{"wire_name " + invalid.Reason}
	}
	if invalid, ok := errors.AsType[*httpapi.FieldError](err); ok {
		return 422, faultBody{invalid.Error()}
	}
	if errors.Is(err, invoice.ErrNotFound) {
		return 404, faultBody{"no such thing"}
	}
	return 500, faultBody{"sorry"}
}

type thing struct {
	Text   string          `json:"text" schema:"required,maxLength=3" doc:"Some text"`
	Count  int             `json:"count" schema:"minimum=1,maximum=5,default=2"`
	Flag   bool            `json:"flag"`
	Amount *httpapi.Number `json:"amount"`
	At     httpapi.Time    `json:"at"`
	List   []string        `json:"list"`
}

type place struct {
	ID     int    `json:"id" in:"path" schema:"required"`
	Header string `json:"X-Client" in:"header" schema:"required"`
	Sort   string `json:"sort" schema:"enum=up|down"`
}

type result struct {
	Number  httpapi.Number            `json:"number"`
	Integer *big.Int                  `json:"integer"`
	At      httpapi.Time              `json:"at"`
	Maybe   *string                   `json:"maybe,omitempty"`
	Map     map[string]httpapi.Number `json:"map"`
	Others  []thing                   `json:"others"`
}

func config(log io.Writer, routes ...httpapi.Route) httpapi.Config {
	return httpapi.Config{
		Title: "Test", Version: "1", Routes: routes, Fault: fault, FaultBody: faultBody{},
		Logger: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
}

func route(method, path string, handler func(*httpapi.Request) (any, error)) httpapi.Route {
	return httpapi.Route{
		Method: method, Path: path, OperationID: method + path, Summary: "A test", Tag: "Tests",
		Answer: result{}, Handler: handler,
	}
}

// echo serves one route that takes a thing and returns it as Go prints it.
func echo(t *testing.T) *httpapi.API {
	t.Helper()
	r := route("POST", "/things", func(r *httpapi.Request) (any, error) {
		var in thing
		if err := r.Decode(&in); err != nil {
			return nil, err
		}
		return fmt.Sprint(in.Text, " ", in.Count, " ", in.Flag, " ", in.Amount, " ", in.At.Format(time.RFC3339Nano), " ", in.List), nil
	})
	r.Body, r.Answer = thing{}, ""
	api, err := httpapi.New(config(io.Discard, r))
	require.NoError(t, err)
	return api
}

func post(api http.Handler, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", "/things", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	rec := httptest.NewRecorder()
	api.ServeHTTP(rec, r)
	return rec
}

func TestBodiesAreReadAsDeclared(t *testing.T) {
	api := echo(t)
	for body, want := range map[string]string{
		`{"text":"a"}`: `a 2 false <nil> 0001-01-01T00:00:00Z []`,
		`{"text":"äöü","count":5,"flag":true}`:            `äöü 5 true <nil> 0001-01-01T00:00:00Z []`,
		`{"text":"a","amount":1e2,"list":["<&>"]}`:        `a 2 false 100 0001-01-01T00:00:00Z [<&>]`,
		`{"text":"a","count":0}`:                          `a 2 false <nil> 0001-01-01T00:00:00Z []`,
		`{"text":"a","count":0.0,"amount":0}`:             `a 2 false 0 0001-01-01T00:00:00Z []`,
		`{"text":"a","count":3.0}`:                        `a 3 false <nil> 0001-01-01T00:00:00Z []`,
		`{"text":"a","count":0.4e1}`:                      `a 4 false <nil> 0001-01-01T00:00:00Z []`,
		`{"text":"a","amount":"0.10"}`:                    `a 2 false 0.1 0001-01-01T00:00:00Z []`,
		`{"text":"a","at":"2024-01-01T01:00:00.5+01:00"}`: `a 2 false <nil> 2024-01-01T00:00:00.5Z []`,
		`{"text":"a","count":null,"TEXT":"b"}`:            `a 2 false <nil> 0001-01-01T00:00:00Z []`,
	} {
		rec := post(api, body)
		require.Equal(t, 200, rec.Code, "%s: %s", body, rec.Body)
		require.Equal(t, `"`+want+`"`+"\n", rec.Body.String())
	}
}

func TestBodiesThatDoNotFitAreRefusedByMember(t *testing.T) {
	api := echo(t)
	for body, want := range map[string]string{
		`{}`:                             "text is required",
		`{"text":"abcd"}`:                "text must have at most 3 characters",
		`{"text":["a"]}`:                 "text must be a string",
		`{"text":"a","count":-1}`:        "count must be 1 to 5",
		`{"text":"a","count":"0"}`:       "count must be an integer",
		`{"text":"a","count":6}`:         "count must be 1 to 5",
		`{"text":"a","count":1.5}`:       "count must be an integer",
		`{"text":"a","count":"1"}`:       "count must be an integer",
		`{"text":"a","count":1e30}`:      "count must be an integer",
		`{"text":"a","count":6.0}`:       "count must be 1 to 5",
		`{"text":"a","flag":1}`:          "flag must be true or false",
		`{"text":"a","amount":"1e100"}`:  "amount must be a decimal number",
		`{"text":"a","at":"2024-01-01"}`: "at must be a time as in RFC 3339",
		`{"text":"a","list":"a"}`:        "list must be a list",
	} {
		rec := post(api, body)
		require.Equal(t, 422, rec.Code, body)
		require.Contains(t, rec.Body.String(), want)
	}
}

func TestParametersComeFromPathHeaderAndQuery(t *testing.T) {
	r := route("GET", "/places/{id}", func(r *httpapi.Request) (any, error) {
		var in place
		err := r.Bind(&in)
		return fmt.Sprint(in), err
	})
	r.Params, r.Answer = place{}, ""
	api, err := httpapi.New(config(io.Discard, r))
	require.NoError(t, err)
	for _, c := range []struct {
		path, header string
		status       int
		says         string
	}{
		{"/places/7?sort=up", "me", 200, "{7 me up}"},
		{"/places/7", "me", 200, "{7 me }"},
		{"/places/7", "", 422, "X-Client is required"},
		{"/places/7?sort=left", "me", 422, "sort must be one of up, down"},
		{"/places/x", "me", 404, "no such thing"},
		{"/places/%ff", "me", 404, "no such thing"},
		{"/places/7?sort=%ff", "me", 422, "sort must be valid UTF-8"},
		{"/places/7?sort=%ed%a0%bd", "me", 422, "sort must be valid UTF-8"},
		{"/places/7?sort=up", "m\xff", 422, "X-Client must be valid UTF-8"},
		{"/places/7?sort=up&other=%ff", "me", 200, "{7 me up}"},
		{"/places/null", "me", 404, "no such thing"},
		{"/places/7?%zz", "me", 400, "query string"},
	} {
		req := httptest.NewRequest("GET", c.path, nil)
		req.Header.Set("X-Client", c.header)
		rec := httptest.NewRecorder()
		api.ServeHTTP(rec, req)
		require.Equal(t, c.status, rec.Code, c.path)
		require.Contains(t, rec.Body.String(), c.says)
	}
}

func TestAnswersHaveEveryDigitAndNoEscapes(t *testing.T) {
	huge, _ := new(big.Int).SetString("123456789012345678901234567890", 10)
	text := "<b> & ü"
	api, err := httpapi.New(config(io.Discard, route("GET", "/things", func(*httpapi.Request) (any, error) {
		return result{
			Number: httpapi.Number{Decimal: decimal.New(1, -18)}, Integer: huge, Maybe: &text, Others: []thing{},
			At:  httpapi.Time{Time: time.Date(2024, 1, 1, 0, 59, 59, 999999999, time.FixedZone("", 3600))},
			Map: map[string]httpapi.Number{"b": {Decimal: decimal.New(5, 20)}, "a": {}},
		}, nil
	})))
	require.NoError(t, err)
	rec := httptest.NewRecorder()
	api.ServeHTTP(rec, httptest.NewRequest("GET", "/things", nil))
	require.Equal(t, `{"number":0.000000000000000001,"integer":123456789012345678901234567890,"at":"2023-12-31T23:59:59Z",`+
		`"maybe":"<b> & ü","map":{"a":0,"b":500000000000000000000},"others":[]}`+"\n", rec.Body.String())
}

func TestTextThatIsNotUnicodeIsRefused(t *testing.T) {
	api := echo(t)
	for _, text := range []string{
		`\ud83d`, `\ude00`, `\ud83d\ud83d`, `\ude00\ud83d`, `\ud83dx`, `\ud83d\u0041`, `a\\\ud83d`, `\uD83D\n`, `\udbff\\udc00`, "\xed\xa0\xbd", "\xff", "\xc0\x80",
	} {
		for _, body := range []string{`{"text":"` + text + `"}`, `{"` + text + `":1}`, `{"unknown":[{"a":"` + text + `"}]}`} {
			rec := post(api, body)
			require.Equal(t, 400, rec.Code, body)
			require.Regexp(t, "not valid (Unicode|UTF-8)", rec.Body.String())
		}
	}
	for text, want := range map[string]string{
		`\ud83d\ude00`: "\U0001f600", `\uD83D\uDE00!`: "\U0001f600!", `\\u`: `\u`, `\u0041\ud7ff\ue000`: "A\ud7ff\ue000", `\udbff\udfff`: "\U0010ffff",
	} {
		rec := post(api, `{"text":"`+text+`"}`)
		require.Equal(t, 200, rec.Code, text)
		var got string
		require.NoError(t, json.Unmarshal(rec.Body.Bytes(), &got))
		require.Equal(t, want+" 2 false <nil> 0001-01-01T00:00:00Z []", got)
	}
}

func TestAPanicIsAnsweredAndLogged(t *testing.T) {
	var log bytes.Buffer
	api, err := httpapi.New(config(&log,
		route("GET", "/panics", func(*httpapi.Request) (any, error) { panic("secret detail") }),
		route("GET", "/drops", func(*httpapi.Request) (any, error) { panic(http.ErrAbortHandler) }),
		route("GET", "/unwritable", func(*httpapi.Request) (any, error) { return make(chan int), nil }),
	))
	require.NoError(t, err)
	for _, path := range []string{"/panics", "/unwritable"} {
		rec := httptest.NewRecorder()
		api.ServeHTTP(rec, httptest.NewRequest("GET", path, nil))
		require.Equal(t, 500, rec.Code)
		require.Equal(t, `{"text":"sorry"}`+"\n", rec.Body.String())
		require.Contains(t, log.String(), "request="+rec.Header().Get("X-Request-Id"))
		require.Contains(t, log.String(), "operation=GET"+path)
	}
	require.Contains(t, log.String(), "secret detail")
	require.Contains(t, log.String(), "httpapi_test.go", "the stack")
	require.PanicsWithValue(t, http.ErrAbortHandler, func() {
		api.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/drops", nil))
	})
}

func TestAHandlerReadsOnlyWhatItsRouteDeclares(t *testing.T) {
	r := route("POST", "/things", func(r *httpapi.Request) (any, error) {
		var in struct{ Other string }
		return nil, r.Decode(&in)
	})
	r.Body = thing{}
	var log bytes.Buffer
	api, err := httpapi.New(config(&log, r))
	require.NoError(t, err)
	require.Equal(t, 500, post(api, `{"text":"a"}`).Code)
	require.Contains(t, log.String(), "where the route declares httpapi_test.thing")
}

func TestTablesThatContradictThemselvesAreRefused(t *testing.T) {
	ok := route("GET", "/a", func(*httpapi.Request) (any, error) { return nil, nil })
	change := func(f func(*httpapi.Route)) []httpapi.Route {
		r := ok
		f(&r)
		return []httpapi.Route{r}
	}
	type badRule struct {
		A int `json:"a" schema:"smallest=1"`
	}
	type nameless struct{ A int }
	type pathA struct {
		A string `json:"a" in:"path"`
	}
	type pathB struct {
		B string `json:"b" in:"path"`
	}
	for want, routes := range map[string][]httpapi.Route{
		"Routes is required":        {},
		"OperationID is taken":      {ok, ok},
		"Path and Method are taken": append(change(func(r *httpapi.Route) { r.OperationID = "b" }), ok),
		"Method must be":            change(func(r *httpapi.Route) { r.Method = "get" }),
		"Path must begin":           change(func(r *httpapi.Route) { r.Path = "a" }),
		"not end with one":          change(func(r *httpapi.Route) { r.Path = "/a/" }),
		"reserved for the document": change(func(r *httpapi.Route) { r.Path = "/openapi.json" }),
		"Summary and Tag":           change(func(r *httpapi.Route) { r.Tag = "" }),
		"Handler and Answer":        change(func(r *httpapi.Route) { r.Handler = nil }),
		"Auth needs":                change(func(r *httpapi.Route) { r.Auth = &httpapi.Scheme{} }),
		`rule "smallest=1"`:         change(func(r *httpapi.Route) { r.Body = badRule{} }),
		"needs a name in JSON":      change(func(r *httpapi.Route) { r.Answer = nameless{} }),
		"has the parameters [{a}]":  change(func(r *httpapi.Route) { r.Path = "/{a}" }),
		"and Params [{b}]":          change(func(r *httpapi.Route) { r.Params = pathB{} }),
		`Maxima has "b"`: change(func(r *httpapi.Route) {
			r.Method, r.Body, r.Maxima = "POST", thing{}, map[string]int64{"b": 1}
		}),
		"cannot be declared": change(func(r *httpapi.Route) { r.Answer = 1.5 }),
		"bad wildcard":       change(func(r *httpapi.Route) { r.Path, r.Params = "/{a}b", pathA{} }),
		"conflicts with":     append(change(func(r *httpapi.Route) { r.Path, r.OperationID, r.Params = "/{a}/x", "b", pathA{} }), change(func(r *httpapi.Route) { r.Path, r.Params = "/y/{b}", pathB{} })...),
	} {
		_, err := httpapi.New(config(io.Discard, routes...))
		require.ErrorContains(t, err, want)
	}
	cfg := config(io.Discard, ok)
	cfg.Fault = nil
	_, err := httpapi.New(cfg)
	require.ErrorContains(t, err, "Fault")
}

func TestNumbersKeepTheirDigits(t *testing.T) {
	for in, want := range map[string]string{
		`0.1`: `0.1`, `"0.10"`: `0.1`, `1e-18`: `0.000000000000000001`, `1E+2`: `100`, `-0`: `0`, `12345678901234567890.123456789`: `12345678901234567890.123456789`,
	} {
		var n httpapi.Number
		require.NoError(t, json.Unmarshal([]byte(in), &n), in)
		out, err := json.Marshal(n)
		require.NoError(t, err)
		require.Equal(t, want, string(out))
	}
	for _, in := range []string{
		`1e100`, `1e-100`, `1e999999999`, `"1e999999999999999999999"`, `"NaN"`, `"+1"`, `" 1"`, `"1 "`, `".5"`, `"5."`, `"01"`, `"1_000"`,
		`"١"`, `""`, `true`, `[]`, `{}`, strings.Repeat("1", 101),
	} {
		var n httpapi.Number
		require.Error(t, json.Unmarshal([]byte(in), &n), in)
	}
}

func TestADoubleIsTheShortNumberThatWasMeant(t *testing.T) {
	for _, c := range []struct {
		text     string
		decimals int32
		want     string
	}{
		{"29.949999999999999", 2, "29.95"}, // 29.95 as PHP writes it
		{"3.3000000000000003", 2, "3.3"},   // 3 * 1.1
		{"0.30000000000000004", 2, "0.3"},  // 0.1 + 0.2
		{"434.99999999999994", 2, "435"},   // 4.35 * 100
		{"0.7999999999999999", 2, "0.8"},
		{"-29.949999999999999", 2, "-29.95"},
		{"2.9949999999999999e1", 2, "29.95"},
		{"1234567890123.4500", 2, "1234567890123.45"},
		{"434.99999999999994", 0, "435"},
		{"1.1000000000000001", 6, "1.1"},
		// A number that is not a double, or that fits already, does not change.
		{"25.005", 2, "25.005"}, {"29.99", 2, "29.99"}, {"1.001", 2, "1.001"}, {"0", 2, "0"},
		{"25.004999999999999", 2, "25.004999999999999"}, {"25.005000000000003", 2, "25.005000000000003"},
		{"29.9499999999999", 2, "29.9499999999999"}, {"29.9499999999999999", 2, "29.9499999999999999"},
		{"123456789012345.678", 2, "123456789012345.678"},
		{"3.3000000000000003", 18, "3.3000000000000003"}, {"0.000000000000000001", 2, "0.000000000000000001"},
		{"12345678901234567", 2, "12345678901234567"}, {"1.2345678901234567e99", 2, "1234567890123456700" + strings.Repeat("0", 81)},
		{"1.2345678901234567e-99", 2, "0." + strings.Repeat("0", 98) + "12345678901234567"},
	} {
		var n httpapi.Number
		require.NoError(t, json.Unmarshal([]byte(c.text), &n))
		require.Equal(t, c.want, n.Meant(c.decimals).String(), c.text)
	}
}

// FuzzMeant: an amount that a program has as a double, or as the one beside it, is that amount, however the program writes
// doubles; and what is meant is never far from what was written.
func FuzzMeant(f *testing.F) {
	for _, units := range []int64{0, 1, 330, 2995, 43500, 99999999999999, 100000000000001, 999999999999999} {
		f.Add(units, uint8(2), "29.949999999999999")
	}
	f.Fuzz(func(t *testing.T, units int64, places uint8, text string) {
		units, decimals := units%1_000_000_000_000_000, int32(places%19)
		amount := decimal.New(units, -decimals)
		double, err := strconv.ParseFloat(amount.String(), 64)
		require.NoError(t, err)
		for _, d := range []float64{double, math.Nextafter(double, math.Inf(1)), math.Nextafter(double, math.Inf(-1))} {
			if units == 0 && d != 0 {
				continue // the double beside 0 is no sum of anything
			}
			for _, written := range []string{strconv.FormatFloat(d, 'g', 17, 64), strconv.FormatFloat(d, 'g', -1, 64), strconv.FormatFloat(d, 'e', -1, 64)} {
				var n httpapi.Number
				require.NoError(t, json.Unmarshal([]byte(written), &n), written)
				if !n.Equal(n.Truncate(decimals)) {
					require.Equal(t, amount.String(), n.Meant(decimals).String(), "%s with %d decimals", written, decimals)
				}
			}
		}
		var n httpapi.Number
		if json.Unmarshal([]byte(text), &n) != nil || text == "null" {
			return
		}
		meant := n.Meant(decimals)
		require.True(t, meant.Sub(n.Decimal).Abs().LessThanOrEqual(n.Abs().Mul(decimal.New(5, -15))), text)
		if !meant.Equal(n.Decimal) {
			require.GreaterOrEqual(t, meant.Exponent(), -decimals)
			require.False(t, n.Equal(n.Truncate(decimals)), "it did not fit")
		}
	})
}

// FuzzNumber tests that a decoded number is encoded with the same value, in few digits, and can be decoded again.
func FuzzNumber(f *testing.F) {
	for _, in := range []string{`0.1`, `"1e-18"`, `1e99`, `-0`, `1e999999999`} {
		f.Add([]byte(in))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var n, again httpapi.Number
		if json.Unmarshal(in, &n) != nil || string(in) == "null" {
			return
		}
		out, err := json.Marshal(n)
		require.NoError(t, err)
		require.LessOrEqual(t, len(out), 300)
		require.NotContains(t, string(out), "e")
		require.NoError(t, json.Unmarshal(out[:min(len(out), 100)], &again))
		if len(out) <= 100 {
			require.True(t, n.Equal(again.Decimal))
		}
	})
}
