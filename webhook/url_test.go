package webhook_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/cointill/cointill/webhook"
	"github.com/stretchr/testify/require"
)

func TestEndpointIsOneSpellingOfSchemeHostAndPort(t *testing.T) {
	for raw, want := range map[string]string{
		"https://shop.example/hook?key=1":    "https://shop.example:443",
		"HTTPS://Shop.Example.:443/":         "https://shop.example:443",
		"http://shop.example":                "http://shop.example:80",
		"http://shop.example:08080/a":        "http://shop.example:8080",
		"https://user:pw@shop.example/":      "https://shop.example:443",
		"http://[2001:DB8::0:1]:8080/":       "http://[2001:db8::1]:8080",
		"http://[::ffff:192.0.2.1]/":         "http://192.0.2.1:80",
		"https://xn--bcher-kva.example/":     "https://xn--bcher-kva.example:443",
		"ftp://shop.example/":                "",
		"shop.example/hook":                  "",
		"https:///hook":                      "",
		"https://shop.example:99999/":        "",
		"https://shop.example:0/":            "",
		"https://shop.example/%zz?pw=s3cret": "",
	} {
		got, err := webhook.Endpoint("p1", raw)
		if err == nil {
			require.True(t, strings.HasPrefix(got, "p1/"), got)
			got = got[len("p1/"):strings.LastIndex(got, "/")]
		}
		require.Equal(t, want, got, raw)
		require.Equal(t, want == "", err != nil, raw)
		if err != nil {
			require.NotContains(t, err.Error(), "s3cret")
		}
	}
}

func TestEndpointsAreApartByProjectAndPathButNotByOrder(t *testing.T) {
	endpoint := func(project, url string) string {
		t.Helper()
		out, err := webhook.Endpoint(project, url)
		require.NoError(t, err)
		return out
	}
	all := map[string]bool{}
	for i := range 10_000 {
		one := endpoint("p1", fmt.Sprintf("https://shop.example/hook/%d", i))
		require.Equal(t, one, endpoint("p1", fmt.Sprintf("https://SHOP.example:443/hook/%d?order=%d", i, i)))
		all[one] = true
	}
	require.Len(t, all, 64, "not one for each order")
	require.NotEqual(t, endpoint("p1", "https://shop.example/a"), endpoint("p2", "https://shop.example/a"))
	require.NotEqual(t, endpoint("p1", "https://shop.example/a"), endpoint("p1", "https://shop.example/b"))
	require.NotEqual(t, endpoint("p1", "https://shop.example/a"), endpoint("p1", "https://shop.example:8443/a"))
	long := strings.Repeat("ä", 255)
	require.LessOrEqual(t, len(endpoint(long, "https://shop.example/a")), 500, "a database has an index of it")
	require.True(t, utf8.ValidString(endpoint("a"+long, "https://shop.example/a")))
	require.NotEqual(t, endpoint(long, "https://shop.example/a"), endpoint(long, "https://shop.example/b"))
}

func TestEndpointsBeginWithWhatNoOtherProjectsDo(t *testing.T) {
	projects := []string{"", "p", "p1", "p1/https:", "P1", "p%2F1", "p/1", "%", "%%", "ä", "a b", strings.Repeat("x", 249),
		strings.Repeat("x", 250), strings.Repeat("ä", 190), strings.Repeat("ä", 191)}
	for _, one := range projects {
		endpoint, err := webhook.Endpoint(one, "https://"+strings.Repeat("shop.", 40)+"example/a")
		require.NoError(t, err)
		for _, other := range projects {
			require.Equal(t, one == other, strings.HasPrefix(endpoint, webhook.EndpointPrefix(other)), "%q, %q", endpoint, other)
		}
	}
}

func TestCheckURL(t *testing.T) {
	const no, public, yes = "refused", "refused unless private is allowed", "fine"
	for raw, want := range map[string]string{
		"https://shop.example/hook?order=1":                 yes,
		"http://shop.example":                               yes,
		"https://shop.example:8443/":                        yes,
		"https://shop.example:1024/":                        yes,
		"https://xn--bcher-kva.example./":                   yes,
		"http://my_shop/":                                   yes,
		"http://93.184.215.14/":                             yes,
		"http://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/":  yes,
		"https://shop.example/" + strings.Repeat("x", 2027): yes,

		"http://localhost/":           public,
		"http://LOCALHOST.:8080/":     public,
		"http://api.localhost/":       public,
		"http://127.0.0.1/":           public,
		"http://10.0.0.1:8080/":       public,
		"http://169.254.169.254/":     public,
		"http://[::1]/":               public,
		"http://[::ffff:7f00:1]/":     public,
		"http://[64:ff9b::a00:1]/":    public,
		"http://[fd00:ec2::254]/":     public,
		"http://100.100.100.200/meta": public,

		"":                               no,
		"shop.example/hook":              no,
		"//shop.example/hook":            no,
		"/hook":                          no,
		"ftp://shop.example/":            no,
		"javascript:alert(1)":            no,
		"https:shop.example":             no,
		"https://":                       no,
		"https://:443/":                  no,
		"https://./":                     no,
		"https://shop..example/":         no,
		"https://user@shop.example/":     no,
		"https://u:s3cret@shop.example/": no,
		"https://@shop.example/":         no,
		"https://shop.example/#top":      no,
		"https://shop.example/#":         no,
		"https://shop.example:0/":        no,
		"https://shop.example:25/":       no,
		"https://shop.example:22/":       no,
		"https://shop.example:1023/":     no,
		"https://shop.example:65536/":    no,
		"http://2130706433/":             no,
		"http://127.1/":                  no,
		"http://0x7f.1/":                 no,
		"http://0x7f000001/":             no,
		"http://0x/":                     no,
		"http://0177.0.0.1/":             no,
		"http://127.0.0.1./":             no,
		"http://1.2.3.4.5/":              no,
		"http://①②⑦.0.0.1/":              no,
		"http://bücher.example/":         no,
		"http://[fe80::1%25eth0]/":       no,
		"http://shop example/":           no,
		"https://shop.example/\x00":      no,
		"https://shop.example/" + strings.Repeat("x", 2028): no,
	} {
		for allowPrivate, check := range map[bool]func(string) error{false: webhook.CheckURL, true: webhook.CheckPrivateURL} {
			err := check(raw)
			fine := want == yes || want == public && allowPrivate
			require.Equal(t, fine, err == nil, "%.80q (private allowed: %t): %v", raw, allowPrivate, err)
			if err != nil {
				require.Regexp(t, "^must ", err.Error(), "the text follows the name of a field")
				require.NotContains(t, err.Error(), "s3cret")
			}
		}
	}
}

func FuzzCheckURL(f *testing.F) {
	for _, seed := range []string{"https://shop.example/hook", "http://[::1%25lo]:80", "http://0x7f.1", "http://a:1@b#c"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		if webhook.CheckPrivateURL(raw) != nil {
			if webhook.CheckURL(raw) == nil {
				t.Fatalf("%q is fine only without private addresses", raw)
			}
			return
		}
		if endpoint, err := webhook.Endpoint("p1", raw); err != nil {
			t.Fatalf("%q is fine but has no endpoint: %v", raw, err)
		} else if err := webhook.CheckPrivateURL(endpoint[len("p1/"):strings.LastIndex(endpoint, "/")]); err != nil {
			t.Fatalf("endpoint %q of %q: %v", endpoint, raw, err)
		}
	})
}
