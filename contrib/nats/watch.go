// SPDX-License-Identifier: Apache-2.0

package nats

import (
	"context"
	"errors"
	"fmt"

	natsio "github.com/nats-io/nats.go"

	"example.com/mailcall/registry"
)

// Watch implements [registry.Registry]. It queries the service once and calls changed
// with the result, unless there was no answer, which does not prove that there are no
// nodes; then it applies the events of registering processes and calls changed after
// each. It returns an error when the connection is lost, because events may have been
// lost with it, and when changed is so slow that 4,096 events are queued.
func (r *Registry) Watch(ctx context.Context, service string, changed func([]*registry.Service)) error {
	if changed == nil {
		return errors.New("nats registry: watch needs a function to call")
	}
	err := r.watch(ctx, service, changed)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("nats registry: watch service %q: %w", service, err)
}

func (r *Registry) watch(ctx context.Context, service string, changed func([]*registry.Service)) error {
	nc, err := r.link.get(ctx)
	if err != nil {
		return err
	}
	ctx, release := r.link.until(ctx)
	defer release()
	confirm := r.link.asking(nc, subjectWatch)
	sub, err := nc.SubscribeSync(subjectWatch)
	if err != nil {
		return err
	}
	defer func() { _ = unsubscribe(sub) }() // the connection may be lost
	if err := sub.SetPendingLimits(maxEvents, maxBytes); err != nil {
		return err
	}
	// Subscribe first, then query, so that no event is missed.
	if err := confirm(ctx); err != nil {
		return err
	}
	list, err := r.Lookup(ctx, service)
	switch {
	case err == nil:
		changed(list)
	case !errors.Is(err, registry.ErrNotFound):
		return err
	}
	for {
		m, err := sub.NextMsgWithContext(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			return err
		}
		if next, ok := apply(list, service, m); ok {
			if err := bounded(service, next); err != nil {
				return err
			}
			list = next
			changed(list)
		}
	}
}

// apply returns the list after an event, and whether the event was about the service.
func apply(list []*registry.Service, service string, m *natsio.Msg) (_ []*registry.Service, ok bool) {
	s, action, err := readEvent(m.Data)
	if err != nil || s == nil || s.Name != service {
		return list, false
	}
	switch action {
	case actionCreate, actionUpdate, actionPut:
		return with(list, s), true
	case actionDelete:
		return without(list, s), true
	}
	return list, false
}
