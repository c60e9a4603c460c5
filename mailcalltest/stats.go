// SPDX-License-Identifier: Apache-2.0

package mailcalltest

import "time"

// Stats are the counters of a responder since it was made. They outlive Kill
// and Restart.
type Stats struct {
	// Connections is how many connections were accepted, refused ones
	// included.
	Connections int
	// Refused is how many of them a script refused.
	Refused int
	// Open is how many connections are open now.
	Open int
	// Events is how many events arrived.
	Events int
	// Unknown is how many requests named no endpoint of this responder, or
	// could not be read so far as to know it.
	Unknown int
	// Swallowed is how many messages arrived on a connection, or under an
	// id, that was busy with a unary call. They are never answered.
	Swallowed int
	// Faults is how many faults of scripts and of the fail rate were applied
	// to requests.
	Faults int
}

// EndpointStats are the counters of one endpoint.
type EndpointStats struct {
	// Calls is how many requests arrived, faults included.
	Calls int
	// Handled is how many of them the handler began to serve.
	Handled int
	// Errors is how many the handler ended with an error.
	Errors int
	// Panics is how many the handler ended with a panic.
	Panics int
	// Timeouts is how many requests carried a Timeout.
	Timeouts int
	// LastTimeout is the last Timeout, 0 if there was none.
	LastTimeout time.Duration
	// Abandoned is how many unary requests lost their connection before
	// they were answered.
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

// Calls is how many requests for an endpoint arrived, whether a fault met
// them or not. Refused connections carry no request.
func (r *Responder) Calls(endpoint string) int { return r.Endpoint(endpoint).Calls }

// Connections is how many connections were accepted, refused ones included.
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
