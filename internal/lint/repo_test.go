// SPDX-License-Identifier: Apache-2.0

package lint_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

// rootRequires is what the root module may require by itself. Every user of
// mailcall gets it all, so a fourth needs a reason that concerns every user.
var rootRequires = []string{
	"github.com/asynkron/protoactor-go",
	"go.uber.org/goleak",
	"google.golang.org/protobuf",
}

func TestRootRequiresThreeModules(t *testing.T) {
	var got []string
	for line := range strings.Lines(read(t, "go.mod")) {
		line = strings.TrimPrefix(strings.TrimSpace(line), "require ")
		fields := strings.Fields(line)
		if len(fields) == 2 && strings.HasPrefix(fields[1], "v") {
			got = append(got, fields[0]) // "// indirect" would make it four
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, rootRequires) {
		t.Errorf("direct requirements of go.mod: got %q, want %q", got, rootRequires)
	}
}

func TestEveryModuleIsInTheWorkspace(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		t.Fatalf("go list -m: %v", err)
	}
	listed := strings.Fields(string(out))
	for _, mod := range glob(t, "go.mod") {
		dir, err := filepath.Abs(filepath.Join(root, path.Dir(mod)))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(listed, dir) {
			t.Errorf("go.work does not list %s; run go work use ./%s", mod, path.Dir(mod))
		}
	}
}

var (
	disabled = regexp.MustCompile(`(?ms)^  disable:\n(.*?)\n\n`)
	reasoned = regexp.MustCompile(`^    - [a-z0-9_]+ # \S`)
)

func TestDisabledLintersSayWhy(t *testing.T) {
	match := disabled.FindStringSubmatch(read(t, ".golangci.yml"))
	if match == nil {
		t.Fatal("got no list of disabled linters in .golangci.yml, want one")
	}
	for line := range strings.SplitSeq(match[1], "\n") {
		if !reasoned.MatchString(line) {
			t.Errorf(".golangci.yml: got %q, want a linter and its reason", line)
		}
	}
}

func TestEveryActorHasAnImportRule(t *testing.T) {
	config := read(t, ".golangci.yml")
	entries, err := os.ReadDir(filepath.Join(root, "actors"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() && !strings.Contains(config, "${base-path}/actors/"+e.Name()+"/**") {
			t.Errorf("depguard in .golangci.yml: got no rule for actors/%s, want one that keeps it from other actors", e.Name())
		}
	}
}

func TestEveryPlantedBugIsTried(t *testing.T) {
	_, list, _ := strings.Cut(read(t, "Makefile"), "PLANTED :=")
	list, _, _ = strings.Cut(list, "MUTANTS")
	tried := strings.Fields(strings.ReplaceAll(list, "\\", " "))
	slices.Sort(tried)
	files, err := filepath.Glob(filepath.Join(root, "internal/planted/*_on.go"))
	if err != nil {
		t.Fatal(err)
	}
	planted := make([]string, 0, len(files))
	for _, file := range files {
		planted = append(planted, strings.TrimSuffix(filepath.Base(file), "_on.go"))
	}
	if !slices.Equal(tried, planted) {
		t.Errorf("PLANTED in the Makefile: got %q, want the bugs of internal/planted: %q", tried, planted)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// glob returns the paths of all files called name, relative to the root.
func glob(t *testing.T, name string) []string {
	t.Helper()
	var found []string
	err := fs.WalkDir(os.DirFS(root), ".", func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || d.Name() == ".git"):
			return fs.SkipDir
		case d.Name() == name:
			found = append(found, file)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
