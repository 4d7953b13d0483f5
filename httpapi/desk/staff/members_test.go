package staff_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/httpapi/desk"
	"github.com/cointill/cointill/httpapi/desk/staff"
	"github.com/cointill/cointill/store"
)

func TestAddRefusesWhatNoMemberCanBe(t *testing.T) {
	s := open(t)
	for _, bad := range []staff.Member{
		{}, {ID: "ann"}, {ID: "Ann", Role: desk.RoleViewer}, {ID: "ann", Role: "king"}, {ID: ".ann", Role: desk.RoleViewer}, {ID: "an n", Role: desk.RoleViewer},
		{ID: strings.Repeat("a", 65), Role: desk.RoleViewer}, {ID: "ann", Name: strings.Repeat("a", 101), Role: desk.RoleViewer}, {ID: "аnn", Role: desk.RoleViewer},
		{ID: "ann", Name: "two\nlines", Role: desk.RoleViewer}, {ID: "ann", Name: "\u202egnp.exe", Role: desk.RoleViewer}, {ID: "ann", Name: "\xff", Role: desk.RoleViewer},
		{ID: "ann", Role: desk.RoleViewer, Projects: []string{""}}, {ID: "ann", Role: desk.RoleViewer, Projects: make([]string, 201)},
	} {
		_, err := s.Add(t.Context(), bad)
		require.ErrorIs(t, err, staff.ErrInvalid, "%+v", bad)
	}
	require.Empty(t, s.auditRecords())
	_, err := s.Add(t.Context(), staff.Member{ID: "ann@shop.example", Role: desk.RoleViewer, Projects: []string{"b", "a", "b"}})
	require.NoError(t, err)
	_, err = s.Add(t.Context(), staff.Member{ID: "ann@shop.example", Role: desk.RoleAdministrator})
	require.ErrorIs(t, err, staff.ErrExists)
	all, err := s.Members(t.Context())
	require.NoError(t, err)
	require.Equal(t, []staff.Member{{ID: "ann@shop.example", Name: "ann@shop.example", Role: desk.RoleViewer, Projects: []string{"a", "b"}}}, all)
	for _, nobody := range []string{"nobody", "", "No Body", strings.Repeat("a", 200)} {
		_, err = s.Invite(t.Context(), nobody)
		require.ErrorIs(t, err, staff.ErrNotFound, "%q", nobody)
	}
}

func TestAnInvitationIsGoodOnceAndForATime(t *testing.T) {
	s := open(t)
	invited, err := s.Add(t.Context(), staff.Member{ID: "ann", Role: desk.RoleViewer})
	require.NoError(t, err)
	b := s.browser()
	token := tokenIn.FindStringSubmatch(invited.Link)[1]
	b.post("invitation", "token", token, "password", "short", "again", "short").shows(http.StatusUnprocessableEntity, "at least 12")
	b.post("invitation", "token", token, "password", password, "again", password+"x").shows(http.StatusUnprocessableEntity, "not the same")
	for _, wrong := range []string{"", "x", token + "x", token[:len(token)-1], strings.Replace(token, ".", "..", 1), "Ym9i." + strings.Split(token, ".")[1]} {
		b.get("invitation?token="+wrong).shows(http.StatusGone, "Ask an administrator")
		b.post("invitation", "token", wrong, "password", password, "again", password).shows(http.StatusGone, "Ask an administrator")
	}
	b.accept(invited.Link).leads("enrol")
	s.browser().get("invitation?token="+token).shows(http.StatusGone, "was used")
	s.browser().post("invitation", "token", token, "password", password, "again", password).shows(http.StatusGone, "was used")

	late, err := s.Add(t.Context(), staff.Member{ID: "bob", Role: desk.RoleViewer})
	require.NoError(t, err)
	s.clock.Add(72 * time.Hour)
	s.browser().get("invitation?token="+tokenIn.FindStringSubmatch(late.Link)[1]).shows(http.StatusGone, "has ended")

	former, err := s.Invite(t.Context(), "bob")
	require.NoError(t, err)
	newer, err := s.Invite(t.Context(), "bob")
	require.NoError(t, err)
	s.browser().get("invitation?token="+tokenIn.FindStringSubmatch(former.Link)[1]).shows(http.StatusGone, "replaced")
	s.browser().accept(newer.Link).leads("enrol")
}

