// SPDX-License-Identifier: Apache-2.0

package grpc

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"google.golang.org/grpc"
)

const (
	// DefaultMaxMessage is the largest body that is sent or taken, in bytes,
	// unless [WithMaxMessage] says otherwise: 4 MiB, go-micro's value and the
	// limit of gRPC servers for what they receive.
	DefaultMaxMessage = 4 << 20
	// DefaultMaxStreams is how many exchanges and streams one connection
	// carries at once, unless [WithMaxStreams] says otherwise. It bounds memory;
	// most servers allow fewer (100 is common), and then the rest wait.
	DefaultMaxStreams = 1 << 16

	limitBytes = 1 << 30 // keeps sums of two limits within an int of 32 bits

	// fallbackDelay is how long the first address family of a name with
	// several has a head start (RFC 8305 recommends 250 ms).
	fallbackDelay = 250 * time.Millisecond
)

// Option changes how a [Transport] or a [Mucp] is made. Options are applied in
// order, a later one wins.
type Option interface{ apply(c *config) error }

type optionFunc func(*config) error

func (f optionFunc) apply(c *config) error { return f(c) }

type config struct {
	tls        *tls.Config
	maxMessage int
	maxStreams int
	gzip       bool
	dial       func(ctx context.Context, network, address string) (net.Conn, error)
	extra      []grpc.DialOption
}

func configure(opts []Option) (config, error) {
	c := config{
		maxMessage: DefaultMaxMessage,
		maxStreams: DefaultMaxStreams,
		dial:       (&net.Dialer{FallbackDelay: fallbackDelay}).DialContext,
	}
	var errs []error
	for _, o := range opts {
		if o == nil {
			continue // no option is none
		}
		if err := o.apply(&c); err != nil {
			errs = append(errs, err)
		}
	}
	return c, errors.Join(errs...)
}

// WithTLS makes every connection a TLS connection. The configuration is copied;
// "h2" is added to its ALPN list and, when it names no server, the host of the
// dialled address is verified. Verification is on unless the configuration
// itself turns it off. For mutual TLS put the client's pair into Certificates; a
// listener needs its pair there as well, and ClientAuth to demand the client's.
// Defaults to nil: TLS with the system's roots where the address begins with
// "https://", has port 443 or has no port, cleartext everywhere else.
func WithTLS(c *tls.Config) Option {
	return optionFunc(func(o *config) error {
		o.tls = nil
		if c != nil {
			o.tls = guarded(c)
		}
		return nil
	})
}

// WithMaxMessage bounds the body of a message in either direction, in bytes,
// 1 to 1 GiB, compressed and not. A larger one is refused with
// transport.ErrTooLarge, before it is sent or before memory is allocated for
// it. Defaults to [DefaultMaxMessage].
func WithMaxMessage(bytes int) Option {
	return optionFunc(func(o *config) error {
		if bytes < 1 || bytes > limitBytes {
			return fmt.Errorf("grpc transport: max message of %d bytes, want 1 to %d", bytes, limitBytes)
		}
		o.maxMessage = bytes
		return nil
	})
}

// WithMaxStreams bounds how many exchanges and streams one connection carries
// at once, 1 to 1 Gi. One more is refused with transport.ErrFull, upon which
// mailcall looks for another connection. A listener announces the bound to its
// clients. Defaults to [DefaultMaxStreams].
func WithMaxStreams(n int) Option {
	return optionFunc(func(o *config) error {
		if n < 1 || n > limitBytes {
			return fmt.Errorf("grpc transport: max streams of %d, want 1 to %d", n, limitBytes)
		}
		o.maxStreams = n
		return nil
	})
}

// WithGzip compresses the messages that are sent. Compressed messages are
// taken in any case, and their size is bounded once more when they are
// unpacked. Defaults to off. A [Mucp] does not compress: go-micro's does not.
func WithGzip() Option {
	return optionFunc(func(o *config) error {
		o.gzip = true
		return nil
	})
}

// WithDialer replaces the way connections are opened, for a network namespace,
// a source address or a test. It must return when ctx ends; it is called by
// many goroutines at once, with the network "tcp" or "unix" and the address.
// Defaults to the dialer of package net, which tries the addresses of a name
// in turn, 250 ms apart between the families.
func WithDialer(dial func(ctx context.Context, network, address string) (net.Conn, error)) Option {
	return optionFunc(func(o *config) error {
		if dial == nil {
			return errors.New("grpc transport: nil dialer, leave the option out for the default")
		}
		o.dial = dial
		return nil
	})
}

// WithDialOptions passes options to google.golang.org/grpc: keepalive, window
// sizes (1 MiB for a stream, 4 MiB for a connection unless set so), a stats
// handler, credentials for each call. What this package decides
// itself (dialer, transport security, retries, service configuration, idle
// timeout) cannot be changed so. Defaults to none.
func WithDialOptions(opts ...grpc.DialOption) Option {
	return optionFunc(func(o *config) error {
		o.extra = append(o.extra, opts...)
		return nil
	})
}
