package signer

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/payout"
)

const bearer = "0123456789abcdef0123456789abcdef"

// allowShop is a policy that pays the shop, sometimes later.
func allowShop(_ context.Context, _ payout.SignRequest, p payout.Parsed) error {
	for _, o := range p.Outputs {
		if o.To != "shop" {
			return &payout.RefusedError{Code: payout.RefusedPolicy, Reason: "receiver is not on the list"}
		}
		if o.Units.Cmp(big.NewInt(1000)) > 0 {
			return payout.ErrLater
		}
	}
	return nil
}

func handlerOf(t *testing.T, change func(*HandlerConfig)) http.Handler {
	t.Helper()
	c := HandlerConfig{Signer: toySeed(t, toy{}), Families: []Family{toy{network: toyNetwork}}, Policy: allowShop, Token: bearer}
	if change != nil {
		change(&c)
	}
	h, err := NewHandler(c)
	require.NoError(t, err)
	return h
}

func remoteOf(t *testing.T, h http.Handler) *Remote {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	r, err := NewRemote(RemoteConfig{URL: server.URL + "/sign", Token: bearer, Timeout: 5 * time.Second})
	require.NoError(t, err)
	return r
}

func TestRemote_SignsRefusesAndWaitsAsThePolicySays(t *testing.T) {
	r := remoteOf(t, handlerOf(t, nil))
	good := toyRequest("shop", 5)
	signed, err := r.Sign(ctx, good)
	require.NoError(t, err)
	require.NoError(t, verifyToy(good.Unsigned, signed))

	_, err = r.Sign(ctx, toyRequest("thief", 5))
	var refused *payout.RefusedError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, payout.RefusedError{Code: payout.RefusedPolicy, Reason: "receiver is not on the list"}, *refused)

	_, err = r.Sign(ctx, toyRequest("shop", 5000))
	require.ErrorIs(t, err, payout.ErrLater)

	bad := good
	bad.Unsigned = []byte("{}")
	_, err = r.Sign(ctx, bad)
	require.ErrorAs(t, err, &refused)
	require.Equal(t, payout.RefusedInvalid, refused.Code)
}

func TestRemote_LeavesOpenWhatIsNoWordOfTheSigner(t *testing.T) {
	q := toyRequest("shop", 5)
	for name, respond := range map[string]func(w http.ResponseWriter, r *http.Request){
		"403 of a proxy": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "blocked by WAF", http.StatusForbidden) },
		"403 in JSON":    func(w http.ResponseWriter, _ *http.Request) { say(w, 403, wireRefused{"policy", "no", ""}) },
		"403 about something else": func(w http.ResponseWriter, _ *http.Request) {
			say(w, 403, wireRefused{"policy", "no", digest([]byte("x"))})
		},
		"200 with nothing": func(w http.ResponseWriter, _ *http.Request) { say(w, 200, wireSigned{}) },
		"200 in HTML":      func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") },
		"500":              func(w http.ResponseWriter, _ *http.Request) { problem(w, 500, "oops "+bearer) },
		"404":              http.NotFound,
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/other", http.StatusTemporaryRedirect)
		},
		"response is larger":        func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, MaxBody+2)) },
		"connection that is closed": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			signed, err := remoteOf(t, http.HandlerFunc(respond)).Sign(ctx, q)
			require.Error(t, err)
			require.Nil(t, signed)
			var refused *payout.RefusedError
			require.False(t, errors.As(err, &refused), err)
			require.NotErrorIs(t, err, payout.ErrLater)
			require.NotContains(t, err.Error(), bearer)
			require.NotContains(t, err.Error(), "127.0.0.1")
		})
	}
}

func TestRemote_HasALimitOfTime(t *testing.T) {
	over := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-over }))
	defer server.Close()
	defer close(over)
	r, err := NewRemote(RemoteConfig{URL: server.URL, Timeout: 20 * time.Millisecond})
	require.NoError(t, err)
	_, err = r.Sign(ctx, toyRequest("shop", 5))
	require.Error(t, err)
}

func TestNewRemote_RefusesBadConfigurationWithoutRepeatingSecrets(t *testing.T) {
	for _, c := range []RemoteConfig{
		{URL: ""}, {URL: "ftp://signer/sign"}, {URL: "http://signer.example/secret"}, {URL: "https://signer/", Token: "secret"},
	} {
		_, err := NewRemote(c)
		require.ErrorContains(t, err, "RemoteConfig.")
		require.NotContains(t, err.Error(), "secret")
	}
	r, err := NewRemote(RemoteConfig{URL: "https://signer/", Token: bearer})
	require.NoError(t, err)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		require.NotContains(t, fmt.Sprintf(verb, r), bearer)
		require.NotContains(t, fmt.Sprintf(verb, r), fmt.Sprintf("%x", bearer))
	}
}

