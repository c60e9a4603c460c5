// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unsafe" //nolint:depguard // see digits: two allocations a call less

	"example.com/mailcall/codec"
	"example.com/mailcall/messages"
	"example.com/mailcall/metadata"
	"example.com/mailcall/registry"
	"example.com/mailcall/transport"
)

// exchange is what the face knows about one call: how its request is written
// and what a reply means. It implements caller.Exchange.
type exchange struct {
	method  *method
	ctx     context.Context //nolint:containedctx // the exchange is one call and ends with it
	request Request
	value   any
	kept    bool

	body    *room  // the encoded request, nil if it is not there
	unfit   error  // why there is none, where a legacy node may take the value all the same
	oldBody []byte // the same for a legacy node, if one was met
	payload []byte // the reply's value, out of its envelope
	form    *form  // in which the reply came
	next    int64  // the next Micro-Id, and the end of those set aside
	end     int64
	asked   []int64  // the ids in the envelopes of this call's requests
	numbers *numbers // of the request that is written now
	own     numbers
}

// numbers are those of a request's header that change from one to the next.
type numbers struct{ id, timeout digits }

func newExchange() any {
	x := new(exchange)
	x.numbers = &x.own
	return x
}

// maxKept is how large a buffer may be to be kept for the next call.
const maxKept = 1 << 20

// recycle gives the exchange back for another call.
func (x *exchange) recycle() {
	x.letGo()
	x.oldBody, x.payload = nil, nil
	x.asked = x.asked[:0]
	x.ctx, x.request, x.value = nil, nil, nil
	if x.unfit != nil {
		x.unfit = nil
	}
	x.method.config.caller.exchanges.Put(x)
}

// letGo gives the encoded request's memory back.
func (x *exchange) letGo() {
	if x.body == nil {
		return
	}
	x.body.Return()
	x.body = nil
}

// Sent implements caller.Exchange.
func (x *exchange) Sent(taken bool) {
	if taken {
		x.body = nil
	}
	x.letGo()
}

// room is memory for an encoded request, and a [transport.Loan] of it.
type room struct {
	bytes []byte
	pool  *sync.Pool // nil: the memory is not ours to use again
}

// room returns one to encode into. What a codec returns that does not append
// may be the caller's own memory.
func (cfg *config) room(f *form) *room {
	if f.appender == nil {
		return new(room)
	}
	r, _ := cfg.caller.bodies.Get().(*room)
	return r
}

// Return implements [transport.Loan].
func (r *room) Return() {
	if r.pool != nil && cap(r.bytes) <= maxKept {
		r.pool.Put(r)
	}
}

// briefBody is how long a protobuf message may be that was encoded in no time
// worth a look at the clock: that takes some microseconds.
const briefBody = 4 << 10

// Encode implements caller.Exchange. What it writes is for nodes of today, and
// written again if the first attempt has let go of it.
func (x *exchange) Encode() (brief bool, err error) {
	f := &x.method.wire
	if f.enveloper != nil {
		return true, nil // the envelope has an id, which changes with each attempt
	}
	body := x.method.config.room(f)
	encoded, err := f.encode(body.bytes, x.request.Body())
	if err == nil {
		body.bytes = encoded
		x.body = body
		return f.protobuf && len(encoded) <= briefBody, nil
	}
	if f.missing != nil || x.method.old.enveloper != nil && x.method.contentType == octetStream {
		x.unfit, err = err, nil // another node may take it in another form, see Fill
	}
	return false, err
}

