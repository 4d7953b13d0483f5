package evm

import (
	"context"
	"slices"

	"github.com/cointill/cointill/chain/internal/lacks"
	"github.com/cointill/cointill/chain/internal/token"
)

// readable reports whether a Transfer log has the form of ERC-20: sender and recipient indexed, the amount as data.
func (l *wireLog) readable() bool {
	return len(l.Topics) == 3 && l.Data.size == 32 && l.Topics[1].isAddress() && l.Topics[2].isAddress()
}

// noteForms records the tokens of which a block has Transfer logs that cannot be read.
func (n *Node) noteForms(ctx context.Context, receipts []*wireReceipt) {
	var strange map[int]bool
	for _, r := range receipts {
		if r == nil || !r.succeeded() {
			continue
		}
		for i := range r.Logs {
			if t, ours := n.tokenOf(&r.Logs[i]); ours && !r.Logs[i].readable() {
				if strange == nil {
					strange = make(map[int]bool)
				}
				strange[t] = true
			}
		}
	}
	for t := range strange {
		n.assets.NoteForm(ctx, t, 1)
	}
}

// maxForms limits the response with the latest logs of a token.
const maxForms = 4 << 20

// checkForms is checkForm for some tokens, within the time for one question.
func (n *Node) checkForms(ctx context.Context, places []int, latest uint64) {
	ctx, cancel := lacks.Each(ctx)
	defer cancel()
	for _, place := range places {
		n.checkForm(ctx, place, latest)
	}
}

// checkForm looks at the latest Transfer logs of a token that is new, if the node returns them, so that a token whose
// logs cannot be read is known before the first payment. Nothing else depends on it, so a refusal is final.
func (n *Node) checkForm(ctx context.Context, place int, latest uint64) {
	for _, back := range []uint64{10, 100, 1000} {
		filter := map[string]any{
			"fromBlock": hexQuantity(latest - min(latest, back)), "toBlock": hexQuantity(latest),
			"address": n.assets.Tokens[place].ID.Reference(), "topics": [][]word{{token.TransferTopic}},
		}
		var logs []wireLog
		if err := n.call(withMaxResponse(ctx, maxForms), &logs, "eth_getLogs", filter); err != nil {
			return
		}
		logs = slices.DeleteFunc(logs, func(l wireLog) bool { _, ours := n.tokenOf(&l); return !ours })
		if len(logs) == 0 {
			continue
		}
		if !slices.ContainsFunc(logs, func(l wireLog) bool { return l.readable() }) {
			n.assets.NoteForm(ctx, place, 0)
		}
		return
	}
}
