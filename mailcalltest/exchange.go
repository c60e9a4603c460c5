// SPDX-License-Identifier: Apache-2.0

package mailcalltest

import (
	"bytes"
	"context"
	stdjson "encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"example.com/mailcall/codec"
	"example.com/mailcall/codec/json"
	"example.com/mailcall/codec/jsonrpc"
	"example.com/mailcall/metadata"
	"example.com/mailcall/transport"
)

// exchange is one request and its answer, or one stream.
type exchange struct {
	s           *session
	id          string             // key in the session
	opening     *transport.Message // the request, with its header completed
	contentType string
	codec       codec.Codec
	handler     Handler
	refusal     error  // why there is no handler
	rpcID       string // the id that answers repeat
	payload     []byte // the encoded value of opening
	headers     metadata.Metadata
	fault       Fault
	inbox       chan *transport.Message // later messages; nil for a unary endpoint
	over        chan struct{}           // closed when the id may be used again

	// in is the transport's exchange, nil if the transport has none; concluded
	// says that its stream ended normally.
	in        transport.Incoming
	concluded bool
}

func newExchange(s *session, id string, m *transport.Message, c codec.Codec) *exchange {
	x := &exchange{
		s: s, id: id, opening: m, codec: c,
		contentType: m.Header.Get(headType),
		over:        make(chan struct{}),
	}
	x.route()
	x.admit()
	return x
}

// admit counts the exchange and takes the fault that applies to it.
func (x *exchange) admit() {
	s := x.s
	if x.refusal != nil {
		s.r.tally(func(st *Stats) { st.Unknown++ })
		return
	}
	if x.handler.serve != nil && x.in == nil {
		x.inbox = make(chan *transport.Message, inboxSize)
	}
	x.fault = s.r.faults.next(onRequest)
	s.r.count(x.handler.name, func(e *EndpointStats) { e.Calls++ })
	if x.fault.kind != kindNone {
		s.r.tally(func(st *Stats) { st.Faults++ })
	}
}

// route finds the handler by the header, else by the envelope.
func (x *exchange) route() {
	envelope, payload, err := open(x.codec, x.opening)
	if err != nil {
		x.refusal = err
		return
	}
	x.rpcID, x.payload = envelope.ID, payload
	x.routeTo(envelope.Method)
}

// routeTo finds the handler; method is the one named in the envelope.
func (x *exchange) routeTo(method string) {
	endpoint := x.opening.Header.Get(headEndpoint)
	for _, other := range [...]string{x.opening.Header.Get(headMethod), method} {
		if endpoint == "" {
			endpoint = other
		}
	}
	x.handler, x.refusal = x.s.r.find(endpoint)
}

// open removes the envelope from a message, if its codec has one.
func open(c codec.Codec, m *transport.Message) (codec.Envelope, []byte, error) {
	enveloper, ok := c.(codec.Enveloper)
	if !ok {
		return codec.Envelope{ID: exact(m.Header, headID)}, m.Body, nil
	}
	if len(m.Body) == 0 {
		return codec.Envelope{}, nil, io.EOF
	}
	envelope, payload, err := enveloper.ReadRequest(m.Body)
	if err != nil {
		if _, is := c.(jsonrpc.Codec); is && errors.Is(firstOf(m.Body, new(stdjson.RawMessage)), io.ErrUnexpectedEOF) {
			return codec.Envelope{}, nil, io.ErrUnexpectedEOF
		}
		return codec.Envelope{}, nil, errors.New("rpc: router cannot decode request: " + bare{err}.Error())
	}
	return envelope, payload, nil
}

// find returns the handler of an endpoint, or the router's error.
func (r *Responder) find(endpoint string) (Handler, error) {
	service, method, dotted := strings.Cut(endpoint, ".")
	if !dotted || strings.Contains(method, ".") {
		return Handler{}, errors.New("rpc: service/endpoint request ill-formed: " + endpoint)
	}
	if h, ok := r.handlers[endpoint]; ok {
		return h, nil
	}
	for name := range r.handlers {
		if strings.HasPrefix(name, service+".") {
			return Handler{}, errors.New("rpc: can't find method " + method)
		}
	}
	return Handler{}, errors.New("rpc: can't find service " + service)
}

