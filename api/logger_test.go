// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/asynkron/protoactor-go/actor"

	"example.com/mailcall/api"
)

// journal is a log that is written and read at the same time.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// Warnings of the actors go to the client's logger: here, that the root got a
// message that it does not understand.
func TestLogger(t *testing.T) {
	var log journal
	c := start(t, api.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	system := c.Runtime().System
	system.Root.Send(actor.NewPID(system.Address(), "mailcall/root"), "nonsense")
	until(t, "a warning of the root", func() bool {
		return strings.Contains(log.String(), "level=WARN") && strings.Contains(log.String(), "type=string")
	})
}
