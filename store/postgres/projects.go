package postgres

import (
	"context"
	"fmt"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store/internal/record"
	"github.com/jackc/pgx/v5"
)

// InsertProject implements [invoice.ProjectStore].
func (s *Store) InsertProject(ctx context.Context, p invoice.Project) error {
	if p.Version != 1 {
		return fmt.Errorf("postgres: insert project %s with version %d: %w", p.ID, p.Version, invoice.ErrConflict)
	}
	if err := s.putProject(ctx, qInsertProject, p); err != nil {
		return fmt.Errorf("postgres: insert project %s: %w", p.ID, err)
	}
	return nil
}

// UpdateProject implements [invoice.ProjectStore].
func (s *Store) UpdateProject(ctx context.Context, p invoice.Project) error {
	if err := s.putProject(ctx, qUpdateProject, p); err != nil {
		return fmt.Errorf("postgres: update project %s: %w", p.ID, err)
	}
	return nil
}

func (s *Store) putProject(ctx context.Context, query string, p invoice.Project) error {
	args, err := record.Project(p)
	if err != nil {
		return err
	}
	return again(ctx, func() error {
		tag, err := s.pool.Exec(ctx, query, args...)
		switch {
		case violates(err, "cointill_projects_name"):
			return invoice.ErrDuplicateProject
		case sqlState(err) == codeUnique || err == nil && tag.RowsAffected() == 0:
			return invoice.ErrConflict
		}
		return err
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
	var out []invoice.Project
	err := again(ctx, func() (err error) {
		out, err = collect(ctx, s.pool, scanProject, qProjects, after, limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("postgres: read projects: %w", err)
	}
	return out, nil
}

// ProjectsByOwner implements [invoice.ProjectStore]. It reads all projects.
func (s *Store) ProjectsByOwner(ctx context.Context, text string) ([]string, error) {
	var ids []string
	err := again(ctx, func() (err error) {
		ids, err = collect(ctx, s.pool, pgx.RowTo[string], qProjectsByOwner, text)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("postgres: read projects by owner: %w", err)
	}
	return ids, nil
}

func (s *Store) project(ctx context.Context, query, arg string) (invoice.Project, error) {
	var found []invoice.Project // one at most
	err := again(ctx, func() (err error) {
		found, err = collect(ctx, s.pool, scanProject, query, arg)
		return err
	})
	if err == nil && len(found) == 0 {
		err = invoice.ErrNotFound
	}
	if err != nil {
		return invoice.Project{}, fmt.Errorf("postgres: read project: %w", err)
	}
	return found[0], nil
}

func scanProject(row pgx.CollectableRow) (invoice.Project, error) { return record.ScanProject(row) }