func TestHandler_RefusesStrangersAndWhatIsNoRequest(t *testing.T) {
	h := handlerOf(t, nil)
	good, err := json.Marshal(toyRequest("shop", 5))
	require.NoError(t, err)
	ask := func(method, auth, kind, body string) int {
		r := httptest.NewRequest(method, "/sign", strings.NewReader(body))
		r.Header.Set("Authorization", auth)
		r.Header.Set("Content-Type", kind)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		require.NotContains(t, w.Body.String(), bearer)
		return w.Code
	}
	const auth, kind = "Bearer " + bearer, "application/json; charset=utf-8"
	require.Equal(t, 200, ask("POST", auth, kind, string(good)))
	require.Equal(t, 401, ask("POST", "", kind, string(good)))
	require.Equal(t, 401, ask("POST", "Bearer "+strings.ToUpper(bearer), kind, string(good)))
	require.Equal(t, 401, ask("POST", "Basic "+bearer, kind, string(good)))
	require.Equal(t, 401, ask("POST", bearer, kind, string(good)))
	require.Equal(t, 405, ask("GET", auth, kind, ""))
	require.Equal(t, 415, ask("POST", auth, "text/plain", string(good)))
	require.Equal(t, 413, ask("POST", auth, kind, strings.Repeat(" ", MaxBody+1)))
	require.Equal(t, 400, ask("POST", auth, kind, "{"))
	require.Equal(t, 400, ask("POST", auth, kind, "{}"))
	require.Equal(t, 422, ask("POST", auth, kind, strings.Replace(string(good), "test:toy", "test:other", 1)))
}

func TestHandler_ShowsNoUnexpectedError(t *testing.T) {
	h := handlerOf(t, func(c *HandlerConfig) { c.Signer = brokenSigner{} })
	_, err := remoteOf(t, h).Sign(ctx, toyRequest("shop", 5))
	require.ErrorContains(t, err, "500")
	require.NotContains(t, err.Error(), "vault")
}

type brokenSigner struct{}

func (brokenSigner) Sign(context.Context, payout.SignRequest) ([]byte, error) {
	return nil, errors.New("vault at 10.0.0.1 is sealed")
}

func TestNewHandler_RefusesBadConfiguration(t *testing.T) {
	for field, change := range map[string]func(*HandlerConfig){
		"Signer":   func(c *HandlerConfig) { c.Signer = nil },
		"Policy":   func(c *HandlerConfig) { c.Policy = nil },
		"Families": func(c *HandlerConfig) { c.Families = nil },
		"twice":    func(c *HandlerConfig) { c.Families = append(c.Families, c.Families[0]) },
		"Token":    func(c *HandlerConfig) { c.Token = "short" },
		"needs":    func(c *HandlerConfig) { c.Token = "" },
	} {
		c := HandlerConfig{Signer: toySeed(t, toy{}), Families: []Family{toy{network: toyNetwork}}, Policy: allowShop, Token: bearer}
		change(&c)
		_, err := NewHandler(c)
		require.ErrorContains(t, err, field)
	}
}

func TestRemote_OverTLSWithClientCertificates(t *testing.T) {
	ca, caKey := certificate(t, "ca", nil, nil)
	theirs, theirKey := certificate(t, "127.0.0.1", ca, caKey)
	ours, ourKey := certificate(t, "shop", ca, caKey)
	stranger, strangerKey := certificate(t, "stranger", nil, nil)
	pool := x509.NewCertPool()
	pool.AddCert(ca)

	server := httptest.NewUnstartedServer(handlerOf(t, func(c *HandlerConfig) { c.Token, c.ClientCertificates = "", true }))
	server.Config.ErrorLog = nil
	server.TLS = &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{theirs.Raw}, PrivateKey: theirKey}},
		ClientAuth:   tls.VerifyClientCertIfGiven, ClientCAs: pool, MinVersion: tls.VersionTLS13,
	}
	server.StartTLS()
	defer server.Close()
	dial := func(certificates ...tls.Certificate) *Remote {
		r, err := NewRemote(RemoteConfig{URL: server.URL, Client: &http.Client{Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: certificates, MinVersion: tls.VersionTLS13},
		}}})
		require.NoError(t, err)
		return r
	}
	q := toyRequest("shop", 5)
	signed, err := dial(tls.Certificate{Certificate: [][]byte{ours.Raw}, PrivateKey: ourKey}).Sign(ctx, q)
	require.NoError(t, err)
	require.NoError(t, verifyToy(q.Unsigned, signed))

	for _, r := range []*Remote{dial(), dial(tls.Certificate{Certificate: [][]byte{stranger.Raw}, PrivateKey: strangerKey})} {
		signed, err := r.Sign(ctx, q)
		require.Error(t, err)
		require.Nil(t, signed)
		var refused *payout.RefusedError
		require.False(t, errors.As(err, &refused))
	}
}

func certificate(t *testing.T, name string, parent *x509.Certificate, signer *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	c := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IsCA:        parent == nil, BasicConstraintsValid: true, IPAddresses: []net.IP{{127, 0, 0, 1}},
	}
	if parent == nil {
		parent, signer = c, key
	}
	raw, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	require.NoError(t, err)
	out, err := x509.ParseCertificate(raw)
	require.NoError(t, err)
	return out, key
}

func TestGuard_AsksThePolicyAgainForEachRequest(t *testing.T) {
	asked := 0
	g, err := NewGuard(GuardConfig{
		Signer: toySeed(t, toy{}), Families: []Family{toy{network: toyNetwork}},
		Policy: func(ctx context.Context, r payout.SignRequest, p payout.Parsed) error {
			asked++
			return allowShop(ctx, r, p)
		},
	})
	require.NoError(t, err)
	first, err := g.Sign(ctx, toyRequest("shop", 5))
	require.NoError(t, err)
	again, err := g.Sign(ctx, toyRequest("shop", 5))
	require.NoError(t, err)
	require.True(t, bytes.Equal(first, again))
	require.Equal(t, 2, asked)
	_, err = g.Sign(ctx, toyRequest("thief", 5))
	var refused *payout.RefusedError
	require.ErrorAs(t, err, &refused)
}
