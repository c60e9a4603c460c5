// SPDX-License-Identifier: Apache-2.0

package load

import (
	"fmt"
	"time"

	"example.com/mailcall/bench/internal/contender"
	"example.com/mailcall/bench/internal/wire"
)

const (
	// MaxCallers bounds the callers of one cell: below the file descriptors
	// (20,000) and ephemeral ports (28,000) that a usual Linux allows.
	MaxCallers = 16384
	// MaxSlice bounds slice and warm-up.
	MaxSlice = time.Minute
	// CallTimeout bounds calls where they are bounded, the value that
	// wire.Timeout says.
	CallTimeout = 5 * time.Second
)

// Check returns an error that names the first option out of range.
func (o Options) Check() error {
	if _, err := contender.Find(o.Contender); err != nil {
		return err
	}
	if o.Callers < 1 || o.Callers > MaxCallers {
		return fmt.Errorf("callers %d is out of range; use 1 to %d", o.Callers, MaxCallers)
	}
	if o.Slice <= 0 || o.Slice > MaxSlice || o.Warmup < 0 || o.Warmup > MaxSlice {
		return fmt.Errorf("slice %v or warm-up %v is out of range; use up to %v", o.Slice, o.Warmup, MaxSlice)
	}
	_, err := wire.Value(o.Payload)
	return err
}

// open makes the contender.
func (o Options) open(timeout time.Duration) (contender.Contender, error) {
	entry, err := contender.Find(o.Contender)
	if err != nil {
		return nil, err
	}
	c, err := entry.New(contender.Config{Address: o.Address, Callers: o.Callers, CallTimeout: timeout})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.Contender, err)
	}
	return c, nil
}
