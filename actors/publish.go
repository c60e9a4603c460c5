// SPDX-License-Identifier: Apache-2.0

package actors

import (
	"context"
	"maps"

	"example.com/mailcall/actors/publisher"
	"example.com/mailcall/broker"
	"example.com/mailcall/internal/guard"
	"example.com/mailcall/messages"
	"example.com/mailcall/transport"
)

// openBroker starts the publisher and adds the transport through which it is
// reached, if the client has a broker.
func (r *Runtime) openBroker() error {
	if r.Broker == nil {
		return nil
	}
	c := publisher.Config{Name: r.Broker.String(), Clock: r.Clock, Seen: &r.brokerState}
	if b, ok := r.Broker.(broker.Connecter); ok {
		c.Connect = func(done func(error)) {
			r.Go(func() {
				err := guard.ErrLeft
				defer func() { done(err) }()
				err = r.connect(b)
			})
		}
	}
	pid, err := r.spawn(publisher.New(c), "publisher")
	if err != nil {
		return err
	}
	r.publisher = messages.NewRef[messages.PublisherMessage](r.System, pid)
	aside := r.Go
	if r.Simulation != nil {
		aside = nil // simulated brokers return
	}
	t := publisher.NewTransport(r.Broker, r.publisher, r.Clock, aside)
	if r.Transports = maps.Clone(r.Transports); r.Transports == nil {
		r.Transports = make(map[string]transport.Transport)
	}
	r.Transports[t.String()] = t
	return nil
}

func (r *Runtime) connect(b broker.Connecter) (err error) {
	defer guard.Catch("broker", &err)
	ctx, cancel := context.WithTimeout(r.ctx, r.settings.Load().Limits.DialTimeout)
	defer cancel()
	return b.Connect(ctx)
}
