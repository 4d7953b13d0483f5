// Package sheet has what the tables share that people open in a spreadsheet.
package sheet

import "strings"

// Harmless returns a text that no spreadsheet takes for a formula: one that begins like a formula gets an apostrophe before
// it, any other one is returned as it is.
func Harmless(text string) string {
	if strings.IndexAny(text, "=+-@\t\r") == 0 {
		return "'" + text
	}
	return text
}
