// SPDX-License-Identifier: Apache-2.0

package inspect

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/mailcall/messages"
)

// filter selects the elements of a list.
type filter struct {
	limit   int
	service string        // "" for all
	age     time.Duration // at least
}

// wanted parses ?limit=, 0 or more, ?service=, and ?min_ms=, 0 or more.
func wanted(r *http.Request) (filter, error) {
	query := r.URL.Query()
	limit, err := number(query.Get("limit"), "limit", defaultLimit, math.MaxInt32)
	if err != nil {
		return filter{}, err
	}
	age, err := number(query.Get("min_ms"), "min_ms", 0, math.MaxInt64/int64(time.Millisecond))
	if err != nil {
		return filter{}, err
	}
	return filter{int(limit), query.Get("service"), time.Duration(age) * time.Millisecond}, nil
}

func number(text, name string, otherwise, most int64) (int64, error) {
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%s is %q; it must be a number, 0 or more", name, text)
	}
	return min(n, most), nil
}

// passes reports whether the filter selects an element of this service and age.
func (f filter) passes(service string, age time.Duration) bool {
	return (f.service == "" || f.service == service) && age >= f.age
}

// first returns the first elements of a list, as many as the limit allows.
func first[T any](f filter, list []T) []T { return list[:min(f.limit, len(list))] }

// one returns the element of a list that the path names, nil if there is none.
func (h *handler) one(path string) any {
	list, id, _ := strings.Cut(strings.TrimPrefix(path, "/v1/"), "/")
	if id == "" || !strings.HasPrefix(path, "/v1/") {
		return nil
	}
	s := h.take()
	switch list {
	case "actors":
		return find(s.Actors, func(a messages.ActorInfo) bool { return a.ID == id })
	case "services":
		return find(s.Services, func(v messages.ServiceInfo) bool { return v.Name == id })
	case "calls":
		return find(s.Calls, func(c messages.CallInfo) bool { return c.ID == id })
	case "streams":
		return find(s.Streams, func(o messages.StreamInfo) bool { return o.ID == id })
	default:
		return nil
	}
}

func find[T any](list []T, is func(T) bool) any {
	if i := slices.IndexFunc(list, is); i >= 0 {
		return list[i]
	}
	return nil
}
