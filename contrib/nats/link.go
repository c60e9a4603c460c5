// SPDX-License-Identifier: Apache-2.0

package nats

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	natsio "github.com/nats-io/nats.go"

	"example.com/mailcall/transport"
)

var (
	// ErrDisconnected is matched while there is no connection to the server. The
	// connection is being restored.
	ErrDisconnected = errors.New("nats: not connected to the server")
	// ErrClosed is matched after the broker, registry or transport was closed.
	ErrClosed = errors.New("nats: closed")
)

const (
	// A connection on which two pings were not answered is considered lost.
	pingInterval = 10 * time.Second
	maxPings     = 2
)

// link is a connection that is opened when it is first needed.
type link struct {
	config

	ctx    context.Context //nolint:containedctx // cancelled by close, to end connecting
	cancel context.CancelFunc
	work   sync.WaitGroup

	writing chan struct{} // capacity 1: a lock held while a message is passed to nats.go

	mu      sync.Mutex
	nc      *natsio.Conn
	dialing *dialing        // the attempt in progress, nil if there is none
	epoch   context.Context //nolint:containedctx // ends when the connection is lost
	lose    context.CancelCauseFunc
	closed  bool

	connsMu sync.Mutex
	conns   map[*conn]bool // notified of permission errors
}

// dialing is one attempt to connect, shared by everyone who waits for it.
type dialing struct {
	done chan struct{}
	nc   *natsio.Conn
	err  error
}

func newLink(opts []Option) (*link, error) {
	c, err := configure(opts)
	if err != nil {
		return nil, err
	}
	l := &link{config: c, writing: make(chan struct{}, 1), conns: make(map[*conn]bool)}
	//nolint:forbidigo // the connection outlives the call that made it, close cancels it
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.epoch, l.lose = context.WithCancelCause(l.ctx)
	if c.conn != nil {
		l.adopt(c.conn)
	}
	return l, nil
}