func TestOfManyWithOneInvitationOneChoosesThePassword(t *testing.T) {
	s := open(t)
	invited, err := s.Add(t.Context(), staff.Member{ID: "ann", Role: desk.RoleViewer})
	require.NoError(t, err)
	token := tokenIn.FindStringSubmatch(invited.Link)[1]
	var mu sync.Mutex
	answers := map[int]int{}
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			a := s.browser().post("invitation", "token", token, "password", password, "again", password)
			mu.Lock()
			answers[a.status]++
			mu.Unlock()
		})
	}
	wait.Wait()
	require.Equal(t, map[int]int{http.StatusSeeOther: 1, http.StatusGone: 7}, answers)
}

// Somebody else with the same link is quicker, between the check and the write.
func TestAnInvitationThatIsOvertakenSetsNoPassword(t *testing.T) {
	records := &interposed{Records: store.NewMemory().Records(), kind: "staff.member"}
	s := openOn(t, records)
	invited, err := s.Add(t.Context(), staff.Member{ID: "ann", Role: desk.RoleViewer})
	require.NoError(t, err)
	overtake := func() { s.browser().accept(invited.Link).leads("enrol") }
	records.run.Store(&overtake)
	const late = "another four random words"
	b := s.browser()
	b.post("invitation", "token", tokenIn.FindStringSubmatch(invited.Link)[1], "password", late, "again", late).shows(http.StatusGone, "was used")
	b.signedOut()
	b.post("sign-in", "name", "ann", "password", late).shows(http.StatusUnauthorized, "wrong")
	b.post("sign-in", "name", "ann", "password", password).leads("enrol")
}

func TestAnAdministratorInvitesChangesAndDisables(t *testing.T) {
	s := open(t)
	root := s.administrator()
	root.post("invite", "id", "ann", "name", "Ann", "role", "cashier", "projects", "p1\np2").shows(http.StatusUnprocessableEntity, "Say why")
	root.post("invite", "id", "ann", "name", "Ann", "role", "king", "reason", "new").shows(http.StatusUnprocessableEntity, "unknown role")
	a := root.post("invite", "id", "Ann", "name", "Ann", "role", "cashier", "projects", "p1\np2", "reason", "new at the till").shows(http.StatusOK, "shown only now")
	root.post("invite", "id", "ann", "name", "Ann", "role", "cashier", "reason", "new").shows(http.StatusUnprocessableEntity, "There is, or was")
	ann := s.browser()
	ann.accept(a.body).leads("enrol")
	ann.enrols("ann")
	p, err := ann.person()
	require.NoError(t, err)
	require.Equal(t, desk.RoleCashier, p.Role)
	require.Equal(t, []string{"p1", "p2"}, p.Projects)
	ann.get("members").shows(http.StatusForbidden, "Only administrators")
	for _, path := range []string{"invite", "member?id=root"} {
		ann.get(path).shows(http.StatusForbidden, "Only administrators")
	}
	ann.post("invite", "id", "eve", "role", "administrator", "reason", "x").shows(http.StatusForbidden, "Only administrators")
	ann.post("member", "id", "ann", "act", "change", "role", "administrator", "reason", "x").shows(http.StatusForbidden, "Only administrators")

	root.get("members").shows(http.StatusOK, "Ann")
	root.get("member?id=ann").shows(http.StatusOK, "Lost second factor")
	root.post("member", "id", "ann", "act", "change", "name", "Ann B.", "role", "operator", "projects", "p1", "reason", "promoted").leads("members")
	ann.signedOut()
	ann.signs("ann")
	p, err = ann.person()
	require.NoError(t, err)
	require.Equal(t, desk.RoleOperator, p.Role)
	require.Equal(t, []string{"p1"}, p.Projects)

	root.post("member", "id", "ann", "act", "end-sessions", "reason", "laptop lost").leads("members")
	ann.signedOut()
	ann.signs("ann")
	root.post("member", "id", "ann", "act", "disable", "reason", "left").leads("members")
	ann.signedOut()
	s.clock.Add(time.Minute)
	ann.post("sign-in", "name", "ann", "password", password).shows(http.StatusUnauthorized, "wrong")
	root.post("member", "id", "ann", "act", "invite", "reason", "x").shows(http.StatusUnprocessableEntity, "is disabled")
	root.post("member", "id", "ann", "act", "enable", "reason", "back").leads("members")
	ann.signs("ann")

	root.post("member", "id", "ann", "act", "fly", "reason", "x").shows(http.StatusUnprocessableEntity, "no such act")
	root.post("member", "id", "nobody", "act", "disable", "reason", "x").shows(http.StatusNotFound, "no such member")

	var change []desk.Entry
	for _, a := range s.auditRecords() {
		if a.Act == "member.change" {
			change = append(change, a)
		}
	}
	require.Len(t, change, 2)
	require.Equal(t, desk.PhaseIntends, change[0].Phase)
	require.Equal(t, desk.Entry{
		At: change[1].At, Actor: "root", Act: "member.change", Subject: "ann", Reason: "promoted", Phase: desk.PhaseDid, Of: change[1].Of,
		Before: map[string]string{"name": "Ann", "role": "cashier", "projects": "p1, p2", "state": "enabled"},
		After:  map[string]string{"name": "Ann B.", "role": "operator", "projects": "p1", "state": "enabled"},
	}, change[1])
	require.Contains(t, s.audit(""), "root member.invite ann refused")
}

