package httpapi_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/httpapi/internal/stage"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store"
)

type greetParams struct {
	Name string `json:"name" in:"path" schema:"required,maxLength=20"`
}

type greeting struct {
	Text string `json:"text"`
}

type greetFault struct {
	Error string `json:"error"`
}

// greetings is the table of a small API.
func greetings() httpapi.Config {
	return httpapi.Config{
		Title: "Greetings", Version: "1.0.0",
		Routes: []httpapi.Route{{
			Method: http.MethodGet, Path: "/greetings/{name}", OperationID: "greet", Summary: "Greet somebody", Tag: "Greetings",
			Params: greetParams{}, Answer: greeting{},
			Handler: func(r *httpapi.Request) (any, error) {
				var in greetParams
				if err := r.Bind(&in); err != nil {
					return nil, err
				}
				return greeting{"Hello, " + in.Name + "!"}, nil
			},
		}},
		Fault: func(err error) (int, any) {
			if refused, ok := errors.AsType[*httpapi.Error](err); ok {
				return refused.Status, greetFault{refused.Message}
			}
			return http.StatusInternalServerError, greetFault{"Something went wrong."}
		},
		FaultBody: greetFault{},
	}
}

// show prints the response to a GET request.
func show(h http.Handler, target, cookie string) {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	if cookie != "" {
		r.AddCookie(&http.Cookie{Name: "session", Value: cookie})
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	fmt.Println(w.Code, strings.TrimSpace(w.Body.String()))
}

// http.StripPrefix mounts an API under any prefix.
func ExampleNew() {
	api, err := httpapi.New(greetings())
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/hello/", http.StripPrefix("/hello", api))
	show(mux, "/hello/greetings/Ada", "")
	show(mux, "/hello/greetings", "")
	// Output:
	// 200 {"text":"Hello, Ada!"}
	// 404 {"error":"There is nothing at this path."}
}

// sessions is the host's own middleware. It identifies users by a cookie, and puts their project into the context.
func sessions(projects map[string]string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if cookie, err := r.Cookie("session"); err == nil {
			r = r.WithContext(context.WithValue(r.Context(), sessionKey{}, projects[cookie.Value]))
		}
		next.ServeHTTP(w, r)
	})
}

type sessionKey struct{}

// router mounts handlers like chi and other routers: each gets the path without the prefix.
type router map[string]http.Handler

func (rt router) Mount(prefix string, h http.Handler) { rt[prefix] = http.StripPrefix(prefix, h) }

func (rt router) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for prefix, h := range rt {
		if strings.HasPrefix(r.URL.Path, prefix+"/") {
			h.ServeHTTP(w, r)
			return
		}
	}
	http.NotFound(w, r)
}

// The users of a shop's own site read the feed of their project with their session instead of an API key. The configuration
// of every dialect has the same field.
func ExampleAuthenticate() {
	kept := store.NewMemory()
	service, projects, err := exampleTill(kept)
	if err != nil {
		log.Fatal(err)
	}
	shop, _, err := projects.Create(context.Background(), invoice.NewProject{Owner: "ada", Name: "Tea"})
	if err != nil {
		log.Fatal(err)
	}
	feed, err := httpapi.NewFeed(httpapi.FeedConfig{
		Service: service, Projects: projects,
		Authenticate: func(r *http.Request) (string, error) {
			project, _ := r.Context().Value(sessionKey{}).(string)
			if project == "" {
				return "", httpapi.ErrUnauthorized
			}
			return project, nil
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	rt := router{}
	protect := http.NewCrossOriginProtection() // browsers send cookies with forged requests too
	rt.Mount("/account/feed", protect.Handler(sessions(map[string]string{"ada's session": shop.ID}, feed)))

	show(rt, "/account/feed/events", "ada's session")
	show(rt, "/account/feed/events", "somebody's")
	show(rt, "/account/feed/events", "")
	// Output:
	// 200 {"events":[],"next":0}
	// 401 {"error":"The request is not authenticated."}
	// 401 {"error":"The request is not authenticated."}
}

// exampleTill returns a service on a simulated chain.
func exampleTill(kept *store.Memory) (*invoice.Service, *invoice.Projects, error) {
	sim := chaintest.NewChain(chaintest.Config{})
	follower, err := chain.NewFollower(chain.FollowConfig{Node: sim})
	if err != nil {
		return nil, nil, err
	}
	service, err := invoice.New(invoice.Config{Store: kept, Chains: []invoice.ChainConfig{{
		Name: "Simulated", Watcher: follower, Addresses: stage.Addresses{Wallet: "sim", Format: "sim%d"}, Assets: []invoice.AssetConfig{{Asset: sim.Asset("SIM")}},
	}}})
	if err != nil {
		return nil, nil, err
	}
	projects, err := invoice.NewProjects(kept, nil)
	return service, projects, err
}
