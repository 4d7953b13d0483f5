package cryptomus

// For the tests of what webhooks and responses say.
var (
	Summarize = summarize
	Signed    = signed
)

// Status is one of the API's.
type Status = status

// TestMessage is a test webhook.
type TestMessage = testMessage

// Body returns what is posted.
func (t testMessage) Body() []byte { return t.body() }
