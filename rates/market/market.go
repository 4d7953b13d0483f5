package market

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/shopspring/decimal"

	"github.com/cointill/cointill/internal/scrub"
	"github.com/cointill/cointill/rates"
)

// Config configures [New] and [NewAll]. The zero value is ready for use.
type Config struct {
	// HTTP sends the requests. Of an *http.Client, a copy that follows no
	// redirects is used, since they would carry the key of a provider to
	// wherever they point; another implementation must see to that itself. If
	// nil, a client with a timeout of 10 seconds is used.
	HTTP interface {
		Do(*http.Request) (*http.Response, error)
	}
	// BaseURL replaces the provider's own URL, for a proxy or a mirror. Its path
	// precedes that of each request and its query is sent with each. It is http
	// or https, and has no user and password. Its path and query may have keys:
	// no error contains them.
	BaseURL string
	// Now is the clock: of the time at which a rate was read, of pauses that a
	// provider demands and of the day that CBR is asked for. The default is
	// time.Now.
	Now func() time.Time
}

// Provider describes a service that has rates. It is a value: copying it is safe.
// Name, URL, Request and Read are required.
type Provider struct {
	// Name identifies the provider in rates and at the beginning of errors,
	// such as "kraken".
	Name string
	// URL is where the API is, unless Config.BaseURL says otherwise.
	URL string
	// Accept is the media type of the responses. The default is
	// application/json.
	Accept string
	// Header is sent with each request. Its values are secrets: no error
	// contains them.
	Header http.Header
	// Request returns the request for the rate of q.Pair, which is valid. A
	// pair that the provider cannot have is an error that wraps
	// [rates.ErrNoRate]; then no request is made. It may be called
	// concurrently.
	Request func(q Question) (Request, error)
	// Read reads the body of a response with status 200. A pair that is not in
	// it is an error that wraps [rates.ErrNoRate]. What is no positive value of
	// sane size is refused after Read, so that it need not judge the value.
	// It may be called concurrently.
	Read func(q Question, body []byte) (Quote, error)
	// Check, if not nil, is asked about a pair before its first rate, and not
	// again once it has found the pair. It is for a provider whose response
	// about a rate does not say clearly which pair it is about.
	Check *Check

	invalid error // what is wrong with the options that the provider was made of
}

// Question is what a [Provider] is asked for.
type Question struct {
	Pair rates.Pair
	Now  time.Time
}

// Request is a GET request of a [Provider]. The zero value requests its URL.
type Request struct {
	Path  string // absolute
	Query url.Values
}

// Quote is a rate in a response of a [Provider].
type Quote struct {
	// Value is the price of one Base in units of Quote.
	Value decimal.Decimal
	// Time is when the price was true, as the response states it. The zero
	// value means that it does not: the time of reading is used.
	Time time.Time
}

// Check finds out whether a [Provider] has a pair. Both fields are required.
type Check struct {
	// Request returns the request for what the provider knows of q.Pair.
	Request func(q Question) (Request, error)
	// Read returns nil if the body of a response with status 200 has q.Pair,
	// and otherwise an error that wraps [rates.ErrNoRate].
	Read func(q Question, body []byte) error
}

// Source reads rates from one provider. It is safe for concurrent use.
type Source struct {
	provider Provider
	client   *client
	secrets  scrub.Secrets
	now      func() time.Time
	checked  sync.Map // the pairs, by rates.Pair, that Provider.Check has found
}

var _ rates.Source = (*Source)(nil)

