package payout

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cointill/cointill/chain"
)

// Receiver is an address that payouts of a project may go to where policies demand a list.
type Receiver struct {
	Network chain.Network `json:"network"`
	Address chain.Address `json:"address"`
	Name    string        `json:"name,omitempty"`
	At      time.Time     `json:"at"` // when it was allowed
	Actor   string        `json:"actor,omitempty"`
}

// ReceiverPolicy reports whether the project may pay only receivers that were allowed before, and for how long a receiver
// must have been allowed.
func (s *Service) ReceiverPolicy(project string) (listed bool, cooling time.Duration) {
	rules := s.policies(project)
	return rules.Listed, rules.Cooling
}

// AllowReceiver permits payouts of the project to the address, after the cooling-off time of its policies. Allowing it
// again does not begin that time anew, and returns the receiver as it is. It returns ErrNetwork for a network that is not
// configured, an [InvalidError] for a bad text, and a [RefusedError] for what is no address of the network.
func (s *Service) AllowReceiver(ctx context.Context, project string, network chain.Network, to, name, actor string) (Receiver, error) {
	address, err := s.CheckReceiver(ctx, network, to)
	if err == nil {
		err = checkNote(actor, name)
	}
	if err == nil && (project == "" || len(project) > 190 || !clean(project)) {
		err = refuse("Project", "", "must be a text of 1 to 190 bytes")
	}
	if err == nil {
		err = s.moveReceiver(ctx, project, network, address)
	}
	if err != nil {
		return Receiver{}, fmt.Errorf("payout: allow receiver: %w", err)
	}
	r := Receiver{Network: network, Address: address, Name: name, At: s.now(), Actor: actor}
	err = s.change(ctx, receiverName(project, network, address), func(was []byte) ([]byte, error) {
		if was != nil {
			r, err = readReceiver(network, was)
			return was, err
		}
		return json.Marshal(r)
	})
	if err != nil {
		return Receiver{}, fmt.Errorf("payout: allow receiver: %w", err)
	}
	return r, nil
}

// CheckReceiver returns the canonical spelling of an address, as [Service.AllowReceiver] keeps it, or its refusal.
func (s *Service) CheckReceiver(ctx context.Context, network chain.Network, to string) (chain.Address, error) {
	n := s.networks[network]
	switch {
	case n == nil:
		return "", fmt.Errorf("%w: %s", ErrNetwork, network)
	case to == "" || len(to) > maxReceiver || !clean(to):
		return "", refuse("To", to, "is no address")
	}
	return n.Spender.Receiver(ctx, n.Assets[0].Asset, to, nil)
}

// ForbidReceiver takes the address, in its canonical spelling, off the list of the project. It does nothing if it is not
// there. Payouts that were requested before are not concerned.
func (s *Service) ForbidReceiver(ctx context.Context, project string, network chain.Network, address chain.Address) error {
	err := s.moveReceiver(ctx, project, network, address)
	if err == nil {
		err = s.change(ctx, receiverName(project, network, address), func([]byte) ([]byte, error) { return nil, nil })
	}
	if err != nil {
		return fmt.Errorf("payout: forbid receiver: %w", err)
	}
	return nil
}

// Receiver returns a receiver that is allowed, by its canonical address, or ErrNotFound.
func (s *Service) Receiver(ctx context.Context, project string, network chain.Network, address chain.Address) (Receiver, error) {
	r, err := s.receiverOf(ctx, project, network, address)
	if err == nil && r == nil {
		err = ErrNotFound
	}
	if err != nil {
		return Receiver{}, fmt.Errorf("payout: receiver: %w", err)
	}
	return *r, nil
}

// maxReceivers is the most receivers of one page.
const maxReceivers = 1000

// Receivers returns up to limit receivers of the project on the network, at most 1000, in an order that does not change,
// and the cursor of the page after them: empty if there is none. The first page is after "". A limit that is not positive
// returns none. It returns an [InvalidError] for a cursor that it did not make, if it can tell.
func (s *Service) Receivers(ctx context.Context, project string, network chain.Network, after string, limit int) (page []Receiver, next string, err error) {
	if limit = min(limit, maxReceivers); limit <= 0 {
		return nil, "", nil
	}
	if after == "" {
		err = s.moveReceivers(ctx, project, network)
	} else if len(after) > maxName {
		err = refuse("after", after, "is no cursor")
	}
	if err == nil {
		page, err = s.receiversAfter(ctx, project, network, after, limit+1)
	}
	if err != nil {
		return nil, "", fmt.Errorf("payout: receivers: %w", err)
	}
	if len(page) > limit {
		page = page[:limit]
		next = strings.TrimPrefix(receiverName(project, network, page[limit-1].Address), receiverPrefix(project, network))
	}
	return page, next, nil
}

