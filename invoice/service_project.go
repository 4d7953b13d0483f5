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
	store  ProjectStore
	now    func() time.Time
	recent *recent
	checks EndpointChecker // nil: only what every URL must be
}

// NewProjects returns the service of projects on a store. A nil now means time.Now.
func NewProjects(store ProjectStore, now func() time.Time) (*Projects, error) {
	if store == nil {
		return nil, errors.New("invoice: NewProjects: store is required")
	}
	if now == nil {
		now = time.Now
	}
	return &Projects{store: store, now: now, recent: &recent{held: map[string]receivers{}}}, nil
}

// NewProject describes a project to create.
type NewProject struct {
	Owner       string // required
	Name        string // required, at most 100 characters
	Description string // at most 1024 characters
	AllowedIPs  string // addresses and CIDR blocks, separated by commas; empty: all
}

// Create creates a project and returns it with its API key, 64 hexadecimal digits, which cannot be read again later. It
// refuses with an [InvalidError], or with [ErrDuplicateProject].
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

// Authenticate returns the project that the API key belongs to, or ErrNotFound.
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

// RotateKey gives the project a new API key and returns it, as Create does. The previous key remains valid for the
// overlap, so that clients can change over; keys before that are no longer valid. It refuses with ErrNotFound, or with
// [ErrConflict] when the project keeps being changed concurrently.
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

// RevokeKeys invalidates all API keys of the project, until RotateKey makes one. The keys of MakeKey stay valid:
// [Projects.RevokeKey] revokes them. It is idempotent. It refuses as RotateKey does.
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

// RevokeKey removes the key of the name, and the previous one, from the project: nothing signed with them is accepted
// any more, and nothing that needs the key can be signed until MakeKey makes another. It is idempotent. It refuses as
// RotateKey does.
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

// revoked returns a text that stands in the place of a hash and is the hash of nothing.
func revoked(project string) string { return "revoked " + project }

// SetAllowedIPs replaces the list of addresses from which the project's API key may be used, in the form of
// [NewProject]. It refuses with an [InvalidError], and as RotateKey does.
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

// List returns up to limit projects, at most [MaxPage], with ids after the given one, in the order of their ids. The
// empty id begins.
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

// Project returns the project, or ErrNotFound.
func (ps *Projects) Project(ctx context.Context, id string) (Project, error) {
	return ps.store.Project(ctx, id)
}

// ByOwner returns the ids, in order, of the projects whose owner contains the text, ignoring the case of ASCII letters.
// They are meant for Query.SearchProjects.
func (ps *Projects) ByOwner(ctx context.Context, text string) ([]string, error) {
	if !cleanText(text) {
		return nil, nil // no owner contains such text, and databases refuse some of it
	}
	ids, err := ps.store.ProjectsByOwner(ctx, text)
	if err != nil {
		return nil, fmt.Errorf("invoice: projects by owner: %w", err)
	}
	return ids, nil
}

// Secrets returns the secrets that sign the project's webhooks now, newest first.
func (ps *Projects) Secrets(ctx context.Context, project string) ([]string, error) {
	p, err := ps.store.Project(ctx, project)
	if err != nil {
		return nil, fmt.Errorf("invoice: secrets of project: %w", err)
	}
	return p.ActiveSecrets(ps.now()), nil
}

// RotateSecret gives the project a new webhook secret and returns it. The older ones sign beside it for the overlap, so
// that receivers can change over without missing a message. It refuses with ErrNotFound, or with [ErrConflict] when the
// project keeps being changed concurrently.
func (ps *Projects) RotateSecret(ctx context.Context, project string, overlap time.Duration) (string, error) {
	now := ps.now().UTC()
	fresh := Secret{Value: newSecret()}
	err := ps.change(ctx, project, func(p *Project) error {
		p.Secrets = rotated(p.Secrets, fresh, now, overlap)
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("invoice: rotate secret: %w", err)
	}
	return fresh.Value, nil
}

// MakeKey gives the project a new key under the name, replacing the previous one, and returns it: 64 hexadecimal
// digits. Signatures made with the previous key are accepted for the overlap; the new key signs at once. It refuses
// with ErrNotFound, or with [ErrConflict] when the project keeps being changed concurrently.
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

// SetDiscount sets the discount on payments in an asset, by its code, in percent from -99 to 100. 0 removes it, and a
// negative discount is a surcharge. It applies where an API reads it; [Service.Create] uses Request.Discount alone. It is
// idempotent. It refuses with an [InvalidError], with ErrNotFound, or with [ErrConflict] when the project keeps being
// changed concurrently.
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

// change applies f to the project and stores the result, or returns f's error and stores nothing. If the project was
// changed concurrently, f is called again on the new version.
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
		err = ps.store.UpdateProject(ctx, p)
		ps.recent.forget(project)
		if !errors.Is(err, ErrConflict) || try == 20 {
			return err
		}
	}
}

// Key returns the project's key of the name, or ErrNotFound.
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
