package storetest

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store"
)

var projectCases = []testCase{
	{"a project comes back as it was", "a project is found by id and by the hash of its key", projectRoundTrip},
	{"names are unique for an owner", "ErrDuplicateProject when the owner has a project of this name", projectNames},
	{"ids and keys are unique", "ErrConflict when the id or the key hash is taken", projectKeys},
	{"a taken name comes before a taken key", "of the refusals that apply, the id and the version come first, then the name, then the key hash", projectRefusals},
	{"projects by a part of their owner", "ProjectsByOwner returns the ids, in order, of the projects with the text in their owner, whatever the case of ASCII letters, and every character stands for itself", projectOwners},
	{"projects are listed by their ids", "Projects returns up to limit projects with ids after the given one, in the order of their bytes", projectList},
	{"a former key finds its project too", "ProjectByKey finds the project by its key hash, else by its former one, and no project by the empty one", projectFormerKeys},
	{"updates carry the next version", "UpdateProject replaces the project if the stored version is one less, else ErrConflict", projectVersions},
}

func newProject(n string) invoice.Project {
	return invoice.Project{
		ID: "project-" + n, Owner: "ann", Name: "Shop " + n, Description: "déjà vu 🏪", KeyHash: "hash-" + n,
		AllowedIPs: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")},
		Secrets:    []invoice.Secret{{Value: "whsec_new"}, {Value: "whsec_old", Until: start}},
		Keys:       map[string]invoice.Secret{"payment": {Value: "0123"}, "payout": {Value: "4567"}},
		FormerKeys: map[string]invoice.Secret{"payment": {Value: "89ab", Until: start}},
		Discounts:  map[string]int{"BTC": 5, "USDT_TRC20": -10},
		Endpoints: []invoice.Endpoint{
			{ID: "ep_1", URL: "https://a.example/?t=1", Secrets: []invoice.Secret{{Value: "whsec_1"}, {Value: "whsec_0", Until: start}},
				Events: []string{"invoice.completed", "payout.*"}, Format: "terse", CreatedAt: start},
			{ID: "ep_2", URL: "https://b.example/", Secrets: []invoice.Secret{{Value: "whsec_2"}}, Disabled: true, CreatedAt: start.Add(1)},
		},
		CreatedAt: start, Version: 1,
	}
}

func insertProject(t *testing.T, b store.Backend, p invoice.Project) {
	t.Helper()
	if err := b.InsertProject(t.Context(), p); err != nil {
		t.Fatal(err)
	}
}

func projectRoundTrip(t *testing.T, b store.Backend) {
	ctx := t.Context()
	want, bare := newProject("1"), invoice.Project{ID: "bare", Owner: "bob", Name: "b", KeyHash: "h", CreatedAt: start, Version: 1}
	insertProject(t, b, want)
	insertProject(t, b, bare)
	for range 2 {
		got := must[invoice.Project](t)(b.Project(ctx, want.ID))
		same(t, "the project", got, want)
		got.Secrets[0].Value, got.AllowedIPs[0] = "changed", netip.Prefix{}
		got.Endpoints[0].Secrets[0].Value, got.Endpoints[0].Events[0], got.Endpoints[1].URL = "changed", "changed", "changed"
		got.Keys["payment"], got.FormerKeys["payment"], got.Discounts["BTC"] = invoice.Secret{}, invoice.Secret{}, 0
	}
	same(t, "the project by its key", must[invoice.Project](t)(b.ProjectByKey(ctx, want.KeyHash)), want)
	got := must[invoice.Project](t)(b.Project(ctx, bare.ID))
	if len(got.AllowedIPs)+len(got.Secrets)+len(got.Keys)+len(got.Discounts)+len(got.Endpoints) != 0 || got.Name != "b" {
		t.Fatalf("got %+v", got)
	}
	_, err := b.Project(ctx, "nobody")
	wantErr(t, err, invoice.ErrNotFound)
	_, err = b.ProjectByKey(ctx, "no such hash")
	wantErr(t, err, invoice.ErrNotFound)
}

func projectNames(t *testing.T, b store.Backend) {
	insertProject(t, b, newProject("1"))
	twin := newProject("2")
	twin.Name = newProject("1").Name
	wantErr(t, b.InsertProject(t.Context(), twin), invoice.ErrDuplicateProject)
	_, err := b.Project(t.Context(), twin.ID)
	wantErr(t, err, invoice.ErrNotFound)
	twin.Owner = "bob"
	insertProject(t, b, twin)
}

func projectKeys(t *testing.T, b store.Backend) {
	insertProject(t, b, newProject("1"))
	id, key := newProject("2"), newProject("3")
	id.ID, key.KeyHash = newProject("1").ID, newProject("1").KeyHash
	wantErr(t, b.InsertProject(t.Context(), id), invoice.ErrConflict)
	wantErr(t, b.InsertProject(t.Context(), key), invoice.ErrConflict)
	same(t, "the project", must[invoice.Project](t)(b.Project(t.Context(), "project-1")), newProject("1"))
}

func projectRefusals(t *testing.T, b store.Backend) {
	for n := range 4 { // several others: the answer must not depend on which is looked at first
		insertProject(t, b, newProject(fmt.Sprint(n)))
	}
	twin := newProject("new")
	twin.Name, twin.KeyHash = newProject("1").Name, newProject("2").KeyHash
	wantErr(t, b.InsertProject(t.Context(), twin), invoice.ErrDuplicateProject)
	twin.ID = newProject("3").ID
	wantErr(t, b.InsertProject(t.Context(), twin), invoice.ErrConflict)
	twin.Version = 2
	wantErr(t, b.UpdateProject(t.Context(), twin), invoice.ErrDuplicateProject)
	twin.Version = 3
	wantErr(t, b.UpdateProject(t.Context(), twin), invoice.ErrConflict)
	same(t, "the project", must[invoice.Project](t)(b.Project(t.Context(), twin.ID)), newProject("3"))
}

