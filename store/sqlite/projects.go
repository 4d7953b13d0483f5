package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store/internal/record"
)

// InsertProject implements [invoice.ProjectStore].
func (s *Store) InsertProject(ctx context.Context, p invoice.Project) error {
	if p.Version != 1 {
		return fmt.Errorf("sqlite: insert project %s with version %d: %w", p.ID, p.Version, invoice.ErrConflict)
	}
	if err := s.putProject(ctx, qInsertProject, p); err != nil {
		return fmt.Errorf("sqlite: insert project %s: %w", p.ID, err)
	}
	return nil
}

// UpdateProject implements [invoice.ProjectStore].
func (s *Store) UpdateProject(ctx context.Context, p invoice.Project) error {
	if err := s.putProject(ctx, qUpdateProject, p); err != nil {
		return fmt.Errorf("sqlite: update project %s: %w", p.ID, err)
	}
	return nil
}

func (s *Store) putProject(ctx context.Context, query string, p invoice.Project) error {
	args, err := record.Project(p)
	if err != nil {
		return err
	}
	return s.writer.do(ctx, func(t *txn) error {
		n, err := t.exec(query, args...)
		if err != nil || n > 0 {
			return err
		}
		var stored int64 // 0 if there is none, as an insert expects
		if err := t.row(qProjectVersion, args[:1], &stored); err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if stored != p.Version-1 {
			return invoice.ErrConflict
		}
		var other string
		switch err := t.row(qProjectByName, args[1:3], &other); {
		case errors.Is(err, sql.ErrNoRows) || err == nil && other == p.ID:
			return invoice.ErrConflict // the key hash is taken
		case err != nil:
			return err
		}
		return invoice.ErrDuplicateProject
	})
}

// Project implements [invoice.ProjectStore].
func (s *Store) Project(ctx context.Context, id string) (invoice.Project, error) {
	return s.project(ctx, qProject, id)
}

// ProjectByKey implements [invoice.ProjectStore].
func (s *Store) ProjectByKey(ctx context.Context, keyHash string) (invoice.Project, error) {
	return s.project(ctx, qProjectByKey, keyHash)
}

// Projects implements [invoice.ProjectStore].
func (s *Store) Projects(ctx context.Context, after string, limit int) ([]invoice.Project, error) {
	out, err := s.projects(ctx, after, limit)
	if err != nil {
		return nil, fmt.Errorf("sqlite: read projects: %w", err)
	}
	return out, nil
}

func (s *Store) projects(ctx context.Context, after string, limit int) (out []invoice.Project, err error) {
	found, err := s.stmts[qProjects].QueryContext(ctx, after, limit)
	if err != nil {
		return nil, err
	}
	return collect(found, record.ScanProject)
}

// ProjectsByOwner implements [invoice.ProjectStore]. It reads all projects.
func (s *Store) ProjectsByOwner(ctx context.Context, text string) ([]string, error) {
	ids, err := s.projectIDs(ctx, text)
	if err != nil {
		return nil, fmt.Errorf("sqlite: read projects by owner: %w", err)
	}
	return ids, nil
}

func (s *Store) projectIDs(ctx context.Context, owner string) (ids []string, err error) {
	found, err := s.stmts[qProjectsByOwner].QueryContext(ctx, owner)
	if err != nil {
		return nil, err
	}
	return collect(found, scanText)
}

func (s *Store) project(ctx context.Context, query, arg string) (invoice.Project, error) {
	p, err := record.ScanProject(s.stmts[query].QueryRowContext(ctx, arg))
	if errors.Is(err, sql.ErrNoRows) {
		err = invoice.ErrNotFound
	}
	if err != nil {
		return invoice.Project{}, fmt.Errorf("sqlite: read project: %w", err)
	}
	return p, nil
}
