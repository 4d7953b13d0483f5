package storetest

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/webhook"
)

// secretCases prove that secrets of messages can be replaced. A backend without that power passes.
func secretCases() []testCase {
	var out []testCase
	for _, c := range []struct {
		name string
		rule string
		run  func(t *testing.T, b store.Backend, m store.MessageSecrets)
	}{
		{"every message comes once", "MessageSecrets returns every message once, with its secret, page by page", secretPages},
		{"a secret is replaced", "ReplaceSecrets changes the secret and nothing else", secretReplaced},
		{"another secret stays", "ReplaceSecrets leaves out a message whose secret is no longer From, and one that does not exist", secretStays},
		{"secrets are sealed and sealed anew", "a sealed backend stores nothing in clear, and Reseal puts everything under the newest key", resealed},
	} {
		out = append(out, testCase{c.name, c.rule, func(t *testing.T, b store.Backend) {
			if m, ok := b.(store.MessageSecrets); ok {
				c.run(t, b, m)
			}
		}})
	}
	return out
}

// secrets reads the secrets of all messages, two at a time.
func secrets(t *testing.T, m store.MessageSecrets) map[string]string {
	t.Helper()
	out := map[string]string{}
	for after := ""; ; {
		page := must[[]invoice.Message](t)(m.MessageSecrets(t.Context(), after, 2))
		if len(page) == 0 {
			return out
		}
		if len(page) > 2 {
			t.Fatalf("got %d messages, want up to 2", len(page))
		}
		for _, msg := range page {
			if _, twice := out[msg.ID]; twice {
				t.Fatalf("message %s came twice", msg.ID)
			}
			out[msg.ID] = msg.Secret
			after = msg.ID
		}
	}
}

func secretPages(t *testing.T, b store.Backend, m store.MessageSecrets) {
	want := map[string]string{}
	for n := range 3 {
		inv := told(t, b, n, 2)
		for seq := range int64(2) {
			msg := newMessage(inv, seq+1, shopURL)
			want[msg.ID] = msg.Secret
		}
	}
	inv := newInvoice(7)
	plain, long := newMessage(inv, 1, shopURL), newMessage(inv, 2, shopURL)
	plain.Secret, long.ID = "", strings.Repeat("long ", 50)
	want[plain.ID], want[long.ID] = "", long.Secret
	commit(t, b, invoice.Batch{Insert: []invoice.Invoice{inv}, Messages: []invoice.Message{plain, long}})
	write(t, b, claim(t, b)[0], delivered)
	same(t, "the secrets", secrets(t, m), want)
	page := must[[]invoice.Message](t)(m.MessageSecrets(t.Context(), "", 0))
	same(t, "a page of none", len(page), 0)
}

func secretReplaced(t *testing.T, b store.Backend, m store.MessageSecrets) {
	inv := told(t, b, 1, 2)
	first := claim(t, b)[0] // which is recorded after its secret was replaced
	var changes []store.SecretChange
	for id, secret := range secrets(t, m) {
		changes = append(changes, store.SecretChange{Message: id, From: secret, To: "new " + id})
	}
	if err := m.ReplaceSecrets(t.Context(), changes); err != nil {
		t.Fatalf("ReplaceSecrets: %v", err)
	}
	write(t, b, first, delivered)
	want := newMessage(inv, 2, shopURL)
	want.Secret = "new " + want.ID
	same(t, "the second message", claimOne(t, b, want.ID).Message, want)
	list := must[[]record](t)(b.History(t.Context(), inv.ID, 0))
	same(t, "the first message", list[0].Message.Secret, "new "+list[0].Message.ID)
	same(t, "what became of it", list[0].State, webhook.StateDelivered)
}

