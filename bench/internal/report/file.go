// SPDX-License-Identifier: Apache-2.0

package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
)

// Document is a report that can be printed and saved.
type Document interface {
	// MarkPartial notes that samples are missing.
	MarkPartial()
	// Summarize computes the summary of the samples.
	Summarize()
	// Markdown returns the report as text.
	Markdown() string
}

// Print writes the document to w, as JSON or as text.
func Print(w io.Writer, d Document, asJSON bool) error {
	if !asJSON {
		_, err := io.WriteString(w, d.Markdown())
		return err
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(d)
}

// CheckName returns an error if name is not valid for a result: letters, digits, dots,
// dashes and underscores, not beginning with a dot.
func CheckName(name string) error {
	if ok, err := regexp.MatchString(`^[\w-][\w.-]{0,63}$`, name); err != nil || !ok {
		return fmt.Errorf("result name %q: use up to 64 letters, digits, dots, dashes and underscores", name)
	}
	return nil
}

// Save writes NAME.json and NAME.md into folder, which it creates if needed.
func Save(folder, name string, d Document) error {
	if err := CheckName(name); err != nil {
		return err
	}
	data, err := json.MarshalIndent(d, "", " ")
	if err != nil {
		return fmt.Errorf("encode the result: %w", err)
	}
	if err = os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	path := filepath.Join(folder, name)
	return errors.Join(
		os.WriteFile(path+".json", append(data, '\n'), 0o644),
		os.WriteFile(path+".md", []byte(d.Markdown()), 0o644),
	)
}
