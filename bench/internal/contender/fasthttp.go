// SPDX-License-Identifier: Apache-2.0

package contender

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
	"google.golang.org/protobuf/proto"

	"example.com/mailcall/bench/internal/wire"
)

// fastHTTP is configured for speed as its documentation recommends: HostClient instead
// of Client, pooled requests and responses, names that are already canonical and are
// not normalised, a body that is not copied, and the last used connection first.
//
// Do has no timeout, which is fasthttp's fastest form; DoTimeout and DoDeadline set
// socket deadlines in each call. A call cannot be cancelled by its context.
type fastHTTP struct {
	client  *fasthttp.HostClient
	timeout time.Duration // of a call without a deadline; 0 is none
	fields  []rawField
	idName  []byte // nil: calls have no id
	id      atomic.Uint64
	scratch sync.Pool // of *scratch
}

// rawField is a field in the form for SetCanonical.
type rawField struct{ name, value []byte }

// scratch has the buffers that a call needs in addition to fasthttp's objects.
type scratch struct{ body, id []byte }

func newFastHTTP(c Config) (Contender, error) { return makeFastHTTP(c, 0), nil }

func newFastHTTPDeadline(c Config) (Contender, error) { return makeFastHTTP(c, c.CallTimeout), nil }

func makeFastHTTP(c Config, timeout time.Duration) *fastHTTP {
	f := &fastHTTP{
		timeout: timeout,
		client: &fasthttp.HostClient{
			Addr:                          c.Address,
			MaxConns:                      c.Callers + 16,
			MaxIdleConnDuration:           time.Hour,
			MaxIdemponentCallAttempts:     1,
			ConnPoolStrategy:              fasthttp.LIFO,
			NoDefaultUserAgentHeader:      true,
			DisableHeaderNamesNormalizing: true,
			DisablePathNormalizing:        true,
		},
	}
	for _, field := range c.fields() {
		f.fields = append(f.fields, rawField{[]byte(field.Name), []byte(field.Value)})
	}
	if !c.Plain {
		f.idName = []byte(wire.HeaderID)
	}
	f.scratch.New = func() any { return new(scratch) }
	return f
}

// Caller implements [Contender].
func (f *fastHTTP) Caller(int) (Caller, error) { return f, nil }

// Close implements [Contender].
func (f *fastHTTP) Close() error {
	f.client.CloseIdleConnections()
	return nil
}

// Call implements [Caller].
func (f *fastHTTP) Call(ctx context.Context, req, rsp proto.Message) error {
	s := f.scratch.Get().(*scratch)
	defer f.scratch.Put(s)
	var err error
	if s.body, err = (proto.MarshalOptions{}).MarshalAppend(s.body[:0], req); err != nil {
		return err
	}
	out, in := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(out)
	defer fasthttp.ReleaseResponse(in)
	out.Header.SetMethod(fasthttp.MethodPost)
	out.SetRequestURI("/")
	out.Header.SetHost(f.client.Addr)
	for i := range f.fields {
		out.Header.SetCanonical(f.fields[i].name, f.fields[i].value)
	}
	if f.idName != nil {
		s.id = strconv.AppendUint(s.id[:0], f.id.Add(1)-1, 10)
		out.Header.SetCanonical(f.idName, s.id)
	}
	out.SetBodyRaw(s.body)
	if err = f.do(ctx, out, in); err != nil {
		return err
	}
	if code := in.StatusCode(); code != fasthttp.StatusOK {
		return statusError(code)
	}
	return decode(in.Header.Peek(wire.HeaderError), in.Header.ContentType(), in.Body(), rsp)
}

func (f *fastHTTP) do(ctx context.Context, out *fasthttp.Request, in *fasthttp.Response) error {
	if deadline, ok := ctx.Deadline(); ok {
		return f.client.DoDeadline(out, in, deadline)
	}
	if f.timeout > 0 {
		return f.client.DoTimeout(out, in, f.timeout)
	}
	return f.client.Do(out, in)
}
