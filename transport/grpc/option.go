// SPDX-License-Identifier: Apache-2.0

package grpc

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"google.golang.org/grpc"

	"example.com/mailcall/transport/internal/endpoint"
)

const (
	// DefaultMaxMessage is the default of [WithMaxMessage], in bytes: 4 MiB, as in
	// go-micro, and the default limit of gRPC servers for what they receive.
	DefaultMaxMessage = 4 << 20
	// DefaultMaxStreams is the default of [WithMaxStreams]. It bounds memory; most
	// servers allow fewer streams (100 is common), and then the other calls wait.
	DefaultMaxStreams = 1 << 16

	limitBytes = 1 << 30 // keeps the sum of two limits within a 32-bit int
)

// Option configures a [Transport] or a [Mucp]. Options are applied in order; a later
// one overrides an earlier one. A nil option is ignored.
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
		dial:       (&net.Dialer{FallbackDelay: endpoint.DefaultDelay}).DialContext,
	}
	var errs []error
	for _, o := range opts {
		if o == nil {
			continue // a nil option changes nothing
		}
		if err := o.apply(&c); err != nil {
			errs = append(errs, err)
		}
	}
	return c, errors.Join(errs...)
}

// WithTLS makes every connection a TLS connection. The configuration is copied; "h2" is
// added to its ALPN list, and if it has no ServerName, the certificate is verified
// against the host of the dialled address. Certificates are verified unless the
// configuration turns that off. For mutual TLS put the client's certificate into
// Certificates; a listener also needs its own certificate there, and ClientAuth to
// require the client's. The default is nil: TLS with the system's roots for an address
// that begins with "https://", has port 443 or has no port, and cleartext for any
// other.
func WithTLS(c *tls.Config) Option {
	return optionFunc(func(o *config) error {
		o.tls = nil
		if c != nil {
			o.tls = guarded(c)
		}
		return nil
	})
}

// WithMaxMessage bounds the body of a message in either direction, in bytes, 1 to 1
// GiB, both compressed and uncompressed. A larger one is refused with
// transport.ErrTooLarge, before it is sent, or before memory is allocated for it. The
// default is [DefaultMaxMessage].
func WithMaxMessage(bytes int) Option {
	return optionFunc(func(o *config) error {
		if bytes < 1 || bytes > limitBytes {
			return fmt.Errorf("grpc transport: max message of %d bytes, want 1 to %d", bytes, limitBytes)
		}
		o.maxMessage = bytes
		return nil
	})
}

// WithMaxStreams bounds how many exchanges and streams one connection carries at once,
// 1 to 1 Gi. Further ones are refused with transport.ErrFull, and mailcall then uses
// another connection. A listener announces the bound to its clients. The default is
// [DefaultMaxStreams].
func WithMaxStreams(n int) Option {
	return optionFunc(func(o *config) error {
		if n < 1 || n > limitBytes {
			return fmt.Errorf("grpc transport: max streams of %d, want 1 to %d", n, limitBytes)
		}
		o.maxStreams = n
		return nil
	})
}

// WithGzip compresses the messages that are sent. Compressed messages are always
// accepted; the size limit also applies to them once decompressed. The default is off.
// It has no effect on a [Mucp], because go-micro's does not compress.
func WithGzip() Option {
	return optionFunc(func(o *config) error {
		o.gzip = true
		return nil
	})
}

// WithDialer replaces the function that opens connections, for a network namespace, a
// source address or a test. It must return when ctx ends, and be safe for concurrent
// use; network is "tcp" or "unix". The default is the dialer of package net, which
// tries the addresses of a name in turn and starts the second address family after 250
// ms.
func WithDialer(dial func(ctx context.Context, network, address string) (net.Conn, error)) Option {
	return optionFunc(func(o *config) error {
		if dial == nil {
			return errors.New("grpc transport: nil dialer, leave the option out for the default")
		}
		o.dial = dial
		return nil
	})
}

// WithDialOptions passes options to google.golang.org/grpc: keepalive, window sizes
// (default 1 MiB for a stream, 4 MiB for a connection), a stats handler, per-call
// credentials. What this package sets itself (dialer, transport security, retries,
// service configuration, idle timeout) cannot be changed. The default is none.
func WithDialOptions(opts ...grpc.DialOption) Option {
	return optionFunc(func(o *config) error {
		o.extra = append(o.extra, opts...)
		return nil
	})
}
