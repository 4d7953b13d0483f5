package checkout

import (
	"fmt"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
)

// pulse is what a page shows that changes without an event: how deep the least deep payment is that counts and is not
// deep enough. It is made from the invoice and the heads alone, so that a new block costs no query.
type pulse struct {
	version    int64 // of the invoice
	have, need uint64
	final      bool // the network calls a block final; nothing is counted
}

// pulseOf returns the pulse of an invoice.
func pulseOf(inv invoice.Invoice, heads map[chain.Network]chain.Head) pulse {
	out := pulse{version: inv.Version}
	if inv.State.Status != invoice.StatusPending {
		return out
	}
	first := true
	for _, p := range inv.Payments {
		if p.Withdrawn || p.Dust || p.Settled || p.Key.Network != inv.Network() {
			continue
		}
		d := inv.Depth(p, heads[p.Key.Network])
		if d.Mature || !first && d.Have >= out.have {
			continue
		}
		out.have, out.need, first = d.Have, d.Need, false
	}
	out.final = !first && inv.Terms.Confirm.Tag != chain.FinalityDepth
	return out
}

// counts reports whether there is anything to show.
func (p pulse) counts() bool { return p.need > 0 }

// id identifies what is shown, for Last-Event-ID.
func (p pulse) id() string { return fmt.Sprintf("%d-%d-%d", p.version, p.have, p.need) }
