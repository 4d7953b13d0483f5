package store_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/store/storetest"
	"github.com/stretchr/testify/require"
)

func TestFloorFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "floors.json")
	storetest.Floors(t, func(t *testing.T) invoice.Floors {
		f, err := store.OpenFloorFile(path)
		require.NoError(t, err)
		return f
	})
	left, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, left, 1)
}

func TestAFloorFileThatCannotBeReadIsNotTakenForAnEmptyOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "floors.json")
	require.NoError(t, os.WriteFile(path, []byte(`{"wallet": 7`), 0o600))
	_, err := store.OpenFloorFile(path)
	require.Error(t, err)
	require.NoError(t, os.WriteFile(path, make([]byte, 2<<20), 0o600))
	_, err = store.OpenFloorFile(path)
	require.Error(t, err)
}

func TestAFloorThatCannotBeWrittenIsNotRaised(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gone")
	f, err := store.OpenFloorFile(filepath.Join(dir, "floors.json"))
	require.NoError(t, err)
	require.Error(t, f.Raise(t.Context(), "wallet", 7))
	floor, err := f.Floor(t.Context(), "wallet")
	require.NoError(t, err)
	require.Zero(t, floor)
	require.NoError(t, os.Mkdir(dir, 0o700))
	require.NoError(t, f.Raise(t.Context(), "wallet", 7))
}