func TestALostSecondFactorIsReset(t *testing.T) {
	s := open(t)
	root := s.administrator()
	ann, recovery := s.member(staff.Member{ID: "ann", Role: desk.RoleViewer})
	code := ann.code("ann")
	a := root.post("member", "id", "ann", "act", "reset-second-factor", "reason", "lost the phone, came in person").shows(http.StatusOK, "invitation?token=")
	ann.signedOut()
	ann.post("sign-in", "name", "ann", "password", password).shows(http.StatusUnauthorized, "wrong") // neither does the password count
	ann.accept(a.body).leads("enrol")
	p, err := ann.person()
	require.NoError(t, err)
	require.Zero(t, p.Proved)
	fresh := ann.enrols("ann")
	require.NotContains(t, fresh, recovery[0])
	for _, gone := range []string{code, recovery[0]} {
		ok, _ := s.UseCode(t.Context(), "ann", gone)
		require.False(t, ok)
	}

	a = root.post("member", "id", "ann", "act", "invite", "reason", "forgot the password").shows(http.StatusOK, "invitation?token=")
	ann.signedOut()
	ann.accept(a.body).leads("second")
	ann.signedOut()
	s.clock.Add(time.Minute)
	ann.post("second", "code", ann.code("ann")).leads("/desk/")
}

func TestAnAdministratorWhoLostEverythingComesBackByTheProgram(t *testing.T) {
	s := open(t)
	root := s.administrator()
	other, _ := s.member(staff.Member{ID: "other", Role: desk.RoleAdministrator})
	other.post("member", "id", "root", "act", "disable", "reason", "a mistake").leads("members")
	root.signedOut()
	invited, err := s.Invite(t.Context(), "root")
	require.NoError(t, err)
	root.accept(invited.Link).leads("enrol")
	root.enrols("root")
	require.Contains(t, s.audit(""), "api member.invite root did")
}

func TestNobodyChangesThemselvesOrMoreThanTheySee(t *testing.T) {
	s := open(t)
	root := s.administrator()
	for _, act := range []string{"disable", "change", "reset-second-factor", "invite", "end-sessions"} {
		root.post("member", "id", "root", "act", act, "name", "Root", "role", "viewer", "reason", "x").shows(http.StatusUnprocessableEntity, "to yourself")
	}
	_, err := root.person()
	require.NoError(t, err)

	part, _ := s.member(staff.Member{ID: "part", Role: desk.RoleAdministrator, Projects: []string{"p1", "p2"}})
	s.member(staff.Member{ID: "all", Role: desk.RoleViewer})
	s.member(staff.Member{ID: "one", Role: desk.RoleViewer, Projects: []string{"p1"}})
	page := part.get("members").shows(http.StatusOK, "one")
	require.NotContains(t, page.body, "root")
	part.get("member?id=root").shows(http.StatusNotFound, "no such member")
	part.post("member", "id", "all", "act", "reset-second-factor", "reason", "x").shows(http.StatusNotFound, "no such member")
	for _, projects := range []string{"", "p3", "p1 p3"} {
		part.post("invite", "id", "eve", "name", "Eve", "role", "administrator", "projects", projects, "reason", "x").shows(http.StatusUnprocessableEntity, "projects that you see yourself")
		part.post("member", "id", "one", "act", "change", "name", "One", "role", "viewer", "projects", projects, "reason", "x").shows(http.StatusUnprocessableEntity, "projects that you see yourself")
	}
	part.post("invite", "id", "eve", "name", "Eve", "role", "viewer", "projects", "p1", "reason", "x").shows(http.StatusOK, "invitation?token=")
	part.post("member", "id", "one", "act", "change", "name", "One", "role", "viewer", "projects", "p1 p2", "reason", "x").leads("members")
}

