// SPDX-License-Identifier: Apache-2.0

package actors

import (
	"cmp"
	"math"
	"slices"
	"time"

	"example.com/mailcall/actors/publisher"
	"example.com/mailcall/internal/clock"
	"example.com/mailcall/messages"
)

// Snapshot returns the current state of the runtime. It reads what the actors
// publish and waits for none of them; it may be called at any time, by any
// goroutine.
func (r *Runtime) Snapshot() messages.Snapshot {
	now := r.Clock.Now()
	s := messages.Snapshot{
		Taken:  r.Clock.Time(now).Round(0),
		Totals: r.Desk.Totals(),
		Actors: append(r.gauges.snapshot(r.Name, now), r.Desk.Actors("")...),
		Calls:  r.Desk.Calls(now), Streams: r.Streams.Streams(now),
	}
	s.Totals.Streams = r.Streams.Opened()
	s.Broker = r.brokerInfo(now)
	stale := r.stale()
	for _, service := range r.directory.All() {
		info := serviceInfo(service, r.settings.Load().Budget.Max, now)
		if len(service.Addresses) == 0 {
			info.Stale = cmp.Or(info.Stale, stale[service.Name])
		}
		s.Services = append(s.Services, info)
	}
	slices.SortFunc(s.Services, func(a, b messages.ServiceInfo) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), slices.Compare(a.Addresses, b.Addresses))
	})
	for _, p := range *r.pools.Load() {
		s.Pools = append(s.Pools, poolInfo(p, now))
	}
	slices.SortFunc(s.Pools, func(a, b messages.PoolInfo) int { return cmp.Compare(a.Address, b.Address) })
	return s
}

func (r *Runtime) brokerInfo(now clock.Instant) *messages.BrokerInfo {
	p := r.brokerState.Load()
	if p == nil {
		return nil
	}
	info := &messages.BrokerInfo{Name: p.Name, State: "idle", Waiting: p.Waiting}
	if t, is := r.Transports[messages.Broker].(*publisher.Transport); is {
		info.LeftBehind = t.LeftBehind()
	}
	switch {
	case p.Connected:
		info.State = "connected"
	case p.Connecting:
		info.State = "connecting"
	}
	if p.Fault != nil {
		info.LastFault, info.LastFaultAge = p.Fault.Err.Error(), now.Sub(p.Fault.At)
	}
	return info
}

func serviceInfo(service *messages.Service, full float64, now clock.Instant) messages.ServiceInfo {
	info := messages.ServiceInfo{Name: service.Name, Addresses: slices.Clone(service.Addresses), Budget: full, Waiting: service.Waiting.Load()}
	if service.BudgetAt.Load() != 0 {
		info.Budget = math.Float64frombits(service.Budget.Load())
	}
	view := service.View.Load()
	if view == nil {
		return info
	}
	if view.Stale != nil {
		info.Stale = view.Stale.Error()
	}
	for _, n := range view.Nodes {
		info.Nodes = append(info.Nodes, nodeInfo(n, now))
	}
	return info
}

func nodeInfo(n *messages.Node, now clock.Instant) messages.NodeInfo {
	health := messages.Health(n.Health.Load())
	info := messages.NodeInfo{
		ID: n.ID, Address: n.Address, Version: n.Record().Version,
		Transport: n.Transport, Legacy: n.Legacy, Native: n.Native, Leaving: n.Record().Node.Leaving,
		Health: health.String(), Doubt: n.Doubt.Load(),
		InFlight: n.InFlight.Load(), Streams: n.Streams.Load(),
		Answers: n.Total.Load() + n.Answers.Load(), Faults: n.Faults.Load(),
		Load: time.Duration(n.Load()), Latency: n.Latency(),
	}
	if health == messages.Ejected {
		info.EjectedFor = max(clock.Instant(n.Until.Load()).Sub(now), 0)
	}
	if share := n.Share(); share < messages.FullShare {
		info.Share = share
	}
	if f := n.Fault.Load(); f != nil {
		info.LastFault, info.LastFaultAge = f.Err.Error(), now.Sub(f.At)
	}
	return info
}

func poolInfo(p *messages.Pool, now clock.Instant) messages.PoolInfo {
	idle, oldest := p.Idle()
	s := &p.Stats
	info := messages.PoolInfo{
		Address: p.Address, Transport: p.Transport,
		Open: s.Open.Load(), Idle: int64(idle), Dialing: s.Dialing.Load(),
		Max: s.Max.Load(), Waiters: s.Waiters.Load(), Leaving: s.Leaving.Load(), Closing: s.Closing.Load(),
		Dialled: s.Dialled.Load(), DialFailures: s.DialFailures.Load(), Discarded: s.Discarded.Load(),
	}
	for _, c := range p.SharedConns() {
		info.Shared++
		info.Running += int64(c.Running())
	}
	info.Lent = max(info.Open-info.Idle-info.Shared, 0)
	if oldest != 0 {
		info.OldestIdle = now.Sub(oldest)
	}
	return info
}