// Fill implements caller.Exchange.
func (x *exchange) Fill(ctx context.Context, m *transport.Message, node *messages.Node, remaining time.Duration) error {
	f := x.formFor(node)
	if f.missing != nil {
		return f.missing
	}
	number := x.nextID()
	id := x.numbers.id.write(number)
	addMetadata(ctx, m, f.header)
	m.Header = append(m.Header, f.header...)
	m.Header = append(m.Header, x.method.options.Header...)
	if !f.native {
		m.Header.Add("Micro-ID", id)
	}
	if x.method.options.ConnClose && node.Transport == overHTTP {
		m.Header.Add("Connection", "close")
	}
	m.Brief = f.native && x.method.options.ReplyHeader == nil && x.method.options.ReplyTrailer == nil
	if remaining > 0 {
		m.Header.Add("Timeout", x.numbers.timeout.write(int64(f.round(remaining))))
	}
	var err error
	switch {
	case f.enveloper != nil:
		x.asked = append(x.asked, number)
		x.oldBody, err = f.envelop(codec.Envelope{ID: id, Method: x.request.Endpoint()}, x.request.Body())
		m.Body = x.oldBody
	case f.codecKey == x.method.wire.codecKey:
		if m.Body, err = x.encoded(); x.body != nil && x.body.pool != nil && !x.kept {
			m.Loan = x.body
		}
		m.Body = f.framed(m.Body, x.request.Body())
	default:
		x.oldBody, err = f.encode(nil, x.request.Body())
		m.Body = x.oldBody
	}
	return err
}

// encoded is the request without an envelope.
func (x *exchange) encoded() ([]byte, error) {
	if x.body == nil && x.unfit == nil {
		if _, err := x.Encode(); err != nil {
			return nil, err
		}
	}
	if x.body == nil {
		return nil, x.unfit
	}
	return x.body.bytes, nil
}

// idBlock is how many ids an exchange sets aside at once: the counter is
// shared by all callers, and each look at it takes it away from another
// processor.
const idBlock = 16

// nextID returns a Micro-Id: unique for the client, from 0, in order for who
// calls alone.
func (x *exchange) nextID() int64 {
	if x.next == x.end {
		x.end = x.method.config.caller.ids.Add(idBlock)
		x.next = x.end - idBlock
	}
	x.next++
	return x.next - 1
}

// issued reports whether a request of this client may have had the id. Which
// connection it was on is the transport's to know, see [transport.Numbering].
func (x *exchange) issued(id string) bool {
	n, err := strconv.ParseInt(id, 10, 64)
	return err == nil && n >= 0 && (n < x.next || n < x.method.config.caller.ids.Load())
}

// mine reports whether the id of a reply's envelope is that of a request of this
// call. An error reply has lost it, and 0 is not written in all envelopes.
func (x *exchange) mine(id string) bool {
	if id == "" || id == "0" {
		return true
	}
	n, err := strconv.ParseInt(id, 10, 64)
	return err == nil && slices.Contains(x.asked, n)
}

// answeredID is the id of the request that a reply says it answers, "" where
// it does not say. Over HTTP, which spells the name Micro-Id, it never does:
// that field is the echo of the connection's first request (go-micro wire,
// sections 2 and 3.2).
func answeredID(h transport.Header) string {
	for i := range h {
		if h[i].Name == "Micro-ID" {
			return h[i].Value
		}
	}
	return ""
}

func (x *exchange) formFor(node *messages.Node) *form {
	return x.method.formFor(node)
}

// addMetadata adds what the context says, but for what the protocol sets.
func addMetadata(ctx context.Context, m *transport.Message, fixed transport.Header) {
	md, ok := metadata.FromContext(ctx)
	if !ok {
		return
	}
	at := len(m.Header)
	for name, value := range md {
		if !reserved(name, fixed) {
			m.Header.Add(name, value)
		}
	}
	// A wire that knows the header of the call before may send a word for it.
	slices.SortFunc(m.Header[at:], func(a, b transport.Field) int { return strings.Compare(a.Name, b.Name) })
}

// reserved reports whether metadata must not set the field: what the protocol
// sets wins. A topic would make an event of the call, a stream's id a part of a
// stream, and an error text would come back in every answer of the connection.
// Who calls from a handler with the metadata that came in has all of them.
func reserved(name string, fixed transport.Header) bool {
	if isProtocol(name) {
		return true
	}
	_, is := fixed.Lookup(name)
	return is
}