func TestAdministrationNeedsAFreshProof(t *testing.T) {
	s := open(t)
	root := s.administrator()
	s.member(staff.Member{ID: "ann", Role: desk.RoleViewer})
	s.clock.Add(10*time.Minute + time.Second)
	root.get("members").shows(http.StatusOK, "Members")
	root.get("member?id=ann").leads("prove?next=%2Fstaff%2Fmember%3Fid%3Dann")
	root.post("member", "id", "ann", "act", "disable", "reason", "x").leads("prove?next=%2Fstaff%2Fmember%3Fid%3Dann")
	root.post("invite", "id", "eve", "role", "administrator", "reason", "x").leads("prove?next=%2Fstaff%2Finvite")
	root.post("recovery").leads("prove?next=%2Fstaff%2F")
	root.get("enrol").leads("prove?next=%2Fstaff%2Fenrol")
	require.NotContains(t, strings.Join(s.audit(""), "\n"), "member.disable")
	root.post("prove", "password", password, "code", root.code("root"), "next", "/staff/member?id=ann").leads("/staff/member?id=ann")
	root.get("member?id=ann").shows(http.StatusOK, "ann")
}

func TestWhatIsEnteredIsShownAsText(t *testing.T) {
	s := open(t)
	root := s.administrator()
	const payload = `"><script>alert(1)</script>'&{{.}}`
	a := root.post("invite", "id", "eve", "name", payload, "role", "viewer", "projects", "<b>x</b>", "reason", payload).shows(http.StatusOK, "eve")
	ann := s.browser()
	ann.header.Set("User-Agent", payload)
	welcome := ann.get(`invitation?token=` + tokenIn.FindStringSubmatch(a.body)[1])
	pages := []answer{
		welcome, root.get("members"), root.get("member?id=eve"), root.get("invite?name=" + "%22%3E%3Cscript%3E"),
		root.post("invite", "id", payload, "name", payload, "role", payload, "projects", payload, "reason", payload),
		root.post("member", "id", "eve", "act", "change", "name", payload, "role", "king", "reason", payload),
		s.browser().post("sign-in", "name", payload, "password", payload), s.browser().get("sign-in?next=/%22%3E%3Cscript%3E"),
	}
	ann.accept(a.body).leads("enrol")
	ann.enrols("eve")
	pages = append(pages, ann.get(""))
	for i, p := range pages {
		require.NotContains(t, p.unscripted(), "<script", "page %d", i)
		require.NotContains(t, p.body, "<b>x", "page %d", i)
		require.NotContains(t, p.body, "ZgotmplZ", "page %d", i)
	}
	require.Contains(t, root.get("members").body, "&lt;script&gt;")
}

// Two administrators decide about one member at once: each decision is made on what the other one has stored.
func TestTwoAdministratorsDoNotUndoEachOther(t *testing.T) {
	s := open(t)
	root := s.administrator()
	other, _ := s.member(staff.Member{ID: "other", Role: desk.RoleAdministrator})
	ann, _ := s.member(staff.Member{ID: "ann", Name: "Ann", Role: desk.RoleViewer})
	var wait sync.WaitGroup
	for range 10 {
		wait.Go(func() {
			root.post("member", "id", "ann", "act", "change", "name", "Ann", "role", "approver", "reason", "x").leads("members")
		})
		wait.Go(func() { other.post("member", "id", "ann", "act", "end-sessions", "reason", "x").leads("members") })
	}
	wait.Go(func() { other.post("member", "id", "ann", "act", "disable", "reason", "x").leads("members") })
	wait.Wait()
	ann.signedOut()
	page := root.get("member?id=ann").shows(http.StatusOK, "Disabled")
	require.Contains(t, page.body, `value="approver" selected`)
}