// deliver handles a further message with the same id. The handler of a stream
// gets it; for a unary call it is dropped.
func (x *exchange) deliver(ctx context.Context, m *transport.Message) bool {
	if x.handler.serve == nil {
		x.s.r.tally(func(st *Stats) { st.Swallowed++ })
		return true
	}
	select {
	case x.inbox <- m:
	case <-x.over:
		return x.s.take(ctx, m) // the id is free: this is a new exchange
	case <-x.s.gone:
		return false
	}
	return true
}

func (x *exchange) run(session context.Context) {
	defer x.s.r.work.Done()
	defer func() { <-x.s.slots }()
	if x.refusal != nil {
		x.finish(x.failed(x.refusal))
		return
	}
	ctx, cancel := x.context(session)
	defer cancel()
	answer, proceed := x.inject()
	if proceed {
		answer = x.perform(ctx)
	}
	x.finish(answer)
}

// finish frees the id and sends the answer, if there is one and the client is
// still connected.
func (x *exchange) finish(answer *transport.Message) {
	if x.in != nil {
		x.conclude(answer)
		return
	}
	x.s.last.RLock()
	defer x.s.last.RUnlock()
	x.s.free(x)
	if x.s.lost() {
		if x.handler.unary != nil {
			x.s.r.count(x.handler.name, func(e *EndpointStats) { e.Abandoned++ })
		}
		return
	}
	if answer != nil {
		x.send(answer)
	}
}

// context returns the handler's context, with the header and the deadline.
func (x *exchange) context(session context.Context) (context.Context, context.CancelFunc) {
	ctx := metadata.NewContext(session, x.headers)
	ns, err := strconv.ParseInt(x.opening.Header.Get(headTimeout), 10, 64)
	if err != nil || ns < 0 {
		return context.WithCancel(ctx) // go-micro ignores a Timeout that is not a number
	}
	timeout := time.Duration(ns)
	x.s.r.count(x.handler.name, func(e *EndpointStats) { e.Timeouts++; e.LastTimeout = timeout })
	return context.WithTimeout(ctx, timeout)
}

// perform runs the handler and returns its answer, nil for none.
func (x *exchange) perform(ctx context.Context) (answer *transport.Message) {
	r, name := x.s.r, x.handler.name
	r.count(name, func(e *EndpointStats) { e.Handled++ })
	defer func() {
		if p := recover(); p != nil {
			r.count(name, func(e *EndpointStats) { e.Panics++ })
			answer = x.panicked(p)
		}
	}()
	if x.handler.serve != nil {
		return x.stream(ctx)
	}
	value, err := x.handler.unary(ctx, x.decode)
	if err != nil {
		r.count(name, func(e *EndpointStats) { e.Errors++ })
		return x.failed(err)
	}
	return x.replied(value)
}

// panicked returns the answer for a handler that has panicked: none, except over
// gRPC, as in go-micro.
func (x *exchange) panicked(p any) *transport.Message {
	if _, is := x.in.(native); is {
		return x.failed(recovered(p))
	}
	return nil
}

// decode decodes the request for the handler. An empty body leaves v unchanged.
func (x *exchange) decode(v any) error {
	return decode(x.codec, x.opening.Body, x.payload, v)
}

func decode(c codec.Codec, body, payload []byte, v any) error {
	if len(body) == 0 || codec.SetFrame(v, body) || len(payload) == 0 {
		return nil
	}
	err := c.Unmarshal(payload, v)
	if _, is := c.(json.Codec); is && err != nil {
		var first stdjson.RawMessage
		if err := firstOf(payload, &first); err != nil {
			return err
		}
		err = c.Unmarshal(first, v)
	}
	if err != nil {
		return bare{err}
	}
	return nil
}

// firstOf reads the first JSON value of data. A go-micro server reads a stream: it
// does not read what follows, and truncated data is an unexpected EOF.
func firstOf(data []byte, value *stdjson.RawMessage) error {
	return stdjson.NewDecoder(bytes.NewReader(data)).Decode(value)
}

// bare is a decoding error without the text that the codec has added, as go-micro
// sends it.
type bare struct{ error }

// Error returns the text of the innermost error. Protobuf's errors wrap a generic
// one, which is not meant.
func (b bare) Error() string {
	inner := b.error
	for next := errors.Unwrap(inner); next != nil && next != proto.Error; next = errors.Unwrap(inner) { //nolint:errorlint // errors that wrap it are wanted
		inner = next
	}
	return inner.Error()
}

// Unwrap returns the codec's error.
func (b bare) Unwrap() error { return b.error }