// isProtocol reports whether the field makes something else of a request.
func isProtocol(name string) bool {
	for _, own := range [...]string{"Micro-Topic", "Micro-ID", "Timeout", "Micro-Stream", "Micro-Error"} {
		if len(name) == len(own) && strings.EqualFold(name, own) {
			return true
		}
	}
	return false
}

// Judge implements caller.Exchange.
func (x *exchange) Judge(m *transport.Message, node *messages.Node, told error) error {
	x.method.options.show(m.Header, m.Trailer)
	if told != nil {
		return told
	}
	x.form = x.formFor(node)
	const shown = 64
	own := x.ownEnvelope()
	if !x.form.native && !own {
		if id := answeredID(m.Header); id != "" && !x.issued(id) {
			return fmt.Errorf("%w: %s answered request %.*q, which nobody made", transport.ErrProtocol, node.Address, shown, id)
		}
	}
	payload, id, err := x.form.open(m, node.Address, x.value, false)
	if !own && !x.mine(id) {
		return fmt.Errorf("%w: %s answered request %.*q in place of this one", transport.ErrProtocol, node.Address, shown, id)
	}
	x.payload = payload
	return err
}

// ownEnvelope reports whether the request is a frame that has brought its
// envelope along, with an id that was not given here.
func (x *exchange) ownEnvelope() bool {
	if x.form.enveloper == nil {
		return false
	}
	_, is := codec.FrameOf(x.request.Body())
	return is
}

// show gives the caller the header and the trailer of the reply that were asked
// for.
func (o *CallOptions) show(header, trailer transport.Header) {
	if o.ReplyHeader != nil {
		*o.ReplyHeader = header.Clone()
	}
	if o.ReplyTrailer != nil {
		*o.ReplyTrailer = trailer.Clone()
	}
}

// Decode implements caller.Exchange.
func (x *exchange) Decode(m *transport.Message) error { return x.form.decode(x.payload, x.value, m) }

// Retry implements caller.Exchange.
func (x *exchange) Retry(n int, failure error) (messages.Wish, time.Duration, error) {
	o := &x.method.options
	wish, wait := messages.NoWish, time.Duration(-1)
	if o.Retry != nil {
		again, err := o.Retry(x.ctx, x.request, n-1, failure)
		if err != nil {
			return 0, 0, fmt.Errorf("retry function: %w", err)
		}
		wish = messages.WantStop
		if again {
			wish = messages.WantRetry
		}
	}
	if o.Backoff != nil {
		d, err := o.Backoff(x.ctx, x.request, n)
		if err != nil {
			return 0, 0, fmt.Errorf("backoff function: %w", err)
		}
		wait = max(d, 0)
	}
	return wish, wait, nil
}

// Wrap implements caller.Exchange.
func (x *exchange) Wrap(node *messages.Node, do func(context.Context) error) error {
	next := func(ctx context.Context, _ *registry.Node, _ Request, _ any, _ CallOptions) error { return do(ctx) }
	wrappers := x.method.options.CallWrappers
	for _, wrap := range slices.Backward(wrappers) {
		next = wrap(next)
	}
	return next(x.ctx, node.Record().Node, x.request, x.value, x.method.options.clone())
}

// Keep implements caller.Exchange. The numbers of the request are among its
// bytes: another attempt writes its own elsewhere.
func (x *exchange) Keep() {
	x.kept = true
	x.numbers = new(numbers)
}

// digits is room for a decimal number. What write returns lies in it: it is
// valid until the next write, which is long enough, because transports keep
// nothing of a message after Send.
type digits [20]byte

func (d *digits) write(n int64) string {
	b := strconv.AppendInt(d[:0], n, 10)
	return unsafe.String(&b[0], len(b)) //nolint:gosec // see the type
}
