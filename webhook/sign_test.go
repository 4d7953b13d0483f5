package webhook_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cointill/cointill/webhook"
	"github.com/stretchr/testify/require"
)

const (
	specSecret    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	specID        = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	specBody      = `{"test": 2432232314}`
	specSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	specTime      = 1614265330
)

func secretOf(n int, fill byte) string {
	return "whsec_" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{fill}, n))
}

func signedHeader(id, timestamp string, signatures ...string) http.Header {
	h := http.Header{}
	for name, value := range map[string]string{webhook.HeaderID: id, webhook.HeaderTimestamp: timestamp} {
		if value != "" {
			h.Set(name, value)
		}
	}
	for _, s := range signatures {
		h.Add(webhook.HeaderSignature, s)
	}
	return h
}

func TestSignMakesTheVectorOfStandardWebhooks(t *testing.T) {
	got, err := webhook.Sign(specSecret, specID, time.Unix(specTime, 999), []byte(specBody))
	require.NoError(t, err)
	require.Equal(t, specSignature, got)
}

func TestSignRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		secret, id string
		want       error
	}{
		"no prefix":       {strings.TrimPrefix(specSecret, "whsec_"), specID, webhook.ErrBadSecret},
		"not base64":      {"whsec_%%%", specID, webhook.ErrBadSecret},
		"23 bytes":        {secretOf(23, 1), specID, webhook.ErrBadSecret},
		"65 bytes":        {secretOf(65, 1), specID, webhook.ErrBadSecret},
		"empty id":        {specSecret, "", nil},
		"dot in the id":   {specSecret, "evt.1", nil},
		"line in the id":  {specSecret, "evt\r\nx: y", nil},
		"id that is long": {specSecret, strings.Repeat("x", 257), nil},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := webhook.Sign(c.secret, c.id, time.Unix(specTime, 0), nil)
			require.Error(t, err)
			require.Equal(t, c.want != nil, errors.Is(err, webhook.ErrBadSecret))
			require.NotContains(t, err.Error(), strings.TrimPrefix(c.secret, "whsec_"), "the secret shows")
		})
	}
	for _, n := range []int{24, 64} {
		_, err := webhook.Sign(secretOf(n, 1), specID, time.Unix(specTime, 0), nil)
		require.NoError(t, err, "%d bytes", n)
	}
}

func TestVerify(t *testing.T) {
	timestamp := strconv.Itoa(specTime)
	other := secretOf(32, 7)
	otherSig, err := webhook.Sign(other, specID, time.Unix(specTime, 0), []byte(specBody))
	require.NoError(t, err)
	tampered := "v1," + base64.StdEncoding.EncodeToString(make([]byte, 32))
	good := signedHeader(specID, timestamp, specSignature)
	for _, c := range []struct {
		name    string
		secrets []string
		header  http.Header
		body    string
		after   time.Duration
		want    error
	}{
		{name: "the vector", header: good},
		{name: "one of several secrets", secrets: []string{other, specSecret}, header: good},
		{name: "one of several signatures", header: signedHeader(specID, timestamp, otherSig+" "+specSignature)},
		{name: "signatures in several headers", header: signedHeader(specID, timestamp, tampered, specSignature)},
		{name: "beside another scheme", header: signedHeader(specID, timestamp, "v1a,AAAA "+specSignature)},
		{name: "five minutes late", header: good, after: 5 * time.Minute},
		{name: "five minutes early", header: good, after: -5 * time.Minute},

		{name: "replayed", header: good, after: 5*time.Minute + time.Second, want: webhook.ErrBadTimestamp},
		{name: "from the future", header: good, after: -5*time.Minute - time.Second, want: webhook.ErrBadTimestamp},
		{name: "no timestamp", header: signedHeader(specID, "", specSignature), want: webhook.ErrBadTimestamp},
		{name: "signed number as timestamp", header: signedHeader(specID, "+"+timestamp, specSignature), want: webhook.ErrBadTimestamp},
		{name: "fraction as timestamp", header: signedHeader(specID, timestamp+".0", specSignature), want: webhook.ErrBadTimestamp},
		{name: "endless timestamp", header: signedHeader(specID, strings.Repeat("9", 40), specSignature), want: webhook.ErrBadTimestamp},
		{name: "another timestamp", header: signedHeader(specID, strconv.Itoa(specTime+1), specSignature), want: webhook.ErrBadSignature},
		{name: "another body", header: good, body: `{"test":2432232314}`, want: webhook.ErrBadSignature},
		{name: "another id", header: signedHeader(specID+"x", timestamp, specSignature), want: webhook.ErrBadSignature},
		{name: "another secret", secrets: []string{other}, header: good, want: webhook.ErrBadSignature},
		{name: "signature of zeros", header: signedHeader(specID, timestamp, tampered), want: webhook.ErrBadSignature},
		{name: "empty signature", header: signedHeader(specID, timestamp, "v1,"), want: webhook.ErrBadSignature},
		{name: "too many signatures", header: signedHeader(specID, timestamp, strings.Repeat("v1,A ", 32)+specSignature), want: webhook.ErrBadSignature},
		{name: "no id", header: signedHeader("", timestamp, specSignature), want: webhook.ErrNoSignature},
		{name: "no signature", header: signedHeader(specID, timestamp), want: webhook.ErrNoSignature},
		{name: "only another scheme", header: signedHeader(specID, timestamp, "v1a,AAAA"), want: webhook.ErrNoSignature},
		{name: "endless signature", header: signedHeader(specID, timestamp, specSignature+strings.Repeat(" ", 5000)), want: webhook.ErrNoSignature},
		{name: "a bad secret among good ones", secrets: []string{specSecret, "x"}, header: good, want: webhook.ErrBadSecret},
		{name: "no secret", secrets: []string{}, header: good, want: webhook.ErrBadSecret},
	} {
		t.Run(c.name, func(t *testing.T) {
			secrets, body := c.secrets, c.body
			if secrets == nil {
				secrets = []string{specSecret}
			}
			if body == "" {
				body = specBody
			}
			id, err := webhook.Verify(secrets, c.header, []byte(body), time.Unix(specTime, 0).Add(c.after))
			require.ErrorIs(t, err, c.want)
			if c.want == nil {
				require.NoError(t, err)
				require.Equal(t, specID, id)
			} else {
				require.Empty(t, id)
			}
		})
	}
}

