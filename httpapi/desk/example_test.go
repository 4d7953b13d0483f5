package desk_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/cointill/cointill/chain/chaintest"
	"github.com/cointill/cointill/httpapi/desk"
	"github.com/cointill/cointill/httpapi/internal/stage"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store"
)

// session is the host's own way of knowing who makes a request.
func session(r *http.Request) (desk.Person, error) {
	cookie, err := r.Cookie("session")
	if err != nil {
		return desk.Person{}, desk.ErrSignedOut
	}
	return desk.Person{ID: cookie.Value, Role: desk.RoleOperator}, nil
}

// A shop mounts the desk on its own mux, behind its own sessions.
func Example() {
	service, projects := shopOfExample()
	mux := http.NewServeMux()

	office, err := desk.New(desk.Config{Invoices: service, Projects: projects, Records: newRecords(), Authenticate: session, SignIn: "/login"})
	if err != nil {
		fmt.Println(err)
		return
	}
	mux.Handle("/office/", http.StripPrefix("/office", office))

	visit := func(cookie string) {
		r := httptest.NewRequest(http.MethodGet, "/office/invoices", nil)
		r.Header.Set("Cookie", cookie)
		rec := httptest.NewRecorder()
		mux.ServeHTTP(rec, r)
		fmt.Println(rec.Code, rec.Header().Get("Location"))
	}
	visit("")
	visit("session=ann")
	// Output:
	// 303 /login?next=%2Foffice%2Finvoices
	// 200
}

// shopOfExample returns the services that a shop has anyway.
func shopOfExample() (*invoice.Service, *invoice.Projects) {
	backend := store.NewMemory()
	sim, err := stage.Chain(chaintest.NewChain(chaintest.Config{}), 0, stage.Addresses{Wallet: "shop", Format: "sim1address%08d"})
	if err != nil {
		panic(err)
	}
	service, err := invoice.New(invoice.Config{Store: backend, Chains: []invoice.ChainConfig{sim}})
	if err != nil {
		panic(err)
	}
	projects, err := invoice.NewProjects(backend, nil)
	if err != nil {
		panic(err)
	}
	return service, projects
}
