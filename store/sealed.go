package store

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/cointill/cointill/invoice"
)

// ErrNoKey: a secret was sealed with a key that the [Keyring] does not have. Nothing was changed.
var ErrNoKey = errors.New("no such sealing key")

// Keyring has the keys that secrets are sealed with, outside of the database. Its methods are called concurrently, with
// every request, and must not block for long. [ParseKeyring] makes one of a file or of a variable of the environment.
type Keyring interface {
	// Newest answers the key that is sealed with, of 32 bytes, and its id, of letters, digits, '-' and '_'.
	Newest() (id string, key []byte)
	// Key answers the key of the id; false when there is none.
	Key(id string) (key []byte, has bool)
}

// Sealed is an [invoice.ProjectStore] that keeps the secrets of projects in another one, sealed: those that webhooks are
// signed with, and the keys of the APIs that sign with a key. Whoever reads the database, or a backup, learns none of
// them, and cannot put one secret in the place of another, of whichever project. What was stored before in clear is read
// as it is, and sealed when it is next changed, or by [Sealed.Reseal].
type Sealed struct {
	projects invoice.ProjectStore
	keys     Keyring
}

var _ invoice.ProjectStore = (*Sealed)(nil)

// Seal makes a store of projects whose secrets are sealed. It refuses keys that are not of 32 bytes.
func Seal(projects invoice.ProjectStore, keys Keyring) (*Sealed, error) {
	if projects == nil || keys == nil {
		return nil, errors.New("store: Seal: a store of projects and a keyring are required")
	}
	s := &Sealed{projects, keys}
	id, key := keys.Newest()
	if _, err := sealer(key); err != nil || !keyID(id) {
		return nil, fmt.Errorf("store: Seal: the newest key, %q, must have 32 bytes and an id of letters, digits, '-' and '_'", id)
	}
	return s, nil
}

// InsertProject implements [invoice.ProjectStore].
func (s *Sealed) InsertProject(ctx context.Context, p invoice.Project) error {
	sealed, err := s.each(p, s.seal)
	if err != nil {
		return err
	}
	return s.projects.InsertProject(ctx, sealed)
}

// UpdateProject implements [invoice.ProjectStore].
func (s *Sealed) UpdateProject(ctx context.Context, p invoice.Project) error {
	sealed, err := s.each(p, s.seal)
	if err != nil {
		return err
	}
	return s.projects.UpdateProject(ctx, sealed)
}

// Project implements [invoice.ProjectStore]. It refuses with [ErrNoKey] as well.
func (s *Sealed) Project(ctx context.Context, id string) (invoice.Project, error) {
	return s.opened(s.projects.Project(ctx, id))
}

// ProjectByKey implements [invoice.ProjectStore]. It refuses with [ErrNoKey] as well.
func (s *Sealed) ProjectByKey(ctx context.Context, keyHash string) (invoice.Project, error) {
	return s.opened(s.projects.ProjectByKey(ctx, keyHash))
}

