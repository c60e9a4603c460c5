// SPDX-License-Identifier: Apache-2.0

// Package http is go-micro's HTTP broker: a publisher finds the subscribers of
// a topic by discovery and posts the message to each.
//
// It speaks to brokers of go-micro and theirs speak to it. It differs from
// them in what it tells:
//
//   - A message that cannot be delivered is an error of Publish. go-micro
//     keeps it silently, at most 64 for each topic, and sends it with a later
//     one.
//   - A broadcast that reached only some is a [broker.PartialError] that names
//     them, and a status other than 2xx is a failure. go-micro looks at neither.
//   - A topic without subscribers is [broker.ErrNoSubscribers].
//   - A subscriber whose bound of waiting events is reached answers 503.
//     go-micro lets the publisher wait while the handler runs.
//   - A node of a queue that cannot be reached is passed over for another one.
//   - Each subscription has a node id of its own, where the subscriptions of a
//     go-micro broker to one topic share one.
package http

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"example.com/mailcall/broker"
	"example.com/mailcall/internal/clock"
	"example.com/mailcall/internal/dice"
)

const (
	contentType = "application/json"
	keyMicro    = "Micro-Topic"

	idleConns   = 2                // kept to each subscriber, net/http's value
	idleTimeout = 90 * time.Second // net/http's value for its own client
)

// Broker publishes by HTTP and listens for its subscriptions. It is used by
// many goroutines at once; make it with [New] and end it with Close.
type Broker struct {
	config
	discovery Discovery
	client    *http.Client

	mu     sync.Mutex
	dice   dice.Dice // guarded by mu
	server *server   // guarded by mu, nil until the first subscription
	closed bool      // guarded by mu
}

var (
	_ broker.Broker = (*Broker)(nil)
	_ io.Closer     = (*Broker)(nil)
)

// New returns a broker that finds subscribers through discovery. For
// subscriptions discovery must be an [Announcer] as well. It opens nothing.
func New(discovery Discovery, opts ...Option) (*Broker, error) {
	if discovery == nil {
		return nil, errors.New("http broker: nil discovery, it says where subscribers are")
	}
	b := &Broker{discovery: discovery, config: config{
		listen: DefaultListen, maxMessage: DefaultMaxMessage, timeout: DefaultTimeout,
		dial: new(net.Dialer).DialContext, clock: clock.Real(),
	}}
	for _, opt := range opts {
		if opt == nil {
			continue // nil options are ignored
		}
		if err := opt.apply(&b.config); err != nil {
			return nil, err
		}
	}
	if b.source == nil {
		var seed [8]byte
		if _, err := rand.Read(seed[:]); err != nil {
			return nil, fmt.Errorf("http broker: seed: %w", err)
		}
		b.source = dice.NewSource(binary.LittleEndian.Uint64(seed[:]))
	}
	b.dice = b.source.Dice()
	b.client = &http.Client{
		Transport: &http.Transport{
			Proxy:               http.ProxyFromEnvironment, // as go-micro's
			DialContext:         b.dial,
			TLSClientConfig:     b.tls.Clone(),
			MaxIdleConnsPerHost: idleConns,
			IdleConnTimeout:     idleTimeout,
		},
		// A message is not carried to where nobody registered.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return b, nil
}

// String returns "http".
func (*Broker) String() string { return "http" }

// Close closes all subscriptions and withdraws them, stops listening and drops
// idle connections; Publish and Subscribe fail from then on. A Publish that
// runs goes on. It returns when nothing of the broker's own runs any more, a
// few seconds at most; it does not wait for handlers. It may be repeated.
func (b *Broker) Close() error {
	b.mu.Lock()
	b.closed = true
	s := b.server
	b.mu.Unlock()
	var err error
	if s != nil {
		err = s.close()
	}
	b.client.CloseIdleConnections()
	return err
}

// begin refuses what comes after Close.
func (b *Broker) begin(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return broker.ErrClosed
	}
	return ctx.Err()
}

// roll is a number from 0 to n-1.
func (b *Broker) roll(n int) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.dice.N(n)
}

// uuid is a random UUID, version 4 of RFC 9562.
func (b *Broker) uuid() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var u [16]byte
	binary.BigEndian.PutUint64(u[:8], b.dice.Uint64())
	binary.BigEndian.PutUint64(u[8:], b.dice.Uint64())
	u[6] = u[6]&0x0f | 0x40
	u[8] = u[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}
