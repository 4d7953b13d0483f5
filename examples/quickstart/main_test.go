package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cointill/cointill/httpapi/cryptomus"
	"github.com/cointill/cointill/internal/devbtc"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store/sqlite"
	"github.com/stretchr/testify/require"
)

// btcdOrSkip skips the test with -short, and if there is no btcd. In CI it fails the test instead.
func btcdOrSkip(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("a real node: not with -short")
	}
	if _, err := devbtc.Program(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
}

// eachChain runs a test on all chains.
func eachChain(t *testing.T, test func(t *testing.T, chain string)) {
	t.Run("eth", func(t *testing.T) { test(t, "eth") })
	t.Run("btc", func(t *testing.T) {
		btcdOrSkip(t)
		test(t, "btc")
	})
}

func TestTheStoryIsToldToTheEnd(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), options{chain: "eth", dir: t.TempDir()}, &out))
	story := out.String()
	for _, line := range []string{
		`ether-1 +created +25\.00 EUR`, `ether-1 +quoted +0\.01 ETH to 0x`, `ether-1 +seen +0\.006 ETH in block \d+, with it under`,
		`ether-1 +paid_partial`, `ether-1 +seen +0\.004 ETH .* exact`, `ether-1 +confirming +\d/4`, `ether-1 +completed +received 0\.01, .* \(exact\)`,
		`token-1 +quoted +25\.050101 TEUR`, `token-1 +seen .* over`, `token-1 +completed .* \(over\)`,
		`ether-1 +webhook +"completed" delivered and its signature verified`, `token-1 +webhook +"completed" delivered and its signature verified`,
	} {
		require.Regexp(t, regexp.MustCompile(line), story)
	}
}

func TestTheStoryIsToldToTheEndOnBitcoin(t *testing.T) {
	btcdOrSkip(t)
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), options{chain: "btc", dir: t.TempDir()}, &out))
	story := out.String()
	for _, line := range []string{
		`parts-1 +created +25\.00 EUR`, `parts-1 +quoted +0\.0005 BTC to bcrt1q`, `parts-1 +seen +0\.0003 BTC .* under`, `seen .* unconfirmed`,
		`parts-1 +paid_partial`, `parts-1 +seen +0\.0002 BTC .* exact`, `parts-1 +confirming +\d/3`, `parts-1 +completed +received 0\.0005, .* \(exact\)`,
		`over-1 +seen +0\.00051 BTC .* over`, `over-1 +completed .* \(over\)`,
		`parts-1 +webhook +"completed" delivered and its signature verified`, `over-1 +webhook +"completed" delivered and its signature verified`,
	} {
		require.Regexp(t, regexp.MustCompile(line), story)
	}
}

func TestWithoutBtcdItSaysHowToGetIt(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv(devbtc.Env, "")
	err := run(t.Context(), options{chain: "btc", dir: t.TempDir()}, &bytes.Buffer{})
	require.ErrorContains(t, err, "go install github.com/btcsuite/btcd@")
	require.Error(t, run(t.Context(), options{chain: "xyz", dir: t.TempDir()}, &bytes.Buffer{}))
}

func TestASecondStartGoesOnWhereTheFirstEnded(t *testing.T) {
	eachChain(t, func(t *testing.T, chain string) {
		dir := t.TempDir()
		var first, second bytes.Buffer
		require.NoError(t, run(t.Context(), options{chain: chain, dir: dir}, &first))
		require.NoError(t, run(t.Context(), options{chain: chain, dir: dir}, &second))
		require.Equal(t, 2, strings.Count(second.String(), " created "), "no other invoices")
		require.Equal(t, 3, strings.Count(second.String(), " seen "), "nothing is paid again")
	})
}

// paste runs lines of curl in a shell, which stops at the first failure.
func paste(t *testing.T, lines string) string {
	t.Helper()
	answers, err := exec.Command("sh", "-c", "set -e\n"+strings.ReplaceAll(lines, "curl ", "curl -s -S --fail-with-body ")).CombinedOutput()
	require.NoError(t, err, string(answers))
	return string(answers)
}

// payOnThePage pays an invoice by the forms of its page, as a browser without scripts does.
func payOnThePage(t *testing.T, page, chain string) {
	t.Helper()
	get := func() string { return paste(t, "curl '"+page+"'") }
	require.Contains(t, get(), `data-kind="choose"`)
	asset := regexp.MustCompile(`name="asset" value="([^"]+)"`).FindStringSubmatch(get())[1]
	paste(t, "curl -d 'asset="+asset+"' '"+page+"/method'")
	shown := get()
	require.Contains(t, shown, `data-kind="pay"`)
	require.Contains(t, shown, map[string]string{"eth": "0x", "btc": "bcrt1"}[chain])
	require.Contains(t, shown, "Pay on the test chain")
	id := page[strings.LastIndex(page, "/")+1:]
	paste(t, "curl -d 'order="+id+"&back=/pay/"+id+"' '"+strings.TrimSuffix(page, "/pay/"+id)+"/dev/pay'")
	require.Eventually(t, func() bool { return strings.Contains(get(), `data-kind="paid"`) }, time.Minute, 100*time.Millisecond)
	require.Contains(t, paste(t, "curl '"+page+"/receipt'"), "Transaction")
}

