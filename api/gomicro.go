// SPDX-License-Identifier: Apache-2.0

package api

import (
	"time"

	"example.com/mailcall/codec"
	"example.com/mailcall/registry"
	"example.com/mailcall/transport"
)

// The options in this file have the names that go-micro gives them; each is
// another name of one that begins with With.

// ContentType is [WithDefaultContentType].
func ContentType(contentType string) Option { return WithDefaultContentType(contentType) }

// Codec is [WithCodec].
func Codec(contentType string, c codec.Codec) Option { return WithCodec(contentType, c) }

// Transport is [WithTransport].
func Transport(t transport.Transport) Option { return WithTransport(t) }

// Registry is [WithRegistry].
func Registry(r registry.Registry) Option { return WithRegistry(r) }

// PoolSize is [WithPoolSize].
func PoolSize(n int) Option { return WithPoolSize(n) }

// PoolTTL is [WithPoolTTL].
func PoolTTL(d time.Duration) Option { return WithPoolTTL(d) }

// DialTimeout is [WithDialTimeout].
func DialTimeout(d time.Duration) Option { return WithDialTimeout(d) }

// RequestTimeout is [WithRequestTimeout].
func RequestTimeout(d time.Duration) Option { return WithRequestTimeout(d) }

// StreamTimeout is [WithStreamTimeout].
func StreamTimeout(d time.Duration) Option { return WithStreamTimeout(d) }

// WithConnectionTimeout is [WithAttemptTimeout]: what go-micro bounds with it
// is one attempt.
func WithConnectionTimeout(d time.Duration) ClientCallOption { return WithAttemptTimeout(d) }

// Retries is [WithRetries].
func Retries(n int) Option { return WithRetries(n) }

// Retry is [WithRetry].
func Retry(f RetryFunc) Option { return WithRetry(f) }

// Backoff is [WithBackoff].
func Backoff(f BackoffFunc) Option { return WithBackoff(f) }

// Wrap is [WithWrapper].
func Wrap(w Wrapper) Option { return WithWrapper(w) }

// WrapCall is [WithCallWrapper].
func WrapCall(w ...CallWrapper) Option { return WithCallWrapper(w...) }

// WithSelectOption is [WithFilter].
func WithSelectOption(f ...Filter) ClientCallOption { return WithFilter(f...) }
