// SPDX-License-Identifier: Apache-2.0

package grpc

import (
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

// Listen accepts connections on address, "host:port" or "unix:/path"; port 0 picks a
// free one. Each stream of a client is a connection of its own, as in go-micro. The
// connections implement [transport.Peer]. With [WithTLS] the configuration must have a
// certificate.
func (t *Mucp) Listen(address string) (transport.Listener, error) {
	l := &mucpListener{
		server: &server{served: make(chan struct{})},
		limit:  t.config.maxMessage,
		queue:  make(chan *mucpPeer),
		done:   make(chan struct{}),
	}
	opts, err := t.config.serverOptions(nil)
	if err != nil {
		return nil, fmt.Errorf("mucp-grpc transport: listen %s: %w", address, err)
	}
	if l.Listener, l.address, err = listenAt(address); err != nil {
		return nil, fmt.Errorf("mucp-grpc transport: %w", err)
	}
	l.grpc = grpc.NewServer(append(opts,
		grpc.ForceServerCodecV2(packets{}),
		grpc.MaxRecvMsgSize(t.config.maxMessage+frameExtra),
		grpc.MaxSendMsgSize(t.config.maxMessage+frameExtra),
	)...)
	l.grpc.RegisterService(&grpc.ServiceDesc{
		ServiceName: mucpService,
		HandlerType: (*any)(nil),
		Streams: []grpc.StreamDesc{{
			StreamName: mucpMethod, Handler: l.serve, ServerStreams: true, ClientStreams: true,
		}},
	}, l)
	l.start()
	return l, nil
}

type mucpListener struct {
	*server

	limit int
	queue chan *mucpPeer
	done  chan struct{}
	end   sync.Once
}

var _ transport.Listener = (*mucpListener)(nil)

// Accept implements [transport.Listener].
func (l *mucpListener) Accept() (transport.Conn, error) {
	select {
	case p := <-l.queue:
		return p, nil
	case <-l.done:
		return nil, fmt.Errorf("mucp-grpc transport: %w", net.ErrClosed)
	}
}

// Close implements [transport.Listener].
func (l *mucpListener) Close() error {
	l.end.Do(func() { close(l.done) })
	return l.shut()
}

// serve handles the stream. It returns when the connection is closed.
func (l *mucpListener) serve(_ any, wire grpc.ServerStream) error {
	ctx := wire.Context()
	below, err := connOf(ctx)
	if err != nil {
		return err
	}
	p := &mucpPeer{below: below, wire: wire, limit: l.limit, closed: make(chan struct{})}
	p.in.limit = l.limit
	select {
	case l.queue <- p:
	case <-l.done:
		return status.Error(codes.Unavailable, "the listener is closed")
	case <-ctx.Done():
		return status.FromContextError(ctx.Err()).Err()
	}
	select {
	case <-p.closed:
		return nil
	case <-ctx.Done():
		return status.FromContextError(ctx.Err()).Err()
	}
}

// mucpPeer is the server's end of a connection.
type mucpPeer struct {
	below   *socketConn
	wire    grpc.ServerStream
	limit   int
	closed  chan struct{}
	once    sync.Once
	out, in packet
}

var (
	_ transport.Conn = (*mucpPeer)(nil)
	_ transport.Peer = (*mucpPeer)(nil)
)

// LocalAddress implements [transport.Peer].
func (p *mucpPeer) LocalAddress() string { return p.below.LocalAddress() }

// RemoteAddress implements [transport.Peer].
func (p *mucpPeer) RemoteAddress() string { return p.below.RemoteAddress() }

// Close implements [transport.Conn].
func (p *mucpPeer) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

// Send implements [transport.Conn].
func (p *mucpPeer) Send(m *transport.Message) error {
	if p.over() {
		return transport.NotSent(p.named(net.ErrClosed))
	}
	if err := checkPacket(m, p.limit); err != nil {
		return transport.NotSent(p.named(err))
	}
	p.out.message = m
	err := p.wire.SendMsg(&p.out)
	p.out.message = nil
	if err != nil {
		return p.named(err)
	}
	return nil
}

// Recv implements [transport.Conn]. It returns io.EOF if the client has ended its
// stream, whether normally or not.
func (p *mucpPeer) Recv(m *transport.Message) error {
	if p.over() {
		return p.named(net.ErrClosed)
	}
	p.in.message, p.in.bad = m, nil
	if cap(p.in.body) > keptBuffer {
		p.in.body = nil
	}
	m.Header = nil
	err := p.wire.RecvMsg(&p.in)
	p.in.message = nil
	switch {
	case err == nil:
		return nil
	case p.in.bad != nil:
		return p.named(p.in.bad)
	case p.over():
		return p.named(net.ErrClosed)
	case errors.Is(err, io.EOF), p.wire.Context().Err() != nil:
		return io.EOF
	case tooLarge(status.Convert(err)):
		return p.named(fmt.Errorf("%w: %w", transport.ErrTooLarge, err))
	default:
		return p.named(err)
	}
}

func (p *mucpPeer) over() bool {
	select {
	case <-p.closed:
		return true
	default:
		return false
	}
}

func (p *mucpPeer) named(err error) error {
	return fmt.Errorf("mucp-grpc transport: client %s: %w", p.RemoteAddress(), err)
}
