package desk_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cointill/cointill/httpapi/desk"
	"github.com/cointill/cointill/invoice"
	"github.com/stretchr/testify/require"
)

func TestAReportForMailIsTheOneThatIsExported(t *testing.T) {
	w := newWorld(t, nil)
	furnish(w)
	formula, _, err := w.projects.Create(context.Background(), invoice.NewProject{Owner: "owner", Name: "=cmd|'/c calc'"})
	require.NoError(t, err)
	w.create(formula.ID, "F-1", "5", nil)
	from, to := start.AddDate(0, 0, -3), start.AddDate(0, 0, 2)
	write := func(projects ...string) string {
		t.Helper()
		var out strings.Builder
		require.NoError(t, w.desk.WriteReport(context.Background(), &out, desk.Report{From: from, To: to, Projects: projects, All: projects == nil}))
		return out.String()
	}
	days := "from=2026-11-17&to=2026-11-22"
	require.Equal(t, w.page("/reports/export?"+days), write(), "of all projects")
	require.Contains(t, write(), `,'=cmd|'/c calc',`, "no cell is a formula")
	for _, project := range []string{w.shop, w.rival} {
		require.Equal(t, w.page("/reports/export?"+days+"&project="+project), write(project), "of one project")
	}
	w.as("zoe", desk.RoleViewer, w.shop, w.rival)
	require.Equal(t, w.page("/reports/export?"+days), write(w.shop, w.rival), "of some projects")
	require.NotContains(t, write(w.shop), w.rival)
	require.Greater(t, strings.Count(write(w.shop), "\r\n"), 5)

	from, to = start.AddDate(-1, 0, 0), start.AddDate(-1, 0, 0)
	require.Equal(t, 1, strings.Count(write(), "\r\n"), "a period without anything has a head")
	zone := time.FixedZone("", -8*3600)
	from, to = time.Date(2026, 11, 19, 23, 0, 0, 0, zone), time.Date(2026, 11, 19, 23, 0, 0, 0, zone)
	require.Equal(t, w.page("/reports/export?from=2026-11-20&to=2026-11-20"), write(w.shop, w.rival), "days are those of UTC")
}

func TestAReportThatCannotBeMadeWritesNothing(t *testing.T) {
	w := newWorld(t, nil)
	inv := w.create(w.shop, "A", "5", nil)
	good := desk.Report{From: start, To: start, Projects: []string{w.shop}}
	for name, c := range map[string]struct {
		change func(*desk.Report)
		is     error
	}{
		"no beginning":                {func(r *desk.Report) { r.From = time.Time{} }, nil},
		"no end":                      {func(r *desk.Report) { r.To = time.Time{} }, nil},
		"the end before":              {func(r *desk.Report) { r.To = start.AddDate(0, 0, -1) }, nil},
		"no projects":                 {func(r *desk.Report) { r.Projects = []string{} }, nil},
		"all and one":                 {func(r *desk.Report) { r.All = true }, nil},
		"a project that is not there": {func(r *desk.Report) { r.Projects = append(r.Projects, inv.ID) }, invoice.ErrNotFound},
		"an empty id":                 {func(r *desk.Report) { r.Projects = []string{""} }, invoice.ErrNotFound},
	} {
		r := good
		c.change(&r)
		var out strings.Builder
		err := w.desk.WriteReport(context.Background(), &out, r)
		require.Error(t, err, name)
		require.ErrorContains(t, err, "desk: report: ", name)
		if c.is != nil {
			require.ErrorIs(t, err, c.is, name)
		}
		require.Empty(t, out.String(), name)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var out strings.Builder
	require.ErrorIs(t, w.desk.WriteReport(ctx, &out, good), context.Canceled)
	require.Empty(t, out.String())
	require.ErrorIs(t, w.desk.WriteReport(context.Background(), full{}, good), errFull)
}

var errFull = errors.New("the disk is full")

// full is a writer that fails.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }
