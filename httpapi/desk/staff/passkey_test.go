package staff_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"testing"
	"time"

	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/httpapi/desk"
	"github.com/cointill/cointill/httpapi/desk/staff"
)

// authenticator keeps one passkey, as a security key does (www.w3.org/TR/webauthn-3).
type authenticator struct {
	*testing.T
	key    *ecdsa.PrivateKey
	id     []byte
	handle []byte
	rp     string
	count  uint32

	origin     string
	unverified bool // it does not ask who holds it
	uncounted  bool // it does not count, like passkeys that are on several devices
}

func newAuthenticator(t *testing.T) *authenticator {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	id := make([]byte, 32)
	rand.Read(id)
	return &authenticator{T: t, key: key, id: id, origin: origin}
}

var url64 = base64.RawURLEncoding

func (a *authenticator) clientData(kind, challenge string) []byte {
	data, err := json.Marshal(map[string]any{"type": kind, "challenge": challenge, "origin": a.origin, "crossOrigin": false})
	require.NoError(a, err)
	return data
}

func (a *authenticator) data(flags byte) []byte {
	rp := sha256.Sum256([]byte(a.rp))
	if !a.unverified {
		flags |= 0x04
	}
	return binary.BigEndian.AppendUint32(append(rp[:], flags|0x01), a.count)
}

// options reads what the page asks for.
func options(a answer) (o struct {
	Challenge string
	RP        struct{ ID string }
	RPID      string `json:"rpId"`
	User      struct{ ID, Name string }

	UserVerification       string
	AuthenticatorSelection struct{ ResidentKey, UserVerification string }
	ExcludeCredentials     []struct{ ID string }
}) {
	a.Helper()
	require.NoError(a, json.Unmarshal([]byte(html.UnescapeString(between(a.T, a.body, `data-passkey="`, `"`))), &o))
	return o
}

