package desk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/payout/sepa/bank"
	"github.com/cointill/cointill/webhook"
)

// Holdings reads what the books have at the places of a network. [payout.Store] has it. It may block on the database until
// ctx ends and may be called concurrently.
type Holdings interface {
	// Holdings returns up to limit holdings of the network after the name, in the order of names.
	Holdings(ctx context.Context, network chain.Network, after string, limit int) ([]payout.Holding, error)
	// OpenTransactions returns the transactions of the network that have to be looked at, oldest first.
	OpenTransactions(ctx context.Context, network chain.Network) ([]payout.Transaction, error)
}

// Config configures a [Desk]. The first four fields are required. Every other field has a default.
type Config struct {
	Invoices *invoice.Service
	Projects *invoice.Projects
	Records  Records
	// Authenticate returns who makes a request. An error that is [ErrSignedOut] leads to SignIn; any other one is logged and
	// refuses the request. It is called for every request but those for styles and scripts, and concurrently.
	Authenticate func(*http.Request) (Person, error)

	Payouts  *payout.Service // nil: the desk shows no money, and refunds nothing
	Holdings Holdings        // nil: what is at addresses, and sweeps that wait for a signature, are not shown, and only corrections within the ledger made
	Outbox   webhook.Outbox  // nil: messages are not shown
	// Banks are the accounts that Payouts pays from by files, which persons bring to the bank; empty: the desk has no page
	// about banks. Documents of banks that are brought are kept in temporary files while they are read.
	Banks []*bank.Account

	// SignIn is the URL of a page that signs a person in, or lets them prove again who they are, such as Prove("") of a
	// sign-in of httpapi/desk/staff. The page that was asked for is added to it as the parameter next: a path on the same
	// host. If SignIn is empty, the desk says what is missing. SignOut is the URL of a page that signs the person out, for a
	// link.
	SignIn, SignOut string
	// Members is the URL of a page about those who use the desk, for a link that administrators see; empty: none.
	Members string
	// Fresh is how old [Person.Proved] may be for acts that move money out or that make or reveal keys. Default 15 minutes.
	Fresh time.Duration
	// TrustedOrigins are origins, such as "https://office.example", whose pages may send the forms of the desk. Default none
	// but its own.
	TrustedOrigins []string

	PaymentPage func(invoice.Invoice) string // URL of the page where an invoice is paid; nil: no link
	ClaimPage   func(token string) string    // URL of the page where a payer claims a refund; nil: the token alone is shown
	// Transaction and Address return the URL of a page about a transaction or an address of a network, or "" if there is
	// none; nil: no links.
	Transaction func(network chain.Network, txID string) string
	Address     func(network chain.Network, address chain.Address) string

	// Nodes returns how each node of a network does, as [chain.Nodes.Health]; nil: single nodes are not shown.
	Nodes func(network chain.Network) []chain.NodeHealth

	// Metadata names the keys of [invoice.Invoice.Data] that are shown with an invoice and can be exported. Data under any
	// other key is never shown, because APIs keep secrets there.
	Metadata []string
	// Within and Behind decide when a network is said to lag: see [invoice.NetworkHealth.OK]. Default 5 minutes, 3 blocks.
	Within time.Duration
	Behind uint64

	Name   string           // of the shop, in the heading; default "Cointill"
	Style  []byte           // CSS that follows the desk's own, for instance other values of its variables
	Now    func() time.Time // default time.Now
	Logger *slog.Logger     // nil: nothing is logged
}

// withDefaults returns the configuration with defaults for the fields that are zero, or an error that names a field.
func (c Config) withDefaults() (Config, error) {
	switch {
	case c.Invoices == nil:
		return c, errors.New("desk: Invoices is required")
	case c.Projects == nil:
		return c, errors.New("desk: Projects is required")
	case c.Records == nil:
		return c, errors.New("desk: Records is required")
	case c.Authenticate == nil:
		return c, errors.New("desk: Authenticate is required")
	case c.Fresh < 0:
		return c, fmt.Errorf("desk: Fresh %v must not be negative", c.Fresh)
	case c.Within < 0:
		return c, fmt.Errorf("desk: Within %v must not be negative", c.Within)
	}
	if err := c.checkBanks(); err != nil {
		return c, err
	}
	orDefault(&c.Fresh, 15*time.Minute)
	orDefault(&c.Within, 5*time.Minute)
	orDefault(&c.Behind, 3)
	orDefault(&c.Name, "Cointill")
	orDefault(&c.Logger, slog.New(slog.DiscardHandler))
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.PaymentPage == nil {
		c.PaymentPage = func(invoice.Invoice) string { return "" }
	}
	if c.Transaction == nil {
		c.Transaction = func(chain.Network, string) string { return "" }
	}
	if c.Address == nil {
		c.Address = func(chain.Network, chain.Address) string { return "" }
	}
	return c, nil
}

func orDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
