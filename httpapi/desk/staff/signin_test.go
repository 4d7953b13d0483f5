package staff_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/httpapi/desk"
	"github.com/cointill/cointill/httpapi/desk/staff"
	"github.com/cointill/cointill/store"
)

// A stranger learns neither from the answer nor from its work whether there is a member with the name.
func TestAnUnknownNameIsAnsweredLikeAWrongPasswordWithTheSameWork(t *testing.T) {
	s := open(t)
	s.member(staff.Member{ID: "ann", Role: desk.RoleViewer})
	gone, _ := s.member(staff.Member{ID: "gone", Role: desk.RoleViewer})
	_, err := s.Add(t.Context(), staff.Member{ID: "invited", Role: desk.RoleViewer})
	require.NoError(t, err)
	root := s.administrator()
	root.post("member", "id", "gone", "act", "disable", "reason", "left").leads("members")
	gone.signedOut()

	var answers []string
	for _, try := range [][2]string{
		{"ann", "wrong password"}, {"nobody", "wrong password"}, {"invited", "wrong password"}, {"gone", password}, {"gone", "wrong password"},
		{"no such name, <b>", "wrong password"}, {strings.Repeat("long", 100), "wrong password"}, {"", ""},
	} {
		b := s.browser()
		before := s.hashes.Load()
		a := b.post("sign-in", "name", try[0], "password", try[1]).shows(http.StatusUnauthorized, "The name or the password is wrong.")
		require.Equal(t, int64(1), s.hashes.Load()-before, "hashes for %q", try[0])
		require.Empty(t, b.cookies)
		if try[0] == "ann" || try[0] == "gone" || try[0] == "nobody" {
			same := strings.ReplaceAll(a.body, `value="`+try[0]+`"`, "")
			for _, random := range []string{challengeIn(a), options(a).Challenge} {
				same = strings.ReplaceAll(same, random, "")
			}
			answers = append(answers, same)
		}
	}
	for _, a := range answers {
		require.Equal(t, answers[0], a)
	}
}

func TestAPasswordAloneIsNotASignIn(t *testing.T) {
	s := open(t)
	s.member(staff.Member{ID: "ann", Role: desk.RoleAdministrator})
	b := s.browser()
	b.post("sign-in", "name", " ANN ", "password", password, "next", "/desk/payouts").leads("second?next=%2Fdesk%2Fpayouts")
	b.signedOut()
	for _, path := range []string{"", "members", "invite", "enrol", "password", "prove"} {
		require.Regexp(t, "^second", b.get(path).header.Get("Location"), path)
	}
	require.Regexp(t, "^second", b.post("enrol", "code", "123456", "password", password).header.Get("Location"))
	require.Regexp(t, "^second", b.post("recovery").header.Get("Location"))
	s.clock.Add(time.Minute)
	b.post("second", "code", "000000").shows(http.StatusUnauthorized, "The code is wrong")
	b.signedOut()
	b.post("second", "code", b.code("ann"), "next", "/desk/payouts").leads("/desk/payouts")
	p, err := b.person()
	require.NoError(t, err)
	require.Equal(t, s.clock.Now(), p.Proved)
	require.Contains(t, s.audit("member.sign-in"), "ann member.sign-in ann refused")
}

func TestTheSecondFactorMustComeSoon(t *testing.T) {
	s := open(t)
	s.member(staff.Member{ID: "ann", Role: desk.RoleViewer})
	b := s.browser()
	b.post("sign-in", "name", "ann", "password", password).leads("second")
	s.clock.Add(10 * time.Minute)
	b.post("second", "code", b.code("ann")).leads("sign-in")
	b.signedOut()
}

// Whoever planted a token in the browser, or has seen one, has nothing of it after a sign-in or a proof.
func TestEverySignInAndProofGivesANewTokenAndEndsTheFormerOne(t *testing.T) {
	s := open(t)
	b, _ := s.member(staff.Member{ID: "ann", Role: desk.RoleViewer})
	mallory, _ := s.member(staff.Member{ID: "mallory", Role: desk.RoleViewer})

	victim := s.browser()
	victim.cookies[sessionName] = mallory.cookies[sessionName]
	victim.signs("ann")
	require.NotEqual(t, mallory.cookies[sessionName], victim.cookies[sessionName])
	mallory.signedOut()
	p, err := victim.person()
	require.NoError(t, err)
	require.Equal(t, "ann", p.ID)

	half := s.browser()
	half.post("sign-in", "name", "ann", "password", password).leads("second")
	former := half.cookies[sessionName]
	s.clock.Add(time.Minute)
	half.post("second", "code", half.code("ann")).leads("/desk/")
	require.NotEqual(t, former, half.cookies[sessionName])
	half.cookies[sessionName] = former
	half.signedOut()

	former = b.cookies[sessionName]
	s.clock.Add(time.Minute)
	b.post("prove", "password", password, "code", b.code("ann"), "next", "/desk/payout?id=7").leads("/desk/payout?id=7")
	require.NotEqual(t, former, b.cookies[sessionName])
	p, err = b.person()
	require.NoError(t, err)
	require.Equal(t, s.clock.Now(), p.Proved)
	b.cookies[sessionName] = former
	b.signedOut()
}

