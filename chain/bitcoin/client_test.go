package bitcoin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDial_RefusesByFieldName(t *testing.T) {
	for want, c := range map[string]ClientConfig{
		"URL":                      {URL: "ws://127.0.0.1:8332"},
		"http or https":            {},
		"credentials are also set": {URL: "http://a:b@127.0.0.1", User: "c"},
		"User and ClientConfig.CookieFile are both set": {URL: "http://127.0.0.1", User: "c", CookieFile: "x"},
	} {
		_, err := Dial(c)
		require.ErrorContains(t, err, want)
	}
}

func TestErrors_AreTypedByCodeWhateverTheStatus(t *testing.T) {
	for _, c := range []struct {
		status int
		body   string
		code   int // of an *Error, or else
		http   int // of a *StatusError
	}{
		{500, `{"result":null,"error":{"code":-5,"message":"Block not found"},"id":1}`, -5, 0},
		{404, `{"result":null,"error":{"code":-32601,"message":"Method not found"},"id":1}`, -32601, 0},
		{200, `{"jsonrpc":"2.0","error":{"code":-8,"message":"out of range"},"id":1}`, -8, 0},
		{500, `{"result":null,"error":{"code":-28,"message":"Loading block index..."},"id":1}`, -28, 0},
		{503, `Work queue depth exceeded`, 0, 503},
		{403, ``, 0, 403},
		{401, `{"result":null,"error":{"code":-1,"message":"who?"},"id":1}`, 0, 401},
		{500, `<html>`, 0, 500},
		{502, `{"message":"gateway"}`, 0, 502},
		{302, ``, 0, 302},
	} {
		f := &fakeCore{handler: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(c.status)
			fmt.Fprint(w, c.body)
		}}
		err := f.client(t, ClientConfig{}).Call(t.Context(), nil, "getblockcount")
		if c.code != 0 {
			var coded *Error
			require.ErrorAs(t, err, &coded, c.body)
			require.Equal(t, c.code, coded.Code)
			continue
		}
		var status *StatusError
		require.ErrorAs(t, err, &status, c.body)
		require.Equal(t, c.http, status.Status)
	}
}

func TestCookie_IsReadAgainWhenTheNodeHasAnotherOne(t *testing.T) {
	file := filepath.Join(t.TempDir(), ".cookie")
	require.NoError(t, os.WriteFile(file, []byte("__cookie__:first"), 0o600))
	f := newCore(t, BitcoinRegtest())
	f.auth = basic("__cookie__:first")
	c := f.client(t, ClientConfig{CookieFile: file})
	require.NoError(t, c.Call(t.Context(), nil, "getblockchaininfo"))

	f.mu.Lock()
	f.auth = basic("__cookie__:second") // the node was started again
	f.mu.Unlock()
	var status *StatusError
	require.ErrorAs(t, c.Call(t.Context(), nil, "getblockchaininfo"), &status)
	require.Equal(t, http.StatusUnauthorized, status.Status)

	require.NoError(t, os.WriteFile(file, []byte("__cookie__:second\n"), 0o600))
	require.NoError(t, c.Call(t.Context(), nil, "getblockchaininfo"))
}

func TestErrors_TellNoSecret(t *testing.T) {
	const secret = "s3cr3t"
	dead := httptest.NewServer(http.NotFoundHandler())
	dead.Close()
	bodies := []string{"", "{", `{"error":7}`, `{"result":"` + "zz" + `"}`, `{"result":{}}`, `{}`}
	for _, body := range bodies {
		for _, status := range []int{200, 401, 403, 500, 302} {
			f := &fakeCore{handler: func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(status)
				fmt.Fprint(w, body)
			}}
			server := httptest.NewServer(f)
			for _, base := range []string{server.URL, dead.URL} {
				host := strings.TrimPrefix(base, "http://")
				for _, c := range []ClientConfig{
					{URL: base, User: "u", Password: secret},
					{URL: "http://u:" + secret + "@" + host},
					{URL: base + "/" + secret + "?key=" + secret},
				} {
					c, err := Dial(c)
					require.NoError(t, err)
					var text string
					err = c.Call(t.Context(), &text, "getbestblockhash")
					if err == nil {
						continue
					}
					require.NotContains(t, err.Error(), secret)
					err = c.raw(t.Context(), 10, func([]byte) error { return nil }, "getblock")
					require.Error(t, err)
					require.NotContains(t, err.Error(), secret)
					require.NotContains(t, c.batch(t.Context(), make([]query, 2)).Error(), secret)
				}
			}
			server.Close()
		}
	}
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		said := strings.Repeat("x", 150) + " " + r.URL.String() + " " + r.Header.Get("Authorization")
		fmt.Fprintf(w, `{"id":1,"error":{"code":-32600,"message":%q}}`, said)
	}))
	defer echo.Close()
	cookie := filepath.Join(t.TempDir(), ".cookie")
	require.NoError(t, os.WriteFile(cookie, []byte("operator:"+secret+"\n"), 0o600))
	for _, c := range []ClientConfig{
		{URL: echo.URL, User: "operator", Password: secret},
		{URL: echo.URL, CookieFile: cookie},
		{URL: "http://operator:" + secret + "@" + strings.TrimPrefix(echo.URL, "http://") + "/" + secret},
		{URL: echo.URL + "/" + secret + "?key=" + secret + "&" + secret},
	} {
		client, err := Dial(c)
		require.NoError(t, err)
		for _, err := range []error{
			client.Call(t.Context(), nil, "getbestblockhash"), client.batch(t.Context(), make([]query, 2)),
			client.raw(t.Context(), 10, func([]byte) error { return nil }, "getblock"),
		} {
			var fault *Error
			require.ErrorAs(t, err, &fault)
			require.Equal(t, -32600, fault.Code)
			for _, told := range []string{secret, secret[:3], "operator", basic("operator:" + secret)[6:]} {
				require.NotContains(t, err.Error(), told)
			}
			require.LessOrEqual(t, len(fault.Message), 200)
		}
	}
	_, err := Dial(ClientConfig{URL: "http://u:" + secret + "@%zz"})
	require.NotContains(t, err.Error(), secret)
}

