package desk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
)

// reportMost bounds how many invoices, and how many payouts, a report adds up.
const reportMost = 50_000

// period is what a report is about: days of UTC, both included.
type period struct {
	Project, From, To string
}

// readPeriod returns the period of the URL; by default this month until today.
func (v *visit) readPeriod() (period, error) {
	project, err := v.wanted()
	now := v.cfg.Now().UTC()
	p := period{project, v.query("from"), v.query("to")}
	orDefault(&p.From, now.AddDate(0, 0, 1-now.Day()).Format(day))
	orDefault(&p.To, now.Format(day))
	if bad := checkDays(p.From, p.To); bad != nil {
		return p, bad
	}
	return p, err
}

func (p period) values() url.Values {
	return parameters(map[string]string{"from": p.From, "to": p.To, "project": p.Project})
}

// reportKey is what a line of a report adds up.
type reportKey struct {
	what, project string
	asset         chain.AssetID
}

// reportLine is the sums of one kind of things of a project in one asset.
type reportLine struct {
	What, Project, ProjectName, Asset, Network string
	Count                                      int
	Amount, Settled, Fee                       string // asked for, of that paid, network fees paid
}

type reportSum struct {
	count                int
	amount, settled, fee *big.Int
	feeAsset             chain.AssetID
}

// addReport adds up the invoices and payouts that were made in the period, and reports whether some were left out.
func (v *visit) addReport(p period) ([]reportLine, bool, error) {
	sums := map[reportKey]*reportSum{}
	more, err := v.addInvoices(p, sums)
	if err == nil && v.cfg.Payouts != nil {
		var left bool
		left, err = v.addPayouts(p, sums)
		more = more || left
	}
	if err != nil {
		return nil, false, err
	}
	var out []reportLine
	for k, s := range sums {
		line := reportLine{
			What: k.what, Project: k.project, ProjectName: v.projectName(k.project), Asset: v.assetName(k.asset), Network: v.networkName(k.asset.Network()), Count: s.count,
			Amount: v.amount(k.asset, s.amount), Settled: v.amount(k.asset, s.settled),
		}
		if s.fee.Sign() > 0 {
			line.Fee = v.amount(s.feeAsset, s.fee)
		}
		out = append(out, line)
	}
	slices.SortFunc(out, func(a, b reportLine) int {
		return cmp.Or(cmp.Compare(a.ProjectName, b.ProjectName), cmp.Compare(a.Project, b.Project),
			cmp.Compare(a.What, b.What), cmp.Compare(a.Asset, b.Asset), cmp.Compare(a.Network, b.Network))
	})
	return out, more, nil
}

func sumOf(sums map[reportKey]*reportSum, k reportKey) *reportSum {
	if sums[k] == nil {
		sums[k] = &reportSum{amount: new(big.Int), settled: new(big.Int), fee: new(big.Int)}
	}
	s := sums[k]
	s.count++
	return s
}

func (v *visit) addInvoices(p period, sums map[reportKey]*reportSum) (more bool, err error) {
	q := filter{Project: p.Project, From: p.From, To: p.To}.query("", invoice.MaxPage)
	q.Uncounted = true
	for read := 0; read < reportMost; {
		page, err := v.list(q)
		if err != nil {
			return false, err
		}
		for _, inv := range page.Invoices {
			if inv.Quote == nil {
				continue // nothing was asked for in any asset
			}
			s := sumOf(sums, reportKey{"invoice, " + words(string(inv.State.Status)), inv.Project, inv.Quote.Asset.ID})
			s.amount.Add(s.amount, orZero(inv.Quote.Due))
			s.settled.Add(s.settled, orZero(inv.State.Confirmed))
		}
		if len(page.Invoices) < q.Limit {
			return false, nil
		}
		read += len(page.Invoices)
		q.After = page.Invoices[len(page.Invoices)-1].ID
	}
	return true, nil
}

func (v *visit) addPayouts(p period, sums map[reportKey]*reportSum) (more bool, err error) {
	projects := v.scope()
	if p.Project != "" {
		projects = []string{p.Project}
	}
	for _, project := range projects {
		q := payoutFilter{Project: project, From: p.From, To: p.To}.query("", 1000)
		for read := 0; ; {
			page, err := v.cfg.Payouts.Payouts(v.ctx(), q)
			if err != nil {
				return false, err
			}
			for _, x := range page.Payouts {
				s := sumOf(sums, reportKey{string(x.Kind) + ", " + string(x.State.Status), x.Project, x.Asset.ID})
				s.amount.Add(s.amount, x.Units)
				if x.State.Status == payout.StatusPaid {
					s.settled.Add(s.settled, x.Units)
				}
				s.feeAsset = x.FeeAsset
				s.fee.Add(s.fee, orZero(x.State.Paid))
			}
			read += len(page.Payouts)
			if page.Next == "" {
				break
			}
			if read >= reportMost {
				return true, nil
			}
			q.Before = page.Next
		}
	}
	return false, nil
}

