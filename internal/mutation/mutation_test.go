package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

const program = `package main

import "os"

const word, answer = "yes", "no"

const greeting = "hello " + word

func main() {
	text := greeting
	os.Stdout.WriteString(text)
}
`

// tree has the program as its only file.
func tree(t *testing.T) string {
	root := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(root, "a.go"), []byte(program), 0o600))
	return root
}

func TestATextThatIsNotThereOnceIsNamed(t *testing.T) {
	root := tree(t)
	fits := mutation{name: "fits", file: "a.go", from: `"hello "`, to: `"bye "`}
	require.NoError(t, check(root, []mutation{fits}))
	gone := mutation{name: "gone", file: "a.go", from: `"good day"`, to: `"bye"`}
	twice := mutation{name: "twice", file: "a.go", from: `greeting`, to: `answer`}
	nothing := mutation{name: "nothing", file: "a.go", from: `"no"`, to: `"no"`}
	err := check(root, []mutation{fits, fits, gone, twice, nothing})
	for _, complaint := range []string{
		"fits: the name is given twice", "gone: the text to change is 0 times", "twice: the text to change is 2 times", "nothing: it changes nothing",
	} {
		require.ErrorContains(t, err, complaint)
	}
}

func TestAMutationIsChosenWhenTheProgramRuns(t *testing.T) {
	root := tree(t)
	text, err := woven(root, "a.go", []mutation{
		{name: "another constant", file: "a.go", from: `"hello " + word`, to: `"bye " + word`},
		{name: "a third one", file: "a.go", from: `"hello " + word`, to: `word`},
		{name: "another function", file: "a.go", from: `text := greeting`, to: `text := answer`},
	})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(root, "a.go"), []byte(text), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(root, "b.go"), []byte(chooser("main")), 0o600))
	for name, want := range map[string]string{
		"": "hello yes", "another constant": "bye yes", "a third one": "yes", "another function": "no",
	} {
		cmd := exec.CommandContext(t.Context(), "go", "run", "a.go", "b.go")
		cmd.Dir, cmd.Env = root, append(os.Environ(), variable+"="+name)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.Equal(t, want, string(out))
	}
}

func TestTheFirstTestThatFailedIsToldWithItsPart(t *testing.T) {
	require.Equal(t, "TestB/part", blame([]byte("=== RUN   TestA\n--- PASS: TestA (0.00s)\n=== RUN   TestB\n=== RUN   TestB/part\n--- FAIL: TestB (0.00s)\n    --- FAIL: TestB/part (0.00s)\nFAIL\n")))
	require.Equal(t, "TestC (panics)", blame([]byte("=== RUN   TestC\npanic: no\n")))
	require.Equal(t, "TestC (hangs)", blame([]byte("=== RUN   TestC\npanic: test timed out after 1m0s\n")))
}