func TestAProofNeedsPasswordAndCode(t *testing.T) {
	s := open(t)
	b, recovery := s.member(staff.Member{ID: "ann", Role: desk.RoleViewer})
	proved := s.clock.Now()
	s.clock.Add(time.Minute)
	for _, try := range [][2]string{{password, "000000"}, {password, ""}, {"wrong password", b.code("ann")}, {"", b.code("ann")}} {
		b.post("prove", "password", try[0], "code", try[1]).shows(http.StatusUnauthorized, "is wrong")
		p, err := b.person()
		require.NoError(t, err)
		require.Equal(t, proved, p.Proved)
	}
	b.post("prove", "password", password, "code", recovery[0]).leads("/desk/")
	b.post("prove", "password", password, "code", recovery[0]).shows(http.StatusUnauthorized, "is wrong")
}

func TestACodeCountsOnce(t *testing.T) {
	s := open(t)
	b, recovery := s.member(staff.Member{ID: "ann", Role: desk.RoleViewer})
	b.signs("ann")
	again := func(code string) answer {
		other := s.browser()
		other.post("sign-in", "name", "ann", "password", password).leads("second")
		return other.post("second", "code", code)
	}
	again(b.code("ann")).shows(http.StatusUnauthorized, "it was used before")
	before := staff.Code(s.SecretOf(t.Context(), "ann"), s.clock.Now().Unix()/staff.CodeStep-1, 6)
	again(before).shows(http.StatusUnauthorized, "it was used before")
	again(strings.ToUpper(strings.ReplaceAll(recovery[3], "-", " "))).leads("/desk/")
	again(recovery[3]).shows(http.StatusUnauthorized, "wrong")
	again(recovery[4]).leads("/desk/")
}

func TestOfManyWithOneCodeOneSignsIn(t *testing.T) {
	s := open(t)
	b, recovery := s.member(staff.Member{ID: "ann", Role: desk.RoleViewer})
	s.clock.Add(time.Minute)
	twin := openOn(t, s.records) // another process on the same records
	twin.clock.Add(s.clock.Now().Sub(twin.clock.Now()))
	for _, code := range []string{b.code("ann"), recovery[0]} {
		var did atomic.Int64
		var wait sync.WaitGroup
		for n := range 16 {
			wait.Go(func() {
				ok, _ := []*shop{s, twin}[n%2].UseCode(t.Context(), "ann", code)
				if ok {
					did.Add(1)
				}
			})
		}
		wait.Wait()
		require.Equal(t, int64(1), did.Load())
	}
}

func TestASessionEndsIdleAndInAnyCase(t *testing.T) {
	s := open(t)
	b, _ := s.member(staff.Member{ID: "ann", Role: desk.RoleViewer})
	s.clock.Add(30*time.Minute - time.Second)
	_, err := b.person()
	require.NoError(t, err)
	s.clock.Add(30 * time.Minute)
	b.signedOut()

	b.signs("ann")
	for used := time.Duration(0); used < 12*time.Hour; used += 20 * time.Minute {
		_, err := b.person()
		require.NoError(t, err, "after %v", used)
		s.clock.Add(20 * time.Minute)
	}
	b.signedOut()
}

