// SPDX-License-Identifier: Apache-2.0

package grpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"example.com/mailcall/transport"
)

// waiting is how many connections a listener queues for Accept. Further ones wait in
// their handshake.
const waiting = 128

// Listen accepts connections on address, "host:port" or "unix:/path"; port 0 picks a
// free one. The accepted connections implement [transport.Acceptor] and
// [transport.Peer]; they accept calls of all methods, because gRPC needs no
// registration of methods here. With [WithTLS] the configuration must have a
// certificate.
//
// The opening header of a call has Micro-Service, Micro-Endpoint and Micro-Method
// derived from the path, the metadata with names in lower case, and Timeout if the
// client sent one. Its Content-Type is that of the bodies, which are not framed:
// application/protobuf, application/json and application/octet-stream for the codecs
// proto, json and bytes, and application/NAME for any other. Unary is always false,
// because gRPC's protocol does not distinguish a unary call from a stream.
//
// The header of the first answer message is sent as the header of the answer, except
// for protocol fields; the headers of later messages are ignored. The Trailer of the
// last message is sent as the trailer. A Micro-Error in the header of the last message
// becomes the status: an error object of go-micro is mapped by go-micro's table, with
// the details; "EOS" is OK; the error texts of Go for a context that has ended and for
// EOF have codes of their own; any other text is Unknown. Nothing else of such a
// message is sent, so that if nothing was sent before, the answer consists of the error
// alone.
func (t *Transport) Listen(address string) (transport.Listener, error) {
	l := &listener{
		server: &server{served: make(chan struct{})},
		limit:  t.config.maxMessage,
		queue:  make(chan *acceptor, waiting),
		done:   make(chan struct{}),
	}
	opts, err := t.config.serverOptions(l.arrived)
	if err != nil {
		return nil, fmt.Errorf("grpc transport: listen %s: %w", address, err)
	}
	if l.Listener, l.address, err = listenAt(address); err != nil {
		return nil, fmt.Errorf("grpc transport: %w", err)
	}
	l.grpc = grpc.NewServer(append(opts,
		grpc.ForceServerCodecV2(passthrough{}),
		grpc.MaxRecvMsgSize(t.config.maxMessage),
		grpc.MaxSendMsgSize(t.config.maxMessage),
		grpc.UnknownServiceHandler(l.serve),
	)...)
	l.start()
	return l, nil
}

type listener struct {
	*server

	limit int
	queue chan *acceptor
	done  chan struct{}
	end   sync.Once
}

var _ transport.Listener = (*listener)(nil)

// Accept implements [transport.Listener].
func (l *listener) Accept() (transport.Conn, error) {
	select {
	case a := <-l.queue:
		return a, nil
	case <-l.done:
		return nil, fmt.Errorf("grpc transport: %w", net.ErrClosed)
	}
}

// Close implements [transport.Listener]. It closes connections that have not been
// accepted.
func (l *listener) Close() error {
	l.end.Do(func() { close(l.done) })
	err := l.shut()
	l.drop()
	return err
}

// drop closes the connections that will not be accepted any more.
func (l *listener) drop() {
	for {
		select {
		case a := <-l.queue:
			_ = a.Close() // there is no one to report the error to
		default:
			return
		}
	}
}

// arrived queues a new connection for Accept.
func (l *listener) arrived(c *socketConn) {
	a := &acceptor{socketConn: c, limit: l.limit, calls: make(chan *incoming)}
	c.owner = a
	select {
	case l.queue <- a:
	case <-l.done:
		_ = a.Close() // it will not be accepted any more
	}
	select {
	case <-l.done:
		l.drop()
	default:
	}
}

// serve handles every method. It returns when the call has ended.
func (*listener) serve(_ any, wire grpc.ServerStream) error {
	ctx := wire.Context()
	a, err := acceptorOf(ctx)
	if err != nil {
		return err
	}
	in := newIncoming(a, wire)
	select {
	case a.calls <- in:
	case <-ctx.Done():
		return status.FromContextError(ctx.Err()).Err()
	case <-a.gone:
		return status.Error(codes.Unavailable, "the connection is closed")
	}
	select {
	case end := <-in.end:
		return end
	case <-ctx.Done():
		return status.FromContextError(ctx.Err()).Err()
	}
}

func acceptorOf(ctx context.Context) (*acceptor, error) {
	c, err := connOf(ctx)
	if err != nil {
		return nil, err
	}
	a, ok := c.owner.(*acceptor)
	if !ok {
		return nil, status.Error(codes.Unavailable, "the connection was not accepted")
	}
	return a, nil
}

// acceptor is the server's end of a connection.
type acceptor struct {
	*socketConn

	limit int
	calls chan *incoming
}

var (
	_ transport.Acceptor = (*acceptor)(nil)
	_ transport.Peer     = (*acceptor)(nil)
)

// Accept implements [transport.Acceptor]. It returns io.EOF after the end of the
// connection.
func (a *acceptor) Accept() (transport.Incoming, error) {
	select {
	case in := <-a.calls:
		return in, nil
	case <-a.gone:
		return nil, io.EOF
	}
}

var errAccept = errors.New("on this end of the connection only Accept can be used")

// Send implements [transport.Conn]. It fails: only calls can be answered.
func (a *acceptor) Send(*transport.Message) error {
	return transport.NotSent(fmt.Errorf("grpc transport: client %s: %w: %w", a.RemoteAddress(), transport.ErrInvalid, errAccept))
}

// Recv implements [transport.Conn]. It fails: only calls can be received.
func (a *acceptor) Recv(*transport.Message) error {
	return fmt.Errorf("grpc transport: client %s: %w: %w", a.RemoteAddress(), transport.ErrInvalid, errAccept)
}
