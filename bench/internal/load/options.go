// SPDX-License-Identifier: Apache-2.0

package load

import (
	"fmt"
	"time"

	"example.com/mailcall/bench/internal/contender"
	"example.com/mailcall/bench/internal/echo"
	"example.com/mailcall/bench/internal/wire"
)

const (
	// MaxCallers bounds the callers of one cell: below the numbers of file descriptors
	// (20,000) and ephemeral ports (28,000) that are usual on Linux.
	MaxCallers = 16384
	// MaxSlice bounds slice and warm-up.
	MaxSlice = time.Minute
	// CallTimeout is the timeout of calls that have one, and the value of wire.Timeout.
	CallTimeout = 5 * time.Second
)

// Check returns an error that names the first option that is out of range.
func (o Options) Check() error {
	if _, err := contender.Find(o.Scenario, o.Contender); err != nil {
		return err
	}
	if streams := o.Scenario == contender.Streams; streams != (o.Mode != "") || streams && o.Mode != contender.PingPong && o.Mode != contender.OneWay {
		return fmt.Errorf("mode %q is not one of %s; use %s or %s with streams, none without", o.Mode, o.Scenario, contender.PingPong, contender.OneWay)
	}
	if o.Callers < 1 || o.Callers > MaxCallers {
		return fmt.Errorf("callers %d is out of range; use 1 to %d", o.Callers, MaxCallers)
	}
	if o.Slice <= 0 || o.Slice > MaxSlice || o.Warmup < 0 || o.Warmup > MaxSlice {
		return fmt.Errorf("slice %v or warm-up %v is out of range; use up to %v", o.Slice, o.Warmup, MaxSlice)
	}
	_, err := o.value()
	return err
}

// value returns the data that fills a message up to the payload.
func (o Options) value() ([]byte, error) {
	if o.Scenario == contender.Calls {
		return wire.Value(o.Payload)
	}
	return echo.Value(o.Payload)
}

// open makes the contender.
func (o Options) open(timeout time.Duration) (contender.Contender, error) {
	entry, err := contender.Find(o.Scenario, o.Contender)
	if err != nil {
		return nil, err
	}
	c, err := entry.New(contender.Config{
		Address: o.Address, Callers: o.Callers, CallTimeout: timeout, Plain: o.Scenario == contender.RPC,
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.Contender, err)
	}
	return c, nil
}