// New returns a source of the provider's rates. It checks the configuration and
// makes no request.
func New(config Config, provider Provider) (*Source, error) {
	if err := provider.validate(); err != nil {
		return nil, fmt.Errorf("rates/market: %s: %w", cmp.Or(provider.Name, "provider without a name"), err)
	}
	base, err := parseBase(provider.URL)
	if err != nil {
		return nil, fmt.Errorf("rates/market: %s: Provider.URL %w", provider.Name, err)
	}
	if config.BaseURL != "" {
		if base, err = parseBase(config.BaseURL); err != nil {
			return nil, fmt.Errorf("rates/market: %s: Config.BaseURL %w", provider.Name, err)
		}
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	provider.Header = provider.Header.Clone()
	return &Source{
		provider: provider,
		client: &client{
			name:   provider.Name,
			http:   withoutRedirects(config.HTTP),
			base:   base,
			accept: cmp.Or(provider.Accept, "application/json"),
			header: provider.Header,
			now:    config.Now,
		},
		secrets: scrub.Of([]*url.URL{base}, values(provider.Header)...),
		now:     config.Now,
	}, nil
}

// NewAll returns a source of each provider under the provider's name, in the same
// order, as [rates.NewMedian] and [rates.NewFirst] take them. All share the
// configuration, so Config.BaseURL is for a proxy that serves all of them.
func NewAll(config Config, providers ...Provider) ([]rates.Named, error) {
	sources := make([]rates.Named, len(providers))
	for i, p := range providers {
		s, err := New(config, p)
		if err != nil {
			return nil, err
		}
		sources[i] = s.Named()
	}
	return sources, nil
}

func (p Provider) validate() error {
	switch {
	case p.invalid != nil:
		return p.invalid
	case p.Name == "":
		return errors.New("Provider.Name is empty")
	case p.Request == nil || p.Read == nil:
		return errors.New("Provider.Request or Provider.Read is nil")
	case p.Check != nil && (p.Check.Request == nil || p.Check.Read == nil):
		return errors.New("Provider.Check has no Request or no Read")
	}
	return nil
}

// parseBase parses a URL that requests are built upon. The error does not show it,
// because it may contain a key.
func parseBase(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil {
		return nil, errors.New("is not an http or https URL without user and password")
	}
	return u, nil
}

func values(header http.Header) []string {
	var all []string
	for _, v := range header {
		all = append(all, v...)
	}
	slices.Sort(all)
	return all
}

// Named returns the source under its provider's name.
func (s *Source) Named() rates.Named { return rates.Named{Name: s.provider.Name, Source: s} }

// Rate asks the provider for the rate of p, as [rates.Source] describes. The
// statuses 400 and 404, which is how providers refuse a pair that they do not know,
// wrap both [rates.ErrNoRate] and a *[rates.HTTPError]. A status of 429 or 418 is
// followed by a pause, of a minute if the provider does not state another and at
// most an hour, and so is any refusal with a Retry-After: until then Rate returns
// the *[rates.HTTPError] without a request.
func (s *Source) Rate(ctx context.Context, p rates.Pair) (rates.Rate, error) {
	r, err := s.rate(ctx, p)
	if err != nil {
		return rates.Rate{}, s.secrets.Error(err)
	}
	return r, nil
}

func (s *Source) rate(ctx context.Context, p rates.Pair) (rates.Rate, error) {
	if err := p.Validate(); err != nil {
		return rates.Rate{}, fmt.Errorf("%s: %w", s.provider.Name, err)
	}
	if err := s.check(ctx, p); err != nil {
		return rates.Rate{}, err
	}
	var quote Quote
	err := s.ask(ctx, p, s.provider.Request, func(q Question, body []byte) (err error) {
		quote, err = s.provider.Read(q, body)
		return err
	})
	if err != nil {
		return rates.Rate{}, err
	}
	r := rates.Rate{Pair: p, Value: quote.Value, Time: quote.Time, Source: s.provider.Name}
	if r.Time.IsZero() {
		r.Time = s.now()
	}
	if err := r.Validate(); err != nil {
		return rates.Rate{}, fmt.Errorf("%s: read response for %s: %w", s.provider.Name, p, err)
	}
	return r, nil
}

// check asks the provider whether it has p, unless it was found before. No more
// pairs are remembered than the provider has.
func (s *Source) check(ctx context.Context, p rates.Pair) error {
	check := s.provider.Check
	if check == nil {
		return nil
	}
	if _, found := s.checked.Load(p); found {
		return nil
	}
	if err := s.ask(ctx, p, check.Request, check.Read); err != nil {
		return err
	}
	s.checked.Store(p, true)
	return nil
}

// ask makes one request about p and reads its response.
func (s *Source) ask(ctx context.Context, p rates.Pair, request func(Question) (Request, error), read func(Question, []byte) error) error {
	name := s.provider.Name
	r, err := request(Question{p, s.now()})
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	body, err := s.client.get(ctx, r)
	if refused, ok := errors.AsType[*rates.HTTPError](err); ok {
		if refused.Status == http.StatusBadRequest || refused.Status == http.StatusNotFound {
			return fmt.Errorf("%s: %w for %s: %w", name, rates.ErrNoRate, p, refused)
		}
		return refused
	}
	if err != nil {
		return fmt.Errorf("%s: ask for %s: %w", name, p, err)
	}
	if err := read(Question{p, s.now()}, body); err != nil {
		return fmt.Errorf("%s: read response for %s: %w", name, p, err)
	}
	return nil
}
