package cryptomus_test

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/cointill/cointill/httpapi/internal/stage"
	"github.com/stretchr/testify/require"
)

// phpClient makes requests as PHP programs do. Each line of output has a body and its signature.
const phpClient = `foreach ([
	[],
	['date_from' => '2024-01-15 9:00:00', 'cursor' => strval(1)],
	['amount' => '15', 'currency' => 'USD', 'order_id' => 'php-1', 'url_callback' => 'https://shop.example/c?a=1&b=<2>', 'lifetime' => '7200'],
	['amount' => 16.25, 'currency' => 'USDT', 'network' => 'SIM', 'order_id' => 2, 'additional_data' => "Zażółć / 日本 \u{2028} '\"", 'is_payment_multiple' => true],
	['amount' => 0.1, 'currency' => 'COIN', 'order_id' => 'php-3', 'network' => '', 'to_currency' => null, 'currencies' => []],
] as $data) {
	foreach ([JSON_UNESCAPED_UNICODE, 0, JSON_PRETTY_PRINT | JSON_UNESCAPED_SLASHES] as $flags) {
		$body = json_encode($data, $flags);
		echo base64_encode($body), ' ', md5(base64_encode($body) . $argv[1]), "\n";
	}
}`

// lookUpPHP returns the program php. It skips the test where there is none, and fails it in CI.
func lookUpPHP(t *testing.T) string {
	t.Helper()
	php, err := exec.LookPath("php")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("there is no php: install the package php-cli")
		}
		t.Skip("there is no php")
	}
	return php
}

func TestPHPClientsAreUnderstood(t *testing.T) {
	php := lookUpPHP(t)
	w := newWorld(t, options{})
	out, err := exec.CommandContext(t.Context(), php, "-r", phpClient, "--", w.shop.payment).Output()
	require.NoError(t, err)
	lines := bufio.NewScanner(bytes.NewReader(out))
	n := 0
	for ; lines.Scan(); n++ {
		body, sign, _ := strings.Cut(lines.Text(), " ")
		path := "/payment"
		if n < 6 {
			path = "/payment/list"
		}
		r := w.request("POST", path, w.shop, "", decodeBase64(t, body))
		r.Header.Set("sign", sign)
		got := w.send(t, w.api, r)
		require.Equal(t, 200, got.status, "%s", got.body)
	}
	require.Equal(t, 15, n)
	require.Equal(t, 3, stage.Count(t, w.service), "the same order is the same invoice however it is written")
	require.Equal(t, "16.25", w.info(t, "2")["amount"])
	require.Equal(t, "0.10000000", w.info(t, "php-3")["payer_amount"])
}
