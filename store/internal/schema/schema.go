// Package schema counts the migrations of an SQL store: which were run on a database, whether the program can work on it, and
// which comes next.
package schema

import (
	"fmt"
	"io/fs"
)

// Migrations are those of one store.
type Migrations struct {
	// Files has them in the folder migrations, in the order of their names. The first one leads to version 1.
	Files fs.FS
	// Outdated and TooNew are the store's errors about a database that lacks some, and about one that has more.
	Outdated, TooNew error
	// Table is a query for whether the database has the table cointill_schema, into which each migration is entered.
	Table string
}

// Step is a migration that was not run.
type Step struct {
	Version int // that it leads to
	Name    string
	Script  string
}

// Row reads the only column of the only row of a query.
type Row func(query string, into any) error

// Version returns how many migrations were run.
func (m Migrations) Version(row Row) (int, error) {
	var exists bool
	if err := row(m.Table, &exists); err != nil {
		return 0, fmt.Errorf("read schema version: %w", err)
	}
	if !exists {
		return 0, nil
	}
	var version int
	if err := row("SELECT COALESCE(MAX(version), 0) FROM cointill_schema", &version); err != nil {
		return 0, fmt.Errorf("read schema version: %w", err)
	}
	return version, nil
}

// Check returns Outdated or TooNew unless exactly these migrations were run.
func (m Migrations) Check(row Row) error {
	version, err := m.Version(row)
	if err != nil {
		return err
	}
	if latest := len(m.names()); version < latest {
		return fmt.Errorf("schema is at version %d of %d: %w", version, latest, m.Outdated)
	} else if version > latest {
		return fmt.Errorf("schema is at version %d, known are %d: %w", version, latest, m.TooNew)
	}
	return nil
}

// Next returns the next step, or nil if there is none left, or TooNew.
func (m Migrations) Next(row Row) (*Step, error) {
	version, err := m.Version(row)
	if err != nil {
		return nil, err
	}
	names := m.names()
	switch {
	case version > len(names):
		return nil, fmt.Errorf("version %d, known are %d: %w", version, len(names), m.TooNew)
	case version == len(names):
		return nil, nil
	}
	script, err := fs.ReadFile(m.Files, names[version])
	if err != nil {
		return nil, err
	}
	return &Step{version + 1, names[version], string(script)}, nil
}

func (m Migrations) names() []string {
	names, err := fs.Glob(m.Files, "migrations/*.sql")
	if err != nil {
		return nil // only a malformed pattern is an error
	}
	return names
}
