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
	backlog  = 128  // connections that wait for Accept, as many as a socket has
	maxPeers = 4096 // connections of one listener
)

// Listen accepts connections at address, a subject. As in go-micro's servers, an
// empty address, or one that ends in ":0", is replaced by a new inbox. The accepted
// connections implement [transport.Exclusive] and [transport.Peer].
//
// go-micro's clients do not say that they close a connection, so the listener keeps
// at most 4,096 of them: a further one closes the one that has been idle longest.
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
		_ = unsubscribe(l.sub) // it was not used
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
	peers map[string]*conn // by the subject that they reply to
	gone  map[string]bool  // peers whose connection was closed here; at most maxPeers
	over  bool
}

// deliver gives a message to the connection of its sender.
func (l *listener) deliver(m *natsio.Msg) {
	if m.Reply == "" {
		return // the sender does not wait for an answer
	}
	farewell := len(m.Data) == 0
	switch c, gone := l.peer(m.Reply, farewell); {
	case c != nil:
		c.deliver(m)
	case gone && !farewell: // the peer does not know that it was closed, and waits
		_ = publish(l.nc, m.Reply, "", nil) // it may never learn of it
	}
}

// peer returns the connection of a sender, a new one for a new sender; nil if no new
// one is accepted. gone says that the one it had was closed here.
func (l *listener) peer(reply string, farewell bool) (c *conn, gone bool) {
	l.mu.Lock()
	c, gone = l.peers[reply], l.gone[reply]
	if c != nil || l.over || gone || farewell {
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
		_ = evicted.Close() // an error changes nothing
	}
	return c, false
}

// silent returns the connection that has been idle longest. l.mu is held.
func (l *listener) silent() (c *conn) {
	for _, other := range l.peers {
		if c == nil || other.used.Load() < c.used.Load() {
			c = other
		}
	}
	return c
}

// forget removes a connection. If the listener is closed, the last one also ends the
// subscription.
func (l *listener) forget(c *conn) error {
	l.mu.Lock()
	if l.peers[c.remote] == c {
		delete(l.peers, c.remote)
	}
	if !errors.Is(context.Cause(c.ctx), io.EOF) { // the peer may send before it learns of it
		if len(l.gone) >= maxPeers {
			clear(l.gone) // what is on the way is much younger
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

// leave ends the subscription and waits until the server knows, so that it can refuse
// later messages.
func (l *listener) leave() error {
	if err := unsubscribe(l.sub); err != nil {
		return err
	}
	if l.nc.IsConnected() {
		//nolint:forbidigo // Close has no context; the timeout bounds it
		_ = l.link.confirm(context.Background(), l.nc) // what is lost now needs no farewell
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

// Close implements [transport.Listener]. The subscription stays as long as there are
// accepted connections.
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
