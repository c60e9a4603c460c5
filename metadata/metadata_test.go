// SPDX-License-Identifier: Apache-2.0

package metadata_test

import (
	"context"
	"maps"
	"testing"

	"example.com/mailcall/metadata"
)

func TestGet(t *testing.T) {
	m := metadata.Metadata{"Foo": "exact", "FOO": "upper", "Micro-ID": "7"}
	for _, tc := range []struct {
		name, want string
		ok         bool
	}{
		{"Foo", "exact", true}, {"FOO", "upper", true}, {"micro-id", "7", true}, {"Micro-Id", "7", true}, {"Bar", "", false},
	} {
		if got, ok := m.Get(tc.name); got != tc.want || ok != tc.ok {
			t.Errorf("%s: got %q, %t, want %q, %t", tc.name, got, ok, tc.want, tc.ok)
		}
	}
	if got, ok := metadata.Metadata(nil).Get("Foo"); got != "" || ok {
		t.Errorf("nil: got %q, %t, want nothing", got, ok)
	}
}

func TestContextWithout(t *testing.T) {
	if got, ok := metadata.FromContext(t.Context()); got != nil || ok {
		t.Errorf("got %v, %t, want none", got, ok)
	}
}

func TestNewContextCopiesAndReplaces(t *testing.T) {
	m := metadata.Metadata{"A": "1"}
	ctx := metadata.NewContext(metadata.Set(t.Context(), "Old", "x"), m)
	m["A"] = "changed"
	check(t, ctx, metadata.Metadata{"A": "1"})
}

func TestMergeContext(t *testing.T) {
	base := metadata.NewContext(t.Context(), metadata.Metadata{"A": "1", "B": "2"})
	more := metadata.Metadata{"B": "new", "C": "3"}
	check(t, metadata.MergeContext(base, more, true), metadata.Metadata{"A": "1", "B": "new", "C": "3"})
	check(t, metadata.MergeContext(base, more, false), metadata.Metadata{"A": "1", "B": "2", "C": "3"})
	check(t, metadata.MergeContext(t.Context(), more, false), more)
	check(t, metadata.MergeContext(base, nil, true), metadata.Metadata{"A": "1", "B": "2"})
	check(t, base, metadata.Metadata{"A": "1", "B": "2"})
}

func TestSet(t *testing.T) {
	ctx := metadata.Set(metadata.Set(t.Context(), "A", "1"), "B", "2")
	check(t, metadata.Set(ctx, "A", "new"), metadata.Metadata{"A": "new", "B": "2"})
	check(t, ctx, metadata.Metadata{"A": "1", "B": "2"})
}

func check(t *testing.T, ctx context.Context, want metadata.Metadata) {
	t.Helper()
	if got, ok := metadata.FromContext(ctx); !ok || !maps.Equal(got, want) {
		t.Errorf("got %v, %t, want %v", got, ok, want)
	}
}
