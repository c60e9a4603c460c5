// SPDX-License-Identifier: Apache-2.0

package conformance_test

import (
	"testing"
	"time"

	"example.com/mailcall/registry"
	"example.com/mailcall/registry/cache"
	"example.com/mailcall/registry/memory"
	"example.com/mailcall/registry/static"
	"example.com/mailcall/tests/conformance"
)

func TestRegistries(t *testing.T) {
	for name, factory := range map[string]conformance.RegistryFactory{
		"memory": func(*testing.T) conformance.RegistryRig { return inMemory() },
		"static": func(*testing.T) conformance.RegistryRig {
			return conformance.RegistryRig{Registry: static.New("known", "127.0.0.1:9001")}
		},
		"cache": func(t *testing.T) conformance.RegistryRig { return cached(t, inMemory()) },
		"cache over static": func(t *testing.T) conformance.RegistryRig {
			return cached(t, conformance.RegistryRig{Registry: static.New("known", "127.0.0.1:9001")})
		},
	} {
		t.Run(name, func(t *testing.T) { conformance.Registry(t, factory) })
	}
}

func inMemory() conformance.RegistryRig {
	m := memory.New(&registry.Service{
		Name: "known", Nodes: []*registry.Node{{ID: "known-1", Address: "127.0.0.1:9001"}},
	})
	return conformance.RegistryRig{Registry: m, Registrar: m, TTL: 20 * time.Millisecond}
}

// cached keeps what the registry says for a moment only, as the suite waits
// for what it changes.
func cached(t *testing.T, r conformance.RegistryRig) conformance.RegistryRig {
	t.Helper()
	c, err := cache.New(r.Registry, cache.WithTTL(time.Millisecond), cache.WithGrace(10*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	r.Registry = c
	return r
}
