package staff_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/httpapi/desk"
	"github.com/cointill/cointill/httpapi/desk/staff"
)

// The vectors of RFC 6238, appendix B, for HMAC-SHA-1.
func TestCodesAreThoseOfRFC6238(t *testing.T) {
	secret := []byte("12345678901234567890")
	for at, want := range map[int64]string{
		59: "94287082", 1111111109: "07081804", 1111111111: "14050471", 1234567890: "89005924", 2000000000: "69279037", 20000000000: "65353130",
	} {
		require.Equal(t, want, staff.Code(secret, at/staff.CodeStep, 8), at)
		require.Equal(t, want[2:], staff.Code(secret, at/staff.CodeStep, 6), at)
	}
}

// The vectors of RFC 4226, appendix D.
func TestCodesAreThoseOfRFC4226(t *testing.T) {
	for step, want := range []string{"755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"} {
		require.Equal(t, want, staff.Code([]byte("12345678901234567890"), int64(step), 6))
	}
}

func TestACodeFitsAStepBeforeAndAfterAndNeverOneThatWasUsed(t *testing.T) {
	secret, now := []byte("12345678901234567890"), time.Unix(1_700_000_000, 0)
	present := now.Unix() / staff.CodeStep
	for ahead := int64(-3); ahead <= 3; ahead++ {
		step, fits := staff.StepOf(secret, staff.Code(secret, present+ahead, 6), now, 0)
		require.Equal(t, ahead >= -1 && ahead <= 1, fits, ahead)
		if fits {
			require.Equal(t, present+ahead, step)
		}
		_, fits = staff.StepOf(secret, staff.Code(secret, present+ahead, 6), now, present)
		require.Equal(t, ahead == 1, fits, "after the present step was used")
	}
	spaced := staff.Code(secret, present, 6)
	_, fits := staff.StepOf(secret, spaced[:3]+" "+spaced[3:], now, 0)
	require.True(t, fits)
	for _, bad := range []string{"", " ", "000000", spaced[:5], spaced + "0", "١٢٣٤٥٦"} {
		_, fits := staff.StepOf(secret, bad, now, 0)
		require.False(t, fits, "%q", bad)
	}
	_, fits = staff.StepOf(nil, staff.Code(nil, present, 6), now, 0)
	require.False(t, fits, "a member without a secret has no code")
}

func TestAnAuthenticatorAppReadsNameAndSecret(t *testing.T) {
	secret := []byte("12345678901234567890")
	u, err := url.Parse(staff.KeyURI("Ann & Bob: Shop", "ann@shop.example", secret))
	require.NoError(t, err)
	require.Equal(t, "otpauth", u.Scheme)
	require.Equal(t, "totp", u.Host)
	require.Equal(t, "Ann & Bob: Shop", u.Query().Get("issuer"))
	require.Equal(t, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", u.Query().Get("secret"))
	require.Equal(t, secret, decode32(t, u.Query().Get("secret")))
	require.NotContains(t, u.RawQuery, "+", "some apps show a plus")
}

func TestANewAppTakesThePlaceOfTheFormerOne(t *testing.T) {
	s := open(t)
	b, recovery := s.member(staff.Member{ID: "ann", Role: desk.RoleViewer})
	other := s.browser()
	other.signs("ann")
	former := s.SecretOf(t.Context(), "ann")
	s.clock.Add(time.Minute)
	require.NotEqual(t, recovery, b.enrols("ann"))
	require.NotEqual(t, former, s.SecretOf(t.Context(), "ann"))
	other.signedOut()
	s.clock.Add(time.Minute)
	for _, gone := range []string{staff.Code(former, s.clock.Now().Unix()/staff.CodeStep, 6), recovery[1]} {
		ok, err := s.UseCode(t.Context(), "ann", gone)
		require.Error(t, err)
		require.False(t, ok)
	}
	b.signs("ann")
	fresh := codesIn.FindAllStringSubmatch(b.post("recovery").shows(200, "shown only now").body, -1)
	require.Len(t, fresh, 10)
}

// Whoever finds an open session cannot give it a second factor of their own.
func TestASecondFactorIsSetUpWithThePasswordAndACodeOfTheShownSecret(t *testing.T) {
	s := open(t)
	invited, err := s.Add(t.Context(), staff.Member{ID: "ann", Role: desk.RoleViewer})
	require.NoError(t, err)
	b := s.browser()
	b.accept(invited.Link)
	b.post("enrol", "code", "123456", "password", password).shows(401, "wrong") // no secret was shown
	page := b.get("enrol").shows(200, "data:image/png;base64,")
	secret := between(t, page.body, `<p class="secret"><code>`, "</code>")
	require.Equal(t, secret, between(t, b.get("enrol").body, `<p class="secret"><code>`, "</code>"), "the same when it is loaded again")
	b.post("enrol", "code", codeOf(b, secret), "password", "wrong password").shows(401, "wrong")
	b.post("enrol", "code", "000000", "password", password).shows(401, "wrong")
	require.Empty(t, s.SecretOf(t.Context(), "ann"))
	b.post("enrol", "code", codeOf(b, secret), "password", password, "next", "/desk/payouts").shows(200, `href="/desk/payouts"`)
	ok, _ := s.UseCode(t.Context(), "ann", codeOf(b, secret))
	require.False(t, ok, "the code was used")
}
