// SPDX-License-Identifier: Apache-2.0

package api

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// setting is one option under the name that file, environment and Explain use.
// One without parse can be set in code only.
type setting struct {
	name  string
	parse func(*Options, string) error
	show  func(*Options) string
}

// settings is the table of all options, in the order of the fields of [Options].
func settings() []setting {
	return []setting{
		text("name", func(o *Options) *string { return &o.Name }),
		text("content_type", func(o *Options) *string { return &o.ContentType }),
		{"codecs", nil, func(o *Options) string { return list(o.Codecs) }},
		text("transport", func(o *Options) *string { return &o.Transport }),
		{"transports", nil, func(o *Options) string { return list(o.Transports) }},
		{"registry", nil, func(o *Options) string { return named(o.Registry) }},
		{"broker", nil, func(o *Options) string { return named(o.Broker) }},
		{"strategy", nil, func(o *Options) string { return fmt.Sprintf("%T", o.Strategy) }},
		{"filters", nil, func(o *Options) string { return strconv.Itoa(len(o.Filters)) }},
		number("pool_size", func(o *Options) *int { return &o.PoolSize }),
		number("pool_max", func(o *Options) *int { return &o.PoolMax }),
		number("pool_waiters", func(o *Options) *int { return &o.PoolWaiters }),
		duration("pool_ttl", func(o *Options) *time.Duration { return &o.PoolTTL }),
		duration("pool_idle_timeout", func(o *Options) *time.Duration { return &o.PoolIdleTimeout }),
		duration("dial_timeout", func(o *Options) *time.Duration { return &o.DialTimeout }),
		number("max_calls", func(o *Options) *int { return &o.MaxCalls }),
		number("max_streams", func(o *Options) *int { return &o.MaxStreams }),
		number("max_services", func(o *Options) *int { return &o.MaxServices }),
		fraction("retry_budget", func(o *Options) *float64 { return &o.RetryBudget }),
		fraction("retry_budget_ratio", func(o *Options) *float64 { return &o.RetryBudgetRatio }),
		fraction("retry_budget_reserve", func(o *Options) *float64 { return &o.RetryBudgetReserve }),
		{"wrappers", nil, func(o *Options) string { return strconv.Itoa(len(o.Wrappers)) }},
		{"methods", nil, func(o *Options) string { return list(o.methods) }},
		{"address", func(o *Options, s string) error {
			var addresses []string
			for a := range strings.SplitSeq(s, ",") {
				if a = strings.TrimSpace(a); a == "" {
					return fmt.Errorf("%q is no list of addresses, like a:1,b:2", s)
				}
				addresses = append(addresses, a)
			}
			o.CallOptions.Address = addresses
			return nil
		}, func(o *Options) string { return strings.Join(o.CallOptions.Address, ",") }},
		duration("request_timeout", func(o *Options) *time.Duration { return &o.CallOptions.RequestTimeout }),
		duration("attempt_timeout", func(o *Options) *time.Duration { return &o.CallOptions.AttemptTimeout }),
		duration("stream_timeout", func(o *Options) *time.Duration { return &o.CallOptions.StreamTimeout }),
		duration("half_close_wait", func(o *Options) *time.Duration { return &o.CallOptions.HalfCloseWait }),
		number("retries", func(o *Options) *int { return &o.CallOptions.Retries }),
		{"retry", nil, func(o *Options) string { return given(o.CallOptions.Retry != nil) }},
		{"backoff", nil, func(o *Options) string { return given(o.CallOptions.Backoff != nil) }},
		duration("backoff_base", func(o *Options) *time.Duration { return &o.CallOptions.BackoffBase }),
		duration("backoff_cap", func(o *Options) *time.Duration { return &o.CallOptions.BackoffCap }),
		truth("idempotent", func(o *Options) *bool { return &o.CallOptions.Idempotent }),
		duration("hedge_after", func(o *Options) *time.Duration { return &o.CallOptions.HedgeAfter }),
		truth("conn_close", func(o *Options) *bool { return &o.CallOptions.ConnClose }),
		{"call_wrappers", nil, func(o *Options) string { return strconv.Itoa(len(o.CallOptions.CallWrappers)) }},
		{"stream_wrappers", nil, func(o *Options) string { return strconv.Itoa(len(o.CallOptions.StreamWrappers)) }},
		{"header", nil, func(o *Options) string { return strconv.Itoa(len(o.CallOptions.Header)) }},
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

// parsed returns a function that parses a value and sets it. A value that cannot
// be parsed changes nothing, so that it does not cause a second fault.
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
