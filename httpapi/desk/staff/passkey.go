package staff

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/cointill/cointill/httpapi/desk"
)

// passkey is what is stored of one.
type passkey struct {
	Name       string              `json:"name"` // that the person has given it
	Added      time.Time           `json:"added"`
	Credential webauthn.Credential `json:"credential"`
}

// usedOnce is a challenge that was answered. It is kept until it ends.
type usedOnce struct {
	Hash  string    `json:"hash"`
	Until time.Time `json:"until"`
}

// Bounds of passkeys.
const (
	maxPasskeys   = 20              // of a member
	challengeTime = 5 * time.Minute // for an answer
	challengeSize = 32              // random bytes
	maxLabel      = 60              // bytes
	handleSize    = 32              // random bytes by which authenticators know a member
	domain        = "challenge\x00" // of what is signed
	unnamed       = "Passkey"       // a name for those who give none
	wrongPasskey  = "The passkey was not accepted. Try again."
)

// newPasskeys returns the relying party of the origin, or nil if it is an IP address, which has no passkeys.
func (s *Staff) newPasskeys() (*webauthn.WebAuthn, error) {
	u, err := url.Parse(s.origin)
	if err != nil {
		return nil, err
	}
	if _, err := netip.ParseAddr(u.Hostname()); err == nil {
		return nil, nil
	}
	resident := true
	return webauthn.New(&webauthn.Config{
		RPID: u.Hostname(), RPDisplayName: s.cfg.Title, RPOrigins: []string{s.origin},
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			RequireResidentKey: &resident, ResidentKey: protocol.ResidentKeyRequirementRequired, UserVerification: protocol.VerificationRequired,
		},
	})
}

// holder is a member as the library for passkeys knows one.
type holder struct{ member }

// WebAuthnID implements [webauthn.User].
func (h holder) WebAuthnID() []byte { return h.Handle }

// WebAuthnName implements [webauthn.User].
func (h holder) WebAuthnName() string { return h.ID }

// WebAuthnDisplayName implements [webauthn.User].
func (h holder) WebAuthnDisplayName() string { return h.Name }

// WebAuthnCredentials implements [webauthn.User].
func (h holder) WebAuthnCredentials() (all []webauthn.Credential) {
	for _, p := range h.Passkeys {
		all = append(all, p.Credential)
	}
	return all
}

func passkeyRows(m member) (rows []map[string]any) {
	for _, p := range m.Passkeys {
		rows = append(rows, map[string]any{"ID": passkeyID(p), "Name": p.Name, "Added": p.Added})
	}
	return rows
}

func passkeyID(p passkey) string { return base64.RawURLEncoding.EncodeToString(p.Credential.ID) }

// handle returns the member with a handle, which is made when it is first needed.
func (s *Staff) handle(ctx context.Context, id string) (member, error) {
	raw := random(handleSize)
	m, err := s.find(ctx, id)
	if err != nil || len(m.Handle) > 0 {
		return m, err
	}
	// First what leads to the member: if the second one fails, it leads to a member who does not have the handle.
	if _, err := save(ctx, s.cfg.Records, kindHandle, hex.EncodeToString(raw), 0, id); err != nil {
		return member{}, err
	}
	return s.change(ctx, id, func(m *member) error {
		if len(m.Handle) == 0 {
			m.Handle = raw
		}
		return nil
	})
}

// holderOf returns the member with the handle, or ErrNotFound.
func (s *Staff) holderOf(ctx context.Context, handle []byte) (member, error) {
	if len(handle) != handleSize {
		return member{}, fmt.Errorf("staff: handle of a passkey: %w", ErrNotFound)
	}
	id, version, err := load[string](ctx, s.cfg.Records, kindHandle, hex.EncodeToString(handle))
	if err != nil {
		return member{}, err
	}
	if version == 0 {
		return member{}, fmt.Errorf("staff: handle of a passkey: %w", ErrNotFound)
	}
	m, err := s.find(ctx, id)
	if err == nil && !bytes.Equal(m.Handle, handle) {
		err = fmt.Errorf("staff: handle of a passkey: %w", ErrNotFound)
	}
	return m, err
}

