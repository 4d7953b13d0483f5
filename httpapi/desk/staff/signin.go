package staff

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/cointill/cointill/httpapi/desk"
)

const wrongPassword = "The name or the password is wrong."

func (v *visit) signIn() {
	f, err := v.session(v.r)
	switch {
	case err == nil && f.Stage == stageFull:
		v.on()
		return
	case err != nil && !errors.Is(err, desk.ErrSignedOut):
		v.fail(err)
		return
	}
	v.showSignIn(http.StatusOK, map[string]any{})
}

// showSignIn answers with the page for signing in.
func (v *visit) showSignIn(status int, data map[string]any) {
	if err := v.challenge(data); err != nil {
		v.fail(err)
		return
	}
	v.show(status, "sign-in", data)
}

// nameIn returns what was entered as a name, as it is stored.
func nameIn(entered string) string {
	name := strings.ToLower(strings.TrimSpace(entered))
	return name[:min(len(name), maxID+1)] // what is longer is no member's, whatever follows
}

func (v *visit) doSignIn() {
	name := nameIn(v.field("name"))
	data := map[string]any{"Name": name}
	device, err := v.device(v.r, name)
	if err != nil {
		v.fail(err)
		return
	}
	lanes := attemptOf(name, v.cfg.ClientIP(v.r), device)
	if wait := v.throttle.begin(lanes); wait > 0 {
		v.tooMany("sign-in", wait, data)
		return
	}
	h := v.hasher
	if device != "" {
		h = v.known
	}
	m, right, err := v.checkPassword(v.ctx(), h, name, v.field("password"))
	switch {
	case err != nil:
		v.throttle.forgive(lanes)
		v.fail(err)
	case !right:
		v.cfg.Logger.InfoContext(v.ctx(), "staff: wrong name or password", "from", v.cfg.ClientIP(v.r))
		data["Problem"] = wrongPassword
		v.showSignIn(http.StatusUnauthorized, data)
	case m.hasFactor():
		v.throttle.forgive(lanes)
		v.enter(m, stageSecond, time.Time{}, "second"+asQuery(v.next()))
	default:
		v.throttle.succeed(lanes)
		v.enterByPassword(m)
	}
}

// enterByPassword signs in a member who has no second factor.
func (v *visit) enterByPassword(m member) {
	var proved time.Time
	if v.cfg.OptionalSecondFactor {
		proved = v.cfg.Now().UTC()
	}
	if err := v.audit(v.ctx(), m.ID, "member.sign-in", desk.PhaseDid, "by password alone"); err != nil {
		v.fail(err)
		return
	}
	to := "enrol" + asQuery(v.next())
	if v.cfg.OptionalSecondFactor {
		to = ""
	}
	v.enter(m, stageFull, proved, to)
}

// enter begins a session, and goes on to the page, or to the next one if it is empty.
func (v *visit) enter(m member, to stage, proved time.Time, page string) {
	if err := v.begin(v.w, v.r, m, to, proved); err != nil {
		v.fail(err)
		return
	}
	if page == "" {
		v.on()
		return
	}
	v.to(page)
}

// checkPassword returns the member with the name, if the password is right and the member may sign in. It does the same work
// for an unknown name.
func (s *Staff) checkPassword(ctx context.Context, h *hasher, name, password string) (m member, right bool, err error) {
	m, err = s.find(ctx, name)
	if errors.Is(err, ErrNotFound) {
		m, err = member{}, nil
	}
	if err != nil {
		return member{}, false, err
	}
	same, err := h.verify(ctx, password, m.Password)
	if err != nil || !same || m.Disabled {
		return member{}, false, err
	}
	if h.weaker(m.Password) {
		s.strengthen(ctx, m, password)
	}
	return m, true, nil
}

// strengthen hashes a password that was right anew, at what hashes cost now. If that fails, the next sign-in makes up for it.
func (s *Staff) strengthen(ctx context.Context, m member, password string) {
	hash, err := s.known.hash(ctx, password)
	if err == nil {
		_, err = s.change(ctx, m.ID, func(now *member) error {
			if now.Password == m.Password {
				now.Password = hash
			}
			return nil
		})
	}
	if err != nil {
		s.cfg.Logger.WarnContext(ctx, "staff: hash a password anew", "member", m.ID, "err", err)
	}
}

