// SPDX-License-Identifier: Apache-2.0

package distinct_test

import (
	"slices"
	"testing"

	"example.com/mailcall/registry"
	"example.com/mailcall/registry/internal/distinct"
)

func TestPassLeavesOutRepeatedLists(t *testing.T) {
	a := func() []*registry.Service { return []*registry.Service{{Name: "a"}} }
	b := func() []*registry.Service { return []*registry.Service{{Name: "b"}} }
	var lists distinct.Lists
	var got []string
	for _, list := range [][]*registry.Service{nil, nil, a(), a(), b(), a(), nil} {
		lists.Pass(list, func(list []*registry.Service) {
			if list == nil {
				got = append(got, "none")
				return
			}
			got = append(got, list[0].Name)
			list[0] = nil // the list belongs to the caller
		})
	}
	if want := []string{"none", "a", "b", "a", "none"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
