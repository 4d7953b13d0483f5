package desk_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/cointill/cointill/httpapi/desk"
	"github.com/stretchr/testify/require"
)

func TestALabelIsShownFoundAndRemoved(t *testing.T) {
	w := newWorld(t, nil)
	a, b, c := w.create(w.shop, "A-1", "10", nil), w.create(w.shop, "A-2", "10", nil), w.create(w.shop, "A-3", "10", nil)
	path := "/invoices/" + a.ID
	w.as("zoe", desk.RoleCashier)
	require.NotContains(t, w.page(path), "Label it")
	w.as("olga", desk.RoleOperator)
	require.Contains(t, w.page(path), "Label it")
	page := w.acted(w.act(path+"/label", "", "label", "Gift <for Öl>"))
	require.Contains(t, page, "Done: label (invoice).")
	require.Equal(t, 2, strings.Count(page, "Gift &lt;for Öl&gt;"), "it is a fact, and a part of what happened")
	list := w.page("/invoices?q=gift")
	require.Contains(t, list, "1 invoice<")
	require.Contains(t, list, `<span class="pill label">Gift &lt;for Öl&gt;</span>`)
	require.Contains(t, w.page("/invoices/export?q=gift&field=order_id&field=label"), "A-1,Gift <for Öl>")
	require.Contains(t, w.page(path+"/label"), `value="Gift &lt;for Öl&gt;"`)
	log := w.audit()
	require.Equal(t, []string{"invoice.label", "", "Gift <for Öl>"}, []string{log[1].Act, log[1].Before["label"], log[1].After["label"]})

	refused := w.act(path+"/label", "", "label", strings.Repeat("x", 101))
	require.Equal(t, http.StatusConflict, refused.Code)
	require.Contains(t, refused.Body.String(), "must have at most 100 characters")

	ask, form := severally("label", b, c)
	form.Set("once", w.form(ask).Get("once"))
	require.Contains(t, w.page(ask), `name="label"`)
	form.Set("label", "table 7")
	page = w.acted(w.post("/invoices/several/label", form))
	require.Contains(t, page, "2 of 2 done")
	require.Contains(t, page, "table 7")
	require.Contains(t, w.page("/invoices?q=TABLE"), "2 invoices")
	w.acted(w.act("/invoices/"+b.ID+"/label", "", "label", ""))
	require.Contains(t, w.page("/invoices?q=table"), "1 invoice<")
}
