package desktest_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/cointill/cointill/httpapi/desk"
	"github.com/cointill/cointill/httpapi/desk/desktest"
	"github.com/cointill/cointill/store"
)

// adapter stands for the custom store of records that is to be proved.
type adapter struct{ desk.Records }

func TestRecords(t *testing.T) {
	desktest.Records(t, func(*testing.T) desk.Records {
		return adapter{store.NewMemory().Records()} // a new, empty store
	})
}

// The suite proves, among other things, that of two writers who have read the same version one stores.
func ExampleRecords() {
	ctx := context.Background()
	records := adapter{store.NewMemory().Records()}
	version, _, err := records.Document(ctx, "kind", "name")
	for _, body := range []string{"mine", "theirs"} {
		var stored bool
		if err == nil {
			stored, err = records.PutDocument(ctx, "kind", "name", version, []byte(body))
		}
		fmt.Println(body, stored, err)
	}
	// Output:
	// mine true <nil>
	// theirs false <nil>
}
