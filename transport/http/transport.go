// SPDX-License-Identifier: Apache-2.0

// Package http sends messages as HTTP/1.1 requests and responses, byte for byte like
// go-micro's default transport: a message is a POST to "/", its header is sent as
// header fields, and the answer is a 200 that reports an error in its Micro-Error
// field.
//
// The package frames messages itself, over net.Conn, and does not use net/http.
// Differences from go-micro that a user can notice:
//
//   - a message is at most 4 MiB and its header 64 KiB unless options say
//     otherwise (go-micro limits only its grpc content types);
//   - framing that two parsers might understand differently (two lengths, a length
//     together with chunks, folded fields, stray CR or LF, NUL) is an error;
//   - the fields Content-Length and Transfer-Encoding of a reply are part of the
//     framing, and not of the received message;
//   - a connection that receives unsolicited bytes is not used again.
package http

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/url"
	"sync"
	"sync/atomic"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/http/internal/wire"
	"example.com/mailcall/transport/internal/endpoint"
)

const alpn = "http/1.1"

// Transport opens and accepts connections. Make it with [New]. It is safe for
// concurrent use, has no goroutine while nothing waits, and need not be closed.
type Transport struct {
	tls      *tls.Config
	limits   wire.Limits
	proxy    func(address string) (*url.URL, error)
	dial     func(ctx context.Context, network, address string) (net.Conn, error) // nil: dialer
	dialer   endpoint.Dialer
	outgoing sync.Pool     // of *outgoing, which a waiting connection does not hold
	links    atomic.Uint32 // counts the connections, to spread them over the watchers
	watchers [watcherCount]watcher
}

var _ transport.Transport = (*Transport)(nil)

// New returns a transport. The error is that of all options whose values are out of
// range, joined. Nil options are ignored.
func New(opts ...Option) (*Transport, error) {
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

// watcher returns the watcher for a new connection.
func (t *Transport) watcher() *watcher { return &t.watchers[t.links.Add(1)%watcherCount] }
