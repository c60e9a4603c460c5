// SPDX-License-Identifier: Apache-2.0

package selector

import (
	"cmp"
	"errors"
	"fmt"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/messages"
	"example.com/mailcall/registry"
	"example.com/mailcall/rpcerr"
)

func (s *selector) look() {
	if s.looking {
		return
	}
	s.looking = true
	if len(s.Service.Addresses) > 0 {
		s.self.Tell(messages.Looked{Records: fixedRecords(s.Service, s.Policy.Transport)})
		return
	}
	s.Lookup(s.Service.Name, func(records []*registry.Service, err error) {
		s.self.Tell(messages.Looked{Records: records, Err: err})
	})
}

// fixedRecords makes records of the addresses given by an option. Their protocol
// is mucp, as in go-micro, unless the transport is native gRPC.
func fixedRecords(s *messages.Service, fallback string) []*registry.Service {
	transport := cmp.Or(s.Transport, fallback)
	metadata := map[string]string{"protocol": "mucp", "transport": s.Transport}
	if transport == "grpc" {
		metadata["protocol"] = transport
	}
	record := &registry.Service{Name: s.Name}
	for _, a := range s.Addresses {
		record.Nodes = append(record.Nodes, &registry.Node{ID: a, Address: a, Metadata: metadata})
	}
	return []*registry.Service{record}
}

func (s *selector) looked(m messages.Looked, now clock.Instant) {
	s.looking = false
	s.fault = nil
	switch {
	case m.Err == nil:
		s.refresh = now.Add(refreshEvery)
		s.apply(m.Records, now)
		s.watch()
	case errors.Is(m.Err, registry.ErrNotFound):
		s.fault = fmt.Errorf("%w: %w", rpcerr.ErrNotFound, m.Err)
		s.refresh = now.Add(refreshEvery)
		s.apply(nil, now)
	default:
		// The last list stays in force.
		s.fault = fmt.Errorf("%w: %w", rpcerr.ErrRegistryUnavailable, m.Err)
		s.refresh = now.Add(retryAfter)
		s.publish(now)
		s.answer()
	}
	s.review(now)
}

func (s *selector) watch() {
	if s.stop != nil || len(s.Service.Addresses) > 0 {
		return
	}
	s.stop = s.Watch(s.Service.Name,
		func(records []*registry.Service) {
			if s.news.Swap(&records) == nil { // otherwise a Changed is pending already
				s.self.Tell(messages.Changed{})
			}
		},
		func(err error) { s.self.Tell(messages.WatchEnded{Err: err}) })
}
