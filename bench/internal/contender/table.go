// SPDX-License-Identifier: Apache-2.0

package contender

import (
	"fmt"
	"strings"
)

// Ours is the name under which mailcall's own client enters. Ratios are taken
// from it to each of the others.
const Ours = "mailcall"

// All returns the table of contenders, in the order in which they run.
func All() []Entry {
	return []Entry{
		{Ours, "api.Caller as it is: deadline, attempt bound, retries, marks, live list", newOurs},
		{"fasthttp", "HostClient, Do; a deadline only if the context has one", newFastHTTP},
		{"fasthttp-deadline", "HostClient, DoTimeout: every call is bounded", newFastHTTPDeadline},
		{"nethttp", "http.Transport, RoundTrip; a deadline only if the context has one", newNetHTTP},
		{"floor", "hand-written, a connection per caller, prebuilt head; no pool", newFloor},
	}
}

// Defaults returns the names that run when none are asked for: all but
// variants of another contender.
func Defaults() []string {
	var names []string
	for _, e := range All() {
		if !strings.Contains(e.Name, "-") {
			names = append(names, e.Name)
		}
	}
	return names
}

// Find returns the entry called name.
func Find(name string) (Entry, error) {
	var known []string
	for _, e := range All() {
		if e.Name == name {
			return e, nil
		}
		known = append(known, e.Name)
	}
	return Entry{}, fmt.Errorf("contender %q is unknown; use %s", name, strings.Join(known, ", "))
}
