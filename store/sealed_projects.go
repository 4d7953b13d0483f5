package store

import (
	"context"
	"fmt"
	"maps"

	"github.com/cointill/cointill/invoice"
)

// sealedProjects seals the secrets and keys of projects.
type sealedProjects struct {
	projects invoice.ProjectStore
	box      box
}

// InsertProject implements [invoice.ProjectStore].
func (s sealedProjects) InsertProject(ctx context.Context, p invoice.Project) error {
	sealed, err := eachSecret(p, s.box.seal)
	if err != nil {
		return err
	}
	return s.projects.InsertProject(ctx, sealed)
}

// UpdateProject implements [invoice.ProjectStore].
func (s sealedProjects) UpdateProject(ctx context.Context, p invoice.Project) error {
	sealed, err := eachSecret(p, s.box.seal)
	if err != nil {
		return err
	}
	return s.projects.UpdateProject(ctx, sealed)
}

// Project implements [invoice.ProjectStore].
func (s sealedProjects) Project(ctx context.Context, id string) (invoice.Project, error) {
	return s.opened(s.projects.Project(ctx, id))
}

// ProjectByKey implements [invoice.ProjectStore].
func (s sealedProjects) ProjectByKey(ctx context.Context, keyHash string) (invoice.Project, error) {
	return s.opened(s.projects.ProjectByKey(ctx, keyHash))
}

// Projects implements [invoice.ProjectStore].
func (s sealedProjects) Projects(ctx context.Context, after string, limit int) ([]invoice.Project, error) {
	list, err := s.projects.Projects(ctx, after, limit)
	if err != nil {
		return nil, err
	}
	for i, p := range list {
		if list[i], err = s.opened(p, nil); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// ProjectsByOwner implements [invoice.ProjectStore].
func (s sealedProjects) ProjectsByOwner(ctx context.Context, text string) ([]string, error) {
	return s.projects.ProjectsByOwner(ctx, text)
}

func (s sealedProjects) opened(p invoice.Project, err error) (invoice.Project, error) {
	if err != nil {
		return p, err
	}
	return eachSecret(p, s.box.open)
}

// eachSecret returns the project with all of its secrets changed. The original stays as it is.
func eachSecret(p invoice.Project, change func(owner, value string) (string, error)) (invoice.Project, error) {
	out := cloneProject(p)
	for i, secret := range out.Secrets {
		value, err := change(p.ID+"\x00secret", secret.Value)
		if err != nil {
			return invoice.Project{}, fmt.Errorf("store: secret of project %s: %w", p.ID, err)
		}
		out.Secrets[i].Value = value
	}
	for i, e := range out.Endpoints {
		for n, secret := range e.Secrets {
			value, err := change(p.ID+"\x00endpoint\x00"+e.ID, secret.Value)
			if err != nil {
				return invoice.Project{}, fmt.Errorf("store: secret of endpoint %s of project %s: %w", e.ID, p.ID, err)
			}
			out.Endpoints[i].Secrets[n].Value = value
		}
	}
	for _, keys := range []map[string]invoice.Secret{out.Keys, out.FormerKeys} {
		for name, secret := range maps.Clone(keys) {
			value, err := change(p.ID+"\x00key\x00"+name, secret.Value)
			if err != nil {
				return invoice.Project{}, fmt.Errorf("store: key %q of project %s: %w", name, p.ID, err)
			}
			keys[name] = invoice.Secret{Value: value, Until: secret.Until}
		}
	}
	return out, nil
}