// broken fails to write, as a database does that is lost, from the given write on.
type broken struct {
	desk.Records
	mu    sync.Mutex
	after int
	on    bool
}

var errLost = errors.New("the database is lost")

func (b *broken) lost() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.after--
	return b.on && b.after < 0
}

func (b *broken) AppendRecord(ctx context.Context, log string, body []byte) (int64, error) {
	if b.lost() {
		return 0, errLost
	}
	return b.Records.AppendRecord(ctx, log, body)
}

func (b *broken) PutDocument(ctx context.Context, kind, name string, version int64, body []byte) (bool, error) {
	if b.lost() {
		return false, errLost
	}
	return b.Records.PutDocument(ctx, kind, name, version, body)
}

// Wherever the database is lost in an act, the member is as before or as after, and what was done is in the log, at least as
// begun.
func TestAnActThatEndsInTheMiddleIsInTheLog(t *testing.T) {
	for after := range 4 {
		records := &broken{Records: store.NewMemory().Records()}
		s := openOn(t, records)
		root := s.administrator()
		ann, _ := s.member(staff.Member{ID: "ann", Role: desk.RoleViewer})
		records.mu.Lock()
		records.after, records.on = after, true
		records.mu.Unlock()
		a := root.post("member", "id", "ann", "act", "disable", "reason", "left")
		records.mu.Lock()
		records.on = false
		records.mu.Unlock()
		log := s.audit("member.disable")
		_, err := ann.person()
		switch after {
		case 0:
			require.NoError(t, err)
			require.Empty(t, log)
		case 1:
			require.NoError(t, err)
			require.Equal(t, "root member.disable ann intends", log[0])
		case 2:
			require.ErrorIs(t, err, desk.ErrSignedOut)
			require.Equal(t, []string{"root member.disable ann intends"}, log)
		case 3:
			a.leads("members")
			require.ErrorIs(t, err, desk.ErrSignedOut)
			require.Len(t, log, 2)
		}
		if after < 3 {
			a.shows(http.StatusInternalServerError, "Something went wrong")
			require.NotContains(t, a.body, "lost")
		}
	}
}

// The same holds for what persons do to their own account.
func TestAnActOnOnesOwnAccountThatEndsInTheMiddleIsInTheLog(t *testing.T) {
	for act, do := range map[string]func(b *browser) answer{
		"member.password": func(b *browser) answer {
			return b.post("password", "password", password, "new", "another four random words")
		},
		"member.recovery-codes":      func(b *browser) answer { return b.post("recovery") },
		"member.sign-out-everywhere": func(b *browser) answer { return b.post("sign-out-everywhere") },
	} {
		for after := range 3 {
			records := &broken{Records: store.NewMemory().Records()}
			s := openOn(t, records)
			ann, _ := s.member(staff.Member{ID: "ann", Role: desk.RoleViewer})
			before := s.stored()
			records.mu.Lock()
			records.after, records.on = after, true
			records.mu.Unlock()
			do(ann).shows(http.StatusInternalServerError, "Something went wrong")
			records.mu.Lock()
			records.on = false
			records.mu.Unlock()
			log := s.audit(act)
			if after == 0 {
				require.Empty(t, log, act)
			} else {
				require.Equal(t, "ann "+act+" ann intends", log[0], act)
			}
			if after < 2 {
				require.Equal(t, before, s.stored(), "%s: nothing is changed before it is in the log", act)
			}
		}
	}
}

// stored returns the members as they are stored.
func (s *shop) stored() string {
	s.Helper()
	_, bodies, err := s.records.Documents(s.Context(), "staff.member", "", 100)
	require.NoError(s, err)
	require.NotEmpty(s, bodies)
	return string(bytes.Join(bodies, nil))
}
