package checkout

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
)

// Invoices is what the page needs of the core. [invoice.Service] implements it, with the errors documented there. Its
// methods may block on the database until ctx ends, except Choices, Chain and PaymentURI, and are called concurrently.
type Invoices interface {
	Invoice(ctx context.Context, project, id string) (invoice.Invoice, error)
	Choices(inv invoice.Invoice) []invoice.AssetConfig
	Choose(ctx context.Context, project, id, asset string) (invoice.Invoice, error)
	Requote(ctx context.Context, a invoice.Act, window time.Duration) (invoice.Invoice, error)
	Chain(id chain.Network) (invoice.ChainConfig, bool)
	PaymentURI(inv invoice.Invoice) (string, error)
	Head(ctx context.Context, network chain.Network) (chain.Head, error)
	Events(ctx context.Context, after int64, limit int) ([]invoice.Event, error)
}

// Refunds is what the page of a refund needs. [payout.Service] implements it, with the errors documented there. Its methods
// may block until ctx ends and are called concurrently.
type Refunds interface {
	Claimed(ctx context.Context, token string) (payout.Payout, error)
	Claim(ctx context.Context, token, to string) (payout.Payout, error)
}

// Config configures a Checkout. Invoices is required; every other field has a default.
type Config struct {
	Invoices Invoices
	// Refunds lets payers claim a refund at claim/{token}, with the token that [payout.Service.Refund] returned. If nil,
	// that page does not exist.
	Refunds Refunds
	// Shop describes the shop that a project belongs to. It is called for each page and must not block. If nil, the page
	// names no shop.
	Shop func(project string) Shop
	// Links returns where the payer may go from the page. It must not block. If nil, the links of the dialects' requests are
	// used ([invoice.Invoice.Data], members url_return and url_success).
	Links func(inv invoice.Invoice) Links
	// Networks describes networks to payers. The page knows usual times between blocks itself.
	Networks map[chain.Network]Network
	// Renew lets the payer of an expired invoice, to which nothing was paid, ask for a new price. Each costs an address.
	Renew bool

	Words     fs.FS  // files such as de.json over the embedded ones; see the folder words
	Templates fs.FS  // files such as page.html in place of the embedded ones; see the folder templates
	Style     []byte // a style sheet after the embedded one, for example to set its variables

	// Streams is how many open pages are told of changes at once; default 10,000. The others ask from time to time.
	Streams int
	Poll    time.Duration    // how often Run looks for news; default 500 milliseconds
	Now     func() time.Time // default time.Now
	Logger  *slog.Logger     // if nil, nothing is logged
}

// Shop is what the page says of a shop. All fields may be empty.
type Shop struct {
	Name    string
	Logo    string // an http or https URL of an image, or one relative to the page's own origin, beginning with "/"
	Contact string // an e-mail address, or an http or https URL
	Terms   string // an http or https URL
	// Frame is the origin, such as "https://shop.example", whose pages may show the payment page in a frame, and which is
	// told of changes by postMessage. If empty, no page may.
	Frame string
}

// Links are where a payer goes from the page: http and https URLs, or empty. Others are left out.
type Links struct {
	Back string // at any time
	Done string // once paid; default Back
	// Refund is where the payer claims a refund, once the shop has made one: the page claim/{token}, for example.
	Refund string
}

// Network is what the page says of a network.
type Network struct {
	Blocks   time.Duration // usual time between two blocks
	Final    time.Duration // usual time until the network calls a block final, for confirmations by finality
	Explorer string        // URL of a transaction with {txid} in it; if empty, transactions are no links
	// Fee returns what sending the asset usually costs, as a text for people such as "0.20 USD". It must not block. If nil,
	// or if it returns "", the page does not say.
	Fee func(asset chain.Asset) string
}

// usual are networks as they are known to everybody.
var usual = map[chain.Network]Network{
	"bip122:000000000019d6689c085ae165831e93": {Blocks: 10 * time.Minute},
	"bip122:000000000000000000651ef99cb9fcbe": {Blocks: 10 * time.Minute},  // Bitcoin Cash
	"bip122:12a765e31ffd4059bada1e25190f6e98": {Blocks: 150 * time.Second}, // Litecoin
	"bip122:1a91e3dace36e2be3bf030a65679fe82": {Blocks: time.Minute},       // Dogecoin
	"eip155:1":        {Blocks: 12 * time.Second, Final: 16 * time.Minute}, // Ethereum
	"eip155:10":       {Blocks: 2 * time.Second, Final: 20 * time.Minute},  // OP Mainnet
	"eip155:56":       {Blocks: time.Second, Final: 5 * time.Second},       // BNB Smart Chain
	"eip155:137":      {Blocks: 2 * time.Second, Final: 10 * time.Second},  // Polygon
	"eip155:8453":     {Blocks: 2 * time.Second, Final: 20 * time.Minute},  // Base
	"eip155:42161":    {Blocks: time.Second, Final: 20 * time.Minute},      // Arbitrum One
	"eip155:43114":    {Blocks: 2 * time.Second, Final: 2 * time.Second},   // Avalanche
	"tron:0x2b6653dc": {Blocks: 3 * time.Second, Final: time.Minute},
}

// network returns what is known of a network, with what the host says over it.
func (c Config) network(id chain.Network) Network {
	n, known := c.Networks[id], usual[id]
	n.Blocks, n.Final = cmp.Or(n.Blocks, known.Blocks), cmp.Or(n.Final, known.Final)
	return n
}

func (c *Config) complete() error {
	if c.Invoices == nil {
		return errors.New("checkout: Invoices is required")
	}
	for id, n := range c.Networks {
		if n.Explorer != "" && (safeURL(n.Explorer) == "" || !strings.Contains(n.Explorer, "{txid}")) {
			return fmt.Errorf("checkout: Networks[%s].Explorer %q must be an http or https URL with {txid} in it", id, n.Explorer)
		}
	}
	if c.Streams < 0 || c.Poll < 0 {
		return errors.New("checkout: Streams and Poll must not be negative")
	}
	c.Streams, c.Poll = cmp.Or(c.Streams, 10_000), cmp.Or(c.Poll, 500*time.Millisecond)
	if c.Shop == nil {
		c.Shop = func(string) Shop { return Shop{} }
	}
	if c.Links == nil {
		c.Links = func(inv invoice.Invoice) Links {
			return Links{Back: inv.Data["url_return"], Done: inv.Data["url_success"]}
		}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}

// safeURL returns the URL if it is an absolute http or https URL without a user, and otherwise "".
func safeURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.User != nil || (u.Scheme != "http" && u.Scheme != "https") {
		return ""
	}
	return raw
}

// origin returns the origin of an http or https URL, and "" for anything else.
func origin(raw string) string {
	if safeURL(raw) == "" {
		return ""
	}
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
