// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"example.com/mailcall/transport/tcp/internal/frame"
)

const (
	// DefaultMaxMessage is the largest body that is sent or taken, in bytes,
	// unless [WithMaxMessage] says otherwise: 4 MiB, go-micro's limit on its
	// grpc content types.
	DefaultMaxMessage = 4 << 20
	// DefaultMaxFrame is the longest frame that is taken, in bytes, unless
	// [WithMaxFrame] says otherwise: 128 KiB, so that a body of 64 KiB fits
	// with its header.
	DefaultMaxFrame = 128 << 10
	// DefaultMaxExchanges is how many exchanges run on a connection unless
	// [WithMaxExchanges] says otherwise.
	DefaultMaxExchanges = 16 << 10
	// DefaultWindow is how much may be under way on one stream, in bytes,
	// unless [WithWindow] says otherwise: 256 KiB.
	DefaultWindow = 256 << 10
	// DefaultConnWindow is the same for all streams of a connection together:
	// 16 MiB.
	DefaultConnWindow = 16 << 20
	// DefaultMaxQueue is how many bytes may wait to be written on a connection
	// unless [WithMaxQueue] says otherwise: 64 MiB, a thousand calls of 64 KiB.
	DefaultMaxQueue = 64 << 20
	// DefaultWriteTimeout is how long the peer may read nothing while bytes
	// wait, unless [WithWriteTimeout] says otherwise.
	DefaultWriteTimeout = 10 * time.Second
	// DefaultPing is after what silence a peer is pinged on which exchanges
	// wait, and how long it then has to answer, unless [WithPing] says
	// otherwise: 20 seconds, gRPC's keepalive timeout.
	DefaultPing = 20 * time.Second

	// maxAssembly bounds the large messages of a connection that are not
	// complete, in bytes.
	maxAssembly = 64 << 20

	// queueShare is the part of the queue from which on streams and servers
	// wait.
	queueShare = 8
)

// Wire says which wire a client speaks.
type Wire uint8

const (
	// Auto tries mailcall's own wire. If the server hangs up on it, the client
	// dials again, speaks gob, and remembers that for a while.
	Auto Wire = iota
	// Own is mailcall's own wire alone.
	Own
	// Gob is the wire of go-micro's tcp transport alone.
	Gob
)

// Option changes how a [Transport] or a [Server] is made. Options are applied
// in order, a later one wins.
type Option interface{ apply(*config) error }

type optionFunc func(*config) error

func (f optionFunc) apply(c *config) error { return f(c) }

type config struct {
	tls          *tls.Config
	wire         Wire
	limits       frame.Limits
	queue        int
	writeTimeout time.Duration
	ping         time.Duration
	retryAfter   time.Duration
	dial         func(ctx context.Context, network, address string) (net.Conn, error)
}

func defaults() config {
	return config{
		limits: frame.Limits{
			Frame: DefaultMaxFrame, Message: DefaultMaxMessage, Exchanges: DefaultMaxExchanges,
			Window: DefaultWindow, ConnWindow: DefaultConnWindow, Table: frame.MaxTable,
		},
		queue:        DefaultMaxQueue,
		writeTimeout: DefaultWriteTimeout,
		ping:         DefaultPing,
	}
}

func configure(opts []Option) (config, error) {
	c := defaults()
	var errs []error
	for _, o := range opts {
		if o == nil {
			continue // no option is none
		}
		if err := o.apply(&c); err != nil {
			errs = append(errs, err)
		}
	}
	if c.limits.ConnWindow < c.limits.Window {
		errs = append(errs, fmt.Errorf("tcp transport: a window of %d bytes for all streams, want at least that of one, %d", c.limits.ConnWindow, c.limits.Window))
	}
	return c, errors.Join(errs...)
}

// WithTLS makes every connection a TLS connection. The configuration is
// copied; when it names no server, the host of the dialled address is
// verified. Verification is on unless the configuration itself turns it off.
// For mutual TLS put the client's pair into Certificates; a listener needs its
// pair there as well. Defaults to nil, which is cleartext but where an address
// asks for TLS, see [Transport.Dial].
func WithTLS(c *tls.Config) Option {
	return optionFunc(func(o *config) error {
		o.tls = nil
		if c != nil {
			o.tls = c.Clone()
		}
		return nil
	})
}

// WithWire says which wire a client speaks; a listener understands both.
// Defaults to [Auto].
func WithWire(w Wire) Option {
	return optionFunc(func(o *config) error {
		if w > Gob {
			return fmt.Errorf("tcp transport: wire %d, want Auto, Own or Gob", w)
		}
		o.wire = w
		return nil
	})
}

