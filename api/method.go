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
	"example.com/mailcall/codec"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
)

// config is everything that follows from one set of options. It is immutable
// but for the table of methods, which only ever gets longer.
type config struct {
	caller  *Caller
	options Options
	outer   Client // the wrappers around the client, nil if there are none
	methods atomic.Pointer[map[methodKey]*method]
	last    atomic.Pointer[method] // that was called without options of its own
}

type methodKey struct{ service, endpoint, contentType string }

// maxMethods bounds the table of methods; beyond it a method is resolved anew
// for each call.
const maxMethods = 4096

// method is everything about a call that stays the same from one call to the
// next: what its options amount to, its codecs, and most of its header.
type method struct {
	config      *config
	key         methodKey
	plan        caller.Plan
	options     CallOptions
	contentType string
	wire, old   form // for nodes of today, and for legacy ones
}

// form is how requests are written.
type form struct {
	contentType string
	codec       codec.Codec
	appender    codec.Appender
	enveloper   codec.Enveloper
	header      transport.Header
}

func newConfig(c *Caller, o Options) *config {
	cfg := &config{caller: c, options: o}
	empty := make(map[methodKey]*method)
	cfg.methods.Store(&empty)
	if len(o.Wrappers) > 0 {
		var outer Client = core{c, cfg}
		for _, wrap := range slices.Backward(o.Wrappers) {
			outer = wrap(outer)
		}
		cfg.outer = outer
	}
	return cfg
}

// method resolves what is called, once for all calls without options of
// their own.
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
			cfg.methods.CompareAndSwap(table, &longer) // who loses is added next time
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
	var err error
	if m.wire, err = cfg.form(key, key.contentType); err != nil {
		return nil, err
	}
	if m.old, err = cfg.form(key, legacy(key.contentType)); err != nil {
		return nil, err
	}
	if key.contentType == octetStream {
		m.old.codec = cfg.options.Codecs[protoRPC] // keeps its name, as go-micro does it
		m.old.resolveFaces()
	}
	m.plan = caller.Plan{
		Service: key.service, Endpoint: key.endpoint, Key: key.service, Addresses: o.Address,
		Timeout: o.RequestTimeout, AttemptTimeout: o.AttemptTimeout,
		Attempts: o.Retries + 1, HedgeAfter: o.HedgeAfter, Idempotent: o.Idempotent,
		BackoffBase: o.BackoffBase, BackoffCap: o.BackoffCap,
		Filters: o.Filters, Picker: o.Strategy, Close: o.ConnClose,
		Wrapped: len(o.CallWrappers) > 0,
	}
	if len(o.Address) > 0 {
		m.plan.Key = key.service + "@" + strings.Join(o.Address, ",")
	}
	if m.plan.Wrapped || m.plan.Attempts < 2 || !o.Idempotent {
		m.plan.HedgeAfter = 0
	}
	return m, nil
}

// Content types that are treated in ways of their own.
const (
	octetStream = "application/octet-stream"
	jsonType    = "application/json"
	protobuf    = "application/protobuf"
	jsonRPC     = "application/json-rpc"
	protoRPC    = "application/proto-rpc"
	grpcPrefix  = "application/grpc"
)

// legacy is the content type that servers from before the mucp protocol want
// in place of one of today (go-micro wire, section 4.3).
func legacy(contentType string) string {
	switch contentType {
	case jsonType:
		return jsonRPC
	case protobuf:
		return protoRPC
	default:
		return contentType
	}
}

// form finds the codec and writes the part of the header that is always the
// same. Accept keeps the content type that the caller asked for.
func (cfg *config) form(key methodKey, contentType string) (form, error) {
	f := form{contentType: contentType, codec: cfg.options.Codecs[contentType]}
	if f.codec == nil {
		return f, fmt.Errorf("%w: %q; there are codecs for %s (WithCodec)",
			rpcerr.ErrUnsupportedContentType, contentType, list(cfg.options.Codecs))
	}
	f.resolveFaces()
	f.header = transport.Header{
		{Name: "Accept", Value: key.contentType},
		{Name: "Content-Type", Value: contentType},
		{Name: "Micro-Service", Value: key.service},
		{Name: "Micro-Method", Value: key.endpoint},
		{Name: "Micro-Endpoint", Value: key.endpoint},
	}
	if strings.HasPrefix(contentType, grpcPrefix) {
		f.header.Add("Te", "trailers")
		f.header.Add("User-Agent", "grpc-go/1.0.0")
	}
	return f, nil
}

func (f *form) resolveFaces() {
	f.appender, _ = f.codec.(codec.Appender)
	f.enveloper, _ = f.codec.(codec.Enveloper)
}