// makes makes a passkey for what the page asks for.
func (a *authenticator) makes(page answer) string {
	a.Helper()
	o := options(page)
	require.Equal(a, "shop.example", o.RP.ID)
	require.Equal(a, "required", o.AuthenticatorSelection.UserVerification)
	require.Equal(a, "required", o.AuthenticatorSelection.ResidentKey)
	var err error
	a.rp = o.RP.ID
	a.handle, err = url64.DecodeString(o.User.ID)
	require.NoError(a, err)
	public, err := a.key.PublicKey.Bytes()
	require.NoError(a, err)
	key, err := webauthncbor.Marshal(webauthncose.EC2PublicKeyData{
		PublicKeyData: webauthncose.PublicKeyData{KeyType: int64(webauthncose.EllipticKey), Algorithm: int64(webauthncose.AlgES256)},
		Curve:         int64(webauthncose.P256), XCoord: public[1:33], YCoord: public[33:],
	})
	require.NoError(a, err)
	data := append(a.data(0x40), make([]byte, 16)...)
	data = binary.BigEndian.AppendUint16(data, uint16(len(a.id)))
	data = append(append(data, a.id...), key...)
	attestation, err := webauthncbor.Marshal(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": data})
	require.NoError(a, err)
	return a.answer(map[string]any{
		"clientDataJSON": url64.EncodeToString(a.clientData("webauthn.create", o.Challenge)), "attestationObject": url64.EncodeToString(attestation),
	})
}

// signs answers what the page asks for.
func (a *authenticator) signs(page answer) string {
	a.Helper()
	o := options(page)
	require.Equal(a, "shop.example", o.RPID)
	require.Equal(a, "required", o.UserVerification)
	if !a.uncounted {
		a.count++
	}
	client, data := a.clientData("webauthn.get", o.Challenge), a.data(0)
	sum := sha256.Sum256(client)
	digest := sha256.Sum256(append(bytes.Clone(data), sum[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, a.key, digest[:])
	require.NoError(a, err)
	return a.answer(map[string]any{
		"clientDataJSON": url64.EncodeToString(client), "authenticatorData": url64.EncodeToString(data),
		"signature": url64.EncodeToString(signature), "userHandle": url64.EncodeToString(a.handle),
	})
}

func (a *authenticator) answer(response map[string]any) string {
	id := url64.EncodeToString(a.id)
	text, err := json.Marshal(map[string]any{"id": id, "rawId": id, "type": "public-key", "response": response, "clientExtensionResults": map[string]any{}})
	require.NoError(a, err)
	return string(text)
}

func challengeIn(a answer) string {
	a.Helper()
	return between(a.T, a.body, `name="challenge" value="`, `"`)
}

// adds adds a passkey to a member who has a second factor.
func (b *browser) adds(a *authenticator) {
	b.Helper()
	b.post("passkey-add", "label", "my key", "credential", a.makes(b.get("passkey").shows(http.StatusOK, "Add a passkey"))).leads("./")
}

// signsWith signs in by a passkey.
func (b *browser) signsWith(a *authenticator, fields ...string) answer {
	b.Helper()
	page := b.get("sign-in").shows(http.StatusOK, "Use a passkey")
	return b.post("passkey", append(fields, "challenge", challengeIn(page), "credential", a.signs(page))...)
}

func TestAPasskeySignsInAndProves(t *testing.T) {
	s := open(t)
	b, _ := s.member(staff.Member{ID: "ann", Role: desk.RoleAdministrator})
	other := s.browser()
	other.signs("ann")
	key := newAuthenticator(t)
	b.adds(key)
	other.signedOut()
	b.get("").shows(http.StatusOK, "my key")
	require.Len(t, options(b.get("passkey")).ExcludeCredentials, 1)

	fresh := s.browser()
	s.clock.Add(time.Hour)
	fresh.signsWith(key, "next", "/desk/payouts").leads("/desk/payouts")
	p, err := fresh.person()
	require.NoError(t, err)
	require.Equal(t, "ann", p.ID)
	require.Equal(t, s.clock.Now(), p.Proved)

	s.clock.Add(20 * time.Minute)
	former := fresh.cookies[sessionName]
	page := fresh.get("prove?next=/desk/payouts").shows(http.StatusOK, "Use a passkey")
	fresh.post("passkey", "next", "/desk/payouts", "challenge", challengeIn(page), "credential", key.signs(page)).leads("/desk/payouts")
	p, err = fresh.person()
	require.NoError(t, err)
	require.Equal(t, s.clock.Now(), p.Proved)
	require.NotEqual(t, former, fresh.cookies[sessionName])
	require.Contains(t, s.audit(""), "ann member.prove ann did")

	after := s.browser()
	after.post("sign-in", "name", "ann", "password", password).leads("second")
	page = after.get("second").shows(http.StatusOK, "Use a passkey")
	after.post("passkey", "challenge", challengeIn(page), "credential", key.signs(page)).leads("/desk/")
}

func TestAPasskeyAnswersAChallengeOnceAndSoon(t *testing.T) {
	s := open(t)
	b, _ := s.member(staff.Member{ID: "ann", Role: desk.RoleViewer})
	key := newAuthenticator(t)
	key.uncounted = true
	b.adds(key)
	page := s.browser().get("sign-in")
	answer := key.signs(page)
	s.browser().post("passkey", "challenge", challengeIn(page), "credential", answer).leads("/desk/")
	s.browser().post("passkey", "challenge", challengeIn(page), "credential", answer).shows(http.StatusUnauthorized, "not accepted")

	page = s.browser().get("sign-in")
	s.clock.Add(5 * time.Minute)
	s.browser().post("passkey", "challenge", challengeIn(page), "credential", key.signs(page)).shows(http.StatusUnauthorized, "not accepted")

	first, second := s.browser().get("sign-in"), s.browser().get("sign-in")
	s.browser().post("passkey", "challenge", challengeIn(second), "credential", key.signs(first)).shows(http.StatusUnauthorized, "not accepted")
	forged := []byte(challengeIn(first))
	forged[50] ^= 1
	for _, bad := range []string{"", "x", string(forged)} {
		s.browser().post("passkey", "challenge", bad, "credential", key.signs(first)).shows(http.StatusUnauthorized, "not accepted")
	}
	twin := openOn(t, s.records) // another process takes the challenge as well
	twin.clock.Add(s.clock.Now().Sub(twin.clock.Now()))
	twin.browser().post("passkey", "challenge", challengeIn(first), "credential", key.signs(first)).leads("/desk/")
}

func TestAPasskeyOfAnotherOriginPersonOrKeyIsRefused(t *testing.T) {
	s := open(t)
	b, _ := s.member(staff.Member{ID: "ann", Role: desk.RoleViewer})
	key := newAuthenticator(t)
	b.adds(key)
	refused := func(a *authenticator) {
		t.Helper()
		out := s.browser()
		out.signsWith(a).shows(http.StatusUnauthorized, "not accepted")
		out.signedOut()
	}
	phished := *key
	phished.origin = "https://sh0p.example"
	refused(&phished)
	locked := *key
	locked.unverified = true
	refused(&locked)
	stranger := newAuthenticator(t)
	stranger.rp, stranger.handle = key.rp, key.handle
	refused(stranger)
	stranger.id = key.id // the same name, and another key
	refused(stranger)
	nobody := *key
	nobody.handle = make([]byte, 32)
	refused(&nobody)
	nobody.handle = []byte("ann")
	refused(&nobody)
	for _, bad := range []string{"", "{}", "null", "[]", `{"id":"x"}`, "\x00"} {
		page := s.browser().get("sign-in")
		s.browser().post("passkey", "challenge", challengeIn(page), "credential", bad).shows(http.StatusUnauthorized, "not accepted")
	}

	key.count = 10
	s.browser().signsWith(key).leads("/desk/")
	copied := *key
	copied.count = 3 // a copy that knows nothing of what the original has signed since
	refused(&copied)

	bob, _ := s.member(staff.Member{ID: "bob", Role: desk.RoleViewer})
	bobs := newAuthenticator(t)
	bob.adds(bobs)
	before, err := b.person()
	require.NoError(t, err)
	page := b.get("prove")
	b.post("passkey", "challenge", challengeIn(page), "credential", bobs.signs(page)).shows(http.StatusUnauthorized, "not accepted")
	still, err := b.person()
	require.NoError(t, err)
	require.Equal(t, before, still)
}

func TestAPasskeyIsAddedByWhoHasProvedAndForTheChallengeOfTheirSession(t *testing.T) {
	s := open(t)
	b, _ := s.member(staff.Member{ID: "ann", Role: desk.RoleViewer})
	page := b.get("passkey")
	made := newAuthenticator(t).makes(page)
	for _, change := range []func(*authenticator){
		func(a *authenticator) { a.origin = "https://sh0p.example" }, func(a *authenticator) { a.unverified = true },
	} {
		a := newAuthenticator(t)
		change(a)
		b.post("passkey-add", "label", "x", "credential", a.makes(page)).shows(http.StatusUnprocessableEntity, "not accepted")
	}
	mallory, _ := s.member(staff.Member{ID: "mallory", Role: desk.RoleViewer})
	mallory.get("passkey")
	mallory.post("passkey-add", "label", "x", "credential", made).shows(http.StatusUnprocessableEntity, "not accepted")
	for _, bad := range []string{"", "{}", "null"} {
		b.post("passkey-add", "label", "x", "credential", bad).shows(http.StatusUnprocessableEntity, "not accepted")
	}
	b.get("passkey") // asks for another one
	b.post("passkey-add", "label", "x", "credential", made).shows(http.StatusUnprocessableEntity, "not accepted")
	page = b.get("passkey")
	s.clock.Add(5 * time.Minute)
	b.post("passkey-add", "label", "x", "credential", newAuthenticator(t).makes(page)).shows(http.StatusUnprocessableEntity, "not accepted")
	s.clock.Add(6 * time.Minute)
	b.get("passkey").leads("prove?next=%2Fstaff%2Fpasskey")
	b.post("passkey-add", "label", "x", "credential", made).leads("prove?next=%2Fstaff%2F")
}

func TestAPasskeyCanBeTheOnlySecondFactor(t *testing.T) {
	s := open(t)
	invited, err := s.Add(t.Context(), staff.Member{ID: "ann", Role: desk.RoleViewer})
	require.NoError(t, err)
	b := s.browser()
	b.accept(invited.Link).leads("enrol")
	key := newAuthenticator(t)
	made := key.makes(b.get("passkey").shows(http.StatusOK, "Password"))
	b.post("passkey-add", "label", "key", "credential", made, "password", "wrong password").shows(http.StatusUnprocessableEntity, "password is wrong")
	done := b.post("passkey-add", "label", "<b>key</b>", "credential", made, "password", password).shows(http.StatusOK, "shown only now")
	recovery := codesIn.FindAllStringSubmatch(done.body, -1)
	p, err := b.person()
	require.NoError(t, err)
	require.Equal(t, s.clock.Now(), p.Proved)

	out := s.browser()
	out.post("sign-in", "name", "ann", "password", password).leads("second")
	out.post("second", "code", "000000").shows(http.StatusUnauthorized, "wrong")
	out.signsWith(key).leads("/desk/") // a session that lacks its second factor makes way
	lost := s.browser()
	lost.post("sign-in", "name", "ann", "password", password).leads("second")
	lost.post("second", "code", recovery[0][1]).leads("/desk/")

	account := b.get("")
	require.NotContains(t, account.body, "<b>key")
	id := between(t, account.body, `name="passkey" value="`, `"`)
	b.post("passkey-remove", "passkey", id).shows(http.StatusUnprocessableEntity, "only second factor")
	s.clock.Add(time.Minute)
	b.enrols("ann")
	b.post("passkey-remove", "passkey", id).leads("./")
	s.browser().signsWith(key).shows(http.StatusUnauthorized, "not accepted")
}

func TestResetAndDisabledMembersHaveNoPasskey(t *testing.T) {
	s := open(t)
	root := s.administrator()
	ann, _ := s.member(staff.Member{ID: "ann", Role: desk.RoleViewer})
	key := newAuthenticator(t)
	ann.adds(key)
	root.post("member", "id", "ann", "act", "disable", "reason", "x").leads("members")
	s.browser().signsWith(key).shows(http.StatusUnauthorized, "not accepted")
	root.post("member", "id", "ann", "act", "enable", "reason", "x").leads("members")
	s.browser().signsWith(key).leads("/desk/")
	root.post("member", "id", "ann", "act", "reset-second-factor", "reason", "x").shows(http.StatusOK, "invitation?token=")
	s.browser().signsWith(key).shows(http.StatusUnauthorized, "not accepted")
}

// Strangers who guess the password do not keep a passkey waiting, on whichever browser.
func TestAPasskeyNeedNotWaitForThoseWhoGuess(t *testing.T) {
	s := open(t)
	b, _ := s.member(staff.Member{ID: "ann", Role: desk.RoleViewer})
	key := newAuthenticator(t)
	b.adds(key)
	stranger := s.browser()
	for n := range 8 {
		stranger.from = fmt.Sprintf("198.51.100.%d:1", n)
		stranger.post("sign-in", "name", "ann", "password", "wrong password")
	}
	fresh := s.browser()
	page := fresh.post("sign-in", "name", "ann", "password", password).shows(http.StatusTooManyRequests, "Use a passkey")
	fresh.post("passkey", "challenge", challengeIn(page), "credential", key.signs(page)).leads("/desk/")
}

func TestAnOriginThatIsAnAddressHasNoPasskeys(t *testing.T) {
	s := open(t, func(c *staff.Config) { c.URL = "https://192.0.2.1/staff/" })
	require.NotContains(t, s.browser().get("sign-in").body, "passkey")
	s.browser().get("passkey").shows(http.StatusNotFound, "no such page")
	s.browser().post("passkey", "credential", "{}").shows(http.StatusNotFound, "no such page")
}
