// SPDX-License-Identifier: Apache-2.0

package api

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"
)

// check returns one error for all invalid options, nil if there is none.
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
	if !(o.RetryBudget >= 0 && o.RetryBudgetRatio >= 0 && o.RetryBudgetReserve >= 0) { // also true for NaN
		fault("option RetryBudget, its ratio and its reserve are %g, %g and %g; they must be numbers and not negative",
			o.RetryBudget, o.RetryBudgetRatio, o.RetryBudgetReserve)
	}
	return errors.Join(append(faults, o.checkMethods()...)...)
}

// checkMethods returns the faults in the options of methods, without those that
// the methods have inherited from the client.
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

// check returns the faults in the options of a call.
func (o *CallOptions) check() (faults []error) {
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"RequestTimeout", o.RequestTimeout}, {"AttemptTimeout", o.AttemptTimeout},
		{"StreamTimeout", o.StreamTimeout}, {"HedgeAfter", o.HedgeAfter},
		{"BackoffBase", o.BackoffBase}, {"BackoffCap", o.BackoffCap},
	} {
		if d.value < 0 {
			faults = append(faults, fmt.Errorf("option %s is %s; it must not be negative", d.name, d.value))
		}
	}
	if o.Retries < 0 || o.Retries > maxRetries {
		faults = append(faults, fmt.Errorf("option Retries is %d; it must be 0 to %d", o.Retries, maxRetries))
	}
	if o.HalfCloseWait <= 0 {
		faults = append(faults, fmt.Errorf("option HalfCloseWait is %s; it must be positive", o.HalfCloseWait))
	}
	for i, w := range o.StreamWrappers {
		if w == nil {
			faults = append(faults, fmt.Errorf("option StreamWrappers: %d of %d is nil", i+1, len(o.StreamWrappers)))
		}
	}
	for i, w := range o.CallWrappers {
		if w == nil {
			faults = append(faults, fmt.Errorf("option CallWrappers: %d of %d is nil", i+1, len(o.CallWrappers)))
		}
	}
	for i, f := range o.Filters {
		if f == nil {
			faults = append(faults, fmt.Errorf("option Filters: %d of %d is nil", i+1, len(o.Filters)))
		}
	}
	for _, f := range o.Header {
		if isProtocol(f.Name) || isFixed(f.Name) {
			faults = append(faults, fmt.Errorf("option Header: %q is the protocol's own; the client sets it where it is due", f.Name))
		}
	}
	for i, a := range o.Address {
		if a == "" {
			faults = append(faults, fmt.Errorf("option Address: %d of %d is empty", i+1, len(o.Address)))
		}
	}
	return faults
}

// maxRetries keeps the number of an attempt within 8 bits.
const maxRetries = 100

// checkFixed returns a fault for each option that differs from old and that a
// running client cannot change.
func (o *Options) checkFixed(old *Options) error {
	var faults []error
	for _, fixed := range []struct {
		name string
		same bool
	}{
		{"Name", o.Name == old.Name}, {"Registry", same(o.Registry, old.Registry)}, {"Broker", same(o.Broker, old.Broker)},
		{"MaxCalls", o.MaxCalls == old.MaxCalls}, {"MaxStreams", o.MaxStreams == old.MaxStreams},
		{"MaxServices", o.MaxServices == old.MaxServices}, {"Logger", o.Logger == old.Logger},
		{"ActorSystem", o.ActorSystem == old.ActorSystem}, {"Seed", o.Seed == old.Seed},
	} {
		if !fixed.same {
			faults = append(faults, fmt.Errorf("option %s cannot be changed any more; make a new client", fixed.name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(o.Transports)) {
		if !same(old.Transports[name], o.Transports[name]) { // the pools would mix connections of both
			faults = append(faults, fmt.Errorf("transport %q cannot be added or replaced any more; make a new client", name))
		}
	}
	return errors.Join(faults...)
}

// same compares values of the user's, which need not be comparable. Maps and
// functions are the same if they are identical; a struct that cannot be compared
// is taken to be the same.
func same(a, b any) bool {
	of := reflect.TypeOf(a)
	if of != reflect.TypeOf(b) {
		return false
	}
	if of == nil || reflect.ValueOf(a).Comparable() && reflect.ValueOf(b).Comparable() {
		return a == b
	}
	switch of.Kind() {
	case reflect.Map, reflect.Func, reflect.Slice:
		return reflect.ValueOf(a).Pointer() == reflect.ValueOf(b).Pointer()
	default:
		return true
	}
}
