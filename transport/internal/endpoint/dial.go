// SPDX-License-Identifier: Apache-2.0

package endpoint

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/internal/stage"
)

const (
	// DefaultDelay is the time after which the next address is tried in parallel: the
	// Connection Attempt Delay that RFC 8305, section 8, recommends.
	DefaultDelay = 250 * time.Millisecond
	// MaxAddresses is the largest number of addresses of a name that are tried.
	MaxAddresses = 64
)

// Dialer opens connections to endpoints. The zero value is usable. It is safe for
// concurrent use as long as its fields are not modified.
type Dialer struct {
	// Resolve returns the addresses of a name, best first. Nil is the resolver of
	// package net, which sorts them as RFC 6724 specifies.
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)
	// Connect opens a connection to one address. It must return when ctx is done. Nil
	// is the dialer of package net.
	Connect func(ctx context.Context, network, address string) (net.Conn, error)
	// Delay is the time between the starts of two attempts. Zero is [DefaultDelay].
	Delay time.Duration
	// Clock measures Delay. Nil is the real clock.
	Clock clock.Clock
}

// Dial opens a connection to e, without TLS. A name with several addresses is dialled
// as RFC 8305 specifies ("happy eyeballs"): the address families alternate, the next
// address is tried after Delay or as soon as an attempt has failed, and the first
// connection is returned; the others are closed. It returns when ctx is done at the
// latest, with an error that matches ctx.Err(). If no address can be reached, the
// error is an [*AttemptsError], or that of the only attempt.
func (d *Dialer) Dial(ctx context.Context, e Endpoint) (net.Conn, error) {
	if e.Network != TCP {
		return d.connect(ctx, e.Network, e.Address)
	}
	host, port, err := net.SplitHostPort(e.Address)
	if err != nil {
		return nil, err
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return d.connect(ctx, TCP, e.Address)
	}
	stage.Enter(ctx, stage.Resolving)
	list, err := d.resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	stage.Enter(ctx, stage.Connecting)
	addresses := make([]string, 0, len(list))
	for _, a := range interlace(list) {
		addresses = append(addresses, net.JoinHostPort(a.String(), port))
	}
	if len(addresses) == 1 {
		return d.connect(ctx, TCP, addresses[0])
	}
	r := race{
		d: d, name: e.Address, waiting: addresses, clock: d.Clock, delay: d.Delay,
		results: make(chan result), over: make(chan struct{}), tick: make(chan struct{}, 1),
	}
	return r.run(ctx)
}

func (d *Dialer) connect(ctx context.Context, network, address string) (net.Conn, error) {
	connect := d.Connect
	if connect == nil {
		connect = new(net.Dialer).DialContext
	}
	conn, err := connect(ctx, network, address)
	if err == nil {
		return conn, nil
	}
	if ended := ctx.Err(); ended != nil && !errors.Is(err, ended) {
		err = fmt.Errorf("%w: %w", ended, err)
	}
	return nil, err
}

func (d *Dialer) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	resolve := d.Resolve
	if resolve == nil {
		resolve = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	list, err := resolve(ctx, host)
	if err != nil {
		if ended := ctx.Err(); ended != nil {
			// The resolver's error looks like a timeout of its own.
			return nil, fmt.Errorf("resolve %s: %w: %w", host, ended, err)
		}
		return nil, fmt.Errorf("resolve: %w", err)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("resolve %s: the name has no address", host)
	}
	return list, nil
}

// interlace returns the addresses with the two families alternating, starting with the
// family of the first, and without duplicates. The order within a family is kept.
func interlace(list []netip.Addr) []netip.Addr {
	var same, other []netip.Addr
	for _, a := range list {
		a = a.Unmap()
		switch {
		case slices.Contains(same, a) || slices.Contains(other, a):
		case a.Is4() == list[0].Unmap().Is4():
			same = append(same, a)
		default:
			other = append(other, a)
		}
		if len(same)+len(other) == MaxAddresses {
			break
		}
	}
	out := make([]netip.Addr, 0, len(same)+len(other))
	for i := range max(len(same), len(other)) {
		if i < len(same) {
			out = append(out, same[i])
		}
		if i < len(other) {
			out = append(out, other[i])
		}
	}
	return out
}

// AttemptsError is the error of a dial that could not reach any address of a name.
type AttemptsError struct {
	// Name is the dialled name, "host:port".
	Name string
	// Attempts are the errors of the failed attempts, in the order in which they
	// failed.
	Attempts []error
	// Pending are the addresses that had not answered, or had not been tried, when the
	// dial ended.
	Pending []string
	// Cause is the error of the context if that has ended the dial, else nil.
	Cause error
}

// Error implements error. The text is one line with all errors and addresses.
func (e *AttemptsError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "none of the %d addresses of %s could be reached", len(e.Attempts)+len(e.Pending), e.Name)
	if e.Cause != nil {
		fmt.Fprintf(&b, ", %v", e.Cause)
	}
	separator := ": "
	for _, err := range e.Attempts {
		b.WriteString(separator + err.Error())
		separator = "; "
	}
	if len(e.Pending) > 0 {
		b.WriteString(separator + "no answer yet from " + strings.Join(e.Pending, ", "))
	}
	return b.String()
}

// Unwrap returns the cause and the errors of the attempts.
func (e *AttemptsError) Unwrap() []error {
	if e.Cause == nil {
		return e.Attempts
	}
	return append([]error{e.Cause}, e.Attempts...)
}
