// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/mailcall/bench/internal/report"
)

func (s *settings) header(title string) report.Header {
	return report.Header{
		Title: title, Command: s.command, Date: time.Now(), Machine: report.ThisMachine(), Base: s.bases[0], Others: s.bases[1:],
	}
}

// finish summarises, prints and saves the results so far. An interruption takes
// precedence over other errors, because errors of the children then follow from it.
func (s *settings) finish(ctx context.Context, std streams, d report.Document, failed error) error {
	if ctx.Err() != nil {
		failed = context.Canceled
	}
	if failed != nil {
		d.MarkPartial()
	}
	d.Summarize()
	err := report.Print(std.out, d, s.json)
	if s.out != "" {
		if saved := report.Save(s.folder, s.out, d); saved != nil {
			err = errors.Join(err, fmt.Errorf("save the result: %w", saved))
		}
	}
	return errors.Join(failed, err)
}