// challenge adds to a page what the browser asks an authenticator to sign. It is stored nowhere: it comes back with a
// signature of this sign-in, and the member's document says which ones were answered.
func (v *visit) challenge(data map[string]any) error {
	if v.passkeys == nil {
		return nil
	}
	options, session, err := v.passkeys.BeginDiscoverableLogin()
	if err != nil {
		return fmt.Errorf("staff: passkey: %w", err)
	}
	key, err := v.devices.signingKey(v.ctx())
	if err != nil {
		return err
	}
	text, err := json.Marshal(options.Response)
	if err != nil {
		return fmt.Errorf("staff: passkey: %w", err)
	}
	raw, err := base64.RawURLEncoding.DecodeString(session.Challenge)
	if err != nil {
		return fmt.Errorf("staff: passkey: %w", err)
	}
	data["Options"], data["Challenge"] = string(text), handOut(key, domain, raw, v.cfg.Now().Add(challengeTime))
	return nil
}

// openChallenge returns the challenge in what came back, and until when it counts.
func (s *Staff) openChallenge(ctx context.Context, text string) (challenge string, until time.Time, ok bool, err error) {
	key, err := s.devices.signingKey(ctx)
	if err != nil {
		return "", until, false, err
	}
	raw, until, ok := handedOut(key, domain, text, challengeSize, s.cfg.Now())
	return base64.RawURLEncoding.EncodeToString(raw), until, ok, nil
}

var errWrongPasskey = errors.New("wrong passkey")

// usePasskey returns the member whose passkey has signed the challenge. Each challenge counts once.
func (s *Staff) usePasskey(ctx context.Context, signed, answer string) (member, error) {
	challenge, until, ok, err := s.openChallenge(ctx, signed)
	if err != nil {
		return member{}, err
	}
	parsed, bad := protocol.ParseCredentialRequestResponseBytes([]byte(answer))
	if !ok || bad != nil {
		return member{}, errWrongPasskey
	}
	m, err := s.holderOf(ctx, parsed.Response.UserHandle)
	if errors.Is(err, ErrNotFound) {
		return member{}, errWrongPasskey
	} else if err != nil {
		return member{}, err
	}
	return s.change(ctx, m.ID, func(m *member) error {
		used := usedOnce{digest(challenge), until}
		answered := slices.ContainsFunc(m.Used, func(u usedOnce) bool { return u.Hash == used.Hash })
		m.Used = slices.DeleteFunc(m.Used, func(u usedOnce) bool { return !s.cfg.Now().Before(u.Until) })
		if m.Disabled || answered {
			return errWrongPasskey
		}
		session := webauthn.SessionData{Challenge: challenge, RelyingPartyID: s.passkeys.Config.RPID, UserVerification: protocol.VerificationRequired}
		_, credential, err := s.passkeys.ValidatePasskeyLogin(func(_, _ []byte) (webauthn.User, error) { return holder{*m}, nil }, session, parsed)
		if err != nil || credential.Authenticator.CloneWarning {
			return errWrongPasskey
		}
		for i := range m.Passkeys {
			if bytes.Equal(m.Passkeys[i].Credential.ID, credential.ID) {
				m.Passkeys[i].Credential = *credential
			}
		}
		m.Used = append(m.Used, used)
		return nil
	})
}

// doPasskey signs in, or proves who a person is who is signed in already, by a passkey. It is two factors at once: something
// that one has, and the finger, face or number that unlocks it, which the authenticator must have asked for.
func (v *visit) doPasskey() {
	if v.passkeys == nil {
		v.missing()
		return
	}
	f, err := v.session(v.r)
	signedIn := err == nil
	if err != nil && !errors.Is(err, desk.ErrSignedOut) {
		v.fail(err)
		return
	}
	var lanes attempt
	lanes.addFrom(v.cfg.ClientIP(v.r))
	if wait := v.throttle.begin(lanes); wait > 0 {
		v.tooMany("message", wait, map[string]any{"Title": "Wait"})
		return
	}
	m, err := v.usePasskey(v.ctx(), v.field("challenge"), v.field("credential"))
	switch {
	case errors.Is(err, errWrongPasskey), err == nil && signedIn && m.ID != f.member.ID:
		v.refusePasskey(http.StatusUnauthorized, wrongPasskey)
	case err != nil:
		v.throttle.forgive(lanes)
		v.fail(err)
	case signedIn && f.Stage == stageFull:
		v.throttle.forgive(lanes)
		v.arrive(m, "member.prove", "by a passkey")
	default:
		v.throttle.forgive(lanes)
		v.arrive(m, "member.sign-in", "by a passkey")
	}
}

// refusePasskey answers with a page that only says why.
func (v *visit) refusePasskey(status int, why string) {
	v.show(status, "message", map[string]any{"Title": "Passkey", "Problem": why})
}

