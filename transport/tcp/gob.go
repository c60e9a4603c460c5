// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"context"
	"errors"
	"net"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp/internal/gob"
)

// dialGob opens a connection on go-micro's wire.
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

// met learns from the first word on a gob connection what the server speaks: a
// message proves gob, hanging up disproves it.
func (t *Transport) met(address string, err error) {
	switch w, sure := t.recall(address); {
	case err == nil && !sure:
		t.remember(address, Gob)
	case err != nil && sure && w == Gob && errors.Is(hungUp(err), errHungUp):
		t.forget(address)
	}
}

// gobConn is the server's end of a connection on that wire. prefix was read from
// it already.
func (t *Transport) gobConn(raw net.Conn, prefix []byte) transport.Conn {
	return gob.New(raw, gob.Options{MaxMessage: t.config.limits.Message, Prefix: prefix})
}