func TestOneSessionIsEndedOrAllOfThem(t *testing.T) {
	s := open(t)
	b, _ := s.member(staff.Member{ID: "ann", Role: desk.RoleViewer})
	b.header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0")
	phone := s.browser()
	phone.header.Set("User-Agent", "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605 Version/19 Mobile Safari/604.1")
	phone.from = "[2001:db8::7]:99"
	phone.signs("ann")
	page := b.get("").shows(http.StatusOK, "Safari on iPhone")
	require.Contains(t, page.body, "2001:db8::7")
	id := between(t, page.body, `name="session" value="`, `"`)
	b.post("end-session", "session", id).leads("./")
	phone.signedOut()
	_, err := b.person()
	require.NoError(t, err)

	phone.signs("ann")
	other, _ := s.member(staff.Member{ID: "bob", Role: desk.RoleViewer})
	b.post("sign-out-everywhere").leads("sign-in")
	for _, gone := range []*browser{b, phone} {
		gone.signedOut()
	}
	_, err = other.person()
	require.NoError(t, err, "another member's session")
	n, err := s.Sessions(t.Context(), "ann")
	require.NoError(t, err)
	require.Zero(t, n)

	phone.signs("ann")
	phone.get(strings.TrimPrefix(s.SignOut(), "/staff/")).shows(http.StatusOK, "Sign out on this browser")
	_, err = phone.person()
	require.NoError(t, err, "a link alone does not sign out")
	stolen := phone.cookies[sessionName]
	phone.post("sign-out").leads("sign-in")
	require.NotContains(t, phone.cookies, sessionName)
	phone.cookies[sessionName] = stolen
	phone.signedOut()
}

func between(t *testing.T, text, from, to string) string {
	t.Helper()
	_, after, found := strings.Cut(text, from)
	require.True(t, found, "no %q in %s", from, text)
	inside, _, found := strings.Cut(after, to)
	require.True(t, found)
	return inside
}

func TestNobodyEndsTheSessionOfAnother(t *testing.T) {
	s := open(t)
	ann, _ := s.member(staff.Member{ID: "ann", Role: desk.RoleViewer})
	ann2 := s.browser()
	ann2.signs("ann")
	bob, _ := s.member(staff.Member{ID: "bob", Role: desk.RoleViewer})
	id := between(t, ann.get("").body, `name="session" value="`, `"`)
	bob.post("end-session", "session", id).leads("./")
	_, err := ann2.person()
	require.NoError(t, err)
}

func TestSessionsDoNotPileUp(t *testing.T) {
	s := open(t)
	b, _ := s.member(staff.Member{ID: "ann", Role: desk.RoleViewer})
	for range staff.MaxSessions + 5 {
		s.browser().signs("ann")
	}
	n, err := s.Sessions(t.Context(), "ann")
	require.NoError(t, err)
	require.Equal(t, staff.MaxSessions, n)
	b.signedOut() // the one that was used least recently
	s.clock.Add(13 * time.Hour)
	b.signs("ann")
	n, err = s.Sessions(t.Context(), "ann")
	require.NoError(t, err)
	require.Equal(t, 1, n, "what has ended is removed")
}

func TestANewPasswordEndsAllOtherSessions(t *testing.T) {
	s := open(t)
	b, _ := s.member(staff.Member{ID: "ann", Name: "Ann Example", Role: desk.RoleViewer})
	other := s.browser()
	other.signs("ann")
	const next = "another four random words"
	for bad, why := range map[string]string{"short": "at least 12 characters", "aaaaaaaaaaaaaaaa": "repeated", "my name is ann example": "contain your name", strings.Repeat("x1", 200): "more than"} {
		b.post("password", "password", password, "new", bad).shows(http.StatusUnprocessableEntity, why)
	}
	b.post("password", "password", "wrong password", "new", next).shows(http.StatusUnprocessableEntity, "present password is wrong")
	b.post("password", "password", password, "new", next).leads("./")
	_, err := b.person()
	require.NoError(t, err)
	other.signedOut()
	other.post("sign-in", "name", "ann", "password", password).shows(http.StatusUnauthorized, "wrong")
	other.post("sign-in", "name", "ann", "password", next).leads("second")

	s.clock.Add(11 * time.Minute)
	b.post("password", "password", next, "new", password).leads("prove?next=%2Fstaff%2Fpassword")
}

func TestAWeakerHashIsReplacedAtTheNextSignIn(t *testing.T) {
	s := open(t)
	b, _ := s.member(staff.Member{ID: "ann", Role: desk.RoleViewer})
	before := s.PasswordOf(t.Context(), "ann")
	b.signs("ann")
	require.Equal(t, before, s.PasswordOf(t.Context(), "ann"))
	s.Costly()
	b.signs("ann")
	require.NotEqual(t, before, s.PasswordOf(t.Context(), "ann"))
	b.signs("ann")
	_, err := b.person()
	require.NoError(t, err)
}

