// SPDX-License-Identifier: Apache-2.0

package http

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
)

const (
	// DefaultMaxMessage is the largest body that is sent or received, in bytes,
	// without [WithMaxMessage]: 4 MiB, go-micro's limit for its grpc content types.
	DefaultMaxMessage = 4 << 20
	// DefaultMaxHeader is the largest header block that is sent or received, in
	// bytes, without [WithMaxHeader]: 64 KiB.
	DefaultMaxHeader = 64 << 10

	minHeader  = 256     // a status line and a handful of fields
	limitBytes = 1 << 30 // keeps sums of two limits within an int of 32 bits
)

// Option configures a [Transport]. Options are applied in order; a later one
// overrides an earlier one.
type Option interface{ apply(*config) error }

type optionFunc func(*config) error

func (f optionFunc) apply(c *config) error { return f(c) }

type config struct {
	tls        *tls.Config
	maxMessage int
	maxHeader  int
	proxy      func(address string) (*url.URL, error)
	dial       func(ctx context.Context, network, address string) (net.Conn, error)
}

func defaults() config {
	return config{
		maxMessage: DefaultMaxMessage,
		maxHeader:  DefaultMaxHeader,
		proxy:      ProxyFromEnvironment,
	}
}

// WithTLS makes every connection a TLS connection, whatever its address. The
// configuration is copied, and its ALPN list is set to "http/1.1". If it has no
// ServerName, the host of the dialled address is verified. Verification is on unless
// the configuration itself turns it off. For mutual TLS, Certificates must contain
// the client's key pair; a listener needs its key pair there as well. Defaults to
// nil: cleartext, unless an address asks for TLS, see [Transport.Dial].
func WithTLS(c *tls.Config) Option {
	return optionFunc(func(o *config) error {
		o.tls = nil
		if c != nil {
			o.tls = c.Clone()
			o.tls.NextProtos = []string{alpn}
		}
		return nil
	})
}

// WithMaxMessage sets the largest body of a message in either direction, in bytes,
// from 1 to 1 GiB. A larger one fails with [transport.ErrTooLarge] before memory is
// allocated for it. Defaults to [DefaultMaxMessage].
func WithMaxMessage(bytes int) Option {
	return optionFunc(func(o *config) error {
		if bytes < 1 || bytes > limitBytes {
			return fmt.Errorf("http transport: max message of %d bytes, want 1 to %d", bytes, limitBytes)
		}
		o.maxMessage = bytes
		return nil
	})
}

// WithMaxHeader sets the largest header block of a message in either direction, in
// bytes and including the first line, from 256 to 1 GiB. A larger one fails with
// [transport.ErrTooLarge]. Defaults to [DefaultMaxHeader].
func WithMaxHeader(bytes int) Option {
	return optionFunc(func(o *config) error {
		if bytes < minHeader || bytes > limitBytes {
			return fmt.Errorf("http transport: max header of %d bytes, want %d to %d", bytes, minHeader, limitBytes)
		}
		o.maxHeader = bytes
		return nil
	})
}

// WithProxy sets the function that returns the proxy for an address. It is called
// once per dial, and must be safe for concurrent use. A nil URL is no proxy. The
// scheme of the URL is "http", or "https" for TLS to the proxy itself; its user and
// password are sent as basic authentication. With a nil function no proxy is used.
// Defaults to [ProxyFromEnvironment], as in go-micro.
func WithProxy(proxy func(address string) (*url.URL, error)) Option {
	return optionFunc(func(o *config) error {
		o.proxy = proxy
		return nil
	})
}

// WithDialer sets the function that opens connections, for example in a network
// namespace, from a source address or in a test. It must return when ctx ends, and
// must be safe for concurrent use. It is called with the network "tcp" and the
// "host:port" of the proxy or the peer, or with "unix" and a path. Defaults to a
// dialer that tries the addresses of a name as RFC 8305 specifies, 250 ms apart. Nil
// is an error.
func WithDialer(dial func(ctx context.Context, network, address string) (net.Conn, error)) Option {
	return optionFunc(func(o *config) error {
		if dial == nil {
			return errors.New("http transport: nil dialer, leave the option out for the default")
		}
		o.dial = dial
		return nil
	})
}
