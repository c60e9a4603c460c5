// SPDX-License-Identifier: Apache-2.0

package api

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	"example.com/mailcall/actors/caller"
	"example.com/mailcall/internal/guard"
	"example.com/mailcall/messages"
	"example.com/mailcall/rpcerr"
)

// config is everything that follows from one set of options. It is immutable
// except for the table of methods, which only grows.
type config struct {
	caller  *Caller
	options Options
	outer   Client      // the outermost wrapper around the client, nil if there is none
	making  atomic.Bool // the wrappers are being made
	methods atomic.Pointer[map[methodKey]*method]
	last    atomic.Pointer[method] // the last one that was called without options
}

type methodKey struct{ service, endpoint, contentType string }

// maxMethods bounds the table of methods; beyond it a method is resolved again
// for each call.
const maxMethods = 4096

// method is everything that is the same for all calls of a method: the resolved
// options, the codecs, and most of the header.
type method struct {
	config      *config
	key         methodKey
	plan        caller.Plan
	options     CallOptions
	contentType string
	// The forms of requests: for current nodes, for legacy ones, and for native
	// gRPC.
	wire, old, native form
	streams           atomic.Pointer[caller.Plan]
}

// formFor returns the form that node expects.
func (m *method) formFor(node *messages.Node) *form {
	switch {
	case node.Native:
		return &m.native
	case node.Legacy:
		return &m.old
	default:
		return &m.wire
	}
}

func newConfig(c *Caller, o Options) *config {
	cfg := &config{caller: c, options: o}
	empty := make(map[methodKey]*method)
	cfg.methods.Store(&empty)
	return cfg
}

// wrap puts the wrappers around the client. It is an error if one returns no
// client: that would silently drop all the wrappers inside of it.
func (cfg *config) wrap() (err error) {
	wrappers := cfg.options.Wrappers
	if len(wrappers) == 0 {
		return nil
	}
	cfg.making.Store(true)
	defer cfg.making.Store(false)
	defer guard.Catch("wrapper", &err)
	var outer Client = core{cfg.caller, cfg}
	for i, wrap := range slices.Backward(wrappers) {
		if outer = wrap(outer); isNil(outer) {
			return fmt.Errorf("option Wrappers: %d of %d returned no client", i+1, len(wrappers))
		}
	}
	cfg.outer = outer
	return nil
}

// method resolves a method, once for all calls without options of their own.
func (cfg *config) method(r Request, opts []CallOption) (*method, error) {
	key := methodKey{r.Service(), r.Endpoint(), r.ContentType()}
	if len(opts) > 0 {
		return cfg.resolve(key, opts)
	}
	if m := cfg.last.Load(); m != nil && m.key == key {
		return m, nil
	}
	table := cfg.methods.Load()
	m := (*table)[key]
	if m == nil {
		var err error
		if m, err = cfg.resolve(key, nil); err != nil {
			return nil, err
		}
		if len(*table) < maxMethods {
			longer := maps.Clone(*table)
			longer[key] = m
			cfg.methods.CompareAndSwap(table, &longer) // on failure the next call adds it
		}
	}
	cfg.last.Store(m)
	return m, nil
}

func (cfg *config) resolve(key methodKey, opts []CallOption) (*method, error) {
	o := cfg.options.CallOptions.clone()
	for _, name := range []string{key.endpoint, key.service + "/" + key.endpoint} {
		for _, opt := range cfg.options.methods[name] {
			opt.applyCall(&o)
		}
	}
	for i, opt := range opts {
		if opt == nil {
			return nil, fmt.Errorf("%w: call option %d of %d is nil", rpcerr.ErrInvalidArgument, i+1, len(opts))
		}
		opt.applyCall(&o)
	}
	if faults := o.check(); len(faults) > 0 {
		return nil, fmt.Errorf("%w: %w", rpcerr.ErrInvalidArgument, errors.Join(faults...))
	}
	m := &method{config: cfg, key: key, options: o, contentType: key.contentType}
	m.wire = cfg.form(key, key.contentType)
	m.old = cfg.form(key, legacy(key.contentType))
	if key.contentType == octetStream {
		m.old.use(cfg.options.Codecs, protoRPC) // the header keeps the name, as in go-micro
	}
	m.native = cfg.nativeForm(key)
	if m.wire.missing != nil && m.native.missing != nil {
		return nil, m.wire.missing
	}
	m.plan = caller.Plan{
		Service: key.service, Endpoint: key.endpoint, Key: directoryKey(key.service, o.Address), Addresses: o.Address,
		Timeout: o.RequestTimeout, AttemptTimeout: o.AttemptTimeout,
		Attempts: o.Retries + 1, HedgeAfter: o.HedgeAfter, Idempotent: o.Idempotent,
		BackoffBase: o.BackoffBase, BackoffCap: o.BackoffCap,
		Filters: o.Filters, Picker: o.Strategy, Close: o.ConnClose,
		Wrapped: len(o.CallWrappers) > 0,
	}
	if m.plan.Wrapped || m.plan.Attempts < 2 || !o.Idempotent {
		m.plan.HedgeAfter = 0
	}
	return m, nil
}

// directoryKey returns the key of a service, or of fixed addresses under its name,
// in the root's directory. What separates the parts of a key is escaped in them:
// no two services or lists have the same key, nor has one that of the broker.
func directoryKey(service string, addresses []string) string {
	key := escape(service, "%@:")
	if len(addresses) == 0 {
		return key
	}
	list := make([]string, len(addresses))
	for i, a := range addresses {
		list[i] = escape(a, "%,")
	}
	return key + "@" + strings.Join(list, ",")
}

// escape replaces special characters by their codes, like a URL.
func escape(part, special string) string {
	if !strings.ContainsAny(part, special) {
		return part
	}
	var b strings.Builder
	for i := range len(part) {
		if strings.IndexByte(special, part[i]) >= 0 {
			_, _ = fmt.Fprintf(&b, "%%%02X", part[i]) // a strings.Builder cannot fail
			continue
		}
		b.WriteByte(part[i])
	}
	return b.String()
}
