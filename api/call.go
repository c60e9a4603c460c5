// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"example.com/mailcall/internal/ctxerr"
	"example.com/mailcall/rpcerr"
)

// Call implements [Client].
func (c *Caller) Call(ctx context.Context, req Request, rsp any, opts ...CallOption) error {
	cfg := c.current.Load()
	if cfg.outer != nil {
		return cfg.outer.Call(ctx, req, rsp, opts...)
	}
	return cfg.call(ctx, req, rsp, opts)
}

// core is the client that the innermost wrapper wraps.
type core struct {
	*Caller
	config *config
}

// errMaking is the error of Init in a [Wrapper] that is being called.
var errMaking = errors.New("a wrapper calls Init while it is being applied; give the options to New, or call Init later")

// Init implements [Client]. While wrappers are applied, an Init is in progress, or
// New.
func (c core) Init(opts ...Option) error {
	if c.config.making.Load() {
		return fmt.Errorf("mailcall: options: %w", errMaking)
	}
	return c.Caller.Init(opts...)
}

// Call implements [Client].
func (c core) Call(ctx context.Context, req Request, rsp any, opts ...CallOption) error {
	return c.config.call(ctx, req, rsp, opts)
}

func (cfg *config) call(ctx context.Context, req Request, rsp any, opts []CallOption) error {
	if err := checkCall(ctx, req, rsp); err != nil {
		return refuse(req, err)
	}
	m, err := cfg.method(req, opts)
	if err != nil {
		return refuse(req, err)
	}
	x, _ := cfg.caller.exchanges.Get().(*exchange)
	x.method, x.ctx, x.request, x.value = m, ctx, req, rsp
	err = cfg.caller.runtime.Desk.Do(ctx, &m.plan, x)
	if !x.kept {
		x.recycle()
	}
	return err
}

// checkCall returns an error for arguments that cannot be used.
func checkCall(ctx context.Context, req Request, rsp any) error {
	if err := checkRequest(ctx, req); err != nil {
		return err
	}
	switch {
	case isNil(req.Body()):
		return invalid("the request has no value")
	case isNil(rsp):
		return invalid("there is nothing to decode the reply into: rsp is nil")
	}
	return ctxerr.Before(ctx)
}

// checkRequest returns an error for arguments with which neither a call nor a
// stream can begin.
func checkRequest(ctx context.Context, req Request) error {
	switch {
	case ctx == nil:
		return invalid("the context is nil")
	case isNil(req):
		return invalid("the request is nil; make one with NewRequest")
	case req.Service() == "":
		return invalid("the service is empty")
	case req.Endpoint() == "":
		return invalid("the endpoint is empty; it is \"Handler.Method\"")
	}
	return nil
}

func invalid(what string) error { return fmt.Errorf("%w: %s", rpcerr.ErrInvalidArgument, what) }

// isNil reports whether v is nil or an interface that holds a nil pointer.
func isNil(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case *request:
		return v == nil
	case *Prepared:
		return v == nil
	}
	r := reflect.ValueOf(v)
	switch r.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Func, reflect.Interface, reflect.Chan:
		return r.IsNil()
	default:
		return false
	}
}

func refuse(req Request, err error) error {
	e := &rpcerr.CallError{Err: err}
	if !isNil(req) {
		e.Service, e.Endpoint = req.Service(), req.Endpoint()
	}
	return e
}
