// SPDX-License-Identifier: Apache-2.0

package inspect

import (
	"net/http"
	"time"

	"example.com/mailcall/messages"
)

// summaryView is the client on one line.
type summaryView struct {
	Taken    time.Time       `json:"taken"`
	Totals   messages.Totals `json:"totals"`
	Actors   int             `json:"actors"`
	Services int             `json:"services"`
	Nodes    int             `json:"nodes"`
	// Unhealthy counts nodes that are ejected, shunned or being probed.
	Unhealthy int   `json:"nodes_unhealthy"`
	Pools     int   `json:"pools"`
	Streams   int   `json:"streams"`
	Open      int64 `json:"connections_open"`
	Waiters   int64 `json:"waiters"`
	// Deepest is the depth of the fullest mailbox, Busiest the duration of the
	// longest running turn, Oldest the age of the oldest call in flight.
	Deepest int64         `json:"deepest_mailbox"`
	Busiest time.Duration `json:"longest_turn_ns"`
	Oldest  time.Duration `json:"oldest_call_ns"`
}

func (h *handler) summary(*http.Request) (any, error) {
	s := h.take()
	v := summaryView{
		Taken: s.Taken, Totals: s.Totals,
		Actors: len(s.Actors), Services: len(s.Services), Pools: len(s.Pools), Streams: len(s.Streams),
	}
	for _, a := range s.Actors {
		v.Deepest = max(v.Deepest, a.Depth)
		v.Busiest = max(v.Busiest, a.Busy)
	}
	healthy := messages.Healthy.String()
	for _, service := range s.Services {
		v.Nodes += len(service.Nodes)
		for _, n := range service.Nodes {
			if n.Health != healthy {
				v.Unhealthy++
			}
		}
	}
	for _, p := range s.Pools {
		v.Open += p.Open
		v.Waiters += p.Waiters
	}
	for _, c := range s.Calls {
		v.Oldest = max(v.Oldest, c.Age)
	}
	return v, nil
}
