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

// owner has the records of this process and answers questions for them.
type owner struct {
	link *link

	mu       sync.Mutex
	services map[string][]*registry.Service // by name; records are replaced, never changed
	ends     map[nodeKey]time.Time          // of nodes that live for a time only
	sub      *natsio.Subscription
	on       *natsio.Conn // that sub belongs to
	closed   bool
}

// nodeKey is a node of a service.
type nodeKey struct{ service, node string }

func newOwner(l *link) *owner {
	return &owner{link: l, services: make(map[string][]*registry.Service), ends: make(map[nodeKey]time.Time)}
}

// add takes a record, and returns when the server passes questions on to here.
func (o *owner) add(ctx context.Context, nc *natsio.Conn, s *registry.Service, ttl time.Duration) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return ErrClosed
	}
	o.expire(time.Now())
	list := with(o.services[s.Name], s)
	nodes := 0
	for _, version := range list {
		nodes += len(version.Nodes)
	}
	if nodes > record.MaxNodes {
		return fmt.Errorf("service %q would have %d nodes in this process, at most %d: %w", s.Name, nodes, record.MaxNodes, record.ErrTooLarge)
	}
	if o.on != nc {
		sub, err := nc.Subscribe(subjectQuery, o.answer)
		if err != nil {
			return err
		}
		o.sub, o.on = sub, nc
		if err := o.link.confirm(ctx, nc); err != nil {
			return err
		}
	}
	o.services[s.Name] = list
	for _, n := range s.Nodes {
		delete(o.ends, nodeKey{s.Name, n.ID})
		if ttl > 0 {
			o.ends[nodeKey{s.Name, n.ID}] = time.Now().Add(ttl)
		}
	}
	return nil
}

func (o *owner) remove(s *registry.Service) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.drop(s)
}

// drop takes the nodes of s out. o.mu is held.
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

// expire takes out what nobody registered again in time. Watchers are not
// told: go-micro's owners would not be, and who stopped registering is mostly
// not there to speak. o.mu is held.
func (o *owner) expire(now time.Time) {
	for key, end := range o.ends {
		if now.After(end) {
			o.drop(&registry.Service{Name: key.service, Nodes: []*registry.Node{{ID: key.node}}})
		}
	}
}

// answer replies to one question, with one message for each record.
func (o *owner) answer(m *natsio.Msg) {
	if m.Reply == "" {
		return
	}
	asked, action, err := readEvent(m.Data)
	if err != nil {
		o.link.tell(fmt.Errorf("nats registry: a question on %s: %w", subjectQuery, err))
		return
	}
	for _, s := range o.found(asked, action) {
		data, err := record.Marshal(s)
		if err == nil {
			err = m.Respond(data)
		}
		if err != nil {
			o.link.tell(fmt.Errorf("nats registry: answer for service %q: %w", s.Name, err))
		}
	}
}

// found are the records that a question asks for.
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
	o.mu.Unlock()
	if err := unsubscribe(sub); err != nil {
		return errors.Join(errors.New("nats registry: close"), err)
	}
	return nil
}
