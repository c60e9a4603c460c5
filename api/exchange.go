// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"fmt"
	"slices"
	"time"

	"example.com/mailcall/codec"
	"example.com/mailcall/messages"
	"example.com/mailcall/registry"
	"example.com/mailcall/transport"
)

// exchange is what this package knows about one call: how its request is written
// and what a reply means. It implements caller.Exchange.
type exchange struct {
	method  *method
	ctx     context.Context //nolint:containedctx // the exchange is one call and ends with it
	request Request
	value   any
	kept    bool

	body    *buffer // the encoded request, nil if there is none
	unfit   error   // why it could not be encoded, if a legacy node may still accept the value
	oldBody []byte  // the request as encoded for a legacy node, if there was one
	payload []byte  // the reply's value, without its envelope
	form    *form   // the form of the reply
	next    int64   // the next Micro-Id; end is the end of the reserved block
	end     int64
	asked   []int64  // the ids in the envelopes of this call's requests
	numbers *numbers // those of the request that is being written
	own     numbers
}

func newExchange() any {
	x := new(exchange)
	x.numbers = &x.own
	return x
}

// recycle returns the exchange to the pool for another call.
func (x *exchange) recycle() {
	x.letGo()
	x.oldBody, x.payload = nil, nil
	x.asked = x.asked[:0]
	x.ctx, x.request, x.value = nil, nil, nil
	x.unfit = nil
	x.method.config.caller.exchanges.Put(x)
}

// letGo releases the memory of the encoded request.
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

// briefBody is up to which size encoding a protobuf message takes too little
// time, a few microseconds, to be worth reading the clock again.
const briefBody = 4 << 10

// Encode implements caller.Exchange. It encodes the request for current nodes. If
// the memory was released after the first attempt, Fill encodes it again.
func (x *exchange) Encode() (brief bool, err error) {
	f := &x.method.wire
	if f.enveloper != nil {
		return true, nil // the envelope contains an id, which differs in each attempt
	}
	body := x.method.config.buffer(f)
	encoded, err := f.encode(body.bytes, x.request.Body())
	if err == nil {
		body.bytes = encoded
		x.body = body
		return f.protobuf && len(encoded) <= briefBody, nil
	}
	if f.missing != nil || x.method.old.enveloper != nil && x.method.contentType == octetStream {
		x.unfit, err = err, nil // another kind of node may accept it, see Fill
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

// encoded returns the request without an envelope.
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

func (x *exchange) formFor(node *messages.Node) *form {
	return x.method.formFor(node)
}

// ReplyError implements caller.Exchange.
func (x *exchange) ReplyError(m *transport.Message, node *messages.Node, told error) error {
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

// ownEnvelope reports whether the request is a frame that contains its envelope,
// with an id that was not assigned here.
func (x *exchange) ownEnvelope() bool {
	if x.form.enveloper == nil {
		return false
	}
	_, is := codec.FrameOf(x.request.Body())
	return is
}

// show stores the header and the trailer of the reply where the caller has asked
// for them.
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

// Keep implements caller.Exchange. The request's numbers are among the bytes that
// may still be read, so another attempt writes its own to new memory.
func (x *exchange) Keep() {
	x.kept = true
	x.numbers = new(numbers)
}
