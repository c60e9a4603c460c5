// SPDX-License-Identifier: Apache-2.0

package http

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/internal/dice"
)

const (
	// DefaultMaxMessage is the largest body that is published or accepted, in
	// bytes, unless [WithMaxMessage] says otherwise: 4 MiB.
	DefaultMaxMessage = 4 << 20
	// DefaultTimeout bounds one POST unless [WithTimeout] says otherwise: 30
	// seconds, the request timeout of go-micro's client.
	DefaultTimeout = 30 * time.Second
	// DefaultListen is where subscribers listen unless [WithListen] says
	// otherwise: a free port of the loopback interface.
	DefaultListen = "127.0.0.1:0"
)

// Option configures a [Broker]. Options are applied in order; a later one replaces
// an earlier one.
type Option interface{ apply(*config) error }

type optionFunc func(*config) error

func (f optionFunc) apply(c *config) error { return f(c) }

type config struct {
	listen     string
	advertise  string
	tls        *tls.Config
	maxMessage int
	timeout    time.Duration
	dial       func(ctx context.Context, network, address string) (net.Conn, error)
	onRefresh  func(topic string, err error)
	clock      clock.Clock
	source     *dice.Source
}

// WithListen sets the "host:port" at which the broker listens from its first
// subscription on; port 0 is a free one. A broker that only publishes does not
// listen. Defaults to [DefaultListen], which other machines cannot reach.
func WithListen(address string) Option {
	return optionFunc(func(c *config) error {
		if _, _, err := net.SplitHostPort(address); err != nil {
			return fmt.Errorf("http broker: listen at %q: want host:port: %w", address, err)
		}
		c.listen = address
		return nil
	})
}

// WithAdvertise sets the address that is announced to publishers: "host:port", or
// only a host, to which the port of the listener is added. It is required if the
// broker listens on all interfaces. Defaults to "", the address of the listener.
func WithAdvertise(address string) Option {
	return optionFunc(func(c *config) error {
		c.advertise = address
		return nil
	})
}

// WithTLS sets the configuration for posting to nodes that are "secure". If it has
// a certificate, it is also used for listening, and subscriptions are announced as
// secure. It is copied, and its ALPN list becomes "http/1.1". Certificates are
// verified unless the configuration turns that off. Defaults to nil: the system's
// root certificates for posting, cleartext for listening.
func WithTLS(t *tls.Config) Option {
	return optionFunc(func(c *config) error {
		if c.tls = t.Clone(); c.tls != nil {
			c.tls.NextProtos = []string{"http/1.1"}
		}
		return nil
	})
}

// WithMaxMessage bounds the body of a message in either direction, in bytes, 1
// to 256 MiB. A larger one is refused before memory is allocated for it.
// Defaults to [DefaultMaxMessage].
func WithMaxMessage(bytes int) Option {
	return optionFunc(func(c *config) error {
		if bytes < 1 || bytes > 256<<20 {
			return fmt.Errorf("http broker: max message of %d bytes, want 1 to %d", bytes, 256<<20)
		}
		c.maxMessage = bytes
		return nil
	})
}

// WithTimeout bounds one POST, in addition to the context of Publish; more than 0.
// Defaults to [DefaultTimeout].
func WithTimeout(d time.Duration) Option {
	return optionFunc(func(c *config) error {
		if d <= 0 {
			return fmt.Errorf("http broker: timeout of %s, want more than 0", d)
		}
		c.timeout = d
		return nil
	})
}

// WithDialer replaces the way connections for posting are opened. It must
// return when ctx is done; it is called by many goroutines at once. Defaults to
// the dialer of package net.
func WithDialer(dial func(ctx context.Context, network, address string) (net.Conn, error)) Option {
	return optionFunc(func(c *config) error {
		if dial == nil {
			return errors.New("http broker: nil dialer, leave the option out for the default")
		}
		c.dial = dial
		return nil
	})
}

// WithRefreshFunc sets a function that is called when the announcement of a
// subscription could not be repeated. It is repeated again after [Refresh], and
// publishers may not find the subscriber meanwhile. The function is called by many
// goroutines at once. Defaults to nil, which drops the errors.
func WithRefreshFunc(f func(topic string, err error)) Option {
	return optionFunc(func(c *config) error {
		c.onRefresh = f
		return nil
	})
}

// WithClock sets the clock that times announcements, for the simulator and for
// tests. Defaults to the clock of the machine.
func WithClock(from clock.Clock) Option {
	return optionFunc(func(c *config) error {
		if from == nil {
			return errors.New("http broker: nil clock, leave the option out for the default")
		}
		c.clock = from
		return nil
	})
}

// WithDice sets the source of random numbers for node ids and for the choice among
// the nodes of a queue, for the simulator and for tests. Defaults to one with a
// seed from the operating system.
func WithDice(source *dice.Source) Option {
	return optionFunc(func(c *config) error {
		c.source = source
		return nil
	})
}
