// SPDX-License-Identifier: Apache-2.0

package nats

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	natsio "github.com/nats-io/nats.go"

	"example.com/mailcall/registry"
	"example.com/mailcall/registry/record"
)

const (
	// Subjects and actions of go-micro's NATS registry.
	subjectQuery = "micro.nats.query"
	subjectWatch = "micro.nats.watch"

	actionGet    = "get"
	actionList   = "list"
	actionCreate = "create"
	actionUpdate = "update" // as create; sent by some servers
	actionPut    = "put"    // as create
	actionDelete = "delete"

	maxAnswers = 10_000   // to one query; as many as a service may have nodes
	maxEvents  = 4096     // events queued for a watcher
	maxBytes   = 64 << 20 // of queued answers or events; the default of nats.go
)

// Registry is go-micro's NATS registry. Records are not stored centrally: every process
// answers for the records that it has registered, for as long as it runs, so a Lookup
// queries all processes and collects their answers. It is safe for concurrent use; make
// it with [NewRegistry] and release it with Close.
//
// A process that answers too slowly is not found, and one that crashes does not
// deregister: use registry/cache in front of it; the client's health tracking handles
// the rest.
type Registry struct {
	link  *link
	owner *owner
}

var (
	_ registry.Registry  = (*Registry)(nil)
	_ registry.Registrar = (*Registry)(nil)
	_ registry.Lister    = (*Registry)(nil)
	_ io.Closer          = (*Registry)(nil)
)

// NewRegistry returns a registry that is not connected yet. The error joins those of
// all options that are out of range.
func NewRegistry(opts ...Option) (*Registry, error) {
	l, err := newLink(opts)
	if err != nil {
		return nil, err
	}
	return &Registry{link: l, owner: newOwner(l)}, nil
}

// String returns "nats".
func (*Registry) String() string { return "nats" }

// Lookup implements [registry.Registry]. It takes the time of [WithCollect], unless a
// quorum is reached before, or the server reports that no process has registered
// anything. Nodes are merged by version. The error matches [registry.ErrNotFound] if
// the server passed the query on and no answer came; answers that are not records of
// the service are ignored.
func (r *Registry) Lookup(ctx context.Context, service string) ([]*registry.Service, error) {
	found, err := r.ask(ctx, &registry.Service{Name: service}, actionGet)
	if err == nil && len(found) == 0 {
		err = registry.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("nats registry: service %q: %w", service, err)
	}
	return found, nil
}

// List implements [registry.Lister]. It takes as long as a Lookup.
func (r *Registry) List(ctx context.Context) ([]*registry.Service, error) {
	found, err := r.ask(ctx, nil, actionList)
	if err != nil {
		return nil, fmt.Errorf("nats registry: list: %w", err)
	}
	sortServices(found)
	return found, nil
}

// ask publishes a query and collects the answers. Answers about another service than
// the requested one are dropped.
func (r *Registry) ask(ctx context.Context, about *registry.Service, action string) ([]*registry.Service, error) {
	question, err := writeEvent(about, action)
	if err != nil {
		return nil, err
	}
	nc, err := r.link.get(ctx)
	if err != nil {
		return nil, err
	}
	whole, release := r.link.until(ctx)
	defer release()
	inbox := nc.NewInbox()
	confirm := r.link.asking(nc, subjectQuery, inbox)
	sub, err := nc.SubscribeSync(inbox)
	if err != nil {
		return nil, err
	}
	defer func() { _ = unsubscribe(sub) }() // the connection may be lost
	if err := sub.SetPendingLimits(maxAnswers, maxBytes); err != nil {
		return nil, err
	}
	if err := publish(nc, subjectQuery, inbox, question); err != nil {
		return nil, err
	}
	// The time for answers begins when the server has received the query.
	if err := confirm(whole); err != nil {
		return nil, err
	}
	answers, err := r.collect(whole, sub, about)
	if err != nil {
		return nil, err
	}
	return record.Merge(answers)
}

func (r *Registry) collect(ctx context.Context, sub *natsio.Subscription, about *registry.Service) ([]*registry.Service, error) {
	window, cancel := context.WithTimeout(ctx, r.link.collect)
	defer cancel()
	var answers []*registry.Service
	for len(answers) < maxAnswers {
		m, err := sub.NextMsgWithContext(window)
		switch {
		case errors.Is(err, natsio.ErrNoResponders):
			return nil, nil // no process has registered anything
		case err != nil && ctx.Err() != nil:
			return nil, context.Cause(ctx) // the caller's context has ended, or the connection was lost
		case err != nil && window.Err() != nil:
			return answers, nil
		case err != nil:
			return nil, err
		}
		s, err := record.Unmarshal(m.Data)
		if err != nil || about != nil && s.Name != about.Name {
			continue // one broken process does not hide the others
		}
		if answers = append(answers, s); len(answers) == r.link.quorum {
			break
		}
	}
	return answers, nil
}

// Register implements [registry.Registrar]: from now on this process answers queries
// for the record, until Deregister, Close, or the end of ttl. Each call notifies the
// watchers, and so does the end of a ttl.
func (r *Registry) Register(ctx context.Context, service *registry.Service, ttl time.Duration) error {
	if err := r.register(ctx, service, ttl); err != nil {
		return fmt.Errorf("nats registry: register: %w", err)
	}
	return nil
}

func (r *Registry) register(ctx context.Context, service *registry.Service, ttl time.Duration) error {
	switch {
	case ttl < 0:
		return fmt.Errorf("a ttl of %s, want 0 or more", ttl)
	case service != nil && len(service.Nodes) == 0:
		return fmt.Errorf("service %q has no nodes", service.Name)
	}
	event, err := writeEvent(service, actionCreate)
	if err != nil {
		return err
	}
	nc, err := r.link.get(ctx)
	if err != nil {
		return err
	}
	confirm := r.link.asking(nc, subjectWatch)
	if err := r.owner.add(ctx, nc, service, ttl, event); err != nil {
		return err
	}
	return confirm(ctx)
}

// Deregister implements [registry.Registrar]. Nodes that another process has registered
// are not affected: that process continues to answer for them.
func (r *Registry) Deregister(ctx context.Context, service *registry.Service) error {
	event, err := writeEvent(service, actionDelete)
	if err == nil {
		r.owner.remove(service)
		var nc *natsio.Conn
		if nc, err = r.link.get(ctx); err == nil {
			err = r.announce(ctx, nc, event)
		}
	}
	if err != nil {
		return fmt.Errorf("nats registry: deregister: %w", err)
	}
	return nil
}

func (r *Registry) announce(ctx context.Context, nc *natsio.Conn, event []byte) error {
	confirm := r.link.asking(nc, subjectWatch)
	if err := publish(nc, subjectWatch, "", event); err != nil {
		return err
	}
	return confirm(ctx)
}

// Close stops answering queries and closes the connection, unless it was passed with
// [WithConn]. It does not notify watchers of other processes; Deregister does. Watches
// of this registry end with an error. Close may be called more than once.
func (r *Registry) Close() error {
	err := r.owner.close()
	r.link.close()
	return err
}
