package invoice

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Projects creates and authenticates projects. Its methods may be called concurrently.
type Projects struct {
	store ProjectStore
	now   func() time.Time
}

// NewProjects makes the service of projects on a store. A nil now is the system's clock.
func NewProjects(store ProjectStore, now func() time.Time) (*Projects, error) {
	if store == nil {
		return nil, errors.New("invoice: NewProjects: a store is required")
	}
	if now == nil {
		now = time.Now
	}
	return &Projects{store, now}, nil
}

// NewProject describes a project to create.
type NewProject struct {
	Owner       string // required
	Name        string // required, at most 100 characters
	Description string // at most 1024 characters
	AllowedIPs  string // addresses and CIDR blocks, separated by commas; empty is everybody
}

// Create makes a project and answers it with its API key, which is shown only this once: 64
// hexadecimal digits. It refuses with an [InvalidError], or with [ErrDuplicateProject].
func (ps *Projects) Create(ctx context.Context, in NewProject) (Project, string, error) {
	if err := in.validate(); err != nil {
		return Project{}, "", err
	}
	allowed, err := ParseAllowedIPs(in.AllowedIPs)
	if err != nil {
		return Project{}, "", err
	}
	now := ps.now().UTC()
	key := randomHex(32)
	p := Project{
		ID: newID(now), Owner: in.Owner, Name: in.Name, Description: in.Description, KeyHash: HashKey(key),
		AllowedIPs: allowed, Secrets: []Secret{{Value: newSecret()}}, CreatedAt: now, Version: 1,
	}
	if err := ps.store.InsertProject(ctx, p); err != nil {
		return Project{}, "", fmt.Errorf("invoice: create project: %w", err)
	}
	return p, key, nil
}

func (in NewProject) validate() error {
	switch {
	case in.Owner == "":
		return refuse("Owner", "", "is required")
	case strings.TrimSpace(in.Name) == "":
		return refuse("Name", in.Name, "is required")
	}
	return cmp.Or(
		refuseText("Owner", in.Owner, 255), refuseText("Name", in.Name, 100), refuseText("Description", in.Description, 1024),
	)
}

// Authenticate answers the project that the API key opens, or ErrNotFound.
func (ps *Projects) Authenticate(ctx context.Context, key string) (Project, error) {
	if key == "" || len(key) > 256 {
		return Project{}, ErrNotFound
	}
	hash := HashKey(key)
	p, err := ps.store.ProjectByKey(ctx, hash)
	if err == nil && p.KeyHash != hash && !ps.now().Before(p.FormerKeyUntil) {
		return Project{}, ErrNotFound
	}
	return p, err
}

