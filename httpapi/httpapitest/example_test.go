package httpapitest_test

import (
	"context"
	"fmt"
	"log"
	"testing"
	"time"

	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/httpapi/httpapitest"
)

// adapter stands for the custom store of replies that is to be proved.
type adapter struct{ httpapi.Replies }

// testReplies is the test of the adapter. In a file whose name ends with _test.go it is called by
//
//	func TestReplies(t *testing.T) { testReplies(t) }
func testReplies(t *testing.T) {
	httpapitest.Replies(t, func(_ *testing.T, perScope int) httpapi.Replies {
		return adapter{httpapi.NewReplies(perScope)} // a new, empty store
	})
}

// The suite proves, among other things, that a second request with the same key gets the reply to the first.
func ExampleReplies() {
	ctx, now := context.Background(), time.Now()
	replies := adapter{httpapi.NewReplies(100)}
	for range 2 {
		held, err := replies.Begin(ctx, "createInvoice", "key-1", []byte("running"), now, now.Add(time.Minute))
		if err != nil {
			log.Fatal(err)
		}
		if held != nil {
			fmt.Printf("held: %s\n", held)
			continue
		}
		fmt.Println("first")
		if err := replies.Finish(ctx, "createInvoice", "key-1", []byte("running"), []byte("invoice 7"), now.Add(time.Hour)); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// first
	// held: invoice 7
}