// A receiver that decodes and encodes again before it verifies gets other bytes: slashes, key order,
// unicode. What is signed is what is sent.
func TestIncident43_TheExactBytesAreSigned(t *testing.T) {
	at := time.Unix(specTime, 0)
	sent := `{"url":"https:\/\/shop.example","name":"caf\u00e9","b":1,"a":1.0}`
	sig, err := webhook.Sign(specSecret, specID, at, []byte(sent))
	require.NoError(t, err)
	h := signedHeader(specID, strconv.Itoa(specTime), sig)
	_, err = webhook.Verify([]string{specSecret}, h, []byte(sent), at)
	require.NoError(t, err)
	for _, same := range []string{
		`{"url":"https://shop.example","name":"caf\u00e9","b":1,"a":1.0}`,
		`{"url":"https:\/\/shop.example","name":"café","b":1,"a":1.0}`,
		`{"url":"https:\/\/shop.example","name":"caf\u00e9","a":1.0,"b":1}`,
		sent + "\n",
	} {
		_, err := webhook.Verify([]string{specSecret}, h, []byte(same), at)
		require.ErrorIs(t, err, webhook.ErrBadSignature, same)
	}
}

func TestIncident42_ARecordedMessageIsNotBelievedLater(t *testing.T) {
	h := signedHeader(specID, strconv.Itoa(specTime), specSignature)
	_, err := webhook.Verify([]string{specSecret}, h, []byte(specBody), time.Unix(specTime, 0).Add(24*time.Hour))
	require.ErrorIs(t, err, webhook.ErrBadTimestamp)
}

func TestIncident39_BytesThatAreNotBelievedAreNotHandedOut(t *testing.T) {
	at := time.Unix(specTime, 0)
	request := func(body string) *http.Request {
		r := httptest.NewRequest(http.MethodPost, "/hook", strings.NewReader(body))
		r.Header = signedHeader(specID, strconv.Itoa(specTime), specSignature)
		return r
	}
	id, body, err := webhook.VerifyRequest(request(specBody), []string{specSecret}, at)
	require.NoError(t, err)
	require.Equal(t, specID, id)
	require.Equal(t, specBody, string(body))

	unsigned := request(specBody)
	unsigned.Header.Del(webhook.HeaderSignature)
	_, body, err = webhook.VerifyRequest(unsigned, []string{specSecret}, at)
	require.ErrorIs(t, err, webhook.ErrNoSignature)
	require.Nil(t, body)

	_, body, err = webhook.VerifyRequest(request("{}"), []string{specSecret}, at)
	require.ErrorIs(t, err, webhook.ErrBadSignature)
	require.Nil(t, body, "bytes that are not believed are not handed out")

	_, _, err = webhook.VerifyRequest(request(strings.Repeat("x", 1<<20+1)), []string{specSecret}, at)
	var tooLong *http.MaxBytesError
	require.ErrorAs(t, err, &tooLong)
}

// FuzzVerify shows that no header makes Verify believe what was not signed, or panic.
func FuzzVerify(f *testing.F) {
	f.Add(specID, strconv.Itoa(specTime), specSignature, []byte(specBody))
	f.Add(specID, "-1", "v1,", []byte{})
	f.Add("a.b", "1614265330 ", "v1,AAAA v1,BBBB v2,", []byte("{}"))
	f.Add("", "", " , ,,", []byte(nil))
	f.Fuzz(func(t *testing.T, id, timestamp, signature string, body []byte) {
		h := http.Header{
			webhook.HeaderID: {id}, webhook.HeaderTimestamp: {timestamp}, webhook.HeaderSignature: {signature},
		}
		now := time.Unix(specTime, 0)
		got, err := webhook.Verify([]string{specSecret}, h, body, now)
		if err != nil {
			if got != "" {
				t.Fatalf("id %q beside error %v", got, err)
			}
			return
		}
		seconds, parseErr := strconv.ParseInt(timestamp, 10, 64)
		if parseErr != nil {
			t.Fatalf("believed with timestamp %q", timestamp)
		}
		want, signErr := webhook.Sign(specSecret, id, time.Unix(seconds, 0), body)
		if signErr != nil || !strings.Contains(signature, want) {
			t.Fatalf("believed %q, which is not signed (%v)", signature, signErr)
		}
	})
}
