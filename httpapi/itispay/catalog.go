package itispay

import (
	"fmt"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/rates"
)

// currencyList is the response of GET /currencies.
type currencyList struct {
	Currencies []currencyObject `json:"currencies"`
}

type currencyObject struct {
	Code          string       `json:"currency_code"`
	IsCrypto      bool         `json:"is_crypto"`
	Precision     int          `json:"precision" doc:"Decimals"`
	IsActive      bool         `json:"is_active"`
	WalletPattern string       `json:"wallet_pattern,omitempty"`
	Network       string       `json:"network"`
	CreatedAt     httpapi.Time `json:"created_at"`
}

// rateList is the response of GET /rates.
type rateList struct {
	Rates map[string]httpapi.Number `json:"rates" doc:"Price of one unit in the reference currency"`
}

// projectRequest is the body of POST /projects.
type projectRequest struct {
	Name        string `json:"name" schema:"required,minLength=1,maxLength=100" doc:"Unique for the account"`
	Description string `json:"description" schema:"maxLength=1024"`
	AllowedIPs  string `json:"api_allowed_ips" doc:"IP addresses and CIDR blocks that may use the key, separated by commas; empty allows all"`
}

// createdProject is the response of POST /projects.
type createdProject struct {
	ProjectID string `json:"project_id"`
	APIKey    string `json:"api_key" doc:"Shown only once"`
}

func (a *api) listCurrencies(*httpapi.Request) (any, error) {
	out := currencyList{Currencies: make([]currencyObject, len(a.currencies))}
	for i, c := range a.currencies {
		out.Currencies[i] = currencyObject{
			Code: c.Code, IsCrypto: true, Precision: c.asset.Decimals, IsActive: true,
			WalletPattern: c.WalletPattern, Network: c.Network, CreatedAt: httpapi.Time{Time: c.CreatedAt},
		}
	}
	return out, nil
}

func (a *api) listRates(r *httpapi.Request) (any, error) {
	out := rateList{Rates: map[string]httpapi.Number{}}
	for _, rate := range a.service.Rates(r.Context()) {
		for _, c := range a.currencies {
			if c.asset.Code == rate.Pair.Base {
				out.Rates[c.Code] = httpapi.Number{Decimal: rate.Value}
			}
		}
	}
	if len(out.Rates) == 0 {
		return nil, fmt.Errorf("itispay: list rates: %w", rates.ErrNoRate)
	}
	return out, nil
}

func (a *api) createProject(r *httpapi.Request) (any, error) {
	var in projectRequest
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	project, key, err := a.cfg.Projects.Create(r.Context(), invoice.NewProject{
		Owner: r.Account, Name: in.Name, Description: in.Description, AllowedIPs: in.AllowedIPs,
	})
	if err != nil {
		return nil, renamed(err, projectFields)
	}
	return createdProject{project.ID, key}, nil
}

// assetByID returns the Service's asset with the given id.
func (a *api) assetByID(id chain.AssetID) (chain.Asset, bool) {
	for _, asset := range a.service.Assets() {
		if asset.ID == id {
			return asset.Asset, true
		}
	}
	return chain.Asset{}, false
}
