package desk_test

import (
	"context"

	"github.com/cointill/cointill/httpapi/desk"
)

// records are those of a store, which may refuse to append to a log.
type records struct {
	desk.Records
	refuse func(body []byte) error // nil: nothing is refused
}

func (r *records) AppendRecord(ctx context.Context, log string, body []byte) (int64, error) {
	if r.refuse != nil {
		if err := r.refuse(body); err != nil {
			return 0, err
		}
	}
	return r.Records.AppendRecord(ctx, log, body)
}