func TestAnswers_AreBounded(t *testing.T) {
	t.Run("by what they announce", func(t *testing.T) {
		f := &fakeCore{handler: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(MaxResponse+1))
			w.WriteHeader(200)
		}}
		require.ErrorIs(t, f.client(t, ClientConfig{}).Call(t.Context(), nil, "x"), ErrResponseTooLarge)
	})
	t.Run("by what was asked for", func(t *testing.T) {
		f := newCore(t, BitcoinRegtest())
		f.say("getblockheader", strings.Repeat("00", headerSize+maxPow+1))
		_, err := f.node(t).Header(t.Context(), 1)
		require.ErrorIs(t, err, ErrResponseTooLarge)
	})
	t.Run("cut off", func(t *testing.T) {
		f := &fakeCore{handler: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, `{"result":"00`)
		}}
		c := f.client(t, ClientConfig{})
		require.Error(t, c.Call(t.Context(), nil, "x"))
		require.Error(t, c.raw(t.Context(), 10, func([]byte) error { return nil }, "x"))
	})
	t.Run("message of an error", func(t *testing.T) {
		f := newCore(t, BitcoinRegtest())
		f.override["x"] = func([]json.RawMessage) (any, *Error) { return nil, &Error{-1, strings.Repeat("ä", 5000)} }
		err := f.client(t, ClientConfig{}).Call(t.Context(), nil, "x")
		require.Less(t, len(err.Error()), 300)
		require.True(t, strings.HasSuffix(err.Error(), "ä"))
	})
}

func TestHexResults_InEverySpelling(t *testing.T) {
	for body, want := range map[string]string{
		`{"result":"00ff","error":null,"id":1}`:              "\x00\xff",
		`{"jsonrpc":"1.0","result":"00FF","error":null}`:     "\x00\xff",
		`{"id":1, "error": null, "result": "00ff"}`:          "\x00\xff",
		`{"x":{"result":"aa"},"result":"00ff"}`:              "\x00\xff",
		`{"result":"","error":null}`:                         "",
		`{"result":"0","error":null}`:                        "!",
		`{"result":"zz","error":null}`:                       "!",
		`{"result":"00ff","error":null`:                      "!",
		`{"result":"00ff","error":{"code":-5}}`:              "!",
		`{"result":null,"error":null}`:                       "!",
		`{"result":"0000000000000000000000","error":null}`:   "!",
		`{"result": "0000000000000000000000","error": null}`: "!",
	} {
		got, err := unhex([]byte(body), 10)
		if want == "!" {
			require.Error(t, err, body)
			continue
		}
		require.NoError(t, err, body)
		require.Equal(t, want, string(got), body)
	}
}

func TestBatch_AnswersThatDoNotFitTheQuestionsAreRefused(t *testing.T) {
	for _, body := range []string{
		`[{"id":0,"result":1}]`,
		`[{"id":0,"result":1},{"id":0,"result":1}]`,
		`[{"id":0,"result":1},{"id":2,"result":1}]`,
		`[{"id":0,"result":1},{"id":null,"result":1}]`,
		`[{"id":0,"result":1},{"id":1,"result":1},{"id":1,"result":1}]`,
		`[]`, `null`, `{}`, `{"error":{"code":-32600,"message":"no batches"},"id":null}`,
	} {
		f := &fakeCore{handler: func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) }}
		err := f.client(t, ClientConfig{}).batch(t.Context(), []query{{method: "a"}, {method: "b"}})
		require.Error(t, err, body)
	}
}
