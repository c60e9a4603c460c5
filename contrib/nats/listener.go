// SPDX-License-Identifier: Apache-2.0

package nats

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"

	natsio "github.com/nats-io/nats.go"

	"example.com/mailcall/transport"
)

const (
	backlog  = 128  // connections queued for Accept, as many as for a socket
	maxPeers = 4096 // connections of one listener
)

// Listen accepts connections at address, a subject. An empty address, or one that ends
// in ":0", is replaced by a new inbox, as in go-micro's servers. The accepted
// connections implement [transport.Exclusive] and [transport.Peer].
//
// go-micro's clients do not announce that they close, so a listener keeps at most 4,096
// connections: when it is full, a new one replaces the one that has been idle longest.
func (t *Transport) Listen(address string) (transport.Listener, error) {
	//nolint:forbidigo // the contract of listeners has no context; the timeout bounds it
	ctx, cancel := context.WithTimeout(context.Background(), t.link.timeout)
	defer cancel()
	l, err := t.listen(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("nats transport: listen %s: %w", address, err)
	}
	return l, nil
}

func (t *Transport) listen(ctx context.Context, address string) (*listener, error) {
	nc, err := t.link.get(ctx)
	if err != nil {
		return nil, err
	}
	if address == "" || strings.HasSuffix(address, ":0") {
		address = nc.NewInbox()
	}
	if err := checkSubject(address, false); err != nil {
		return nil, carried(err)
	}
	l := &listener{
		nc: nc, link: t.link, address: address,
		waiting: make(chan *conn, backlog), closed: make(chan struct{}), peers: make(map[string]*conn), gone: make(map[string]bool),
	}
	confirm := t.link.asking(nc, address)
	if l.sub, err = nc.Subscribe(address, l.deliver); err != nil {
		return nil, err
	}
	if err := confirm(ctx); err != nil {
		_ = unsubscribe(l.sub) // listening failed
		return nil, err
	}
	return l, nil
}

type listener struct {
	nc      *natsio.Conn
	link    *link
	address string
	sub     *natsio.Subscription
	waiting chan *conn
	closed  chan struct{}
	once    sync.Once

	mu    sync.Mutex
	peers map[string]*conn // by the peer's reply subject
	gone  map[string]bool  // peers whose connection this side has closed; at most maxPeers
	over  bool
}

// deliver passes a message to the connection of its sender.
func (l *listener) deliver(m *natsio.Msg) {
	if m.Reply == "" {
		return // no reply subject: the sender does not wait for an answer
	}
	closing := len(m.Data) == 0
	switch c, gone := l.peer(m.Reply, closing); {
	case c != nil:
		c.deliver(m)
	case gone && !closing: // it has missed the close, and waits for an answer
		_ = publish(l.nc, m.Reply, "", nil) // best effort
	}
}

// peer returns the connection of a sender, and makes one for a new sender; it returns
// nil if none can be added. gone reports whether this side had closed the sender's
// connection.
func (l *listener) peer(reply string, closing bool) (c *conn, gone bool) {
	l.mu.Lock()
	c, gone = l.peers[reply], l.gone[reply]
	if c != nil || l.over || gone || closing {
		l.mu.Unlock()
		return c, gone
	}
	var evicted *conn
	if len(l.peers) >= maxPeers {
		evicted = l.silent()
		delete(l.peers, evicted.remote)
	}
	c = newConn(l.link, l.nc, ends{local: l.address, remote: reply, subject: reply})
	c.onClose = func() error { return l.forget(c) }
	c.known.Store(true)
	select {
	case l.waiting <- c:
		l.peers[reply] = c
	default:
		l.link.shut(c)
		c = nil // as with a full backlog of a socket, the client gets no answer
	}
	l.mu.Unlock()
	if evicted != nil {
		_ = evicted.Close() // nothing more is sent on it
	}
	return c, false
}

// silent returns the connection that has been idle longest. The caller holds l.mu.
func (l *listener) silent() (c *conn) {
	for _, other := range l.peers {
		if c == nil || other.used.Load() < c.used.Load() {
			c = other
		}
	}
	return c
}

// forget removes a connection. If the listener is closed, removing the last connection
// ends the subscription.
func (l *listener) forget(c *conn) error {
	l.mu.Lock()
	if l.peers[c.remote] == c {
		delete(l.peers, c.remote)
	}
	if !errors.Is(context.Cause(c.ctx), io.EOF) { // the peer may send before it knows of the close
		if len(l.gone) >= maxPeers {
			clear(l.gone) // messages still on their way are much more recent
		}
		l.gone[c.remote] = true
	}
	last := l.over && len(l.peers) == 0
	l.mu.Unlock()
	if last {
		return l.leave()
	}
	return nil
}

// leave returns when the server has processed the unsubscription, so that it can report
// the missing listener to new clients.
func (l *listener) leave() error {
	if err := unsubscribe(l.sub); err != nil {
		return err
	}
	if l.nc.IsConnected() {
		//nolint:forbidigo // Close has no context; the timeout bounds it
		_ = l.link.confirm(context.Background(), l.nc) // if this fails, the subscription is gone with the connection
	}
	return nil
}

// Accept implements [transport.Listener].
func (l *listener) Accept() (transport.Conn, error) {
	select {
	case <-l.closed:
	default:
		select {
		case c := <-l.waiting:
			return c, nil
		case <-l.closed:
		case <-l.link.ctx.Done():
		}
	}
	return nil, fmt.Errorf("nats transport: accept %s: %w", l.address, net.ErrClosed)
}

// Address implements [transport.Listener].
func (l *listener) Address() string { return l.address }

// Close implements [transport.Listener]. The subscription lasts until the last accepted
// connection is closed.
func (l *listener) Close() error {
	var err error
	l.once.Do(func() {
		l.mu.Lock()
		l.over = true
		last := len(l.peers) == 0
		l.mu.Unlock()
		close(l.closed)
		if last {
			err = l.leave()
		}
		for {
			select {
			case c := <-l.waiting:
				_ = c.Close() // it will not be accepted any more
			default:
				return
			}
		}
	})
	return err
}
