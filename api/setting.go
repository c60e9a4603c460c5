// SPDX-License-Identifier: Apache-2.0

package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/mailcall/actors/selector"
	"example.com/mailcall/codec/builtin"
	"example.com/mailcall/transport"
	"example.com/mailcall/transport/http"
)

// Where a setting can come from, in rising order of precedence; those of a
// method and of a call come after these.
const (
	sourceDefault = "default"
	sourceEnv     = "env"
	sourceFile    = "file"
	sourceCode    = "code"
)

// from notes where the setting called name got its value.
func (o *Options) from(name, source string) { o.sources[name] = source }

// setting is one option under the name that file, environment and Explain
// use. Those without parse can be set in code only.
type setting struct {
	name  string
	parse func(*Options, string) error
	show  func(*Options) string
}

// settings is the table of all options.
func settings() []setting {
	return []setting{
		text("name", func(o *Options) *string { return &o.Name }),
		text("content_type", func(o *Options) *string { return &o.ContentType }),
		text("transport", func(o *Options) *string { return &o.Transport }),
		{"transports", nil, func(o *Options) string { return list(o.Transports) }},
		{"codecs", nil, func(o *Options) string { return list(o.Codecs) }},
		{"registry", nil, func(o *Options) string { return named(o.Registry) }},
		{"strategy", nil, func(o *Options) string { return fmt.Sprintf("%T", o.Strategy) }},
		{"filters", nil, func(o *Options) string { return strconv.Itoa(len(o.Filters)) }},
		number("pool_size", func(o *Options) *int { return &o.PoolSize }),
		number("pool_max", func(o *Options) *int { return &o.PoolMax }),
		number("pool_waiters", func(o *Options) *int { return &o.PoolWaiters }),
		duration("pool_ttl", func(o *Options) *time.Duration { return &o.PoolTTL }),
		duration("pool_idle_timeout", func(o *Options) *time.Duration { return &o.PoolIdleTimeout }),
		duration("dial_timeout", func(o *Options) *time.Duration { return &o.DialTimeout }),
		number("max_calls", func(o *Options) *int { return &o.MaxCalls }),
		fraction("retry_budget", func(o *Options) *float64 { return &o.RetryBudget }),
		fraction("retry_budget_ratio", func(o *Options) *float64 { return &o.RetryBudgetRatio }),
		fraction("retry_budget_reserve", func(o *Options) *float64 { return &o.RetryBudgetReserve }),
		{"wrappers", nil, func(o *Options) string { return strconv.Itoa(len(o.Wrappers)) }},
		{"methods", nil, func(o *Options) string { return list(o.methods) }},
		{"address", func(o *Options, s string) error {
			o.CallOptions.Address = nil
			for a := range strings.SplitSeq(s, ",") {
				o.CallOptions.Address = append(o.CallOptions.Address, strings.TrimSpace(a))
			}
			return nil
		}, func(o *Options) string { return strings.Join(o.CallOptions.Address, ",") }},
		duration("request_timeout", func(o *Options) *time.Duration { return &o.CallOptions.RequestTimeout }),
		duration("attempt_timeout", func(o *Options) *time.Duration { return &o.CallOptions.AttemptTimeout }),
		duration("stream_timeout", func(o *Options) *time.Duration { return &o.CallOptions.StreamTimeout }),
		number("retries", func(o *Options) *int { return &o.CallOptions.Retries }),
		{"retry", nil, func(o *Options) string { return given(o.CallOptions.Retry != nil) }},
		{"backoff", nil, func(o *Options) string { return given(o.CallOptions.Backoff != nil) }},
		duration("half_close_wait", func(o *Options) *time.Duration { return &o.CallOptions.HalfCloseWait }),
		duration("backoff_base", func(o *Options) *time.Duration { return &o.CallOptions.BackoffBase }),
		duration("backoff_cap", func(o *Options) *time.Duration { return &o.CallOptions.BackoffCap }),
		truth("idempotent", func(o *Options) *bool { return &o.CallOptions.Idempotent }),
		duration("hedge_after", func(o *Options) *time.Duration { return &o.CallOptions.HedgeAfter }),
		truth("conn_close", func(o *Options) *bool { return &o.CallOptions.ConnClose }),
		{"stream_wrappers", nil, func(o *Options) string { return strconv.Itoa(len(o.CallOptions.StreamWrappers)) }},
		{"header", nil, func(o *Options) string { return strconv.Itoa(len(o.CallOptions.Header)) }},
		{"broker", nil, func(o *Options) string { return named(o.Broker) }},
		number("max_streams", func(o *Options) *int { return &o.MaxStreams }),
		number("max_services", func(o *Options) *int { return &o.MaxServices }),
		{"call_wrappers", nil, func(o *Options) string { return strconv.Itoa(len(o.CallOptions.CallWrappers)) }},
		{"logger", nil, func(o *Options) string { return given(o.Logger != nil) }},
		{"actor_system", nil, func(o *Options) string { return given(o.ActorSystem != nil) }},
		{"seed", nil, func(o *Options) string { return strconv.FormatUint(o.Seed, 10) }},
	}
}

