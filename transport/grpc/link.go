// SPDX-License-Identifier: Apache-2.0

package grpc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"example.com/mailcall/internal/guard"
	"example.com/mailcall/internal/stage"
	"example.com/mailcall/transport"
)

// patience bounds how long gRPC may take to connect if ctx has no deadline.
const patience = 20 * time.Second

// The flow control windows, in bytes. They are fixed: gRPC's library then sends no
// pings to measure the round-trip time, and a large message need not wait for its
// window to grow. A stream with a slow reader holds at most one window of memory.
const (
	streamWindow = 1 << 20
	connWindow   = 4 << 20
)

// redialled is the text of the error with which the dialer refuses to dial again. A
// call that gets it has provably not been processed: gRPC's library retries a call
// transparently in no other case.
const redialled = "mailcall does not dial a connection twice"

var errRedialled = errors.New(redialled)

// link is a ClientConn that has exactly one connection: once that is lost, it is not
// made again.
type link struct {
	cc     *grpc.ClientConn
	ctx    context.Context //nolint:containedctx // the connection's life
	cancel context.CancelFunc
	gone   atomic.Bool // accepts no new exchanges
	closed atomic.Bool // closed by this side

	address string // as it was dialled
	dialled atomic.Bool
	enter   func(doing string) // reports the stage of the dial
	local   atomic.Pointer[string]
	remote  atomic.Pointer[string]
	failure atomic.Pointer[error] // why the connection could not be made
}

// open makes a connection and waits until it is ready.
func (c *config) open(ctx context.Context, address string) (*link, error) {
	to, err := parseAddress(address, c.tls)
	if err != nil {
		return nil, transport.BadAddress(err)
	}
	l := &link{address: address, enter: func(doing string) { stage.Enter(ctx, doing) }}
	//nolint:forbidigo // the connection outlives the dial
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.cc, err = grpc.NewClient("passthrough:///connection", c.dialOptions(ctx, l, to)...)
	if err != nil {
		l.cancel()
		return nil, err
	}
	if err := l.await(ctx); err != nil {
		_ = l.close()
		return nil, err
	}
	go l.watch()
	return l, nil
}

func (c *config) dialOptions(ctx context.Context, l *link, to target) []grpc.DialOption {
	bound := patience
	if deadline, ok := ctx.Deadline(); ok {
		bound = max(time.Until(deadline), 0)
	}
	creds := insecure.NewCredentials()
	switch {
	case c.tls != nil:
		creds = credentials.NewTLS(c.tls)
	case to.secure:
		creds = credentials.NewTLS(nil)
	}
	opts := append([]grpc.DialOption{
		grpc.WithStaticStreamWindowSize(streamWindow),
		grpc.WithStaticConnWindowSize(connWindow),
	}, c.extra...)
	opts = append(opts,
		grpc.WithTransportCredentials(&recorder{TransportCredentials: creds, link: l}),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.dial(ctx, c, to) }),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: backoff.DefaultConfig, MinConnectTimeout: bound}),
		grpc.WithDisableServiceConfig(),
		grpc.WithDisableRetry(),
		grpc.WithDisableHealthCheck(),
		grpc.WithIdleTimeout(0),
	)
	if c.tls == nil || c.tls.ServerName == "" {
		opts = append(opts, grpc.WithAuthority(to.authority))
	}
	return opts
}

// dial is the dialer that is passed to gRPC's library.
func (l *link) dial(ctx context.Context, c *config, to target) (net.Conn, error) {
	if l.dialled.Swap(true) {
		return nil, errRedialled
	}
	l.enter(stage.Connecting)
	raw, err := c.reach(ctx, to)
	if err != nil {
		l.failed(err)
		return nil, err
	}
	local, remote := raw.LocalAddr().String(), raw.RemoteAddr().String()
	l.local.Store(&local)
	l.remote.Store(&remote)
	return raw, nil
}

// reach calls the dialer. It recovers a panic, because the goroutine belongs to gRPC's
// library and the panic would end the program.
func (c *config) reach(ctx context.Context, to target) (raw net.Conn, err error) {
	defer guard.Catch("dialer", &err)
	raw, err = c.dial(ctx, to.network, to.address)
	if err == nil && raw == nil {
		err = errors.New("the dialer returned neither a connection nor an error (WithDialer)")
	}
	return raw, err
}

func (l *link) failed(err error) { l.failure.CompareAndSwap(nil, &err) }

// recorder keeps the error of a TLS handshake, because gRPC's library reports only its
// text.
type recorder struct {
	credentials.TransportCredentials

	link *link
}

// ClientHandshake implements [credentials.TransportCredentials].
func (r *recorder) ClientHandshake(ctx context.Context, authority string, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	r.link.enter(stage.Securing)
	secured, info, err := r.TransportCredentials.ClientHandshake(ctx, authority, raw)
	if err != nil {
		r.link.failed(fmt.Errorf("tls handshake: %w", err))
		return nil, nil, err
	}
	r.link.enter("waiting for the server's HTTP/2 preface")
	return secured, info, nil
}

// Clone implements [credentials.TransportCredentials].
func (r *recorder) Clone() credentials.TransportCredentials {
	return &recorder{TransportCredentials: r.TransportCredentials.Clone(), link: r.link}
}

// await waits until the connection is ready, and then returns nil.
func (l *link) await(ctx context.Context) error {
	for {
		state := l.cc.GetState()
		switch state {
		case connectivity.Ready:
			return nil
		case connectivity.TransientFailure, connectivity.Shutdown:
			return l.why(ctx)
		case connectivity.Idle:
			l.cc.Connect() // fails at once if the connection has already been lost
		case connectivity.Connecting:
		}
		if !l.cc.WaitForStateChange(ctx, state) {
			if failure := l.failure.Load(); failure != nil {
				return fmt.Errorf("%w: %w", ctx.Err(), *failure)
			}
			return fmt.Errorf("no HTTP/2 preface from the server yet: %w", ctx.Err())
		}
	}
}

// why returns the reason why the connection could not be made.
func (l *link) why(ctx context.Context) error {
	if failure := l.failure.Load(); failure != nil {
		return *failure
	}
	// Otherwise it failed after the handshake. gRPC's library reports the reason only
	// to a call; this one cannot be sent, because the connection is not made again.
	_, err := l.cc.NewStream(ctx, &grpc.StreamDesc{}, "/")
	text := status.Convert(err).Message()
	if err == nil || strings.Contains(text, redialled) {
		return errors.New("the server closed the connection at once")
	}
	return errors.New(text)
}

// watch notices that the connection accepts no new exchanges: the server has sent
// GOAWAY, or the connection is lost.
func (l *link) watch() {
	l.cc.WaitForStateChange(l.ctx, connectivity.Ready)
	l.gone.Store(true)
}

// LocalAddress implements [transport.Peer].
func (l *link) LocalAddress() string { return text(l.local.Load()) }

// RemoteAddress implements [transport.Peer].
func (l *link) RemoteAddress() string { return text(l.remote.Load()) }

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// close closes the connection and ends everything on it.
func (l *link) close() error {
	if l.closed.Swap(true) {
		return nil
	}
	l.gone.Store(true)
	l.cancel()
	return l.cc.Close()
}
