package desk_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cointill/cointill/httpapi/desk"
	"github.com/cointill/cointill/invoice"
	"github.com/stretchr/testify/require"
)

// shownOnce requires that an act showed a secret, and returns it.
func (w *world) shownOnce(a answer) string {
	w.t.Helper()
	require.Equal(w.t, http.StatusOK, a.Code, a.Body)
	return unescape(regexpMustFind(w.t, `<code class="copy">([^<]+)</code>`, a.Body.String()))
}

func TestAProjectIsMadeAndItsKeyShownOnce(t *testing.T) {
	w := newWorld(t, nil)
	form := w.form("/projects/new")
	for name, value := range map[string]string{"name": "Corner", "owner": "ann", "description": "by the church", "addresses": "10.0.0.0/8, 192.0.2.1"} {
		form.Set(name, value)
	}
	key := w.shownOnce(w.post("/projects/new", form))
	p, err := w.projects.Authenticate(context.Background(), key)
	require.NoError(t, err)
	require.Equal(t, []string{"Corner", "ann", "by the church"}, []string{p.Name, p.Owner, p.Description})
	require.NotContains(t, string(marshal(t, w.audit())), key)
	again := w.acted(w.post("/projects/new", form))
	require.NotContains(t, again, key)
	require.Contains(t, again, "Nothing was done again")
	page := w.page("/projects/" + p.ID)
	require.Contains(t, page, "10.0.0.0/8, 192.0.2.1")
	require.NotContains(t, page, key)
	require.Contains(t, w.page("/projects"), "by the church")
}

func TestKeysAreMadeAnewAndRevoked(t *testing.T) {
	w := newWorld(t, nil)
	ctx := context.Background()
	path := "/projects/" + w.shop
	key := w.shownOnce(w.act(path+"/rotate-key", "routine", "overlap", "1h0m0s"))
	for _, k := range []string{key, w.key} {
		_, err := w.projects.Authenticate(ctx, k)
		require.NoError(t, err, "the key before is valid for an hour")
	}
	require.Contains(t, w.page(path), "the one before is valid until")
	w.wait(2 * time.Hour)
	_, err := w.projects.Authenticate(ctx, w.key)
	require.ErrorIs(t, err, invoice.ErrNotFound)

	w.acted(w.act(path+"/revoke-keys", "it was published"))
	_, err = w.projects.Authenticate(ctx, key)
	require.ErrorIs(t, err, invoice.ErrNotFound)
	require.Contains(t, w.page(path), "revoked")

	signing := w.shownOnce(w.act(path+"/make-key", "for the new API", "name", "cryptomus"))
	stored, err := w.projects.Key(ctx, w.shop, "cryptomus")
	require.NoError(t, err)
	require.Equal(t, stored, signing)
	require.Contains(t, w.page(path), "cryptomus")
	require.Equal(t, http.StatusConflict, w.act(path+"/make-key", "x", "name", "").Code)
	w.acted(w.act(path+"/revoke-key?name=cryptomus", "no longer used"))
	_, err = w.projects.Key(ctx, w.shop, "cryptomus")
	require.ErrorIs(t, err, invoice.ErrNotFound)
	require.Equal(t, http.StatusNotFound, w.fetch(path+"/revoke-key?name=cryptomus").Code)

	secret := w.shownOnce(w.act(path+"/rotate-secret", "routine", "overlap", "0s"))
	all, err := w.projects.Secrets(ctx, w.shop)
	require.NoError(t, err)
	require.Equal(t, []string{secret}, all)
	for _, e := range w.audit() {
		for _, s := range []string{key, signing, secret} {
			require.NotContains(t, string(marshal(t, e)), s)
		}
	}
}

