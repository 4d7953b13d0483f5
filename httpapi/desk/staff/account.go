package staff

import (
	"net/http"
	"slices"
	"time"

	"github.com/cointill/cointill/httpapi/desk"
)

// account shows the person's own sessions and factors.
func (v *visit) account() {
	f, ok := v.signedIn()
	if !ok {
		return
	}
	all, err := v.sessionsOf(v.ctx(), f.member.ID)
	if err != nil {
		v.fail(err)
		return
	}
	slices.SortFunc(all, func(a, b listed) int { return b.Seen.Compare(a.Seen) })
	var rows []map[string]any
	for _, it := range all {
		if v.counts(it.session, f.member) {
			rows = append(rows, map[string]any{
				"ID": sessionID(it.name), "Here": it.name == f.name, "Began": it.Began, "Seen": it.Seen, "Ends": v.ends(it.session),
				"Address": it.Address, "Browser": browser(it.Agent), "Half": it.Stage != stageFull,
			})
		}
	}
	v.show(http.StatusOK, "account", map[string]any{
		"Member": f.member.Member, "Projects": projectsText(f.member.Projects), "Sessions": rows,
		"Codes": len(f.member.Secret) > 0, "Recovery": len(f.member.Recovery),
		"Passkeys": passkeyRows(f.member), "Passkeyed": v.passkeys != nil, "Factor": f.member.hasFactor(),
		"Optional": v.cfg.OptionalSecondFactor,
	})
}

// enrol shows a new secret for an authenticator app. It stays the same until it is confirmed, however often the page is
// loaded.
func (v *visit) enrol() {
	f, ok := v.securing()
	if !ok {
		return
	}
	if len(f.Secret) == 0 {
		f.Secret = newSecret()
		stored, err := save(v.ctx(), v.cfg.Records, kindSession, f.name, f.version, f.session)
		if err != nil {
			v.fail(err)
			return
		}
		if !stored { // another request was quicker
			if f, ok = v.securing(); !ok {
				return
			}
		}
	}
	v.showEnrol(http.StatusOK, f, "")
}

// securing returns the session of a person who may change what they sign in with, or answers: one who has no second factor
// needs to be signed in, and one who has must have proved it a short time ago.
func (v *visit) securing() (f found, ok bool) {
	f, ok = v.signedIn()
	return f, ok && (!f.member.hasFactor() || v.fresh(f))
}

func (v *visit) showEnrol(status int, f found, problem string) {
	data := map[string]any{"Problem": problem, "Replaces": len(f.member.Secret) > 0, "Name": f.member.ID, "Passkeyed": v.passkeys != nil}
	if len(f.Secret) > 0 {
		picture, err := qrCode(keyURI(v.cfg.Title, f.member.ID, f.Secret))
		if err != nil {
			v.fail(err)
			return
		}
		data["Picture"], data["Secret"] = imageURL(picture), grouped(base32Text.EncodeToString(f.Secret))
	}
	v.show(status, "enrol", data)
}

// grouped puts spaces into a secret that is to be typed.
func grouped(secret string) (out string) {
	for i := 0; i < len(secret); i += 4 {
		if i > 0 {
			out += " "
		}
		out += secret[i:min(i+4, len(secret))]
	}
	return out
}

// doEnrol confirms the secret by a code. The password is asked for as well: whoever finds an open session must not be able to
// give it a second factor of their own.
func (v *visit) doEnrol() {
	f, ok := v.securing()
	if !ok {
		return
	}
	step, fits := stepOf(f.Secret, v.field("code"), v.cfg.Now(), 0)
	right, ok := v.tryPassword(f, fits, "message", map[string]any{"Title": "Wait"})
	switch {
	case !ok:
	case !right:
		v.showEnrol(http.StatusUnauthorized, f, "The password is wrong, or the code is not the one that the app shows now.")
	default:
		v.setFactor(f, "an authenticator app", func(m *member) { m.Secret, m.Step = f.Secret, step })
	}
}

// changeOwn changes the member of a session. It returns [desk.ErrSignedOut] if the session has ended meanwhile.
func (v *visit) changeOwn(f found, change func(*member) error) (member, error) {
	return v.change(v.ctx(), f.member.ID, func(m *member) error {
		if m.Epoch != f.Epoch || m.Disabled {
			return desk.ErrSignedOut
		}
		return change(m)
	})
}

// secure changes what the member of a session signs in with, ends all sessions, which know nothing of it, and begins a new
// one. It returns [desk.ErrSignedOut] if the session has ended meanwhile.
func (v *visit) secure(f found, proved time.Time, act, how string, change func(*member) error) error {
	var m member
	err := v.own(v.ctx(), f.member.ID, act, how, func() (err error) {
		m, err = v.changeOwn(f, func(m *member) error {
			m.Epoch++
			return change(m)
		})
		return err
	})
	if err == nil {
		err = v.begin(v.w, v.r, m, stageFull, proved)
	}
	return err
}

// setFactor stores a new second factor, and shows recovery codes.
func (v *visit) setFactor(f found, what string, set func(*member)) {
	codes, hashes := newRecovery()
	err := v.secure(f, v.cfg.Now().UTC(), "member.second-factor", what, func(m *member) error {
		set(m)
		m.Recovery = hashes
		return nil
	})
	if err != nil {
		v.fail(err)
		return
	}
	v.showCodes(codes)
}

func (v *visit) showCodes(codes []string) {
	v.show(http.StatusOK, "codes", map[string]any{"RecoveryCodes": codes, "On": v.onward()})
}

// doRecovery makes new recovery codes. The former ones end.
func (v *visit) doRecovery() {
	f, ok := v.proven()
	if !ok {
		return
	}
	if !f.member.hasFactor() {
		v.to("enrol")
		return
	}
	codes, hashes := newRecovery()
	err := v.own(v.ctx(), f.member.ID, "member.recovery-codes", "new ones", func() error {
		_, err := v.changeOwn(f, func(m *member) error {
			m.Recovery = hashes
			return nil
		})
		return err
	})
	if err != nil {
		v.fail(err)
		return
	}
	v.showCodes(codes)
}

func (v *visit) password() {
	f, ok := v.signedIn()
	if !ok {
		return
	}
	v.show(http.StatusOK, "password", map[string]any{"Name": f.member.ID})
}

// doPassword changes the password, and ends all sessions but a new one.
func (v *visit) doPassword() {
	f, ok := v.securing()
	if !ok {
		return
	}
	data := map[string]any{"Name": f.member.ID}
	again := func(problem string) {
		data["Problem"] = problem
		v.show(http.StatusUnprocessableEntity, "password", data)
	}
	next := v.field("new")
	if problem := checkPassword(next, f.member); problem != "" {
		again(problem)
		return
	}
	right, ok := v.tryPassword(f, true, "password", data)
	if !ok {
		return
	}
	if !right {
		again("The present password is wrong.")
		return
	}
	if err := v.setPassword(f, next); err != nil {
		v.fail(err)
		return
	}
	v.to("./")
}

func (v *visit) setPassword(f found, password string) error {
	hash, err := v.known.hash(v.ctx(), password)
	if err != nil {
		return err
	}
	return v.secure(f, f.Proved, "member.password", "", func(m *member) error {
		m.Password = hash
		return nil
	})
}

// when is a time on a page.
func when(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") + " UTC" }
