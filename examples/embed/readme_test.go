package main

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The README shows a part of this program, to the letter, and the program is short enough to be read.
func TestTheReadmeShowsThisProgram(t *testing.T) {
	program, err := os.ReadFile("main.go")
	require.NoError(t, err)
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	_, part, found := strings.Cut(string(readme), "```go\n")
	require.True(t, found)
	part, _, found = strings.Cut(part, "```\n")
	require.True(t, found)
	require.Contains(t, string(program), "\n"+part+"\n")
	require.Greater(t, strings.Count(part, "\n"), 30)
	require.Less(t, strings.Count(string(program), "\n"), 100)
}
