package webhook

import "github.com/cointill/cointill/invoice"

var (
	_ invoice.CallbackChecker = (*Notifier)(nil)
	_ invoice.Dispatcher      = (*Dispatcher)(nil)
)

// CheckCallback implements [invoice.CallbackChecker] with [CheckURL].
func (n *Notifier) CheckCallback(raw string) error { return CheckURL(raw) }