// A flood of sign-ins takes the memory of two hashes here, and the rest is told to come back.
func TestManySignInsAtOnceDoNotHashAtOnce(t *testing.T) {
	s := open(t, func(c *staff.Config) { c.PasswordsAtOnce = 2 })
	ann, _ := s.member(staff.Member{ID: "ann", Role: desk.RoleViewer})
	s.Impatient(time.Minute)
	ann.signs("ann")
	s.Impatient(time.Millisecond)
	hold, running := make(chan struct{}), make(chan struct{}, 100)
	s.HashingOfStrangers(func() { running <- struct{}{}; <-hold })
	var wait sync.WaitGroup
	for range 2 {
		wait.Go(func() { s.browser().post("sign-in", "name", "ann", "password", "wrong password") })
		<-running
	}
	for range 40 {
		b := s.browser()
		a := b.post("sign-in", "name", "somebody else", "password", "wrong password").shows(http.StatusServiceUnavailable, "Try again")
		require.NotEmpty(t, a.header.Get("Retry-After"))
	}
	require.Empty(t, running, "a third hash at once")
	s.Impatient(time.Minute)
	ann.signs("ann") // on a browser that is known
	invited, err := s.Add(t.Context(), staff.Member{ID: "bob", Role: desk.RoleViewer})
	require.NoError(t, err)
	s.browser().accept(invited.Link).leads("enrol")
	ann.post("prove", "password", password, "code", "000000").shows(http.StatusUnauthorized, "wrong")
	close(hold)
	wait.Wait()
	s.browser().post("sign-in", "name", "somebody else", "password", "wrong password").shows(http.StatusUnauthorized, "wrong")
}

func TestPlacesToGoOnTo(t *testing.T) {
	for _, good := range []string{"/", "/desk/", "/desk/invoices?status=new&after=a%2Fb#top", "/a//b", "/%5c", "/@host"} {
		require.Equal(t, good, staff.NextPath(good, "no"))
	}
	for _, bad := range []string{
		"", "desk", "//evil.example", "///evil.example", `/\evil.example`, `\\evil.example`, "/\t/evil.example", "/\n/evil.example", "\t//evil.example",
		"https://evil.example", "javascript:alert(1)", "https:/evil.example", "/a b", "/\x00", "/ü", "/%zz", "/" + strings.Repeat("a", 3000), " /desk",
	} {
		require.Equal(t, "no", staff.NextPath(bad, "no"), "%q", bad)
	}
	s := open(t)
	s.member(staff.Member{ID: "ann", Role: desk.RoleViewer})
	for _, bad := range []string{"//evil.example", `/\evil.example`, "https://evil.example/"} {
		b := s.browser()
		a := b.post("sign-in", "name", "ann", "password", password, "next", bad).leads("second")
		require.NotContains(t, a.body, "evil")
		s.clock.Add(time.Minute)
		b.post("second", "code", b.code("ann"), "next", bad).leads("/desk/")
		require.NotContains(t, b.get("prove?next="+bad).body, "evil")
		s.clock.Add(time.Minute)
		b.post("prove", "password", password, "code", b.code("ann"), "next", bad).leads("/desk/")
		b.get("sign-in?next=" + bad).leads("/desk/")
	}
	require.Equal(t, "/staff/sign-in", s.SignIn("https://evil.example/"))
	require.Equal(t, "/staff/prove?next=%2Fdesk%2Fpayouts%3Fid%3D1", s.Prove("/desk/payouts?id=1"))
}

func TestWithoutASecondFactorNobodyIsProvedUnlessTheShopSaysSo(t *testing.T) {
	for _, optional := range []bool{false, true} {
		s := open(t, func(c *staff.Config) { c.OptionalSecondFactor = optional })
		invited, err := s.Add(t.Context(), staff.Member{ID: "ann", Role: desk.RoleAdministrator})
		require.NoError(t, err)
		b := s.browser()
		b.accept(invited.Link)
		p, err := b.person()
		require.NoError(t, err)
		require.Equal(t, optional, p.Proved.Equal(s.clock.Now()))
		require.Equal(t, !optional, p.Proved.IsZero())
		if !optional {
			b.get("invite").leads("prove?next=%2Fstaff%2Finvite")
			b.get("prove?next=%2Fstaff%2Finvite").leads("enrol?next=%2Fstaff%2Finvite")
			b.post("prove", "password", password).leads("enrol")
			continue
		}
		s.clock.Add(time.Hour / 4)
		b.get("invite").leads("prove?next=%2Fstaff%2Finvite")
		b.post("prove", "password", password).leads("/desk/")
		b.get("invite").shows(http.StatusOK, "Invite a member")
	}
}