func text(name string, at func(*Options) *string) setting {
	return setting{name,
		func(o *Options, s string) error { *at(o) = s; return nil },
		func(o *Options) string { return *at(o) }}
}

func number(name string, at func(*Options) *int) setting {
	return setting{name, parsed(at, "whole number", strconv.Atoi),
		func(o *Options) string { return strconv.Itoa(*at(o)) }}
}

func fraction(name string, at func(*Options) *float64) setting {
	return setting{name, parsed(at, "number", func(s string) (float64, error) { return strconv.ParseFloat(s, 64) }),
		func(o *Options) string { return strconv.FormatFloat(*at(o), 'g', -1, 64) }}
}

func duration(name string, at func(*Options) *time.Duration) setting {
	return setting{name, parsed(at, "duration, like 5s", time.ParseDuration),
		func(o *Options) string { return at(o).String() }}
}

func truth(name string, at func(*Options) *bool) setting {
	return setting{name, parsed(at, "truth value, true or false", strconv.ParseBool),
		func(o *Options) string { return strconv.FormatBool(*at(o)) }}
}

// parsed sets what can be parsed. What cannot leaves the value as it was, so
// that one fault does not make another, about a value that nobody gave.
func parsed[V any](at func(*Options) *V, what string, parse func(string) (V, error)) func(*Options, string) error {
	return func(o *Options, s string) error {
		v, err := parse(s)
		if err != nil {
			return fmt.Errorf("%q is no %s", s, what)
		}
		*at(o) = v
		return nil
	}
}

func list[V any](m map[string]V) string { return strings.Join(slices.Sorted(maps.Keys(m)), ",") }

func given(is bool) string {
	if is {
		return "given"
	}
	return "none"
}

func named(s fmt.Stringer) string {
	if s == nil {
		return "none"
	}
	return s.String()
}

// DefaultOptions returns what applies when nobody says otherwise.
func DefaultOptions() Options {
	o := Options{
		Name:        "mailcall",
		ContentType: "application/protobuf",
		Codecs:      builtin.Codecs(),
		Transport:   overHTTP,
		Transports:  make(map[string]transport.Transport),
		Strategy:    selector.P2C{},

		PoolSize: 100, PoolMax: 16384, PoolWaiters: 65536,
		PoolTTL: 5 * time.Minute, PoolIdleTimeout: time.Minute,
		DialTimeout: 5 * time.Second, MaxCalls: 65536, MaxStreams: 16384, MaxServices: 16384,

		RetryBudget: 10, RetryBudgetRatio: 0.1, RetryBudgetReserve: 0.5,

		CallOptions: CallOptions{
			RequestTimeout: 30 * time.Second, AttemptTimeout: 5 * time.Second,
			HalfCloseWait: time.Second,
			Retries:       2, BackoffBase: 50 * time.Millisecond, BackoffCap: time.Second,
		},
		methods: make(map[string][]CallOption),
		sources: make(map[string]string),
	}
	if t, err := http.New(); err == nil {
		o.Transports[t.String()] = t
	}
	for _, s := range settings() {
		o.from(s.name, sourceDefault)
	}
	return o
}

// envPrefix is put before the upper-case name of a setting to get that of its
// environment variable: MAILCALL_REQUEST_TIMEOUT=5s.
const envPrefix = "MAILCALL_"

// WithEnvironment takes settings from environment variables called MAILCALL_
// and the name of the setting in upper case: MAILCALL_REQUEST_TIMEOUT=5s.
// Options given in code win over it, wherever it stands among them.
func WithEnvironment() Option { return lowOption{sourceEnv, fromEnvironment} }

// WithFile takes settings from a JSON file, {"request_timeout":"5s"}; numbers
// and booleans may stand without quotes. Options given in code win over it,
// and it wins over the environment. A file that cannot be read, or that has
// an unknown name in it, is a fault.
func WithFile(path string) Option {
	return lowOption{sourceFile, func() (map[string]string, error) { return fromFile(path) }}
}

// lowOption is a source of settings that ranks below code.
type lowOption struct {
	source string
	read   func() (map[string]string, error)
}

// ranks are the sources in rising order of precedence.
var ranks = []string{sourceDefault, sourceEnv, sourceFile, sourceCode} //nolint:gochecknoglobals // a constant list

// applyClient does nothing: load runs before any other option is applied.
func (lowOption) applyClient(*Options) {}

