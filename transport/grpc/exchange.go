// SPDX-License-Identifier: Apache-2.0

package grpc

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"example.com/mailcall/transport"
)

// call has the memory that one exchange needs; it is pooled. It is the loan of the
// reply's body.
type call struct {
	box

	t    *Transport
	kv   []string
	opts []grpc.CallOption // the last one sets the subtype

	header, trailer metadata.MD
	extras          [2]option // they set header and trailer
}

func newCall(t *Transport) *call {
	x := &call{t: t}
	x.opts = t.config.callOptions()
	for i := range x.extras {
		x.opts = append(x.opts, &x.extras[i])
	}
	x.opts = append(x.opts, grpc.EmptyCallOption{})
	return x
}

// option is a call option that can be replaced while its call runs.
type option struct{ grpc.CallOption }

// keptRoom is the largest memory of a reply that is pooled, in bytes.
const keptRoom = 1 << 20

// Return implements [transport.Loan]. It returns the call to the pool.
func (x *call) Return() {
	if x.held != nil {
		x.held.Free()
	}
	if x.room != nil && cap(*x.room) <= keptRoom {
		x.t.rooms.Put(x.room)
	}
	clear(x.kv)
	x.box, x.kv = box{}, x.kv[:0]
	x.header, x.trailer = nil, nil
	x.t.calls.Put(x)
}

// Exchange implements [transport.Parallel]. It runs on the caller's goroutine only. It
// reuses the memory of reply's header and trailer.
func (c *conn) Exchange(ctx context.Context, deadline time.Time, request, reply *transport.Message) error {
	x := c.t.calls.Get().(*call)
	defer func() {
		if reply.Loan == nil {
			x.Return()
		}
	}()
	reply.Body, reply.Loan = nil, nil
	r, kv, err := c.prepare(request, x.kv)
	x.kv = kv
	if err != nil {
		return err
	}
	if err := c.begin(); err != nil {
		return err
	}
	defer c.end()

	inner := ctx
	if !deadline.IsZero() && !endsBefore(ctx, deadline) {
		bound, cancel := context.WithDeadline(ctx, deadline)
		defer cancel()
		inner = bound
	}
	x.out, x.loan, x.rooms = request.Body, request.Loan, &c.t.rooms
	x.opts[len(x.opts)-1] = r.subtype
	x.extras[0].CallOption, x.extras[1].CallOption = grpc.Header(&x.header), grpc.Trailer(&x.trailer)
	if request.Brief {
		x.spare = &x.extras[0] // not the trailer: an error may follow the message, and judge needs it
	}
	err = c.cc.Invoke(metadata.AppendToOutgoingContext(inner, x.kv...), r.path, &x.box, &x.box, x.opts...)
	request.Loan = x.loan
	reply.Header, reply.Trailer = reply.Header[:0], reply.Trailer[:0]
	if err == nil {
		c.received()
		reply.Body, reply.Loan = x.in, x
		if request.Brief {
			return nil
		}
	}
	reply.Header, reply.Trailer = answerFields(reply.Header, reply.Trailer, x.header, x.trailer)
	if err != nil {
		headed := x.came || len(x.header) > 0
		return c.judge(err, &verdict{ctx: ctx, deadline: deadline, begun: x.begun, headed: headed, trailer: x.trailer, kv: x.kv})
	}
	return nil
}

// endsBefore reports whether ctx ends before deadline anyway.
func endsBefore(ctx context.Context, deadline time.Time) bool {
	end, ok := ctx.Deadline()
	return ok && !end.After(deadline)
}

// prepare returns the route and the metadata of a request, or the error of a request
// that cannot be sent.
func (c *conn) prepare(m *transport.Message, kv []string) (*route, []string, error) {
	key, kv := splitHeader(m.Header, kv[:0])
	r, err := c.t.routes.of(key)
	if err != nil {
		return nil, kv, transport.NotSent(fmt.Errorf("grpc transport: %s: %w", c.address, err))
	}
	if r.contentType != "" {
		kv = append(kv, metaXType, r.contentType)
	}
	if limit := c.t.config.maxMessage; len(m.Body) > limit {
		return nil, kv, transport.NotSent(c.tooLarge("request", len(m.Body), limit))
	}
	return r, kv, nil
}

func (c *conn) tooLarge(what string, size, limit int) error {
	return fmt.Errorf("grpc transport: %s: %s of %d bytes: %w, the limit is %d (WithMaxMessage)", c.address, what, size, transport.ErrTooLarge, limit)
}

// answerFields fills the header and the trailer of a reply. An answer that consists of
// a trailer only has its content type there; the details of its status are in the
// error.
func answerFields(h, t transport.Header, header, trailer metadata.MD) (transport.Header, transport.Header) {
	h = appendFields(h, header)
	if len(header) == 0 {
		if v := trailer[metaType]; len(v) > 0 {
			h = append(h, transport.Field{Name: headType, Value: v[0]})
		}
	}
	return h, appendFields(t, trailer, metaType, metaDetails)
}
