package cryptomus

// Exported for tests of webhooks and responses.
var (
	Summarize = summarize
	Signed    = signed
)

// Status is a status of the API.
type Status = status

// TestMessage is a test webhook.
type TestMessage = testMessage

// Body returns the posted body.
func (t testMessage) Body() []byte { return t.body() }

// PayoutState maps a status of the core to that of the API.
var PayoutState = payoutState
