// SPDX-License-Identifier: Apache-2.0

package nats

import (
	"context"
	"errors"
	"fmt"
	"io"

	"example.com/mailcall/broker"
	"example.com/mailcall/transport"
)

// Transport is go-micro's NATS transport: a node's address is a subject, each
// connection has an inbox for the answers, and each message is an envelope like the
// broker's. All connections share one connection to the server. It is safe for
// concurrent use; make it with [NewTransport] and release it with Close.
//
// The protocol has three limitations. A dial succeeds even if there is no listener: the
// server reports that for the first message, and then Recv fails at once with an error
// that matches [ErrNobodyListens] and [transport.ErrNotSent]. The same applies if this
// user may not publish to the subject: that error matches ErrPermissionViolation of
// nats.go. (With [WithConn] that error is not detected.) There is no flow control: a
// connection with more than 256 messages or 16 MiB queued for Recv is closed. And the
// protocol has no close: this package sends an empty message for it, but go-micro's
// programs send nothing.
type Transport struct{ link *link }

var (
	_ transport.Transport = (*Transport)(nil)
	_ io.Closer           = (*Transport)(nil)
)

// ErrNobodyListens is matched when the server reports that there is no listener at the
// address.
var ErrNobodyListens = errors.New("nats transport: nobody listens")

// NewTransport returns a transport that is not connected yet. The error joins those of
// all options that are out of range.
func NewTransport(opts ...Option) (*Transport, error) {
	l, err := newLink(opts)
	if err != nil {
		return nil, err
	}
	return &Transport{link: l}, nil
}

// String returns "nats", the name in a node's "transport" metadata.
func (*Transport) String() string { return "nats" }

// Dial opens a connection to the subject address. It connects to the server if there is
// no connection yet, and returns when the inbox is subscribed. The connection
// implements [transport.Exclusive] and [transport.Peer]. Every error matches
// [transport.ErrNotSent].
func (t *Transport) Dial(ctx context.Context, address string) (transport.Conn, error) {
	c, err := t.dial(ctx, address)
	if err != nil {
		return nil, transport.NotSent(fmt.Errorf("nats transport: dial %s: %w", address, err))
	}
	return c, nil
}

func (t *Transport) dial(ctx context.Context, address string) (*conn, error) {
	if err := checkSubject(address, false); err != nil {
		return nil, transport.BadAddress(carried(err))
	}
	nc, err := t.link.get(ctx)
	if err != nil {
		return nil, err
	}
	inbox := nc.NewInbox()
	c := newConn(t.link, nc, ends{local: inbox, remote: address, subject: address, reply: inbox})
	// The server processes messages in order: a message sent later is processed after
	// the subscription, so there is no need to wait for a confirmation.
	sub, err := nc.Subscribe(inbox, c.deliver)
	if err != nil {
		t.link.shut(c)
		return nil, err
	}
	c.onClose = func() error { return unsubscribe(sub) }
	return c, nil
}

// Close closes the connection to the server, unless it was passed with [WithConn], and
// all connections and listeners. It may be called more than once.
func (t *Transport) Close() error {
	t.link.close()
	return nil
}

// carried maps errors of the envelope to those of the transport's contract.
func carried(err error) error {
	switch {
	case errors.Is(err, broker.ErrTooLarge):
		return fmt.Errorf("%w: %w", transport.ErrTooLarge, err)
	case errors.Is(err, broker.ErrInvalid):
		return fmt.Errorf("%w: %w", transport.ErrInvalid, err)
	case errors.Is(err, broker.ErrMalformed):
		return fmt.Errorf("%w: %w", transport.ErrProtocol, err)
	}
	return err
}
