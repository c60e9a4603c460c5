// SPDX-License-Identifier: Apache-2.0

package endpoint_test

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"

	"go.uber.org/goleak"

	"example.com/mailcall/internal/clock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// hands is a clock that stands still; the test fires its only timer.
type hands struct {
	clock.Clock
	timers chan func()
	resets chan time.Duration
}

func newHands() *hands {
	return &hands{Clock: clock.Real(), timers: make(chan func(), 8), resets: make(chan time.Duration, 64)}
}

func (*hands) Now() clock.Instant { return 1 }

func (h *hands) Timer(f func()) clock.Timer {
	h.timers <- f
	return h
}

func (h *hands) Reset(at clock.Instant) { h.resets <- at.Sub(1) }

func (*hands) Stop() {}

// resolving returns a resolver for one name.
func resolving(addresses ...string) func(context.Context, string) ([]netip.Addr, error) {
	return func(_ context.Context, host string) ([]netip.Addr, error) {
		if host != "node.test" {
			return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
		}
		var list []netip.Addr
		for _, a := range addresses {
			list = append(list, netip.MustParseAddr(a))
		}
		return list, nil
	}
}

// listen listens on an address, or skips the test if this machine does not have it.
func listen(t *testing.T, address string) (ln net.Listener, port string) {
	t.Helper()
	ln, err := net.Listen("tcp", address)
	if err != nil {
		t.Skipf("needs the address %s on the loopback interface (IPv6, or on macOS an alias): %v", address, err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	_, port, err = net.SplitHostPort(ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return ln, port
}
