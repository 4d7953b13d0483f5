package store_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store"
)

// A batch is stored as a whole, and the feed has its events.
func ExampleMemory() {
	ctx := context.Background()
	db := store.NewMemory()
	inv := invoice.Invoice{ID: "inv-1", Project: "shop", OrderID: "7", Version: 1, CreatedAt: time.Now()}
	batch := invoice.Batch{
		Insert: []invoice.Invoice{inv},
		Events: []invoice.Event{{ID: "evt-1", Invoice: inv.ID, Seq: 1, Type: invoice.EventCreated}},
	}
	fmt.Println(db.Commit(ctx, batch))

	// The same batch again is refused: its ids are taken.
	fmt.Println(errors.Is(db.Commit(ctx, batch), invoice.ErrConflict))

	events, err := db.Events(ctx, 0, 10)
	if err != nil {
		log.Fatal(err)
	}
	for _, ev := range events {
		fmt.Println(ev.Position, ev.Invoice, ev.Type)
	}
	// Output:
	// <nil>
	// true
	// 1 inv-1 invoice.created
}

// Secrets are sealed in the database, with a key that is not there.
func ExampleSeal() {
	ctx := context.Background()
	database := store.NewMemory() // or a store of store/sqlite or store/postgres
	keys, err := store.ParseKeyring("2026:" + strings.Repeat("5a", 32))
	if err != nil {
		log.Fatal(err)
	}
	sealed, err := store.Seal(database, keys)
	if err != nil {
		log.Fatal(err)
	}
	backend := sealed.Backend() // for invoice.Config, invoice.NewProjects and webhook.Config

	inv := invoice.Invoice{ID: "inv-1", Project: "shop", Version: 1, Data: map[string]string{"secret": "s3cret"}}
	if err := backend.Commit(ctx, invoice.Batch{Insert: []invoice.Invoice{inv}}); err != nil {
		log.Fatal(err)
	}
	read, err := backend.Invoice(ctx, inv.ID)
	if err != nil {
		log.Fatal(err)
	}
	stored, err := database.Invoice(ctx, inv.ID)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(read.Data)
	fmt.Println(strings.HasPrefix(stored.Data["sealed"], "sealed:1:2026:"))
	// Output:
	// map[secret:s3cret]
	// true
}

// A key is replaced while everything runs.
func ExampleSealed_Reseal() {
	ctx := context.Background()
	former, next := "2025:"+strings.Repeat("a5", 32), "2026:"+strings.Repeat("5a", 32)
	database := store.NewMemory()
	seal := func(keys ...string) *store.Sealed {
		ring, err := store.ParseKeyring(strings.Join(keys, "\n"))
		if err != nil {
			log.Fatal(err)
		}
		sealed, err := store.Seal(database, ring)
		if err != nil {
			log.Fatal(err)
		}
		return sealed
	}
	projects, err := invoice.NewProjects(seal(former).Backend(), nil)
	if err != nil {
		log.Fatal(err)
	}
	project, _, err := projects.Create(ctx, invoice.NewProject{Owner: "ann", Name: "shop"})
	if err != nil {
		log.Fatal(err)
	}

	// First all processes get both keys, the new one in front. Then everything is resealed.
	fmt.Println(seal(next, former).Reseal(ctx))

	// Now the former key can go.
	_, err = seal(next).Backend().Project(ctx, project.ID)
	fmt.Println(err)
	_, err = seal(former).Backend().Project(ctx, project.ID)
	fmt.Println(errors.Is(err, store.ErrNoKey))
	// Output:
	// 1 <nil>
	// <nil>
	// true
}

// Replies show secrets as well, such as the key of a project that was just created.
func ExampleSealed_Replies() {
	keys, err := store.ParseKeyring("2026:" + strings.Repeat("5a", 32))
	if err != nil {
		log.Fatal(err)
	}
	sealed, err := store.Seal(store.NewMemory(), keys)
	if err != nil {
		log.Fatal(err)
	}
	// Of store/sqlite or store/postgres it is sealed.Replies(database.Replies()).
	var replies httpapi.Replies = sealed.Replies(httpapi.NewReplies(0))

	ctx, now := context.Background(), time.Now()
	for range 2 {
		held, err := replies.Begin(ctx, "scope", "key", []byte("running"), now, now.Add(time.Minute))
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%q\n", held)
		if err := replies.Finish(ctx, "scope", "key", []byte("running"), []byte("created"), now.Add(time.Hour)); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// ""
	// "created"
}

// One key in each line, the newest first.
func ExampleParseKeyring() {
	keys, err := store.ParseKeyring(`
		# made on the first of March
		2026:` + strings.Repeat("5a", 32) + `
		2025:` + strings.Repeat("a5", 32))
	if err != nil {
		log.Fatal(err)
	}
	id, key := keys.Newest()
	fmt.Println(id, len(key))
	_, has := keys.Key("2025")
	fmt.Println(has)
	fmt.Println(keys)
	// Output:
	// 2026 32
	// true
	// keyring of 2, newest 2026
}

// A floor is kept outside of the database, so that a backup that is restored hands out no number again.
func ExampleOpenFloorFile() {
	dir, err := os.MkdirTemp("", "floors")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "floors.json")
	floors, err := store.OpenFloorFile(path) // for invoice.Config.Floors
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	fmt.Println(floors.Raise(ctx, "wallet", 100))

	again, err := store.OpenFloorFile(path)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(again.Floor(ctx, "wallet"))
	// Output:
	// <nil>
	// 100 <nil>
}
