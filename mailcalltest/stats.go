// SPDX-License-Identifier: Apache-2.0

package mailcalltest

import "time"

// Stats are the counters of a responder since it was made. Kill and Restart do not
// reset them.
type Stats struct {
	// Connections is how many connections were accepted, including refused ones.
	Connections int
	// Refused is how many of them a script refused.
	Refused int
	// Open is how many connections are open now.
	Open int
	// Events is how many events arrived.
	Events int
	// Unknown is how many requests named no endpoint of this responder, or could
	// not be read far enough to tell.
	Unknown int
	// Swallowed is how many messages arrived on a connection, or with an id, that
	// was busy with a unary call. They are never answered.
	Swallowed int
	// Faults is how many faults of scripts and of the fail rate were applied
	// to requests.
	Faults int
}

// EndpointStats are the counters of one endpoint.
type EndpointStats struct {
	// Calls is how many requests arrived, including those with a fault.
	Calls int
	// Handled is how many of them reached the handler.
	Handled int
	// Errors is how many times the handler returned an error.
	Errors int
	// Panics is how many times the handler panicked.
	Panics int
	// Timeouts is how many requests carried a Timeout.
	Timeouts int
	// LastTimeout is the last Timeout, 0 if there was none.
	LastTimeout time.Duration
	// Abandoned is how many unary requests lost their connection before they were
	// answered.
	Abandoned int
}

// Stats returns the counters of the responder.
func (r *Responder) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	stats := r.totals
	stats.Open = len(r.sessions)
	return stats
}

// Endpoint returns the counters of an endpoint, zeros if it has no handler.
func (r *Responder) Endpoint(name string) EndpointStats {
	r.mu.Lock()
	defer r.mu.Unlock()
	if counts := r.counts[name]; counts != nil {
		return *counts
	}
	return EndpointStats{}
}

// Calls returns how many requests for an endpoint arrived, with and without faults.
// Refused connections carry no request.
func (r *Responder) Calls(endpoint string) int { return r.Endpoint(endpoint).Calls }

// Connections returns how many connections were accepted, including refused ones.
func (r *Responder) Connections() int { return r.Stats().Connections }

func (r *Responder) tally(change func(*Stats)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.totals)
}

// count changes the counters of a known endpoint.
func (r *Responder) count(endpoint string, change func(*EndpointStats)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if counts := r.counts[endpoint]; counts != nil {
		change(counts)
	}
}
