// SPDX-License-Identifier: Apache-2.0

// Package http is go-micro's HTTP broker: a publisher finds the subscribers of a
// topic by discovery and posts the message to each.
//
// It interoperates with go-micro's HTTP broker in both directions. It differs from
// it in what it reports:
//
//   - A message that cannot be delivered is an error of Publish. go-micro keeps it
//     silently, at most 64 for each topic, and sends it with a later one.
//   - A broadcast that reached only some is a [broker.PartialError] that names
//     them, and a status other than 2xx is a failure. go-micro looks at neither.
//   - A topic without subscribers is [broker.ErrNoSubscribers].
//   - A subscriber with too many waiting events answers 503. In go-micro the
//     publisher waits while the handler runs.
//   - If a node of a queue cannot be reached, another one gets the message.
//   - Each subscription has a node id of its own. In go-micro all subscriptions of
//     a broker to one topic share one.
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
	"example.com/mailcall/internal/uuid"
)

const (
	contentType = "application/json"
	keyMicro    = "Micro-Topic"

	idleConns   = 2                // kept to each subscriber, net/http's value
	idleTimeout = 90 * time.Second // net/http's value for its own client
)

// Broker publishes by HTTP and listens for its subscriptions. It is safe for
// concurrent use. Make it with [New]; it must be closed.
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

// New returns a broker that finds subscribers through discovery. To subscribe,
// discovery must also be an [Announcer]. New neither dials nor listens. The error joins
// those of all options that are out of range.
func New(discovery Discovery, opts ...Option) (*Broker, error) {
	if discovery == nil {
		return nil, errors.New("http broker: nil discovery, it says where subscribers are")
	}
	b := &Broker{discovery: discovery, config: config{
		listen: DefaultListen, maxMessage: DefaultMaxMessage, timeout: DefaultTimeout,
		dial: new(net.Dialer).DialContext, clock: clock.Real(),
	}}
	var errs []error
	for _, opt := range opts {
		if opt == nil {
			continue // nil options are ignored
		}
		if err := opt.apply(&b.config); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
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
		// A redirect could lead to a server that has not registered.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return b, nil
}

// String returns "http".
func (*Broker) String() string { return "http" }

// Close closes and withdraws all subscriptions, stops listening and closes idle
// connections. Publish and Subscribe fail from then on; a Publish in progress is
// not affected. Close waits until all goroutines of the broker have ended, a few
// seconds at most, but not for handlers. It may be repeated.
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

// begin returns an error after Close.
func (b *Broker) begin(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return broker.ErrClosed
	}
	return ctx.Err()
}

// roll returns a random number from 0 to n-1.
func (b *Broker) roll(n int) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.dice.N(n)
}

// randomID returns a random UUID.
func (b *Broker) randomID() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var u [16]byte
	binary.BigEndian.PutUint64(u[:8], b.dice.Uint64())
	binary.BigEndian.PutUint64(u[8:], b.dice.Uint64())
	return uuid.V4(u)
}
