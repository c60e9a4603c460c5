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

// waiting is how many connections a listener keeps for Accept. More than that
// wait in their handshake.
const waiting = 128

// Listen accepts connections on address, "host:port" or "unix:/path"; port 0
// picks a free one. The accepted connections implement [transport.Acceptor] and
// [transport.Peer]: what they accept are the calls of every method, as gRPC does
// not say beforehand which there are. With [WithTLS] the configuration must hold
// a certificate.
//
// The opening of a call has Micro-Service, Micro-Endpoint and Micro-Method as
// the path tells them, the metadata with names in lower case, Timeout if the
// client sent one, and as Content-Type that of the bodies, which have no frame
// of their own here: application/protobuf, application/json,
// application/octet-stream for the codecs proto, json and bytes,
// application/NAME for any other. Unary of a call is always false: gRPC's wire
// does not tell a call with one request from a stream.
//
// The header of the first message that is answered goes out as the header of
// the answer, but for fields that belong to a protocol; the header of later ones
// goes nowhere. The Trailer of the last message goes out as the trailer. A
// Micro-Error in the header of the last message becomes the status: one of
// go-micro's objects as its table says, with the details; "EOS" is OK; the texts
// of Go for the end of a context and for EOF have codes of their own, any other
// text is Unknown. Such a message has no other part that is sent, so that the
// error is all of the answer where nothing was sent before.
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
	if l.Listener, l.address, err = socketOf(address); err != nil {
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

// Close implements [transport.Listener]. Connections that nobody has accepted
// are ended.
func (l *listener) Close() error {
	l.end.Do(func() { close(l.done) })
	err := l.shut()
	l.drop()
	return err
}

// drop ends the connections that nobody will accept.
func (l *listener) drop() {
	for {
		select {
		case a := <-l.queue:
			_ = a.Close() // nobody will hear of it
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
		_ = a.Close() // nobody will accept it
	}
	select {
	case <-l.done:
		l.drop()
	default:
	}
}

// serve is the handler of every method. It lasts as long as the call.
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

// acceptor is the responder's end of a connection.
type acceptor struct {
	*socketConn

	limit int
	calls chan *incoming
}

var (
	_ transport.Acceptor = (*acceptor)(nil)
	_ transport.Peer     = (*acceptor)(nil)
)

// Accept implements [transport.Acceptor]. The end of the connection is io.EOF.
func (a *acceptor) Accept() (transport.Incoming, error) {
	select {
	case in := <-a.calls:
		return in, nil
	case <-a.gone:
		return nil, io.EOF
	}
}

var errAccept = errors.New("this end accepts exchanges (Accept), it does not carry messages of its own")

// Send implements [transport.Conn]; there is nothing to send but answers.
func (a *acceptor) Send(*transport.Message) error {
	return transport.NotSent(fmt.Errorf("grpc transport: client %s: %w: %w", a.RemoteAddress(), transport.ErrInvalid, errAccept))
}

// Recv implements [transport.Conn]; there is nothing to receive but calls.
func (a *acceptor) Recv(*transport.Message) error {
	return fmt.Errorf("grpc transport: client %s: %w: %w", a.RemoteAddress(), transport.ErrInvalid, errAccept)
}
