// SPDX-License-Identifier: Apache-2.0

package inspect

import (
	"net/http"
	"slices"
	"time"

	"example.com/mailcall/messages"
)

// defaultLimit is how many elements a list has unless ?limit= says otherwise.
const defaultLimit = 1000

type indexView struct {
	Endpoints []endpointView `json:"endpoints"`
}

type endpointView struct {
	Path string `json:"path"`
	What string `json:"what"`
}

// index lists the endpoints.
func (h *handler) index(*http.Request) (any, error) {
	all := []endpointView{
		{"/v1/summary", "counters and the worst of everything"},
		{"/v1/actors", "actors: mailboxes and running turns; ?limit=N; /v1/actors/ID is one"},
		{"/v1/services", "services that have been called, with their nodes; ?limit=N; /v1/services/NAME is one"},
		{"/v1/pools", "connection pools by address; ?limit=N"},
		{"/v1/calls", "calls in flight with their attempts, oldest first; ?limit=N ?service=NAME ?min_ms=N; /v1/calls/ID is one, with %23 for its #"},
		{"/v1/streams", "open streams with their messages and bytes, oldest first; ?limit=N ?service=NAME ?min_ms=N; /v1/streams/ID is one"},
		{"/v1/config", "options in force"},
		{"/v1/snapshot", "everything at one moment"},
	}
	var v indexView
	for _, e := range all {
		if h.views[e.Path] != nil {
			v.Endpoints = append(v.Endpoints, e)
		}
	}
	return v, nil
}

type configView struct {
	Settings any `json:"settings"`
}

// take returns a snapshot whose lists are never null in JSON. It changes only
// copies, because a source may return the same lists to others.
func (h *handler) take() messages.Snapshot {
	s := h.source.Snapshot()
	s.Actors = some(s.Actors)
	s.Services = some(slices.Clone(s.Services))
	s.Pools = some(s.Pools)
	s.Calls = some(slices.Clone(s.Calls))
	s.Streams = some(slices.Clone(s.Streams))
	for i := range s.Services {
		s.Services[i].Nodes = some(s.Services[i].Nodes)
	}
	for i := range s.Calls {
		s.Calls[i].Attempts = some(s.Calls[i].Attempts)
	}
	return s
}

func some[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func (h *handler) snapshot(*http.Request) (any, error) { return h.take(), nil }

// listView is what all lists have in common: when the snapshot was taken, and how
// many elements there are without the limit.
type listView struct {
	Taken time.Time `json:"taken"`
	Total int       `json:"total"`
}

func (h *handler) actors(r *http.Request) (any, error) {
	f, err := wanted(r)
	s := h.take()
	return struct {
		listView
		Actors []messages.ActorInfo `json:"actors"`
	}{listView{s.Taken, len(s.Actors)}, first(f, s.Actors)}, err
}

func (h *handler) services(r *http.Request) (any, error) {
	f, err := wanted(r)
	s := h.take()
	return struct {
		listView
		Services []messages.ServiceInfo `json:"services"`
	}{listView{s.Taken, len(s.Services)}, first(f, s.Services)}, err
}

func (h *handler) pools(r *http.Request) (any, error) {
	f, err := wanted(r)
	s := h.take()
	return struct {
		listView
		Pools []messages.PoolInfo `json:"pools"`
	}{listView{s.Taken, len(s.Pools)}, first(f, s.Pools)}, err
}

func (h *handler) calls(r *http.Request) (any, error) {
	f, err := wanted(r)
	s := h.take()
	s.Calls = slices.DeleteFunc(s.Calls, func(c messages.CallInfo) bool { return !f.passes(c.Service, c.Age) })
	return struct {
		listView
		Calls []messages.CallInfo `json:"calls"`
	}{listView{s.Taken, len(s.Calls)}, first(f, s.Calls)}, err
}

func (h *handler) streams(r *http.Request) (any, error) {
	f, err := wanted(r)
	s := h.take()
	s.Streams = slices.DeleteFunc(s.Streams, func(o messages.StreamInfo) bool { return !f.passes(o.Service, o.Age) })
	return struct {
		listView
		Streams []messages.StreamInfo `json:"streams"`
	}{listView{s.Taken, len(s.Streams)}, first(f, s.Streams)}, err
}
