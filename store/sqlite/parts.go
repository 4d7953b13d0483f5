package sqlite

import (
	"cmp"
	"errors"
	"slices"
	"sync"

	"github.com/cointill/cointill/invoice"
)

const (
	// mostParts is the number of connections that read a long list: a disk finds several pages in hardly more time than
	// one, and two cores decode more than one.
	mostParts = 4
	// leastPart is the number of items that are worth a connection.
	leastPart = 32
)

// inParts reads a list in parts, numbered from 0, at the same time, and returns what was read of each. In a transaction it
// reads the list as a whole.
func inParts[T, R any](r *reader, list []T, read func(i int, part []T) (R, error)) ([]R, error) {
	n := min(mostParts, len(list)/r.leastPart)
	if r.tx != nil || n <= 1 {
		one, err := read(0, list)
		return []R{one}, err
	}
	parts := slices.Collect(slices.Chunk(list, (len(list)+n-1)/n))
	found, errs := make([]R, len(parts)), make([]error, len(parts))
	var wg sync.WaitGroup
	for i, part := range parts[1:] {
		wg.Go(func() { found[i+1], errs[i+1] = read(i+1, part) })
	}
	found[0], errs[0] = read(0, parts[0])
	wg.Wait()
	return found, errors.Join(errs...)
}

// foundInvoices is what a query found of invoices: those that can be read, and an error about the others, if there are any.
type foundInvoices struct {
	invoices []invoice.Invoice
	damaged  *invoice.DamagedError
}

// readable separates the error about damaged invoices from those of the database.
func readable(found []invoice.Invoice, err error) (foundInvoices, error) {
	if damaged, is := errors.AsType[*invoice.DamagedError](err); is {
		return foundInvoices{found, damaged}, nil
	}
	return foundInvoices{invoices: found}, err
}

// together returns what several queries found, as one would have.
func together(parts []foundInvoices) ([]invoice.Invoice, error) {
	var all []invoice.Invoice
	var damaged invoice.DamagedError
	for _, p := range parts {
		all = append(all, p.invoices...)
		if p.damaged != nil {
			damaged.Invoices = append(damaged.Invoices, p.damaged.Invoices...)
			damaged.Err = cmp.Or(damaged.Err, p.damaged.Err)
		}
	}
	if len(damaged.Invoices) > 0 {
		return all, &damaged
	}
	return all, nil
}
