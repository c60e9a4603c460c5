// SPDX-License-Identifier: Apache-2.0

// Package metadata carries header fields in a context. They are sent with the calls
// that are made with it, one header field per key.
package metadata

import (
	"context"
	"maps"
	"strings"
)

// Metadata maps names to values. Names are sent as they are, except over HTTP,
// which writes them in canonical form.
type Metadata map[string]string

type contextKey struct{}

// Get returns the value of name and whether there is one. If there is no exact
// match, ASCII case is ignored.
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

// FromContext returns the metadata in ctx and whether there is any. The map must
// not be modified.
func FromContext(ctx context.Context) (Metadata, bool) {
	m, ok := ctx.Value(contextKey{}).(Metadata)
	return m, ok
}

// NewContext returns a context with a copy of m as its metadata, instead of what
// ctx has.
func NewContext(ctx context.Context, m Metadata) context.Context {
	return context.WithValue(ctx, contextKey{}, maps.Clone(m))
}

// MergeContext returns a context with the metadata of ctx and of m. If both have a
// name, the value is that of m if overwrite is set, else that of ctx.
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

// Set returns a context with the metadata of ctx in which name has this value.
func Set(ctx context.Context, name, value string) context.Context {
	return MergeContext(ctx, Metadata{name: value}, true)
}
