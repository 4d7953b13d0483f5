package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/cointill/cointill/invoice"
)

var _ invoice.Floors = (*FloorFile)(nil)

// FloorFile keeps floors in a small file. Keep the file apart from the database and its backups. A FloorFile is for one
// process. Several processes need a file each, or share an [invoice.Floors] of the host: a lost end is noticed only as
// far as the file that is asked knows. The methods may be called concurrently.
type FloorFile struct {
	path string

	mu   sync.Mutex // guards what follows
	next map[string]uint32
}

// maxFloorFile bounds how many bytes of the file are read.
const maxFloorFile = 1 << 20

// OpenFloorFile reads the file, if it exists. It returns an error for a file that it cannot read: taking such a file
// for an empty one would forget every floor.
func OpenFloorFile(path string) (*FloorFile, error) {
	f := &FloorFile{path: path, next: map[string]uint32{}}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return f, nil
	case err != nil:
		return nil, fmt.Errorf("store: open floors: %w", err)
	case info.Size() > maxFloorFile:
		return nil, fmt.Errorf("store: open floors: %s has more than %d bytes", path, maxFloorFile)
	}
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &f.next)
	}
	if err != nil {
		return nil, fmt.Errorf("store: read floors: %w", err)
	}
	return f, nil
}

// Floor implements [invoice.Floors]. It does not block.
func (f *FloorFile) Floor(_ context.Context, wallet string) (uint32, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.next[wallet], nil
}

// Raise implements [invoice.Floors]. It blocks until the file is written, even after ctx has ended.
func (f *FloorFile) Raise(_ context.Context, wallet string, next uint32) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	was := f.next[wallet]
	if next <= was {
		return nil
	}
	f.next[wallet] = next
	if err := f.write(); err != nil {
		f.next[wallet] = was
		return fmt.Errorf("store: write floors: %w", err)
	}
	return nil
}

// write replaces the file with one that is complete on disk, so that a crash leaves either the old or the new one.
func (f *FloorFile) write() error {
	text, err := json.Marshal(f.next)
	if err != nil {
		return err
	}
	dir := filepath.Dir(f.path)
	temporary, err := os.CreateTemp(dir, filepath.Base(f.path)+".*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(temporary.Name()) }() // there is none once it was renamed
	_, err = temporary.Write(text)
	if err == nil {
		err = temporary.Sync()
	}
	if closed := temporary.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(temporary.Name(), f.path)
	}
	if err != nil {
		return err
	}
	return syncDir(dir)
}

// syncDir makes a rename durable, on systems where a directory can be synced.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	_ = d.Close() // nothing was written to it
	if err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, fs.ErrPermission) && !errors.Is(err, fs.ErrInvalid) {
		return err
	}
	return nil
}