func projectVersions(t *testing.T, b store.Backend) {
	ctx := t.Context()
	p := newProject("1")
	wantErr(t, b.UpdateProject(ctx, p), invoice.ErrConflict)
	insertProject(t, b, p)
	wantErr(t, b.UpdateProject(ctx, p), invoice.ErrConflict)
	p.Version, p.Name, p.KeyHash = 2, "renamed", "another hash"
	p.Secrets, p.Discounts = p.Secrets[:1], map[string]int{"ETH": 1}
	p.Endpoints = p.Endpoints[1:]
	delete(p.Keys, "payout")
	if err := b.UpdateProject(ctx, p); err != nil {
		t.Fatal(err)
	}
	wantErr(t, b.UpdateProject(ctx, p), invoice.ErrConflict)
	same(t, "the project", must[invoice.Project](t)(b.Project(ctx, p.ID)), p)
	same(t, "the project by its new key", must[invoice.Project](t)(b.ProjectByKey(ctx, "another hash")), p)
	_, err := b.ProjectByKey(ctx, "hash-1")
	wantErr(t, err, invoice.ErrNotFound)
	p.Version = 4
	wantErr(t, b.UpdateProject(ctx, p), invoice.ErrConflict)
}

func projectList(t *testing.T, b store.Backend) {
	long := strings.Repeat("a long id ", 12)
	ids := []string{"b", "B", "10", "2", "é", long + "2", long + "1", "a-1", "a"}
	for _, id := range ids {
		p := newProject(id)
		p.ID = id
		insertProject(t, b, p)
	}
	slices.Sort(ids)
	for after := range append([]string{""}, ids...) {
		for _, limit := range []int{1, 4, 100} {
			var want, got []string
			last := ""
			if after > 0 {
				last = ids[after-1]
			}
			for _, id := range ids {
				if id > last && len(want) < limit {
					want = append(want, id)
				}
			}
			for _, p := range must[[]invoice.Project](t)(b.Projects(t.Context(), last, limit)) {
				got = append(got, p.ID)
				whole := newProject(p.ID)
				whole.ID = p.ID
				same(t, "a project of the list", p, whole)
			}
			same(t, fmt.Sprintf("%d projects after %q", limit, last), append([]string{}, got...), append([]string{}, want...))
		}
	}
}

func projectFormerKeys(t *testing.T, b store.Backend) {
	ctx := t.Context()
	p, other := newProject("1"), newProject("2")
	insertProject(t, b, p)
	insertProject(t, b, other)
	p.Version, p.FormerKeyHash, p.FormerKeyUntil, p.KeyHash = 2, p.KeyHash, start, "new"
	if err := b.UpdateProject(ctx, p); err != nil {
		t.Fatal(err)
	}
	for _, hash := range []string{"new", "hash-1"} {
		same(t, "the project by the key "+hash, must[invoice.Project](t)(b.ProjectByKey(ctx, hash)), p)
	}
	other.Version, other.FormerKeyHash = 2, "new"
	if err := b.UpdateProject(ctx, other); err != nil {
		t.Fatal(err)
	}
	same(t, "the project whose key it is, not the one whose it was", must[invoice.Project](t)(b.ProjectByKey(ctx, "new")), p)
	p.Version, p.FormerKeyHash = 3, ""
	if err := b.UpdateProject(ctx, p); err != nil {
		t.Fatal(err)
	}
	for _, hash := range []string{"hash-1", ""} {
		_, err := b.ProjectByKey(ctx, hash)
		wantErr(t, err, invoice.ErrNotFound)
	}
	same(t, "the other", must[invoice.Project](t)(b.ProjectByKey(ctx, other.KeyHash)), other)
}

func projectOwners(t *testing.T, b store.Backend) {
	long := strings.Repeat("a long id ", 12)
	owners := map[string]string{
		"p": "Ann@Shop.example", "P": "bob@shop.example", "10": "100%_sure", "2": `back\slash`, "a-1": "ÖL und Straße", "é": "o'hara",
		long + "2": "Ann", long + "1": "zann", "[": "1009 sure",
	}
	for id, owner := range owners {
		insertProject(t, b, invoice.Project{ID: id, Owner: owner, Name: id, KeyHash: "hash of " + id, CreatedAt: start, Version: 1})
	}
	for _, text := range []string{
		"", "ann", "ANN", "@shop.", "@SHOP.EXAMPLE", "Ann@Shop.example", "ann@shop.example.", "0%_", "%", "_", `\`, `k\S`, `\%`, "öl", "Öl", "ÖL",
		"straßE", "STRASSE", "'", "é", "*", "?", "[1]", "nobody",
	} {
		var want []string
		for id, owner := range owners {
			if (invoice.Project{Owner: owner}).OwnerHas(text) {
				want = append(want, id)
			}
		}
		slices.Sort(want)
		got := must[[]string](t)(b.ProjectsByOwner(t.Context(), text))
		same(t, fmt.Sprintf("the projects by %q", text), append([]string{}, got...), append([]string{}, want...))
	}
	moved := invoice.Project{ID: "p", Owner: "carl", Name: "p", KeyHash: "hash of p", CreatedAt: start, Version: 2}
	if err := b.UpdateProject(t.Context(), moved); err != nil {
		t.Fatal(err)
	}
	same(t, "the projects after an update", must[[]string](t)(b.ProjectsByOwner(t.Context(), "carl")), []string{"p"})
	if got := must[[]string](t)(b.ProjectsByOwner(t.Context(), "ann@")); len(got) > 0 {
		t.Fatalf("got %q by their former owner", got)
	}
}
