// SPDX-License-Identifier: Apache-2.0

package inspect

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"example.com/mailcall/messages"
)

// Source is what can be inspected: *actors.Runtime, which api.Caller.Runtime
// returns.
type Source interface {
	// Snapshot returns the current state. It must not block, and must be safe for
	// concurrent use.
	Snapshot() messages.Snapshot
}

// Handler returns the inspector of a client as a handler to mount, under a prefix
// with http.StripPrefix. It starts no goroutine and takes a snapshot only for a
// request. It is safe for concurrent use.
//
// It answers GET and HEAD: a page at "/", and JSON at the paths that "/v1/" lists.
// Names are in snake_case, durations are nanoseconds in members called *_ns, times
// are RFC 3339. The elements of lists are those of [messages.Snapshot], which
// documents each member. An error is {"error": TEXT} with a status of 400 or more.
func Handler(rt Source, opts ...Option) http.Handler {
	return newHandler(rt, configOf(opts))
}

type handler struct {
	source Source
	guard  guard
	views  map[string]view
	files  map[string]file
}

// view makes the answer under one path.
type view func(*http.Request) (any, error)

func newHandler(rt Source, c config) *handler {
	h := &handler{source: rt, guard: newGuard(c), files: page()}
	h.views = map[string]view{
		"/v1/":         h.index,
		"/v1/snapshot": h.snapshot,
		"/v1/summary":  h.summary,
		"/v1/actors":   h.actors,
		"/v1/services": h.services,
		"/v1/pools":    h.pools,
		"/v1/calls":    h.calls,
		"/v1/streams":  h.streams,
	}
	if c.settings != nil {
		h.views["/v1/config"] = func(*http.Request) (any, error) { return configView{c.settings()}, nil }
	}
	return h
}

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	secure(w.Header())
	if !h.guard.admit(w, r) {
		return
	}
	path := r.URL.Path
	if path == "" { // http.StripPrefix has removed all of it
		path = "/"
	}
	if f, ok := h.files[path]; ok {
		f.serve(w)
		return
	}
	answer, ok := h.views[path]
	if !ok {
		if v := h.one(path); v != nil {
			reply(w, http.StatusOK, v)
			return
		}
		fail(w, http.StatusNotFound, fmt.Sprintf("there is nothing at %q; /v1/ lists what there is", path))
		return
	}
	v, err := answer(r)
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	reply(w, http.StatusOK, v)
}

func reply(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil { // only the user's settings can fail
		status = http.StatusInternalServerError
		body = []byte(`{"error":"the answer cannot be written as JSON"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)+1))
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // it fails only if the client has gone
}

func fail(w http.ResponseWriter, status int, text string) {
	reply(w, status, struct {
		Error string `json:"error"`
	}{text})
}

// secure sets the headers of every answer: they forbid caching, framing, and
// content from other servers.
func secure(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "+
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
}
