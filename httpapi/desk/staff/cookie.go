package staff

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/cointill/cointill/httpapi/desk"
)

// Names of cookies. With the prefix __Host- a browser takes them only over TLS, from this very host and for all its paths, so
// that neither a subdomain nor a page without TLS can plant one.
const (
	sessionCookie = "cointill-staff"
	deviceCookie  = "cointill-device"
)

func (s *Staff) cookieName(name string) string {
	if s.plain {
		return name
	}
	return "__Host-" + name
}

// setCookie sets a cookie, for as long as the browser runs if age is 0, and removes it if age is negative.
func (s *Staff) setCookie(w http.ResponseWriter, name, value string, age time.Duration) {
	seconds := int(age / time.Second)
	http.SetCookie(w, &http.Cookie{
		Name: s.cookieName(name), Value: value, Path: "/", MaxAge: seconds, Secure: !s.plain, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// devices signs the cookie of a browser that a member was signed in on, so that attempts on it are counted apart.
type devices struct {
	records desk.Records
	now     func() time.Time

	mu   sync.Mutex // guards what follows
	key  []byte
	read time.Time // when the key was read
}

// keyAge is how long a process keeps the key before it reads it again, because it may have been replaced.
const keyAge = time.Minute

// deviceDomain begins what is signed.
const deviceDomain = "device\x00"

// deviceAge is how long a device is remembered.
const deviceAge = 180 * 24 * time.Hour

// A device cookie hands out the subject of a member and a random number.
const (
	deviceSubject = 16
	deviceNumber  = 16
)

// signingKey returns the key, which is made when it is first needed. All processes have the same one.
func (d *devices) signingKey(ctx context.Context) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for d.key == nil || d.now().Sub(d.read) >= keyAge {
		key, version, err := load[[]byte](ctx, d.records, kindKey, "devices")
		if err != nil {
			return nil, err
		}
		if version > 0 {
			if len(key) != 32 {
				return nil, errors.New("staff: the key of devices is damaged")
			}
			d.key, d.read = key, d.now()
			break
		}
		key = random(32)
		if _, err := save(ctx, d.records, kindKey, "devices", 0, key); err != nil {
			return nil, err
		}
	}
	return d.key, nil
}

// forget replaces the key, so that no browser is known any more. Other processes notice within keyAge.
func (d *devices) forget(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	version, _, err := d.records.Document(ctx, kindKey, "devices")
	if err == nil && version > 0 {
		_, err = d.records.PutDocument(ctx, kindKey, "devices", version, nil) // if it has just been replaced, that does as well
	}
	d.key = nil
	return err
}

// sign returns the signature of a text for a purpose.
func sign(key []byte, purpose string, text []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(purpose))
	mac.Write(text)
	return mac.Sum(nil)
}

// handOut returns bytes that a browser keeps and brings back: with when they end, in seconds, and a signature.
func handOut(key []byte, purpose string, what []byte, until time.Time) string {
	text := binary.BigEndian.AppendUint64(slices.Clone(what), uint64(until.Unix()))
	return base64.RawURLEncoding.EncodeToString(append(text, sign(key, purpose, text)...))
}

// handedOut returns the bytes, as many as size, that were handed out for the purpose and count until then.
func handedOut(key []byte, purpose, value string, size int, now time.Time) (what []byte, until time.Time, ok bool) {
	raw, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil || len(raw) != size+8+sha256.Size {
		return nil, time.Time{}, false
	}
	text, mac := raw[:size+8], raw[size+8:]
	until = time.Unix(int64(binary.BigEndian.Uint64(text[size:])), 0).UTC()
	if !hmac.Equal(mac, sign(key, purpose, text)) || !now.Before(until) {
		return nil, time.Time{}, false
	}
	return text[:size], until, true
}

// remember marks the browser as one that the member was signed in on.
func (s *Staff) remember(w http.ResponseWriter, r *http.Request, memberID string) error {
	key, err := s.devices.signingKey(r.Context())
	if err != nil {
		return err
	}
	number := random(deviceNumber)
	if former, ok := s.openDevice(key, s.deviceValue(r), memberID); ok {
		number = former // the same lane as before
	}
	device := append([]byte(subject(memberID)), number...)
	s.setCookie(w, deviceCookie, handOut(key, deviceDomain, device, s.cfg.Now().Add(deviceAge)), deviceAge)
	return nil
}

func (s *Staff) deviceValue(r *http.Request) string {
	cookie, err := r.Cookie(s.cookieName(deviceCookie))
	if err != nil {
		return ""
	}
	return cookie.Value
}

// device returns what names the browser of a request among those that the member was signed in on, or an empty text.
func (s *Staff) device(r *http.Request, memberID string) (string, error) {
	value := s.deviceValue(r)
	if value == "" {
		return "", nil
	}
	key, err := s.devices.signingKey(r.Context())
	if err != nil {
		return "", err
	}
	number, ok := s.openDevice(key, value, memberID)
	if !ok {
		return "", nil
	}
	return subject(memberID) + raw64(number), nil
}

// openDevice returns the number in a device cookie of the member.
func (s *Staff) openDevice(key []byte, value, memberID string) (number []byte, ok bool) {
	device, _, ok := handedOut(key, deviceDomain, value, deviceSubject+deviceNumber, s.cfg.Now())
	if !ok || string(device[:deviceSubject]) != subject(memberID) {
		return nil, false
	}
	return device[deviceSubject:], true
}