// Projects implements [invoice.ProjectStore]. It refuses with [ErrNoKey] as well.
func (s *Sealed) Projects(ctx context.Context, after string, limit int) ([]invoice.Project, error) {
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
func (s *Sealed) ProjectsByOwner(ctx context.Context, text string) ([]string, error) {
	return s.projects.ProjectsByOwner(ctx, text)
}

// Reseal seals with the newest key what is in clear, or sealed with another one, and answers of how many projects. When
// it returns nil after all processes have the newest key, the others are needed for nothing in this database any more. It
// may be called while everything runs, and again when it was interrupted. What cannot be sealed, as with [ErrNoKey], is in
// the error, and keeps it from nothing else.
func (s *Sealed) Reseal(ctx context.Context) (changed int, err error) {
	var failed []error
	for after := ""; ; {
		list, err := s.projects.Projects(ctx, after, invoice.MaxPage)
		if err != nil || len(list) == 0 {
			return changed, errors.Join(append(failed, err)...)
		}
		for _, p := range list {
			did, err := s.reseal(ctx, p.ID)
			if err != nil {
				failed = append(failed, fmt.Errorf("store: reseal project %s: %w", p.ID, err))
			}
			if ctx.Err() != nil {
				return changed, errors.Join(failed...)
			}
			if did {
				changed++
			}
			after = p.ID
		}
	}
}

// resealTries bounds how often a project is read again because somebody else has changed it.
const resealTries = 20

func (s *Sealed) reseal(ctx context.Context, id string) (did bool, err error) {
	newest, _ := s.keys.Newest()
	for try := 0; ; try++ {
		p, err := s.projects.Project(ctx, id)
		if errors.Is(err, invoice.ErrNotFound) {
			return false, nil
		} else if err != nil {
			return false, err
		}
		stale := false
		if _, err := s.each(p, func(_, value string) (string, error) {
			stale = stale || !strings.HasPrefix(value, prefix+newest+":")
			return value, nil
		}); err != nil || !stale {
			return false, err
		}
		if p, err = s.opened(p, nil); err != nil {
			return false, err
		}
		p.Version++
		if err = s.UpdateProject(ctx, p); !errors.Is(err, invoice.ErrConflict) || try == resealTries {
			return err == nil, err
		}
	}
}

func (s *Sealed) opened(p invoice.Project, err error) (invoice.Project, error) {
	if err != nil {
		return p, err
	}
	return s.each(p, s.open)
}

// each answers the project with all of its secrets changed. The original stays as it is.
func (s *Sealed) each(p invoice.Project, change func(owner, value string) (string, error)) (invoice.Project, error) {
	out := cloneProject(p)
	for i, secret := range out.Secrets {
		value, err := change(p.ID+"\x00secret", secret.Value)
		if err != nil {
			return invoice.Project{}, fmt.Errorf("store: secret of project %s: %w", p.ID, err)
		}
		out.Secrets[i].Value = value
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

// prefix begins what is sealed: after it come the id of the key, a colon, and nonce and text of AES-256-GCM in base64.
const prefix = "sealed:1:"

func (s *Sealed) seal(owner, value string) (string, error) {
	id, key := s.keys.Newest()
	gcm, err := sealer(key)
	if err == nil && !keyID(id) {
		err = errors.New("the id must be of letters, digits, '-' and '_'")
	}
	if err != nil {
		return "", fmt.Errorf("key %q: %w", id, err)
	}
	nonce := make([]byte, gcm.NonceSize())
	rand.Read(nonce) // never fails: crypto/rand ends the program instead
	return prefix + id + ":" + base64.RawStdEncoding.EncodeToString(gcm.Seal(nonce, nonce, []byte(value), []byte(owner))), nil
}

func (s *Sealed) open(owner, value string) (string, error) {
	rest, sealed := strings.CutPrefix(value, prefix)
	if !sealed {
		return value, nil
	}
	id, text, _ := strings.Cut(rest, ":")
	key, has := s.keys.Key(id)
	if !has {
		return "", fmt.Errorf("sealed with key %q: %w", id, ErrNoKey)
	}
	gcm, err := sealer(key)
	if err != nil {
		return "", fmt.Errorf("key %q: %w", id, err)
	}
	box, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil || len(box) < gcm.NonceSize() {
		return "", fmt.Errorf("sealed with key %q: damaged", id)
	}
	plain, err := gcm.Open(nil, box[:gcm.NonceSize()], box[gcm.NonceSize():], []byte(owner))
	if err != nil {
		return "", fmt.Errorf("sealed with key %q: damaged, or sealed with another key of this id: %w", id, err)
	}
	return string(plain), nil
}

func sealer(key []byte) (cipher.AEAD, error) {
	if len(key) != 32 {
		return nil, fmt.Errorf("must have 32 bytes, not %d", len(key))
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// keyID reports whether the text can be the id of a key.
func keyID(id string) bool {
	return id != "" && len(id) <= 64 && strings.Trim(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == ""
}
