package desk_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/cointill/cointill/chain/chaintest"
	"github.com/cointill/cointill/httpapi/desk"
	"github.com/cointill/cointill/httpapi/desk/staff"
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
	backend, service, projects := shopOfExample()
	mux := http.NewServeMux()

	office, err := desk.New(desk.Config{Invoices: service, Projects: projects, Records: backend.Records(), Authenticate: session, SignIn: "/login"})
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

// A shop without sign-ins of its own takes the one of package staff.
func Example_staff() {
	backend, service, projects := shopOfExample()
	mux := http.NewServeMux()

	people, err := staff.New(staff.Config{Records: backend.Records(), URL: "http://localhost/staff/", Home: "/office/"})
	if err != nil {
		fmt.Println(err)
		return
	}
	office, err := desk.New(desk.Config{
		Invoices: service, Projects: projects, Records: backend.Records(), Authenticate: people.Authenticate,
		SignIn: people.Prove(""), SignOut: people.SignOut(), Members: "/staff/members",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	mux.Handle("/staff/", http.StripPrefix("/staff", people))
	mux.Handle("/office/", http.StripPrefix("/office", office))

	rec := httptest.NewRecorder()
	mux.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "http://localhost/office/", nil))
	fmt.Println(rec.Code, rec.Header().Get("Location"))
	// Output: 303 /staff/prove?next=%2Foffice%2F
}

// A shop's own cron mails the report of yesterday to those who look after some projects. The desk sends no mail: it writes
// what is to be attached.
func ExampleDesk_WriteReport() {
	backend, service, projects := shopOfExample()
	office, err := desk.New(desk.Config{Invoices: service, Projects: projects, Records: backend.Records(), Authenticate: session})
	if err != nil {
		fmt.Println(err)
		return
	}
	project, _, err := projects.Create(context.Background(), invoice.NewProject{Owner: "ann", Name: "Tea"})
	if err != nil {
		fmt.Println(err)
		return
	}

	yesterday := time.Now().AddDate(0, 0, -1)
	var attachment bytes.Buffer
	err = office.WriteReport(context.Background(), &attachment, desk.Report{From: yesterday, To: yesterday, Projects: []string{project.ID}})
	if err != nil {
		fmt.Println(err)
		return
	}
	// smtp.SendMail(..., attachment.Bytes())
	fmt.Println(attachment.String())
	// Output: from,to,project,project_name,what,asset,network,count,amount,settled,fee
}

// shopOfExample returns what a shop has anyway.
func shopOfExample() (*store.Memory, *invoice.Service, *invoice.Projects) {
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
	return backend, service, projects
}
