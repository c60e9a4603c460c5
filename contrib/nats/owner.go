// SPDX-License-Identifier: Apache-2.0

package nats

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	natsio "github.com/nats-io/nats.go"

	"example.com/mailcall/registry"
	"example.com/mailcall/registry/record"
)

// owner holds the records that this process has registered, and answers queries for
// them.
type owner struct {
	link *link

	mu       sync.Mutex
	services map[string][]*registry.Service // by name; records are replaced, never modified
	ends     map[nodeKey]time.Time          // when nodes with a ttl expire
	sub      *natsio.Subscription
	on       *natsio.Conn // the connection of sub
	timer    *time.Timer  // fires at the earliest of ends; nil until it is first needed
	closed   bool
}

// nodeKey identifies a node of a service.
type nodeKey struct{ service, node string }

func newOwner(l *link) *owner {
	return &owner{link: l, services: make(map[string][]*registry.Service), ends: make(map[nodeKey]time.Time)}
}

// add stores a record, once the server passes queries to this process, and publishes
// event to the watchers.
func (o *owner) add(ctx context.Context, nc *natsio.Conn, s *registry.Service, ttl time.Duration, event []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return ErrClosed
	}
	o.expire(time.Now())
	list := with(o.services[s.Name], s)
	if err := bounded(s.Name, list); err != nil {
		return err
	}
	if o.on != nc {
		confirm := o.link.asking(nc, subjectQuery)
		sub, err := nc.Subscribe(subjectQuery, o.answer)
		if err != nil {
			return err
		}
		if err := confirm(ctx); err != nil {
			_ = unsubscribe(sub) // it failed, or may have failed
			return err
		}
		o.sub, o.on = sub, nc
	}
	o.services[s.Name] = list
	for _, n := range s.Nodes {
		delete(o.ends, nodeKey{s.Name, n.ID})
		if ttl > 0 {
			o.ends[nodeKey{s.Name, n.ID}] = time.Now().Add(ttl)
		}
	}
	o.arm()
	return publish(nc, subjectWatch, "", event) // before the expiry can be published
}

func (o *owner) remove(s *registry.Service) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.drop(s)
}

// drop removes the nodes of s. The caller holds o.mu.
func (o *owner) drop(s *registry.Service) {
	if left := without(o.services[s.Name], s); left != nil {
		o.services[s.Name] = left
	} else {
		delete(o.services, s.Name)
	}
	for _, n := range s.Nodes {
		delete(o.ends, nodeKey{s.Name, n.ID})
	}
}

// expire removes nodes that were not registered again in time, and notifies the
// watchers. The caller holds o.mu.
func (o *owner) expire(now time.Time) {
	for key, end := range o.ends {
		if now.Before(end) {
			continue
		}
		if s := o.node(key); s != nil {
			o.notifyGone(s)
		}
		o.drop(&registry.Service{Name: key.service, Nodes: []*registry.Node{{ID: key.node}}})
	}
}

// node returns the record of one node, nil if there is none. The caller holds o.mu.
func (o *owner) node(key nodeKey) *registry.Service {
	for _, s := range o.services[key.service] {
		for _, n := range s.Nodes {
			if n.ID == key.node {
				one := *s
				one.Nodes = []*registry.Node{n}
				return &one
			}
		}
	}
	return nil
}

// notifyGone notifies the watchers that s is gone. Watchers that it does not reach
// because the connection is lost start anew for the same reason.
func (o *owner) notifyGone(s *registry.Service) {
	event, err := writeEvent(s, actionDelete)
	if err == nil {
		err = publish(o.on, subjectWatch, "", event)
	}
	if err != nil {
		o.link.report(fmt.Errorf("nats registry: the registration of %q has ended, but its watchers could not be notified: %w", s.Name, err))
	}
}

// arm sets the timer to the earliest expiry. The caller holds o.mu.
func (o *owner) arm() {
	var first time.Time
	for _, end := range o.ends {
		if first.IsZero() || end.Before(first) {
			first = end
		}
	}
	switch {
	case first.IsZero() && o.timer != nil:
		o.timer.Stop()
	case first.IsZero():
	case o.timer == nil:
		o.timer = time.AfterFunc(time.Until(first), o.tick) //nolint:forbidigo // the simulator does not cover NATS
	default:
		o.timer.Reset(time.Until(first))
	}
}

// tick is called by the timer.
func (o *owner) tick() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return
	}
	o.expire(time.Now())
	o.arm()
}

// answer answers one query, with one message for each record.
func (o *owner) answer(m *natsio.Msg) {
	if m.Reply == "" {
		return
	}
	asked, action, err := readEvent(m.Data)
	if err != nil {
		o.link.report(fmt.Errorf("nats registry: a query on %s: %w", subjectQuery, err))
		return
	}
	for _, s := range o.found(asked, action) {
		data, err := record.Marshal(s)
		if err == nil {
			err = m.Respond(data)
		}
		if err != nil {
			o.link.report(fmt.Errorf("nats registry: answer for service %q: %w", s.Name, err))
		}
	}
}

// found returns the records that match a query.
func (o *owner) found(asked *registry.Service, action string) []*registry.Service {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.expire(time.Now())
	var all []*registry.Service
	switch {
	case action == actionGet && asked != nil:
		all = append(all, o.services[asked.Name]...)
	case action == actionList:
		for _, list := range o.services {
			all = append(all, list...)
		}
	}
	sortServices(all)
	return all
}

func (o *owner) close() error {
	o.mu.Lock()
	sub := o.sub
	o.sub, o.closed = nil, true
	if o.timer != nil {
		o.timer.Stop()
	}
	o.mu.Unlock()
	if err := unsubscribe(sub); err != nil {
		return errors.Join(errors.New("nats registry: close"), err)
	}
	return nil
}