func (l lowOption) load(o *Options) (faults []error) {
	values, err := l.read()
	if err != nil {
		faults = append(faults, err)
	}
	known := make(map[string]bool)
	for _, s := range settings() {
		known[s.name] = true
		value, ok := values[s.name]
		if !ok || slices.Index(ranks, o.sources[s.name]) > slices.Index(ranks, l.source) {
			continue
		}
		if s.parse == nil {
			faults = append(faults, fmt.Errorf("%s: %s can be set in code only", l.source, s.name))
			continue
		}
		if err := s.parse(o, value); err != nil {
			faults = append(faults, fmt.Errorf("%s: %s: %w", l.source, s.name, err))
			continue
		}
		o.from(s.name, l.source)
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if !known[name] {
			faults = append(faults, fmt.Errorf("%s: there is no setting called %q", l.source, name))
		}
	}
	return faults
}

func fromEnvironment() (map[string]string, error) {
	values := make(map[string]string)
	for _, s := range settings() {
		if v, ok := os.LookupEnv(envPrefix + strings.ToUpper(s.name)); ok {
			values[s.name] = v
		}
	}
	return values, nil
}

func fromFile(path string) (map[string]string, error) {
	data, err := os.ReadFile(path) //nolint:gosec // the user names it
	if err != nil {
		return nil, fmt.Errorf("file: %w", err)
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		return nil, fmt.Errorf("file: %s: %w", path, err)
	}
	values := make(map[string]string, len(raw))
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(raw)) {
		var value any
		_ = json.Unmarshal(raw[name], &value) // it was parsed before
		switch v := value.(type) {
		case string:
			values[name] = v
		case float64, bool:
			values[name] = string(raw[name])
		default:
			faults = append(faults, fmt.Errorf("file: %s: %s is %s; it must be a string, a number or a boolean", path, name, raw[name]))
		}
	}
	return values, errors.Join(faults...)
}

// check returns every fault of the options, nil if there is none.
func (o *Options) check() error {
	faults := o.CallOptions.check()
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if o.Name == "" {
		fault("option Name is empty")
	}
	if o.Codecs[o.ContentType] == nil {
		fault("option ContentType is %q; there are codecs for %s", o.ContentType, list(o.Codecs))
	}
	switch {
	case o.Transport == "":
		fault("option Transport is nil, or has no name; leave it out for http")
	case o.Transports[o.Transport] == nil:
		fault("option Transport is %q; there are %s", o.Transport, list(o.Transports))
	}
	if slices.ContainsFunc(o.Wrappers, func(w Wrapper) bool { return w == nil }) {
		fault("option Wrappers: one is nil")
	}
	if slices.ContainsFunc(o.Filters, func(f Filter) bool { return f == nil }) {
		fault("option Filters: one is nil")
	}
	for _, contentType := range slices.Sorted(maps.Keys(o.Codecs)) {
		if o.Codecs[contentType] == nil {
			fault("option Codecs: the one for %q is nil", contentType)
		}
	}
	if o.Strategy == nil {
		fault("option Strategy is nil")
	}
	for _, n := range []struct {
		name       string
		value, low int
	}{{"PoolSize", o.PoolSize, 0}, {"PoolMax", o.PoolMax, 1}, {"PoolWaiters", o.PoolWaiters, 0}, {"MaxCalls", o.MaxCalls, 1}, {"MaxStreams", o.MaxStreams, 0}, {"MaxServices", o.MaxServices, 1}} {
		if n.value < n.low {
			fault("option %s is %d; it must be at least %d", n.name, n.value, n.low)
		}
	}
	if o.DialTimeout <= 0 {
		fault("option DialTimeout is %s; it must be positive", o.DialTimeout)
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"PoolTTL", o.PoolTTL}, {"PoolIdleTimeout", o.PoolIdleTimeout}} {
		if d.value < 0 {
			fault("option %s is %s; it must not be negative", d.name, d.value)
		}
	}
	if !(o.RetryBudget >= 0 && o.RetryBudgetRatio >= 0 && o.RetryBudgetReserve >= 0) { // NaN is none of it
		fault("option RetryBudget, its ratio and its reserve are %g, %g and %g; they must be numbers and not negative",
			o.RetryBudget, o.RetryBudgetRatio, o.RetryBudgetReserve)
	}
	return errors.Join(append(faults, o.checkMethods()...)...)
}

// checkMethods returns the faults of the options of methods, but for those that
// are the client's.
func (o *Options) checkMethods() (faults []error) {
	own := o.CallOptions.check()
	for _, name := range slices.Sorted(maps.Keys(o.methods)) {
		c := o.CallOptions.clone()
		for i, m := range o.methods[name] {
			if m == nil {
				faults = append(faults, fmt.Errorf("method %s: option %d of %d is nil", name, i+1, len(o.methods[name])))
				continue
			}
			m.applyCall(&c)
		}
		for _, f := range c.check() {
			if !slices.ContainsFunc(own, func(known error) bool { return known.Error() == f.Error() }) {
				faults = append(faults, fmt.Errorf("method %s: %w", name, f))
			}
		}
	}
	return faults
}
