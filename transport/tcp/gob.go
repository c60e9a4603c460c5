// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"context"
	"errors"
	"net"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp/internal/gob"
)

// dialGob opens a connection with go-micro's protocol.
func (t *Transport) dialGob(ctx context.Context, address string) (transport.Conn, error) {
	raw, err := t.open(ctx, address)
	if err != nil {
		return nil, err
	}
	o := gob.Options{MaxMessage: t.config.limits.Message, Client: true}
	if t.config.wire == Auto {
		o.Met = func(err error) { t.met(address, err) }
	}
	return gob.New(raw, o), nil
}

// met updates the cached protocol of a server with the first result of Recv on a gob
// connection: a message proves that the server uses gob, the end of the connection
// that it may not.
func (t *Transport) met(address string, err error) {
	switch w, sure := t.cachedWire(address); {
	case err == nil && !sure:
		t.remember(address, Gob)
	case err != nil && sure && w == Gob && errors.Is(hungUp(err), errHungUp):
		t.forget(address)
	}
}

// gobConn returns the server's end of a connection with go-micro's protocol. prefix has
// already been read from raw.
func (t *Transport) gobConn(raw net.Conn, prefix []byte) transport.Conn {
	return gob.New(raw, gob.Options{MaxMessage: t.config.limits.Message, Prefix: prefix})
}