// Every line that -serve prints, and every one in the README, works as pasted into a shell, and the invoices that they
// create are completed.
func TestThePrintedCurlLinesWork(t *testing.T) {
	if testing.Short() {
		t.Skip("another program: not with -short")
	}
	eachChain(t, func(t *testing.T, chain string) {
		ctx, cancel := context.WithCancel(t.Context())
		out, dir := &safeBuffer{}, t.TempDir()
		done := make(chan error, 1)
		go func() { done <- run(ctx, options{chain: chain, dir: dir, serve: true}, out) }()
		require.Eventually(t, func() bool { return strings.Contains(out.String(), "/webhooks/resend\n") }, time.Minute, 50*time.Millisecond)
		_, lines, _ := strings.Cut(out.String(), "in another terminal:\n")
		lines, after, _ := strings.Cut(lines, "### Once the shop was told")
		require.Equal(t, map[string]int{"eth": 22, "btc": 19}[chain], strings.Count(lines, "curl -s "))
		answers := paste(t, lines)
		if chain == "eth" {
			require.Contains(t, answers, `"txn_id"`)
			require.Contains(t, answers, `"amount":"0.002"`)
			require.Eventually(t, func() bool { return regexp.MustCompile(`out-1 +webhook +"paid"`).MatchString(out.String()) }, time.Minute, 50*time.Millisecond)
		}
		for _, answer := range []string{
			`"order_id":"mine-1"`, `"currency_code"`, `"openapi"`, `"api_key"`, `"merchantId"`, `"state":0`, `"Webhook sent"`, `"order_id":"mine-3"`,
			`"type":"invoice.payment_received"`, `"networks"`,
		} {
			require.Contains(t, answers, answer)
		}
		require.Equal(t, 3, strings.Count(answers, "\npaid ")+strings.Count(answers, "}paid "), answers)
		for _, told := range []string{`mine-1 +webhook +"completed"`, `mine-2 +webhook +"PAID"`, `mine-3 +webhook +"paid"`} {
			require.Eventually(t, func() bool { return regexp.MustCompile(told).MatchString(out.String()) }, time.Minute, 50*time.Millisecond, told)
		}
		exports := regexp.MustCompile(`(?m)^export BASE=(\S+) .*$`).FindStringSubmatch(lines)
		resend, _, _ := strings.Cut(after, "/webhooks/resend\n")
		_, resend, _ = strings.Cut(resend, "\n")
		sign := lines[strings.Index(lines, "\nsign() {"):]
		sign = sign[:strings.Index(sign, "}\n")+2]
		require.Contains(t, paste(t, exports[0]+sign+resend+"/webhooks/resend\n"), `"status":"resent"`)
		require.Contains(t, paste(t, "curl "+exports[1]+"/"), exports[1]+"/api/v1/docs")
		invalid, err := exec.Command("curl", "-s", "-d", "{}", exports[1]+"/v2/payment/resend").CombinedOutput()
		require.NoError(t, err)
		require.JSONEq(t, `{"message":"Invalid Sign."}`, string(invalid), "version 2 of Cryptomus's API is there")
		if chain == "eth" {
			answers = paste(t, exports[0]+"\n"+readme(t))
			for _, answer := range []string{`"order_id":"7"`, `"merchantId"`, `"order_id":"8"`, `"wallet_hash"`, `"result":[]`} {
				require.Contains(t, answers, answer)
			}
		}
		require.Contains(t, paste(t, "curl "+regexp.MustCompile(`the desk +(\S+)`).FindStringSubmatch(out.String())[1]), "Needs a person")
		payOnThePage(t, regexp.MustCompile(`a page to pay +(\S+)`).FindStringSubmatch(out.String())[1], chain)
		cancel()
		require.NoError(t, <-done)
		requireSignedForCryptomus(t, dir)
	})
}

// readme returns the README's two blocks of lines of curl.
func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	_, block, _ := strings.Cut(string(text), "```\ncurl -X POST $BASE/api/v1/invoices")
	in, rest, found := strings.Cut(block, "```")
	require.True(t, found)
	_, out, _ := strings.Cut(rest, "```\n")
	out, _, found = strings.Cut(out, "```")
	require.True(t, found)
	return "curl -X POST $BASE/api/v1/invoices" + in + out
}

// requireSignedForCryptomus looks for a webhook about order mine-3, with the signature that a client of the Cryptomus
// API checks.
func requireSignedForCryptomus(t *testing.T, dir string) {
	t.Helper()
	db, err := sqlite.Open(filepath.Join(dir, "shop.db"))
	require.NoError(t, err)
	defer db.Close()
	store, err := sqlite.New(db)
	require.NoError(t, err)
	projects, err := invoice.NewProjects(store, nil)
	require.NoError(t, err)
	api, err := os.ReadFile(filepath.Join(dir, "api-key"))
	require.NoError(t, err)
	project, err := projects.Authenticate(t.Context(), strings.TrimSpace(string(api)))
	require.NoError(t, err)
	key, err := projects.Key(t.Context(), project.ID, cryptomus.PaymentKey)
	require.NoError(t, err)
	var body string
	require.NoError(t, db.QueryRowContext(t.Context(), `SELECT body FROM shop_hooks WHERE order_id = 'mine-3' AND status = 'paid'`).Scan(&body))
	unsigned, sign, found := strings.Cut(strings.TrimSuffix(body, `"}`), `,"sign":"`)
	require.True(t, found, body)
	require.Equal(t, cryptomus.Signature([]byte(unsigned+"}"), key), sign)
}

type safeBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