// RotateKey gives the project a new API key and answers it, as Create does. The one before goes on opening the project
// for the overlap, so that clients can change over; what was before that does not any more. It refuses with ErrNotFound,
// or with [ErrConflict] when the project is changed again and again meanwhile.
func (ps *Projects) RotateKey(ctx context.Context, project string, overlap time.Duration) (string, error) {
	key, until := randomHex(32), ps.now().UTC().Add(overlap)
	err := ps.change(ctx, project, func(p *Project) error {
		p.FormerKeyHash, p.FormerKeyUntil = "", time.Time{}
		if overlap > 0 && p.KeyHash != revoked(p.ID) {
			p.FormerKeyHash, p.FormerKeyUntil = p.KeyHash, until
		}
		p.KeyHash = HashKey(key)
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("invoice: rotate key: %w", err)
	}
	return key, nil
}

// RevokeKeys has no API key open the project any more, until RotateKey makes one. It does not concern the keys of
// MakeKey, which [Projects.RevokeKey] revokes. It is idempotent. It refuses as RotateKey does.
func (ps *Projects) RevokeKeys(ctx context.Context, project string) error {
	err := ps.change(ctx, project, func(p *Project) error {
		p.KeyHash, p.FormerKeyHash, p.FormerKeyUntil = revoked(p.ID), "", time.Time{}
		return nil
	})
	if err != nil {
		return fmt.Errorf("invoice: revoke keys: %w", err)
	}
	return nil
}

// RevokeKey takes the key of the name, and the one before it, from the project: nothing that is signed with it is taken any
// more, and nothing that needs it can be signed until MakeKey makes another. It is idempotent. It refuses as RotateKey
// does.
func (ps *Projects) RevokeKey(ctx context.Context, project, name string) error {
	err := ps.change(ctx, project, func(p *Project) error {
		delete(p.Keys, name)
		delete(p.FormerKeys, name)
		return nil
	})
	if err != nil {
		return fmt.Errorf("invoice: revoke key %q: %w", name, err)
	}
	return nil
}

// revoked is in the place of a hash, and the hash of nothing.
func revoked(project string) string { return "revoked " + project }

// SetAllowedIPs sets who may use the project's API key, in the place of the list that it had, as in [NewProject]. It
// refuses with an [InvalidError], and as RotateKey does.
func (ps *Projects) SetAllowedIPs(ctx context.Context, project, list string) error {
	allowed, err := ParseAllowedIPs(list)
	if err != nil {
		return err
	}
	err = ps.change(ctx, project, func(p *Project) error {
		p.AllowedIPs = allowed
		return nil
	})
	if err != nil {
		return fmt.Errorf("invoice: set allowed addresses: %w", err)
	}
	return nil
}

// List answers up to limit projects, at most [MaxPage], with ids after the given one, in the order of their ids. The
// empty id is before all.
func (ps *Projects) List(ctx context.Context, after string, limit int) ([]Project, error) {
	if !cleanText(after) {
		return nil, refuse("after", after, "must be the id of a project")
	}
	list, err := ps.store.Projects(ctx, after, min(max(limit, 0), MaxPage))
	if err != nil {
		return nil, fmt.Errorf("invoice: list projects: %w", err)
	}
	return list, nil
}

// Project answers the project, or ErrNotFound.
func (ps *Projects) Project(ctx context.Context, id string) (Project, error) {
	return ps.store.Project(ctx, id)
}

// ByOwner answers the ids, in order, of the projects that have the text somewhere in their owner, whatever the case of
// its ASCII letters: for Query.SearchProjects.
func (ps *Projects) ByOwner(ctx context.Context, text string) ([]string, error) {
	if !cleanText(text) {
		return nil, nil // no owner has that, and databases refuse to look for some of it
	}
	ids, err := ps.store.ProjectsByOwner(ctx, text)
	if err != nil {
		return nil, fmt.Errorf("invoice: projects by owner: %w", err)
	}
	return ids, nil
}

// Secrets answers the secrets that sign the project's webhooks now, newest first.
func (ps *Projects) Secrets(ctx context.Context, project string) ([]string, error) {
	p, err := ps.store.Project(ctx, project)
	if err != nil {
		return nil, fmt.Errorf("invoice: secrets of project: %w", err)
	}
	return p.ActiveSecrets(ps.now()), nil
}

// RotateSecret gives the project a new webhook secret and answers it. The older ones go on signing
// beside it for the overlap, so that receivers can change over without missing a message. It refuses with
// ErrNotFound, or with [ErrConflict] when the project is changed again and again meanwhile.
func (ps *Projects) RotateSecret(ctx context.Context, project string, overlap time.Duration) (string, error) {
	now := ps.now().UTC()
	fresh := Secret{Value: newSecret()}
	err := ps.change(ctx, project, func(p *Project) error {
		secrets := []Secret{fresh}
		for _, s := range p.Secrets {
			if end := now.Add(overlap); s.Until.IsZero() || s.Until.After(end) {
				s.Until = end
			}
			if now.Before(s.Until) {
				secrets = append(secrets, s)
			}
		}
		p.Secrets = secrets
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("invoice: rotate secret: %w", err)
	}
	return fresh.Value, nil
}

// MakeKey gives the project a new key under the name, in the place of the one it had, and answers it: 64
// hexadecimal digits. What is signed with the one before goes on being taken for the overlap; what is signed for the
// project is signed with the new one at once. It refuses with ErrNotFound, or with [ErrConflict] when the project is
// changed again and again meanwhile.
func (ps *Projects) MakeKey(ctx context.Context, project, name string, overlap time.Duration) (string, error) {
	key, until := randomHex(32), ps.now().UTC().Add(overlap)
	err := ps.change(ctx, project, func(p *Project) error {
		delete(p.FormerKeys, name)
		if before, had := p.Keys[name]; had && overlap > 0 {
			if p.FormerKeys == nil {
				p.FormerKeys = map[string]Secret{}
			}
			p.FormerKeys[name] = Secret{Value: before.Value, Until: until}
		}
		if p.Keys == nil {
			p.Keys = map[string]Secret{}
		}
		p.Keys[name] = Secret{Value: key}
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("invoice: make key: %w", err)
	}
	return key, nil
}

// maxDiscounts bounds how many assets of a project have a discount: they are read with every request.
const maxDiscounts = 200

// SetDiscount sets what is taken off what is paid in an asset, by its code, in percent from -99 to 100, in the place of
// what it was: 0 is none, and below 0 it is a surcharge. It counts where an API reads it, as httpapi/cryptomus does;
// [Service.Create] goes by Request.Discount alone. It is idempotent. It refuses with an [InvalidError], with ErrNotFound,
// or with [ErrConflict] when the project is changed again and again meanwhile.
func (ps *Projects) SetDiscount(ctx context.Context, project, code string, percent int) error {
	switch {
	case !cleanText(code) || code == "" || len(code) > 32:
		return refuse("code", code, "must be the code of an asset")
	case percent < -99 || percent > 100:
		return refuse("percent", strconv.Itoa(percent), "must be -99 to 100")
	}
	err := ps.change(ctx, project, func(p *Project) error {
		if percent == 0 {
			delete(p.Discounts, code)
			return nil
		}
		if _, has := p.Discounts[code]; !has && len(p.Discounts) >= maxDiscounts {
			return refuse("Discounts", code, fmt.Sprintf("has %d entries, and no room for more", len(p.Discounts)))
		}
		if p.Discounts == nil {
			p.Discounts = map[string]int{}
		}
		p.Discounts[code] = percent
		return nil
	})
	if err != nil {
		return fmt.Errorf("invoice: set discount: %w", err)
	}
	return nil
}

// change stores what f makes of the project, or nothing if f refuses. When somebody else has changed it meanwhile, f is
// asked again on fresh facts.
func (ps *Projects) change(ctx context.Context, project string, f func(*Project) error) error {
	for try := 0; ; try++ {
		p, err := ps.store.Project(ctx, project)
		if err != nil {
			return err
		}
		if err := f(&p); err != nil {
			return err
		}
		p.Version++
		if err = ps.store.UpdateProject(ctx, p); !errors.Is(err, ErrConflict) || try == 20 {
			return err
		}
	}
}

// Key answers the project's key of the name, or ErrNotFound.
func (ps *Projects) Key(ctx context.Context, project, name string) (string, error) {
	p, err := ps.store.Project(ctx, project)
	if err != nil {
		return "", fmt.Errorf("invoice: key of project: %w", err)
	}
	key, has := p.Keys[name]
	if !has {
		return "", fmt.Errorf("invoice: key %q of project: %w", name, ErrNotFound)
	}
	return key.Value, nil
}

func newSecret() string {
	b := make([]byte, 32)
	rand.Read(b) // never fails: crypto/rand ends the program instead
	return "whsec_" + base64.StdEncoding.EncodeToString(b)
}
