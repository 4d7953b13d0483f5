package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// mutation is one fault.
type mutation struct {
	name string // unique
	file string // below the root of the module
	from string // text that occurs exactly once in the file
	to   string // replacement, which must compile
	rule string // of the product that the fault breaks
	// equivalent is the reason why no test can notice the fault, or empty if one must. Such a mutation is tried
	// nevertheless.
	equivalent string
}

// table returns all mutations.
func table() []mutation {
	var out []mutation
	for _, part := range [][]mutation{decideTable, settleTable, matchTable, asideTable, portionTable, placeTable, quoteTable, followTable, chainTable, sqliteTable, kvTable, webhookTable, payoutTable, bankTable} {
		out = append(out, part...)
	}
	return out
}

// check returns errors for mutations that no longer fit the code, and for names that are given twice.
func check(root string, list []mutation) error {
	var problems []error
	names := map[string]bool{}
	for _, m := range list {
		if names[m.name] {
			problems = append(problems, fmt.Errorf("%s: the name is given twice", m.name))
		}
		names[m.name] = true
		if _, err := m.apply(root); err != nil {
			problems = append(problems, err)
		}
	}
	return errors.Join(problems...)
}

// apply returns the text of the file with the fault in it.
func (m mutation) apply(root string) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(m.file)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.name, err)
	}
	if n := strings.Count(string(text), m.from); n != 1 {
		return nil, fmt.Errorf("%s: the text to change is %d times in %s, and must be there once: %q", m.name, n, m.file, m.from)
	}
	if m.from == m.to {
		return nil, fmt.Errorf("%s: it changes nothing", m.name)
	}
	return []byte(strings.Replace(string(text), m.from, m.to, 1)), nil
}
