package staff_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/httpapi/desk"
	"github.com/cointill/cointill/httpapi/desk/staff"
	chromium "github.com/cointill/cointill/internal/browser"
	"github.com/cointill/cointill/store"
)

func TestAMemberSignsInWithChromium(t *testing.T) {
	if testing.Short() {
		t.Skip("another program: not with -short")
	}
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	defer server.Close()
	url := strings.Replace(server.URL, "127.0.0.1", "localhost", 1) // passkeys need a name
	people, err := staff.New(staff.Config{Records: store.NewMemory().Records(), URL: url + "/staff/", Home: "/home", Now: time.Now})
	require.NoError(t, err)
	mux.Handle("/staff/", http.StripPrefix("/staff", people))
	mux.HandleFunc("/home", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("home")) })
	invited, err := people.Add(t.Context(), staff.Member{ID: "ann", Name: "Ann", Role: desk.RoleAdministrator})
	require.NoError(t, err)
	chromium.Play(t, "testdata/signin.mjs", map[string]string{"url": url + "/staff/", "invitation": invited.Link})
}
