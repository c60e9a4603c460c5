// SPDX-License-Identifier: Apache-2.0

package main_test

import (
	"os"
	"strings"
	"testing"
)

func TestTheProgramOfTheReadmeIsTheExample(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile("../../api/example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(string(example), "func Example() {\n")
	body = strings.TrimSuffix(body, "}\n")
	body = strings.ReplaceAll("\n"+body, "\n\t", "\n")
	if body == "\n" || !strings.Contains(string(readme), "```go"+body+"```") {
		t.Errorf("README.md: got another program than that of api/example_test.go, want\n%s", body)
	}
	if lines := strings.Count(string(readme), "\n"); lines > 200 {
		t.Errorf("README.md: got %d lines, want at most 200", lines)
	}
}
