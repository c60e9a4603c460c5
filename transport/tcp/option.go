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
	// DefaultMaxMessage is the largest body that is sent or received, in bytes,
	// without [WithMaxMessage]: 4 MiB, go-micro's limit for its grpc content types.
	DefaultMaxMessage = 4 << 20
	// DefaultMaxFrame is the longest frame that is received, in bytes, without
	// [WithMaxFrame]: 128 KiB, so that a body of 64 KiB fits with its header.
	DefaultMaxFrame = 128 << 10
	// DefaultMaxExchanges is how many exchanges run on a connection at a time at most,
	// without [WithMaxExchanges]: 16,384.
	DefaultMaxExchanges = 16 << 10
	// DefaultWindow is the flow control window of one stream in bytes, without
	// [WithWindow]: 256 KiB.
	DefaultWindow = 256 << 10
	// DefaultConnWindow is the window of all streams of a connection together, without
	// [WithConnWindow]: 16 MiB.
	DefaultConnWindow = 16 << 20
	// DefaultMaxQueue is how many bytes may wait to be written on a connection, without
	// [WithMaxQueue]: 64 MiB, a thousand calls of 64 KiB.
	DefaultMaxQueue = 64 << 20
	// DefaultWriteTimeout is how long the peer may read nothing while bytes wait to be
	// written, without [WithWriteTimeout]: 10 seconds.
	DefaultWriteTimeout = 10 * time.Second
	// DefaultPing is the time without received bytes after which a peer is pinged while
	// exchanges run, and how long it then has to answer, without [WithPing]: 20
	// seconds, gRPC's keepalive timeout.
	DefaultPing = 20 * time.Second

	// maxAssembly bounds the incomplete large messages of a connection, in bytes.
	maxAssembly = 64 << 20

	// queueShare is the divisor of the queue limit from which on streams and servers
	// wait.
	queueShare = 8
)

// Wire selects the protocol of a client. The zero value is [Auto].
type Wire uint8

const (
	// Auto tries mailcall's own protocol. If the server closes the connection without
	// an answer, the client dials again with gob, and caches that for a while.
	Auto Wire = iota
	// Own is mailcall's own protocol only.
	Own
	// Gob is the protocol of go-micro's tcp transport only.
	Gob
)

// Option configures a [Transport] or a [Server]. Options are applied in order; a later
// one overrides an earlier one.
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
			continue
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

// WithTLS makes every connection a TLS connection, whatever its address. The
// configuration is copied. If it has no ServerName, the host of the dialled address is
// verified. Verification is on unless the configuration itself turns it off. For mutual
// TLS, Certificates must contain the client's key pair; a listener needs its key pair
// there as well. Defaults to nil: cleartext, unless an address asks for TLS, see
// [Transport.Dial].
func WithTLS(c *tls.Config) Option {
	return optionFunc(func(o *config) error {
		o.tls = nil
		if c != nil {
			o.tls = c.Clone()
		}
		return nil
	})
}

// WithWire sets the protocol of a client; a listener supports both. Defaults to [Auto].
func WithWire(w Wire) Option {
	return optionFunc(func(o *config) error {
		if w > Gob {
			return fmt.Errorf("tcp transport: wire %d, want Auto, Own or Gob", w)
		}
		o.wire = w
		return nil
	})
}

// WithMaxMessage sets the largest body of a message in either direction, in bytes,
// from 1 to 1 GiB. A larger one fails with [transport.ErrTooLarge] before memory is
// allocated for it. Defaults to [DefaultMaxMessage].
func WithMaxMessage(bytes int) Option {
	return size("max message", bytes, 1, frame.MaxSize, func(o *config) *int { return &o.limits.Message })
}

// WithMaxFrame sets the longest frame that is received, in bytes, from 16 KiB to 16 MiB.
// The peer splits longer messages. Defaults to [DefaultMaxFrame].
func WithMaxFrame(bytes int) Option {
	return size("max frame", bytes, frame.MinFrame, frame.MaxFrame, func(o *config) *int { return &o.limits.Frame })
}

// WithMaxExchanges sets how many exchanges, streams included, run on a connection at a
// time at most, from 1 to 1,048,576. A client begins no more than it and the server
// allow; a server tells its clients. Defaults to [DefaultMaxExchanges].
func WithMaxExchanges(n int) Option {
	return size("max exchanges", n, 1, frame.MaxExchanges, func(o *config) *int { return &o.limits.Exchanges })
}

// WithWindow sets the flow control window of each stream for messages to this side, in
// bytes and including all overhead, from 16 KiB to 1 GiB. A stream that is not read
// takes that much memory. Defaults to [DefaultWindow].
func WithWindow(bytes int) Option {
	return size("window", bytes, frame.MinFrame, frame.MaxSize, func(o *config) *int { return &o.limits.Window })
}

// WithConnWindow sets the flow control window of all streams of a connection together,
// in bytes, from 16 KiB to 1 GiB and at least the window of one stream. Streams that are
// not read can use it up, and then block the other streams, but no call. Defaults to
// [DefaultConnWindow].
func WithConnWindow(bytes int) Option {
	return size("connection window", bytes, frame.MinFrame, frame.MaxSize, func(o *config) *int { return &o.limits.ConnWindow })
}

// WithMaxQueue sets how many bytes may wait to be written on a connection, from 64 KiB
// to 1 GiB; one message may exceed it. Beyond it a client does not begin an exchange,
// with an error that matches [ErrQueue]. At an eighth of it streams block, and a server
// stops reading. Defaults to [DefaultMaxQueue].
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

// WithWriteTimeout sets how long the peer may read nothing while bytes wait to be
// written; then the connection fails. It must be more than 0. Defaults to
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

// WithPing sets the time without received bytes after which the peer is pinged while
// exchanges run, and how long it then has to answer before the connection fails. 0
// turns pings off; pings of the peer are always answered. Defaults to [DefaultPing].
func WithPing(d time.Duration) Option {
	return optionFunc(func(o *config) error {
		if d < 0 {
			return fmt.Errorf("tcp transport: ping after %s, want 0 or more", d)
		}
		o.ping = d
		return nil
	})
}

// WithRetryAfter sets the shortest time to wait before a retry that a server sends when
// it refuses an exchange because too many run, in whole milliseconds. Defaults to 0,
// which sends none.
func WithRetryAfter(d time.Duration) Option {
	return optionFunc(func(o *config) error {
		if d < 0 {
			return fmt.Errorf("tcp transport: retry after %s, want 0 or more", d)
		}
		o.retryAfter = d
		return nil
	})
}

// WithDialer sets the function that opens connections, for example in a network
// namespace, from a source address or in a test. It must return when ctx ends, and must
// be safe for concurrent use. It is called with the network "tcp" and a "host:port", or
// with "unix" and a path. Defaults to a dialer that tries the addresses of a name as RFC
// 8305 specifies, 250 ms apart. Nil is an error.
func WithDialer(dial func(ctx context.Context, network, address string) (net.Conn, error)) Option {
	return optionFunc(func(o *config) error {
		if dial == nil {
			return errors.New("tcp transport: nil dialer, leave the option out for the default")
		}
		o.dial = dial
		return nil
	})
}