// half returns the session of a person whose second factor is missing, or leads to where they belong.
func (v *visit) half() (f found, ok bool) {
	f, err := v.session(v.r)
	switch {
	case errors.Is(err, desk.ErrSignedOut):
		v.to("sign-in" + asQuery(v.next()))
	case err != nil:
		v.fail(err)
	case f.Stage == stageFull:
		v.on()
	default:
		return f, true
	}
	return f, false
}

func (v *visit) second() {
	if f, ok := v.half(); ok {
		v.showFactors(http.StatusOK, f, "second", v.secondPage(f))
	}
}

func (v *visit) secondPage(f found) map[string]any {
	return map[string]any{"Who": f.member.Name, "Passkeys": len(f.member.Passkeys) > 0}
}

// showFactors answers with a page that asks for a factor, a passkey included if the member has one.
func (v *visit) showFactors(status int, f found, page string, data map[string]any) {
	if len(f.member.Passkeys) > 0 {
		if err := v.challenge(data); err != nil {
			v.fail(err)
			return
		}
	}
	v.show(status, page, data)
}

func (v *visit) doSecond() {
	f, ok := v.half()
	if !ok {
		return
	}
	lanes, wait, err := v.tryAs(f.member.ID)
	switch {
	case err != nil:
		v.fail(err)
		return
	case wait > 0:
		v.tooMany("second", wait, v.secondPage(f))
		return
	}
	m, how, err := v.useCode(v.ctx(), f.member.ID, v.field("code"))
	switch {
	case errors.Is(err, errWrongCode):
		if err := v.audit(v.ctx(), f.member.ID, "member.sign-in", desk.PhaseRefused, "wrong code, after the right password"); err != nil {
			v.fail(err)
			return
		}
		data := v.secondPage(f)
		data["Problem"] = wrongCode
		v.showFactors(http.StatusUnauthorized, f, "second", data)
	case err != nil:
		v.throttle.forgive(lanes)
		v.fail(err)
	case m.Epoch != f.Epoch || m.Disabled:
		v.to("sign-in" + asQuery(v.next()))
	default:
		v.throttle.succeed(lanes)
		v.arrive(m, "member.sign-in", "by password and "+how)
	}
}

// arrive begins the session of a member who has proved who they are.
func (v *visit) arrive(m member, act, how string) {
	if err := v.audit(v.ctx(), m.ID, act, desk.PhaseDid, how); err != nil {
		v.fail(err)
		return
	}
	v.enter(m, stageFull, v.cfg.Now().UTC(), "")
}

// tryAs counts an attempt of a member who is known by a session.
func (v *visit) tryAs(id string) (lanes attempt, wait time.Duration, err error) {
	device, err := v.device(v.r, id)
	if err != nil {
		return nil, 0, err
	}
	lanes = attemptOf("\x00second "+id, v.cfg.ClientIP(v.r), device)
	return lanes, v.throttle.begin(lanes), nil
}

// tryPassword reports whether the password of a form is right, and what else the form had to prove too. It counts an attempt,
// and has answered if it is not ok: with the page, if there have been too many.
func (v *visit) tryPassword(f found, also bool, page string, data map[string]any) (right, ok bool) {
	lanes, wait, err := v.tryAs(f.member.ID)
	if err != nil {
		v.fail(err)
		return false, false
	}
	if wait > 0 {
		v.tooMany(page, wait, data)
		return false, false
	}
	_, right, err = v.checkPassword(v.ctx(), v.known, f.member.ID, v.field("password"))
	if err != nil {
		v.throttle.forgive(lanes)
		v.fail(err)
		return false, false
	}
	if right = right && also; right {
		v.throttle.succeed(lanes)
	}
	return right, true
}

const wrongCode = "The code is wrong, or it was used before. Wait for the next one."

var errWrongCode = errors.New("wrong code")

// useCode uses up a code of the authenticator app or a recovery code, and says which. Of two requests with one code, one gets
// errWrongCode.
func (s *Staff) useCode(ctx context.Context, id, entered string) (m member, how string, err error) {
	m, err = s.change(ctx, id, func(m *member) error {
		if step, fits := stepOf(m.Secret, entered, s.cfg.Now(), m.Step); fits {
			m.Step, how = step, "a code"
			return nil
		}
		if left, was := withoutCode(m.Recovery, entered); was {
			m.Recovery, how = left, "a recovery code"
			return nil
		}
		return errWrongCode
	})
	return m, how, err
}

