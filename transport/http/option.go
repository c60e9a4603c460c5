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
	// DefaultMaxMessage is the largest body that is sent or taken, in bytes,
	// unless [WithMaxMessage] says otherwise: 4 MiB, go-micro's limit on its
	// grpc content types.
	DefaultMaxMessage = 4 << 20
	// DefaultMaxHeader is the largest header block that is sent or taken, in
	// bytes, unless [WithMaxHeader] says otherwise: 64 KiB.
	DefaultMaxHeader = 64 << 10

	minHeader  = 256     // a status line and a handful of fields
	limitBytes = 1 << 30 // keeps sums of two limits within an int of 32 bits
)

// Option changes how a [Transport] is made. Options are applied in order, a
// later one wins.
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

// WithTLS makes every connection a TLS connection, whatever its address. The configuration is
// copied; its ALPN list becomes "http/1.1" and, when it names no server, the
// host of the dialled address is verified. Verification is on unless the
// configuration itself turns it off. For mutual TLS put the client's pair into
// Certificates; a listener needs its pair there as well. Defaults to nil,
// which is cleartext but where an address asks for TLS, see [Transport.Dial].
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

// WithMaxMessage bounds the body of a message in either direction, in bytes,
// 1 to 1 GiB. A larger one is refused with [transport.ErrTooLarge] before
// memory is allocated for it. Defaults to [DefaultMaxMessage].
func WithMaxMessage(bytes int) Option {
	return optionFunc(func(o *config) error {
		if bytes < 1 || bytes > limitBytes {
			return fmt.Errorf("http transport: max message of %d bytes, want 1 to %d", bytes, limitBytes)
		}
		o.maxMessage = bytes
		return nil
	})
}

// WithMaxHeader bounds the header block of a message in either direction,
// first line included, in bytes, 256 to 1 GiB. Defaults to [DefaultMaxHeader].
func WithMaxHeader(bytes int) Option {
	return optionFunc(func(o *config) error {
		if bytes < minHeader || bytes > limitBytes {
			return fmt.Errorf("http transport: max header of %d bytes, want %d to %d", bytes, minHeader, limitBytes)
		}
		o.maxHeader = bytes
		return nil
	})
}

// WithProxy names the function that is asked, once per dial, for the proxy
// through which to reach address. A nil URL means none. The scheme of the URL
// is "http" or "https" (TLS to the proxy itself), its user and password are
// sent as basic authorization. A nil function means that no proxy is ever
// used. The function is called by many goroutines at once. Defaults to
// [ProxyFromEnvironment], as go-micro does.
func WithProxy(proxy func(address string) (*url.URL, error)) Option {
	return optionFunc(func(o *config) error {
		o.proxy = proxy
		return nil
	})
}

// WithDialer replaces the way connections are opened, for a network namespace,
// a source address or a test. It must return when ctx ends; it is called by
// many goroutines at once, with the network "tcp" and the address of the
// proxy or the peer, "host:port", or with "unix" and a path. Defaults to a
// dialer that tries the addresses of a name as RFC 8305 has it, 250 ms apart.
func WithDialer(dial func(ctx context.Context, network, address string) (net.Conn, error)) Option {
	return optionFunc(func(o *config) error {
		if dial == nil {
			return errors.New("http transport: nil dialer, leave the option out for the default")
		}
		o.dial = dial
		return nil
	})
}