// get returns the connection, and connects first if there is none.
func (l *link) get(ctx context.Context) (*natsio.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	l.mu.Lock()
	switch {
	case l.closed:
		l.mu.Unlock()
		return nil, ErrClosed
	case l.nc != nil && (l.conn != nil || !l.nc.IsClosed()):
		nc := l.nc
		l.mu.Unlock()
		if !nc.IsConnected() {
			return nil, disconnected(nc.LastError())
		}
		return nc, nil
	}
	d := l.dialing
	if d == nil {
		d = &dialing{done: make(chan struct{})}
		l.dialing = d
		l.work.Go(func() { l.dial(d) })
	}
	l.mu.Unlock()
	transport.Doing(ctx, "connecting to the NATS server")
	select {
	case <-d.done:
		return d.nc, d.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func disconnected(cause error) error {
	if cause == nil {
		return ErrDisconnected
	}
	return fmt.Errorf("%w: %w", ErrDisconnected, cause)
}

func (l *link) dial(d *dialing) {
	defer close(d.done)
	by := &dialer{ctx: l.ctx, net: &net.Dialer{Timeout: l.timeout}}
	greeted := context.AfterFunc(l.ctx, by.hangUp)
	d.nc, d.err = natsio.Connect(strings.Join(l.urls, ","), append([]natsio.Option{
		natsio.Timeout(l.timeout),
		natsio.SetCustomDialer(by),
		natsio.MaxReconnects(-1),
		natsio.IgnoreAuthErrorAbort(), // otherwise subscriptions would end without an error
		natsio.ReconnectBufSize(-1),   // fail now rather than send late
		natsio.PingInterval(pingInterval),
		natsio.MaxPingsOutstanding(maxPings),
		natsio.ErrorHandler(func(_ *natsio.Conn, _ *natsio.Subscription, err error) {
			if errors.Is(err, natsio.ErrPermissionViolation) {
				l.refused(err)
			}
			l.report(err)
		}),
	}, l.natsOptions...)...)
	greeted()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dialing = nil
	if d.err != nil {
		d.err = fmt.Errorf("%w: %s: %w", ErrDisconnected, strings.Join(redacted(l.urls), ", "), d.err)
		return
	}
	if l.closed {
		d.nc.Close()
		d.nc, d.err = nil, ErrClosed
		return
	}
	l.adopt(d.nc)
}

// adopt starts to use nc. The caller holds l.mu, or is the only one that has l.
func (l *link) adopt(nc *natsio.Conn) {
	l.nc = nc
	changes := nc.StatusChanged(natsio.RECONNECTING, natsio.DISCONNECTED, natsio.CLOSED)
	l.work.Go(func() {
		for {
			select {
			case status, ok := <-changes:
				l.lost()
				if !ok || status == natsio.CLOSED {
					return
				}
			case <-l.ctx.Done():
				nc.RemoveStatusListener(changes)
				return
			}
		}
	})
}

// lost ends the epoch, so that waits for answers that may be lost end as well.
func (l *link) lost() {
	l.mu.Lock()
	cause := disconnected(l.nc.LastError())
	l.lose(cause)
	l.epoch, l.lose = context.WithCancelCause(l.ctx)
	l.mu.Unlock()
	l.report(cause)
}

// until returns a context that also ends, with the cause, when the connection is lost
// or closed.
func (l *link) until(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	epoch := l.current()
	stop := context.AfterFunc(epoch, func() { cancel(context.Cause(epoch)) })
	return ctx, func() { stop(); cancel(nil) }
}

// current returns the current epoch.
func (l *link) current() context.Context {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.epoch
}

func (l *link) report(err error) {
	if l.onError != nil && l.ctx.Err() == nil {
		// It may run on a goroutine of nats.go, where nobody else would recover.
		defer func() { _ = recover() }()
		l.onError(err)
	}
}

// confirm waits until the server has processed everything written before.
func (l *link) confirm(ctx context.Context, nc *natsio.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, l.timeout) // nats.go requires a deadline
	defer cancel()
	return nc.FlushWithContext(ctx)
}

// asking is called before subjects are published or subscribed to. The function that it
// returns waits as [link.confirm] does, and also returns the permission error if the
// server has refused one of the subjects, which NATS reports asynchronously. (If the
// server refuses several at the same moment, for several goroutines, one of them may be
// reported only to the function of [WithErrorFunc].)
func (l *link) asking(nc *natsio.Conn, subjects ...string) (confirm func(context.Context) error) {
	before := nc.LastError()
	return func(ctx context.Context) error {
		if err := l.confirm(ctx, nc); err != nil {
			return err
		}
		last := nc.LastError()
		if !errors.Is(last, natsio.ErrPermissionViolation) || errors.Is(last, before) {
			return nil
		}
		for _, s := range subjects {
			if strings.Contains(last.Error(), strconv.Quote(s)) {
				return last
			}
		}
		return nil
	}
}

// close closes the connection, unless it was passed with [WithConn].
func (l *link) close() {
	l.mu.Lock()
	l.closed = true
	nc := l.nc
	l.mu.Unlock()
	l.cancel()
	if nc != nil && l.conn == nil {
		nc.Close()
	}
	l.work.Wait()
}

// dialer is a dialer whose dials end with a context.
type dialer struct {
	ctx context.Context //nolint:containedctx // the interface of nats.go passes no context
	net *net.Dialer

	mu     sync.Mutex
	newest net.Conn
}

// Dial implements the dialer of nats.go.
func (d *dialer) Dial(network, address string) (net.Conn, error) {
	c, err := d.net.DialContext(d.ctx, network, address)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.ctx.Err(); err != nil { // hangUp may already have been called
		return nil, errors.Join(err, c.Close())
	}
	d.newest = c
	return c, nil
}

// hangUp closes the connection to a server that was dialled and sends nothing; nats.go
// has no context for that wait.
func (d *dialer) hangUp() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.newest != nil {
		_ = d.newest.Close() // the reader gets the error
	}
}
