package staff_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/cointill/cointill/httpapi/desk"
	"github.com/cointill/cointill/httpapi/desk/staff"
	"github.com/cointill/cointill/store"
)

// A shop mounts the sign-in beside what it guards. The handler here stands for the desk, which is given
// [staff.Staff.Authenticate] in the same way.
func Example() {
	db := store.NewMemory() // or a store of store/sqlite or store/postgres, sealed
	people, err := staff.New(staff.Config{Records: db.Records(), URL: "http://localhost/staff/", Home: "/desk/"})
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	mux.Handle("/staff/", http.StripPrefix("/staff", people))
	mux.HandleFunc("/desk/", func(w http.ResponseWriter, r *http.Request) {
		person, err := people.Authenticate(r)
		switch {
		case errors.Is(err, desk.ErrSignedOut):
			http.Redirect(w, r, people.SignIn(r.URL.RequestURI()), http.StatusSeeOther)
		case err != nil:
			http.Error(w, "try again", http.StatusInternalServerError)
		case !person.Role.May(desk.RoleOperator):
			http.Error(w, "not for you", http.StatusForbidden)
		default:
			_, _ = io.WriteString(w, "Hello "+person.Name) // a client that has gone away needs no answer
		}
	})

	// The first administrator, once: at the next start there is one, and nothing happens.
	invitation, err := people.Add(context.Background(), staff.Member{ID: "ann", Name: "Ann", Role: desk.RoleAdministrator})
	if err != nil && !errors.Is(err, staff.ErrExists) {
		fmt.Println(err)
		return
	}
	link, _, _ := strings.Cut(invitation.Link, "=")
	fmt.Println(invitation.Member, "chooses a password at", link)

	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://localhost/desk/payouts?status=queued", nil))
	fmt.Println(w.Code, w.Header().Get("Location"))
	// Output:
	// ann chooses a password at http://localhost/staff/invitation?token
	// 303 /staff/sign-in?next=%2Fdesk%2Fpayouts%3Fstatus%3Dqueued
}
