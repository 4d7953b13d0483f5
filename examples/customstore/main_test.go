package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The second run finds the invoices of the first one in the file.
func TestAnInvoiceIsPaidInAFileThatStays(t *testing.T) {
	file := filepath.Join(t.TempDir(), "till.db")
	for _, paid := range []string{"1", "2"} {
		var out strings.Builder
		require.NoError(t, run(t.Context(), file, &out))
		require.Contains(t, out.String(), "invoice.created")
		require.Contains(t, out.String(), "invoice.completed")
		require.True(t, strings.HasSuffix(out.String(), "paid invoices in the file: "+paid+"\n"), out.String())
	}
}

func TestWithoutAFileNothingIsLeft(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	require.NoError(t, run(t.Context(), "", new(strings.Builder)))
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}
