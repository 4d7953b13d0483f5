// Package fourth is a small made-up API of bills, for tests. It shows that a dialect is one folder that uses only exported
// names, and that no other file needs to know it.
//
//	POST    /bills        create  key
//	GET     /bills/{id}   read    key
//	DELETE  /bills/{id}   cancel  key
//
// Keys are in the header Bill-Key. Webhooks are signed with the project's key [ProofKey].
package fourth

import (
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/httpapi/internal/denial"
	"github.com/cointill/cointill/invoice"
	"github.com/shopspring/decimal"
)

// Config configures the API. Service, Format and Projects are required.
type Config struct {
	Service  *invoice.Service
	Format   *Format // the same as in the Service's Notifier
	Projects *invoice.Projects

	Limit   httpapi.Limit
	Replies httpapi.Replies
	Now     func() time.Time // default time.Now
	Logger  *slog.Logger     // if nil, nothing is logged
}

type api struct {
	service *invoice.Service
	format  *Format
}

// New returns the API, or an error if cfg is not valid. The API may be mounted under any prefix.
func New(cfg Config) (*httpapi.API, error) {
	if err := denial.Config(cfg.Service, cfg.Projects, cfg.Format != nil, FormatName); err != nil {
		return nil, fmt.Errorf("fourth: New: %w", err)
	}
	a := &api{cfg.Service, cfg.Format}
	out, err := httpapi.New(httpapi.Config{
		Title: "Bills", Version: "1.0.0", Description: "Bills that are paid in cryptocurrency.",
		Routes: a.routes(httpapi.ProjectKey("BillKey", "Bill-Key", cfg.Projects, nil)),
		Fault:  fault, FaultBody: trouble{}, Invalid: http.StatusBadRequest,
		Limit: cfg.Limit, Replies: cfg.Replies, Now: cfg.Now, Logger: cfg.Logger,
	})
	if err != nil {
		return nil, fmt.Errorf("fourth: New: %w", err)
	}
	return out, nil
}

func (a *api) routes(key *httpapi.Scheme) []httpapi.Route {
	return []httpapi.Route{{
		Method: "POST", Path: "/bills", OperationID: "createBill", Tag: "Bills", Auth: key, Summary: "Create a bill",
		Status: http.StatusCreated, Body: createRequest{}, Faults: []int{http.StatusConflict, http.StatusServiceUnavailable},
		Answer: bill{}, Handler: a.create,
	}, {
		Method: "GET", Path: "/bills/{id}", OperationID: "getBill", Tag: "Bills", Auth: key, Summary: "Read a bill",
		Params: billPath{}, Answer: bill{}, Handler: a.read,
	}, {
		Method: "DELETE", Path: "/bills/{id}", OperationID: "cancelBill", Tag: "Bills", Auth: key, Summary: "Cancel a bill that is open",
		Params: billPath{}, Faults: []int{http.StatusConflict}, Answer: bill{}, Handler: a.cancel,
	}}
}

// createRequest is the body of POST /bills.
type createRequest struct {
	Reference string         `json:"reference" schema:"required,minLength=1,maxLength=64"`
	Asset     string         `json:"asset" schema:"required,minLength=1,maxLength=32"`
	Amount    httpapi.Number `json:"amount" schema:"required,exclusiveMinimum=0" doc:"In the asset"`
	Slack     int            `json:"slack" schema:"minimum=0,maximum=50" doc:"Percent that may be missing"`
	Notify    string         `json:"notify" schema:"format=uri,maxLength=2048"`
}

type billPath struct {
	ID string `json:"id" in:"path" schema:"required,format=uuid"`
}

func (a *api) create(r *httpapi.Request) (any, error) {
	var in createRequest
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	tolerance := decimal.NewFromInt(int64(in.Slack))
	inv, err := a.service.Create(r.Context(), invoice.Request{
		Project: r.Project.ID, OrderID: in.Reference, Asset: in.Asset, Price: invoice.Price{Currency: in.Asset, Amount: in.Amount.Decimal},
		Tolerance: &tolerance, CallbackURL: in.Notify, Format: FormatName,
	})
	if err != nil {
		return nil, err
	}
	return a.format.bill(inv), nil
}

func (a *api) read(r *httpapi.Request) (any, error) {
	inv, err := a.find(r)
	if err != nil {
		return nil, err
	}
	return a.format.bill(inv), nil
}

func (a *api) cancel(r *httpapi.Request) (any, error) {
	inv, err := a.find(r)
	if err != nil {
		return nil, err
	}
	act := invoice.Act{Project: r.Project.ID, Invoice: inv.ID, Actor: r.Project.ID}
	if inv, err = a.service.SetStatus(r.Context(), act, invoice.StatusCancelled); err != nil {
		return nil, err
	}
	return a.format.bill(inv), nil
}

// find returns the project's bill. Invoices of other APIs are not found.
func (a *api) find(r *httpapi.Request) (invoice.Invoice, error) {
	var path billPath
	if err := r.Bind(&path); err != nil {
		return invoice.Invoice{}, err
	}
	inv, err := a.service.Invoice(r.Context(), r.Project.ID, path.ID)
	if err == nil && (inv.Format != FormatName || inv.Terms.Standing) {
		err = fmt.Errorf("fourth: invoice of another API: %w", invoice.ErrNotFound)
	}
	return inv, err
}