// receiversAfter returns up to limit receivers whose documents come after the rest of a name.
func (s *Service) receiversAfter(ctx context.Context, project string, network chain.Network, after string, limit int) (out []Receiver, err error) {
	prefix := receiverPrefix(project, network)
	if after != "" {
		after = prefix + after
	}
	for {
		docs, err := s.cfg.Store.Documents(ctx, prefix, after, limit)
		if err != nil {
			return nil, err
		}
		for _, d := range docs {
			r, err := readReceiver(network, d.Value)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", d.Name, err)
			}
			after = d.Name
			if d.Name != receiverName(project, network, r.Address) {
				continue // it is one of a project with a longer name
			}
			if out = append(out, r); len(out) == limit {
				return out, nil
			}
		}
		if len(docs) < limit {
			return out, nil
		}
	}
}

// maxName is the most bytes of a document's name; see [Batch].
const maxName = 200

// receiverRoot begins the names of the documents of all receivers.
const receiverRoot = "receiver/"

// maxOwner is the most bytes of a project and a network in the name of a receiver's document, so that a hash fits behind them.
const maxOwner = maxName - len(receiverRoot) - 1 - 2*sha256.Size

// receiverPrefix begins the names of the documents of a project's receivers on a network.
func receiverPrefix(project string, network chain.Network) string {
	return receiverRoot + hashed(project+"/"+string(network), maxOwner) + "/"
}

// receiverName is the name of the document of a receiver.
func receiverName(project string, network chain.Network, address chain.Address) string {
	prefix := receiverPrefix(project, network)
	return prefix + hashed(string(address), maxName-len(prefix))
}

// hashed returns a text of at most so many bytes as it is, and the hash of a longer one.
func hashed(text string, most int) string {
	if len(text) > most {
		return fmt.Sprintf("%x", sha256.Sum256([]byte(text)))
	}
	return text
}

// readReceiver reads a document; those of before do not say their network.
func readReceiver(network chain.Network, value []byte) (r Receiver, err error) {
	err = json.Unmarshal(value, &r)
	r.Network = network
	return r, err
}

// receiverOf returns the listed receiver, or nil.
func (s *Service) receiverOf(ctx context.Context, project string, network chain.Network, address chain.Address) (*Receiver, error) {
	value, err := s.cfg.Store.Document(ctx, receiverName(project, network, address))
	if former := formerReceiver(project, network, address); err == nil && value == nil && former != "" {
		value, err = s.cfg.Store.Document(ctx, former)
	}
	if err != nil || value == nil {
		return nil, err
	}
	r, err := readReceiver(network, value)
	return &r, err
}

// formerReceiver is the name that the document of a receiver had when a name that was too long was hashed as a whole, so
// that it was in no list; empty if it is the one that it has now.
func formerReceiver(project string, network chain.Network, address chain.Address) string {
	name := receiverRoot + project + "/" + string(network) + "/" + string(address)
	if len(name) > maxName {
		name = fmt.Sprintf("%s%x", receiverRoot, sha256.Sum256([]byte(name)))
	}
	if name == receiverName(project, network, address) {
		return ""
	}
	return name
}

// moveReceiver gives the document of a receiver that has its former name the one of today.
func (s *Service) moveReceiver(ctx context.Context, project string, network chain.Network, address chain.Address) error {
	former := formerReceiver(project, network, address)
	if former == "" {
		return nil
	}
	for range attempts {
		was, err := s.cfg.Store.Document(ctx, former)
		if err != nil || was == nil {
			return err
		}
		move := Batch{Documents: []Document{{Name: former, Was: was}}}
		name := receiverName(project, network, address)
		if is, err := s.cfg.Store.Document(ctx, name); err != nil {
			return err
		} else if is == nil {
			move.Documents = append(move.Documents, Document{Name: name, Value: was})
		}
		if err := s.commit(ctx, move); !errors.Is(err, ErrConflict) {
			return err
		}
	}
	return ErrConflict
}

// longestAddress is the most bytes of an address in its canonical spelling on any network.
const longestAddress = 100

// moveReceivers moves all receivers of the project on the network that have former names. No name was too long, and
// nothing is read, unless the host's own names of its projects are far longer than those of [invoice.Projects].
func (s *Service) moveReceivers(ctx context.Context, project string, network chain.Network) error {
	if len(receiverRoot)+len(project)+len(network)+2+longestAddress <= maxName {
		return nil
	}
	for after := ""; ; {
		docs, err := s.cfg.Store.Documents(ctx, receiverRoot, after, maxReceivers)
		if err != nil {
			return err
		}
		for _, d := range docs {
			r, err := readReceiver(network, d.Value)
			if err == nil && d.Name == formerReceiver(project, network, r.Address) {
				err = s.moveReceiver(ctx, project, network, r.Address)
			}
			if err != nil {
				return fmt.Errorf("%s: %w", d.Name, err)
			}
		}
		if len(docs) < maxReceivers {
			return nil
		}
		after = docs[len(docs)-1].Name
	}
}
