// SPDX-License-Identifier: Apache-2.0

// Package metadata carries header fields in a context: what a caller puts
// there goes out with its calls, one header field per key.
package metadata

import (
	"context"
	"maps"
	"strings"
)

// Metadata maps names to values. Names are sent as they are; HTTP writes them
// in canonical form.
type Metadata map[string]string

type contextKey struct{}

// Get returns the value of name, looked up as it is and then without regard
// to ASCII case.
func (m Metadata) Get(name string) (string, bool) {
	if v, ok := m[name]; ok {
		return v, true
	}
	for k, v := range m {
		if strings.EqualFold(k, name) {
			return v, true
		}
	}
	return "", false
}

// FromContext returns the metadata of ctx and whether there is any. The map
// must not be changed.
func FromContext(ctx context.Context) (Metadata, bool) {
	m, ok := ctx.Value(contextKey{}).(Metadata)
	return m, ok
}

// NewContext returns a context that carries a copy of m in place of what ctx
// carried.
func NewContext(ctx context.Context, m Metadata) context.Context {
	return context.WithValue(ctx, contextKey{}, maps.Clone(m))
}

// MergeContext returns a context that carries the metadata of ctx and m
// together. Where both have a name, m wins if overwrite is set.
func MergeContext(ctx context.Context, m Metadata, overwrite bool) context.Context {
	merged := Metadata{}
	if have, ok := FromContext(ctx); ok {
		maps.Copy(merged, have)
	}
	for k, v := range m {
		if _, taken := merged[k]; overwrite || !taken {
			merged[k] = v
		}
	}
	return context.WithValue(ctx, contextKey{}, merged)
}

// Set returns a context in which name has the given value.
func Set(ctx context.Context, name, value string) context.Context {
	return MergeContext(ctx, Metadata{name: value}, true)
}