func TestAddressesAndDiscountsOfAProjectAreChanged(t *testing.T) {
	w := newWorld(t, nil)
	path := "/projects/" + w.shop
	w.acted(w.act(path+"/addresses", "a new office", "addresses", "192.0.2.0/24"))
	require.Contains(t, w.page(path), "192.0.2.0/24")
	require.Contains(t, w.page(path+"/addresses"), `value="192.0.2.0/24"`)
	a := w.act(path+"/addresses", "a typo", "addresses", "192.0.2.0/99")
	require.Equal(t, http.StatusConflict, a.Code)
	require.Contains(t, a.Body.String(), "192.0.2.0/99", "what was typed is still there")
	w.acted(w.act(path+"/addresses", "everywhere", "addresses", ""))
	require.Contains(t, w.page(path), "any address")

	w.acted(w.act(path+"/discount", "a campaign", "code", "SIM", "percent", "5"))
	require.Contains(t, w.page(path), "5 %")
	require.Equal(t, http.StatusConflict, w.act(path+"/discount", "too much", "code", "SIM", "percent", "200").Code)
	require.Equal(t, http.StatusConflict, w.act(path+"/discount", "no number", "code", "SIM", "percent", "x").Code)
	w.acted(w.act(path+"/discount?code=SIM", "it is over", "code", "SIM", "percent", "0"))
	require.NotContains(t, w.page(path), "5 %")
}

func TestEndpointsOfAProjectAreManaged_O7(t *testing.T) {
	w := newWorld(t, nil)
	ctx := context.Background()
	path := "/projects/" + w.shop + "/endpoints/"
	secret := w.shownOnce(w.act(path+"new", "", "url", "https://shop.example/hooks?token=s3cr3t", "events", "invoice.completed, payout.*"))
	all, err := w.projects.Endpoints(ctx, w.shop)
	require.NoError(t, err)
	require.Len(t, all, 1)
	require.Equal(t, []string{"invoice.completed", "payout.*"}, all[0].Events)
	for _, where := range []string{"/webhooks", "/projects/" + w.shop} {
		page := w.page(where)
		require.Contains(t, page, "https://shop.example/hooks?")
		require.Contains(t, page, "invoice.completed, payout.*")
		require.NotContains(t, page, "s3cr3t")
		require.NotContains(t, page, secret)
	}
	at := path + all[0].ID
	w.acted(w.act(at+"/change", "", "url", "https://shop.example/other", "events", "", "disabled", "1"))
	require.Contains(t, w.page("/webhooks"), "disabled: it is told nothing")
	require.Equal(t, http.StatusConflict, w.act(at+"/change", "", "url", "not a URL").Code)
	newSecret := w.shownOnce(w.act(at+"/rotate", "routine", "overlap", "0s"))
	secrets, err := w.projects.EndpointSecrets(ctx, w.shop, all[0].ID)
	require.NoError(t, err)
	require.Equal(t, []string{newSecret}, secrets)
	require.NotEqual(t, secret, newSecret)
	w.acted(w.act(at+"/remove", "the service is gone"))
	require.NotContains(t, w.page("/webhooks"), all[0].ID)
	require.Equal(t, http.StatusNotFound, w.fetch(at+"/remove").Code)

	w.as("olga", desk.RoleOperator)
	require.NotContains(t, w.page("/webhooks"), "Add an endpoint")
	require.Equal(t, http.StatusConflict, func() int { w.as("ann", desk.RoleAdministrator); return w.act(path+"new", "", "url", "ftp://x").Code }())
	require.Equal(t, 1, strings.Count(w.page("/webhooks?project="+w.rival), "No endpoints."))
}

func TestManyProjectsArePaged(t *testing.T) {
	w := newWorld(t, nil)
	for i := range 55 {
		_, _, err := w.projects.Create(context.Background(), invoice.NewProject{Owner: "many", Name: strings.Repeat("p", i+1)})
		require.NoError(t, err)
	}
	seen := 0
	for next := "/projects"; next != ""; {
		page := w.page(next)
		seen += strings.Count(page, `<td data-label="Owner">`)
		next = nextOf(page, "/projects")
	}
	require.Equal(t, 57, seen)
	require.Contains(t, w.page("/money"), "Only the first 50 projects are shown")
	w.as("zoe", desk.RoleAdministrator, w.rival)
	require.Equal(t, 1, strings.Count(w.page("/projects"), `<td data-label="Owner">`))
}
