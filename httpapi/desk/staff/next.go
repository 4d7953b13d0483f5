package staff

import (
	"net/url"
	"strings"
)

// maxNext is the longest page to go on to, in bytes.
const maxNext = 2000

// nextPath returns the page to go on to if it is a path of this origin, and otherwise an empty text. A browser reads
// backslashes as slashes and leaves out tabs and line ends, so that a text with any of them is refused.
func nextPath(next string) string {
	if !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || len(next) > maxNext {
		return ""
	}
	for i := range len(next) {
		if c := next[i]; c <= ' ' || c == '\\' || c >= 0x7f {
			return ""
		}
	}
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" {
		return ""
	}
	return next
}