func (v *visit) prove() {
	if f, ok := v.proving(); ok {
		v.showFactors(http.StatusOK, f, "prove", v.provePage(f))
	}
}

// proving returns the session of a person who can prove who they are, or leads to where they get a second factor.
func (v *visit) proving() (f found, ok bool) {
	f, ok = v.signedIn()
	if ok && !f.member.hasFactor() && !v.cfg.OptionalSecondFactor {
		v.to("enrol" + asQuery(v.next()))
		return f, false
	}
	return f, ok
}

func (v *visit) provePage(f found) map[string]any {
	data := v.secondPage(f)
	data["Name"], data["Factor"] = f.member.ID, f.member.hasFactor()
	return data
}

// doProve asks for the password and, if the member has a second factor, for a code: whoever finds an open session has neither.
func (v *visit) doProve() {
	f, ok := v.proving()
	if !ok {
		return
	}
	m, how, problem, ok := v.proof(f)
	switch {
	case !ok:
	case problem != "":
		if err := v.audit(v.ctx(), f.member.ID, "member.prove", desk.PhaseRefused, "wrong password or code"); err != nil {
			v.fail(err)
			return
		}
		data := v.provePage(f)
		data["Problem"] = problem
		v.showFactors(http.StatusUnauthorized, f, "prove", data)
	default:
		v.arrive(m, "member.prove", how)
	}
}

// proof checks the password and the code of a form. It returns a problem for the person, or has answered if it is not ok.
func (v *visit) proof(f found) (m member, how, problem string, ok bool) {
	lanes, wait, err := v.tryAs(f.member.ID)
	if err != nil {
		v.fail(err)
		return m, "", "", false
	}
	if wait > 0 {
		v.tooMany("prove", wait, v.provePage(f))
		return m, "", "", false
	}
	m, right, err := v.checkPassword(v.ctx(), v.known, f.member.ID, v.field("password"))
	how = "by password"
	if err == nil && right && m.hasFactor() {
		var by string
		m, by, err = v.useCode(v.ctx(), f.member.ID, v.field("code"))
		how += " and " + by
	}
	switch {
	case errors.Is(err, errWrongCode) || err == nil && !right:
		return m, "", "The password or the code is wrong, or the code was used before.", true
	case err != nil:
		v.throttle.forgive(lanes)
		v.fail(err)
		return m, "", "", false
	case m.Epoch != f.Epoch || m.Disabled:
		v.to("sign-in" + asQuery(v.next()))
		return m, "", "", false
	}
	v.throttle.succeed(lanes)
	return m, how, "", true
}

// signOut asks first: a link of another site must not sign anybody out.
func (v *visit) signOut() { v.show(http.StatusOK, "sign-out", nil) }

func (v *visit) doSignOut() {
	f, err := v.session(v.r)
	if err == nil {
		err = v.end(v.ctx(), f.name)
	}
	if err != nil && !errors.Is(err, desk.ErrSignedOut) {
		v.fail(err)
		return
	}
	v.setCookie(v.w, sessionCookie, "", -time.Second)
	v.to("sign-in")
}

// doSignOutEverywhere ends all sessions at once, and then removes them.
func (v *visit) doSignOutEverywhere() {
	f, ok := v.signedIn()
	if !ok {
		return
	}
	err := v.own(v.ctx(), f.member.ID, "member.sign-out-everywhere", "", func() error {
		m, err := v.change(v.ctx(), f.member.ID, func(m *member) error { m.Epoch++; return nil })
		if err == nil {
			v.tidy(v.ctx(), m, "")
		}
		return err
	})
	if err != nil {
		v.fail(err)
		return
	}
	v.setCookie(v.w, sessionCookie, "", -time.Second)
	v.to("sign-in")
}

func (v *visit) doEndSession() {
	f, ok := v.signedIn()
	if !ok {
		return
	}
	all, err := v.sessionsOf(v.ctx(), f.member.ID)
	if err != nil {
		v.fail(err)
		return
	}
	i := slices.IndexFunc(all, func(it listed) bool { return sessionID(it.name) == v.field("session") })
	if i >= 0 {
		if err := v.end(v.ctx(), all[i].name); err != nil {
			v.fail(err)
			return
		}
	}
	v.to("./")
}

// sessionID names a session on a page: part of the hash of its token.
func sessionID(name string) string {
	_, hash, _ := strings.Cut(name, ":")
	return hash[:min(16, len(hash))]
}
