package webhook

import (
	"net/http"
	"time"

	"github.com/cointill/cointill/invoice"
)

// Rules are how a format wants its messages to be sent, beside the headers of Standard Webhooks that every message
// has. The zero value adds nothing to them.
type Rules struct {
	// Sign answers what is posted in the place of the message's body, and headers that are added. It gets the
	// project's key called Key, which is empty when Key is. It must be pure: a retry must be the same again as
	// long as the key is. Nil posts the body as it is.
	Sign func(m invoice.Message, key string) (body []byte, header http.Header, err error)
	// Key names the key of the project that Sign needs; see [Keys].
	Key string
	// Taken reports whether the endpoint has taken a message when it answers with the status. Whatever else it answers,
	// the message is tried again, and no answer disables the URL. Nil is what the package comment says.
	Taken func(status int) bool
	// Schedule takes the place of Config.Schedule for messages of this format; nil does not.
	Schedule []time.Duration
}

// Ruled is the optional power of a [Format] that has rules of its own.
type Ruled interface {
	Rules() Rules
}
