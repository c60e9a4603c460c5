// SPDX-License-Identifier: Apache-2.0

// Package memory carries messages within one process, for tests and for services
// that run in the same program. Header names are not changed, the two ends share no
// memory, and queues are bounded: a sender that gets too far ahead blocks.
package memory

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/transport"
)

const (
	// MaxMessage is the largest body that is sent, in bytes: 4 MiB, the default of the
	// HTTP transport, so that both accept the same messages.
	MaxMessage = 4 << 20

	queueLength = 64  // messages in transit in one direction
	backlog     = 128 // connections that wait for Accept, as many as for a socket
)

// Network is a set of addresses to listen on and to dial, independent of other
// networks. Make it with [New]. It is safe for concurrent use, has no goroutine, and
// need not be closed.
type Network struct {
	clock   clock.Clock
	packets sync.Pool // of *packet

	mu        sync.Mutex
	listeners map[string]*listener
	named     uint64 // the last number given to an address or a client's end
}

var _ transport.Transport = (*Network)(nil)

// New returns a network without listeners.
func New() *Network {
	n := &Network{clock: clock.Real(), listeners: make(map[string]*listener)}
	n.packets.New = func() any { return new(packet) }
	return n
}

// String returns "memory", the name in a node's "transport" metadata.
func (*Network) String() string { return "memory" }

// Dial opens a connection to the listener at address. It blocks while too many
// connections wait to be accepted, and returns when ctx is done at the latest. The
// connection implements [transport.Exclusive] and [transport.Peer]. If there is no
// listener, the error matches syscall.ECONNREFUSED; every error matches
// [transport.ErrNotSent].
func (n *Network) Dial(ctx context.Context, address string) (transport.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, dialError(address, err)
	}
	n.mu.Lock()
	l := n.listeners[address]
	n.named++
	local := "memory:client-" + strconv.FormatUint(n.named, 10)
	n.mu.Unlock()
	if l == nil {
		return nil, dialError(address, syscall.ECONNREFUSED)
	}
	here, there := pair(n, local, address)
	select {
	case l.waiting <- there:
	case <-l.closed:
		return nil, dialError(address, syscall.ECONNREFUSED)
	case <-ctx.Done():
		return nil, dialError(address, ctx.Err())
	}
	select {
	case <-l.closed: // perhaps after Close has called turnAway
		l.turnAway()
		return nil, dialError(address, syscall.ECONNREFUSED)
	default:
		return here, nil
	}
}

func dialError(address string, err error) error {
	return transport.NotSent(fmt.Errorf("memory transport: dial %s: %w", address, err))
}

// Listen listens on address, which can be any string. An empty address, or one that ends
// in ":0", is replaced by a free one. If the address is in use, the error matches
// syscall.EADDRINUSE.
func (n *Network) Listen(address string) (transport.Listener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if host, free := strings.CutSuffix(address, ":0"); free || address == "" {
		if host == "" {
			host = "memory"
		}
		n.named++
		address = host + ":" + strconv.FormatUint(n.named, 10)
	}
	if n.listeners[address] != nil {
		return nil, fmt.Errorf("memory transport: listen %s: %w", address, syscall.EADDRINUSE)
	}
	l := &listener{
		network: n,
		address: address,
		waiting: make(chan *conn, backlog),
		closed:  make(chan struct{}),
	}
	n.listeners[address] = l
	return l, nil
}

type listener struct {
	network *Network
	address string
	waiting chan *conn
	closed  chan struct{}
	once    sync.Once
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
		}
	}
	return nil, fmt.Errorf("memory transport: accept %s: %w", l.address, net.ErrClosed)
}

// Address implements [transport.Listener].
func (l *listener) Address() string { return l.address }

// Close implements [transport.Listener].
func (l *listener) Close() error {
	l.once.Do(func() {
		l.network.mu.Lock()
		delete(l.network.listeners, l.address)
		l.network.mu.Unlock()
		close(l.closed)
		l.turnAway()
	})
	return nil
}

// turnAway closes the connections that will not be accepted any more.
func (l *listener) turnAway() {
	for {
		select {
		case c := <-l.waiting:
			_ = c.Close()
		default:
			return
		}
	}
}