// passkey shows the page on which one is added.
func (v *visit) passkey() {
	if v.passkeys == nil {
		v.missing()
		return
	}
	f, ok := v.securing()
	if !ok {
		return
	}
	m, err := v.handle(v.ctx(), f.member.ID)
	if err != nil {
		v.fail(err)
		return
	}
	var known []protocol.CredentialDescriptor
	for _, p := range m.Passkeys {
		known = append(known, p.Credential.Descriptor())
	}
	options, session, err := v.passkeys.BeginRegistration(holder{m}, webauthn.WithExclusions(known))
	if err != nil {
		v.fail(fmt.Errorf("staff: passkey: %w", err))
		return
	}
	text, err := json.Marshal(options.Response)
	if err != nil {
		v.fail(fmt.Errorf("staff: passkey: %w", err))
		return
	}
	f.Ceremony, f.CeremonyEnds = session, v.cfg.Now().Add(challengeTime).UTC()
	if stored, err := save(v.ctx(), v.cfg.Records, kindSession, f.name, f.version, f.session); err != nil || !stored {
		if err == nil { // another request has used the session at the same time
			err = errors.New("staff: passkey: the session has changed meanwhile")
		}
		v.fail(err)
		return
	}
	v.show(http.StatusOK, "passkey", map[string]any{"Options": string(text), "Name": m.ID, "Factor": m.hasFactor()})
}

// doPasskeyAdd stores the passkey that the authenticator has made.
func (v *visit) doPasskeyAdd() {
	if v.passkeys == nil {
		v.missing()
		return
	}
	f, ok := v.securing()
	if !ok {
		return
	}
	label := v.field("label")
	if label == "" {
		label = unnamed
	}
	if !plainText(label, maxLabel) {
		v.refusePasskey(http.StatusUnprocessableEntity, "The name of the passkey is too long.")
		return
	}
	if !f.member.hasFactor() {
		right, ok := v.tryPassword(f, true, "message", map[string]any{"Title": "Wait"})
		if ok && !right {
			v.refusePasskey(http.StatusUnprocessableEntity, "The password is wrong.")
		}
		if !right {
			return
		}
	}
	made, err := v.madePasskey(f)
	if err != nil {
		v.cfg.Logger.InfoContext(v.ctx(), "staff: passkey refused", "member", f.member.ID, "err", err)
		v.refusePasskey(http.StatusUnprocessableEntity, wrongPasskey)
		return
	}
	add := func(m *member) {
		m.Passkeys = append(m.Passkeys, passkey{Name: label, Added: v.cfg.Now().UTC(), Credential: *made})
	}
	if !f.member.hasFactor() {
		v.setFactor(f, "a passkey", add)
		return
	}
	v.changePasskeys(f, "a passkey was added", func(m *member) error {
		if len(m.Passkeys) >= maxPasskeys || slices.ContainsFunc(m.Passkeys, func(p passkey) bool { return bytes.Equal(p.Credential.ID, made.ID) }) {
			return &refusal{fmt.Sprintf("You have this passkey already, or %d others.", maxPasskeys)}
		}
		add(m)
		return nil
	})
}

// madePasskey checks what the authenticator has made for the challenge of the session.
func (v *visit) madePasskey(f found) (*webauthn.Credential, error) {
	if f.Ceremony == nil || !v.cfg.Now().Before(f.CeremonyEnds) {
		return nil, errWrongPasskey
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes([]byte(v.field("credential")))
	if err != nil {
		return nil, err
	}
	return v.passkeys.CreateCredential(holder{f.member}, *f.Ceremony, parsed)
}

// doPasskeyRemove removes a passkey, but not the only second factor.
func (v *visit) doPasskeyRemove() {
	f, ok := v.proven()
	if !ok {
		return
	}
	v.changePasskeys(f, "a passkey was removed", func(m *member) error {
		m.Passkeys = slices.DeleteFunc(m.Passkeys, func(p passkey) bool { return passkeyID(p) == v.field("passkey") })
		if !m.hasFactor() {
			return &refusal{"This is your only second factor. Add another one first."}
		}
		return nil
	})
}

// changePasskeys changes the passkeys of a member, and ends all sessions but a new one.
func (v *visit) changePasskeys(f found, what string, change func(*member) error) {
	err := v.secure(f, f.Proved, "member.second-factor", what, change)
	var no *refusal
	switch {
	case errors.As(err, &no):
		v.refusePasskey(http.StatusUnprocessableEntity, no.why)
	case err != nil:
		v.fail(err)
	default:
		v.to("./")
	}
}
