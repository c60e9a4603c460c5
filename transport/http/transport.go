// SPDX-License-Identifier: Apache-2.0

// Package http carries messages as HTTP/1.1 requests and responses, byte for
// byte as go-micro's default transport does: a message is a POST to "/", its
// header travels as header fields, the answer is a 200 whose meaning is in its
// Micro-Error field.
//
// The framing is done here, over net.Conn; net/http takes no part. Differences
// from go-micro that a user can notice:
//
//   - a message is at most 4 MiB and its header 64 KiB unless options say
//     otherwise (go-micro bounds grpc content types only);
//   - framing that two parsers might read differently (two lengths, a length
//     beside chunks, folded fields, stray CR or LF, NUL) is refused;
//   - the fields Content-Length and Transfer-Encoding of a reply belong to the
//     framing and are not part of the received message;
//   - a connection on which bytes arrive that nobody asked for is not used
//     again.
package http

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/url"
	"sync"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/http/internal/wire"
	"example.com/mailcall/transport/internal/endpoint"
)

const alpn = "http/1.1"

// Transport opens and accepts connections. It is immutable and used by many
// goroutines at once; make one with [New]. It owns no goroutine and needs no
// closing.
type Transport struct {
	tls      *tls.Config
	limits   wire.Limits
	proxy    func(address string) (*url.URL, error)
	dial     func(ctx context.Context, network, address string) (net.Conn, error) // nil: dialer
	dialer   endpoint.Dialer
	outgoing sync.Pool // of *outgoing: a waiting connection holds none
}

var _ transport.Transport = (*Transport)(nil)

// New returns a transport. It fails with the joined errors of all options that
// are out of range.
func New(opts ...Option) (*Transport, error) {
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
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	t := &Transport{
		tls:    c.tls,
		limits: wire.Limits{Header: c.maxHeader, Message: c.maxMessage},
		proxy:  c.proxy,
		dial:   c.dial,
	}
	t.outgoing.New = func() any { return &outgoing{b: make([]byte, 0, firstOutgoing), pool: &t.outgoing} }
	return t, nil
}

// String returns "http", the name in a node's "transport" metadata.
func (*Transport) String() string { return "http" }