// report shows the sums of a period by project, kind and asset.
func (v *visit) report() error {
	p, err := v.readPeriod()
	if err != nil {
		return err
	}
	lines, more, err := v.addReport(p)
	if err != nil {
		return err
	}
	projects, err := v.choices()
	if err != nil {
		return err
	}
	return v.render(http.StatusOK, "reports", "Reports", struct {
		Period   period
		Lines    []reportLine
		Projects []option
		Bounded  string
		Hidden   []field
	}{p, lines, projectOptions(projects, p.Project), boundedText(more), hiddenFields(p.values())})
}

func boundedText(more bool) string {
	if !more {
		return ""
	}
	return fmt.Sprintf("Only the latest %d invoices or payouts of the period are added up. Choose a shorter one.", reportMost)
}

// exportReport sends the same lines as a file. A report that leaves something out is no file.
func (v *visit) exportReport() error {
	p, err := v.readPeriod()
	if err != nil {
		return err
	}
	lines, more, err := v.addReport(p)
	if err != nil {
		return err
	}
	if more {
		return &fault{http.StatusConflict, "The period is too long", boundedText(true)}
	}
	sent := false
	return export(v, "report", p.columns(), func() ([]reportLine, bool, error) {
		end := sent
		sent = true
		return lines, end, nil
	})
}

// columns returns the fields of a report's lines.
func (p period) columns() []column[reportLine] {
	return []column[reportLine]{
		{"from", "From", true, func(reportLine) string { return p.From }},
		{"to", "To", true, func(reportLine) string { return p.To }},
		{"project", "Project", true, func(l reportLine) string { return l.Project }},
		{"project_name", "Project's name", true, func(l reportLine) string { return l.ProjectName }},
		{"what", "What", true, func(l reportLine) string { return l.What }},
		{"asset", "Asset", true, func(l reportLine) string { return l.Asset }},
		{"network", "Network", true, func(l reportLine) string { return l.Network }},
		{"count", "Number", true, func(l reportLine) string { return strconv.Itoa(l.Count) }},
		{"amount", "Asked for", true, func(l reportLine) string { return l.Amount }},
		{"settled", "Paid", true, func(l reportLine) string { return l.Settled }},
		{"fee", "Network fees", true, func(l reportLine) string { return l.Fee }},
	}
}

// Report says what [Desk.WriteReport] writes.
type Report struct {
	// From and To are the first and the last day, each the day in UTC on which the moment is. Both are required.
	From, To time.Time
	// Projects are the ids of the projects whose invoices and payouts are added up. With All there are none, and the report
	// is about every project, as that of a person who sees all of them.
	Projects []string
	All      bool
}

// ErrReportTooLong is returned for a report that would have to add up more invoices or payouts than the desk does at a time.
var ErrReportTooLong = errors.New("the period has too many invoices or payouts")

// WriteReport writes the report that a person exports from the page of reports, as CSV, for a program of the host's that
// mails or files it: the invoices and payouts that were made in the period, added up by project, kind and asset. No cell is
// taken for a formula by a spreadsheet.
//
// It reads the database until ctx ends, and may be called concurrently. It returns [invoice.ErrNotFound] for a project that
// does not exist and ErrReportTooLong for a period that has too much: choose a shorter one, or fewer projects. Unless w has
// failed, nothing was written then. It asks nobody who reads the report: what it says is for those who may see the projects.
func (d *Desk) WriteReport(ctx context.Context, w io.Writer, r Report) error {
	switch {
	case r.From.IsZero() || r.To.IsZero() || r.To.UTC().Format(day) < r.From.UTC().Format(day):
		return errors.New("desk: report: From and To are required, and To must not be before From")
	case r.All != (len(r.Projects) == 0):
		return errors.New("desk: report: either All or Projects is required")
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "/", http.NoBody)
	if err != nil {
		return fmt.Errorf("desk: report: %w", err)
	}
	v := &visit{Desk: d, r: request, person: Person{Role: RoleViewer, Projects: r.Projects}, memo: map[string]invoice.Project{}, read: map[string]payout.Payout{}}
	for _, id := range r.Projects {
		if _, err := v.oneProject(id); err != nil {
			return fmt.Errorf("desk: report: project %.40q: %w", id, err)
		}
	}
	p := period{From: r.From.UTC().Format(day), To: r.To.UTC().Format(day)}
	lines, more, err := v.addReport(p)
	if err == nil && more {
		err = ErrReportTooLong
	}
	if err != nil {
		return fmt.Errorf("desk: report: %w", err)
	}
	if err := csvHead(w, p.columns()); err != nil {
		return fmt.Errorf("desk: report: %w", err)
	}
	if err := csvRows(w, p.columns(), lines); err != nil {
		return fmt.Errorf("desk: report: %w", err)
	}
	return nil
}
