package webhook

import (
	"net/http"
	"time"

	"github.com/cointill/cointill/invoice"
)

// Rules describe how the messages of a format are sent. Every message also has the headers of Standard Webhooks. The zero
// value changes nothing.
type Rules struct {
	// Sign returns the body that is posted instead of the message's, and additional headers. key is the project's key
	// with the name Key or PayoutKey, or empty if it needs none. Sign must be pure, so that every attempt with the same key
	// is the same. It may be called concurrently. If nil, the message's body is posted unchanged.
	Sign func(m invoice.Message, key string) (body []byte, header http.Header, err error)
	// Key is the name of the project's key that Sign needs; see [Keys]. If empty, Sign needs none.
	Key string
	// PayoutKey is the name of the key for the messages of payouts. If empty, it is Key.
	PayoutKey string
	// Taken reports whether an HTTP status means that the endpoint has accepted the message. After any other status the
	// message is tried again, and no status disables the URL. If nil, the table in the package comment applies.
	Taken func(status int) bool
	// Schedule replaces Config.Schedule for the messages of the format. If nil, Config.Schedule applies.
	Schedule []time.Duration
}

// Ruled is an optional interface of a [Format] with its own [Rules].
type Ruled interface {
	// Rules returns the rules of the format. It must return the same rules each time.
	Rules() Rules
}