// WithMaxMessage bounds the body of a message in either direction, in bytes,
// 1 to 1 GiB. A larger one is refused with [transport.ErrTooLarge] before
// memory is allocated for it. Defaults to [DefaultMaxMessage].
func WithMaxMessage(bytes int) Option {
	return size("max message", bytes, 1, frame.MaxSize, func(o *config) *int { return &o.limits.Message })
}

// WithMaxFrame bounds a frame that is received, in bytes, 16 KiB to 16 MiB.
// Longer messages come in pieces of that. Defaults to [DefaultMaxFrame].
func WithMaxFrame(bytes int) Option {
	return size("max frame", bytes, frame.MinFrame, frame.MaxFrame, func(o *config) *int { return &o.limits.Frame })
}

// WithMaxExchanges bounds how many exchanges and streams run on a connection
// at a time, 1 to 1,048,576: the client begins no more, a server refuses them.
// Defaults to [DefaultMaxExchanges].
func WithMaxExchanges(n int) Option {
	return size("max exchanges", n, 1, frame.MaxExchanges, func(o *config) *int { return &o.limits.Exchanges })
}

// WithWindow bounds what may be under way to this side on one stream, in bytes
// and with all overhead, 16 KiB to 1 GiB: that much memory a stream costs that
// nobody reads. Defaults to [DefaultWindow].
func WithWindow(bytes int) Option {
	return size("window", bytes, frame.MinFrame, frame.MaxSize, func(o *config) *int { return &o.limits.Window })
}

// WithConnWindow bounds the same for all streams of a connection together.
// Streams that nobody reads can use it up, and then hold up the other streams,
// but no call. It is not less than the window of one stream. Defaults to
// [DefaultConnWindow].
func WithConnWindow(bytes int) Option {
	return size("connection window", bytes, frame.MinFrame, frame.MaxSize, func(o *config) *int { return &o.limits.ConnWindow })
}

// WithMaxQueue bounds how many bytes may wait to be written on a connection,
// 64 KiB to 1 GiB; one message more than that may wait. A client then refuses
// to begin an exchange with an error that matches [ErrQueue]. At an eighth of
// it streams wait, and a server stops reading. Defaults to [DefaultMaxQueue].
func WithMaxQueue(bytes int) Option {
	return size("max queue", bytes, 64<<10, frame.MaxSize, func(o *config) *int { return &o.queue })
}

func size(what string, n, low, high int, of func(*config) *int) Option {
	return optionFunc(func(o *config) error {
		if n < low || n > high {
			return fmt.Errorf("tcp transport: %s of %d, want %d to %d", what, n, low, high)
		}
		*of(o) = n
		return nil
	})
}

// WithWriteTimeout bounds how long the peer may read nothing while bytes wait
// to be written; then the connection fails. It is over 0. Defaults to
// [DefaultWriteTimeout].
func WithWriteTimeout(d time.Duration) Option {
	return optionFunc(func(o *config) error {
		if d <= 0 {
			return fmt.Errorf("tcp transport: write timeout of %s, want more than 0", d)
		}
		o.writeTimeout = d
		return nil
	})
}

// WithPing sets after what silence of the peer it is pinged while exchanges
// wait for it, and how long it has to answer before the connection fails.
// 0 turns pings off; they are always answered. Defaults to [DefaultPing].
func WithPing(d time.Duration) Option {
	return optionFunc(func(o *config) error {
		if d < 0 {
			return fmt.Errorf("tcp transport: ping after %s, want 0 or more", d)
		}
		o.ping = d
		return nil
	})
}

// WithRetryAfter is what a server tells those whose exchange it refuses for
// being over the limit: when to try again at the earliest, in steps of a
// millisecond. Defaults to 0, which tells nothing.
func WithRetryAfter(d time.Duration) Option {
	return optionFunc(func(o *config) error {
		if d < 0 {
			return fmt.Errorf("tcp transport: retry after %s, want 0 or more", d)
		}
		o.retryAfter = d
		return nil
	})
}

// WithDialer replaces the way connections are opened, for a network namespace,
// a source address or a test. It must return when ctx ends; it is called by
// many goroutines at once, with the network "tcp" or "unix" and the address.
// Defaults to one that tries the addresses of a name as RFC 8305 has it.
func WithDialer(dial func(ctx context.Context, network, address string) (net.Conn, error)) Option {
	return optionFunc(func(o *config) error {
		if dial == nil {
			return errors.New("tcp transport: nil dialer, leave the option out for the default")
		}
		o.dial = dial
		return nil
	})
}
