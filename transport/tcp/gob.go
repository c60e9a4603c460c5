// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"context"
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
	return gob.New(raw, gob.Options{MaxMessage: t.config.limits.Message, Client: true}), nil
}

// gobConn is the server's end of a connection on that wire. prefix was read from
// it already.
func (t *Transport) gobConn(raw net.Conn, prefix []byte) transport.Conn {
	return gob.New(raw, gob.Options{MaxMessage: t.config.limits.Message, Prefix: prefix})
}