func TestAForgedOrDamagedCookieIsNobody(t *testing.T) {
	s := open(t)
	b, _ := s.member(staff.Member{ID: "ann", Role: desk.RoleViewer})
	real := b.cookies[sessionName]
	flip := []byte(real)
	flip[len(flip)-1] ^= 1
	of, secret, _ := strings.Cut(real, ".")
	for _, forged := range []string{"", ".", of, of + ".", "." + secret, string(flip), "0000000000000000." + secret, real + "x", strings.Repeat("a", 4000), of + ":" + secret} {
		r := httptest.NewRequest(http.MethodGet, origin+"/desk/", nil)
		r.AddCookie(&http.Cookie{Name: sessionName, Value: forged})
		_, err := s.Authenticate(r)
		require.ErrorIs(t, err, desk.ErrSignedOut, "%q", forged)
	}
	r := httptest.NewRequest(http.MethodGet, origin+"/desk/", nil)
	r.AddCookie(&http.Cookie{Name: "cointill-staff", Value: real})
	_, err := s.Authenticate(r)
	require.ErrorIs(t, err, desk.ErrSignedOut, "a cookie that a subdomain may set")
}

// interposed runs a function once, before a document of the kind is next written.
type interposed struct {
	desk.Records
	kind string
	run  atomic.Pointer[func()]
}

func (i *interposed) PutDocument(ctx context.Context, kind, name string, version int64, body []byte) (bool, error) {
	if kind == i.kind {
		if run := i.run.Swap(nil); run != nil {
			(*run)()
		}
	}
	return i.Records.PutDocument(ctx, kind, name, version, body)
}

// The member is disabled, or invited again, after a step was checked and before it is stored.
func TestAStepThatIsOvertakenDoesNotSignIn(t *testing.T) {
	for name, step := range map[string]func(b *browser) answer{
		"second": func(b *browser) answer { return b.post("second", "code", b.code("ann")) },
		"prove":  func(b *browser) answer { return b.post("prove", "password", password, "code", b.code("ann")) },
		"enrol": func(b *browser) answer {
			page := b.get("enrol")
			return b.post("enrol", "code", codeOf(b, between(b.T, page.body, `<p class="secret"><code>`, "</code>")), "password", password)
		},
		"password": func(b *browser) answer {
			return b.post("password", "password", password, "new", "another four random words")
		},
		"recovery": func(b *browser) answer { return b.post("recovery") },
	} {
		records := &interposed{Records: store.NewMemory().Records(), kind: "staff.member"}
		s := openOn(t, records)
		b, _ := s.member(staff.Member{ID: "ann", Role: desk.RoleViewer})
		s.clock.Add(time.Minute)
		if name == "second" {
			b = s.browser()
			b.post("sign-in", "name", "ann", "password", password).leads("second")
		}
		root := s.administrator()
		overtake := func() {
			root.post("member", "id", "ann", "act", "invite", "reason", "somebody else knows the password").shows(http.StatusOK, "invitation?token=")
		}
		records.run.Store(&overtake)
		a := step(b)
		require.Equal(t, http.StatusSeeOther, a.status, name)
		require.Regexp(t, "^sign-in", a.header.Get("Location"), name)
		b.signedOut()
		require.Empty(t, s.PasswordOf(t.Context(), "ann"), name)
	}
}

func TestAPasswordIsComparedToItsEnd(t *testing.T) {
	s := open(t)
	b, _ := s.member(staff.Member{ID: "ann", Role: desk.RoleViewer})
	long := strings.Repeat("0123456789abcdef", 16)
	b.post("password", "password", password, "new", long).leads("./")
	s.browser().post("sign-in", "name", "ann", "password", long+"x").shows(http.StatusUnauthorized, "wrong")
	s.browser().post("sign-in", "name", "ann", "password", long[:255]).shows(http.StatusUnauthorized, "wrong")
	s.browser().post("sign-in", "name", "ann", "password", long).leads("second")
}

// A desk that knows one page leads there both those who are signed out and those who must prove again who they are.
func TestThePageForProofsServesThoseWhoAreSignedOut(t *testing.T) {
	s := open(t)
	s.member(staff.Member{ID: "ann", Role: desk.RoleViewer})
	b := s.browser()
	b.get("prove?next=/desk/payouts").leads("sign-in?next=%2Fdesk%2Fpayouts")
	b.post("sign-in", "name", "ann", "password", password, "next", "/desk/payouts").leads("second?next=%2Fdesk%2Fpayouts")
	b.get("prove?next=/desk/payouts").leads("second?next=%2Fdesk%2Fpayouts")
	s.clock.Add(time.Minute)
	b.post("second", "code", b.code("ann"), "next", "/desk/payouts").leads("/desk/payouts")
	b.get("prove?next=/desk/payouts").shows(http.StatusOK, "Is it still you?")
}