func secretStays(t *testing.T, b store.Backend, m store.MessageSecrets) {
	told(t, b, 1, 3)
	want := secrets(t, m)
	ids := []string{"evt_inv-00001_1", "evt_inv-00001_2", "evt_inv-00001_3"}
	changes := []store.SecretChange{
		{Message: ids[0], From: "another", To: "x"}, {Message: ids[1], From: want[ids[1]], To: "new"}, {Message: "none", From: "", To: "x"},
	}
	want[ids[1]] = "new"
	for range 2 {
		if err := m.ReplaceSecrets(t.Context(), changes); err != nil {
			t.Fatalf("ReplaceSecrets: %v", err)
		}
		same(t, "the secrets", secrets(t, m), want)
	}
	if err := m.ReplaceSecrets(t.Context(), nil); err != nil {
		t.Fatalf("ReplaceSecrets of none: %v", err)
	}
}

// sealing returns the backend with secrets that are sealed with the first of the keys.
func sealing(t *testing.T, b store.Backend, keys ...string) *store.Sealed {
	t.Helper()
	var lines []string
	for _, id := range keys {
		lines = append(lines, fmt.Sprintf("%s:%064x", id, id))
	}
	ring, err := store.ParseKeyring(strings.Join(lines, "\n"))
	if err != nil {
		t.Fatal(err)
	}
	return must[*store.Sealed](t)(store.Seal(b, ring))
}

// sealedWith expects that everything is sealed with the key.
func sealedWith(t *testing.T, b store.Backend, m store.MessageSecrets, key string) {
	t.Helper()
	want := "sealed:1:" + key + ":"
	all := secrets(t, m)
	for _, standing := range []bool{false, true} {
		page := must[invoice.Page](t)(b.Invoices(t.Context(), invoice.Query{Standing: standing, Limit: 1000}))
		for _, inv := range page.Invoices {
			for name, value := range inv.Data {
				all[inv.ID+" "+name] = value
			}
		}
	}
	for _, p := range must[[]invoice.Project](t)(b.Projects(t.Context(), "", 1000)) {
		for i, s := range p.Secrets {
			all[fmt.Sprint(p.ID, i)] = s.Value
		}
	}
	for what, value := range all {
		if !strings.HasPrefix(value, want) {
			t.Errorf("%s is stored as %q, want it sealed with key %s", what, value, key)
		}
	}
}

func resealed(t *testing.T, b store.Backend, m store.MessageSecrets) {
	const invoices = 130 // more than are resealed at once
	sealed := sealing(t, b, "aa").Backend()
	project := newProject("1")
	if err := sealed.InsertProject(t.Context(), project); err != nil {
		t.Fatalf("InsertProject: %v", err)
	}
	for n := range invoices {
		inv := newInvoice(n, func(inv *invoice.Invoice) {
			inv.Data = map[string]string{"secret": "s3cret " + inv.ID, "other": ""}
			inv.Terms.Standing = n%10 == 0
		})
		commit(t, sealed, invoice.Batch{Insert: []invoice.Invoice{inv}, Messages: []invoice.Message{newMessage(inv, 1, shopURL)}})
	}
	sealedWith(t, b, m, "aa")
	for _, want := range []int{2*invoices + 1, 0} {
		changed, err := sealing(t, b, "bb", "aa").Reseal(t.Context())
		if err != nil || changed != want {
			t.Fatalf("Reseal: %d, %v; want %d", changed, err, want)
		}
		sealedWith(t, b, m, "bb")
	}
	alone := sealing(t, b, "bb").Backend()
	for n := range invoices {
		inv := must[invoice.Invoice](t)(alone.Invoice(t.Context(), newInvoice(n).ID))
		if !maps.Equal(inv.Data, map[string]string{"secret": "s3cret " + inv.ID, "other": ""}) || inv.Version != 2 {
			t.Fatalf("got %v in version %d", inv.Data, inv.Version)
		}
		list := must[[]record](t)(alone.History(t.Context(), inv.ID, 0))
		same(t, "the message", list[0].Message, newMessage(inv, 1, shopURL))
	}
}
