// SPDX-License-Identifier: Apache-2.0

package session_test

import (
	"encoding/binary"
	"fmt"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp/internal/session"
)

type clientSide world

func (w *clientSide) Reply(_ transport.Receiver, token uint64, header transport.Header, body []byte, _ bool) {
	c := w.calls[token]
	if c == nil || c.done || c.cancelled || len(body) != c.size || binary.BigEndian.Uint64(body) != token {
		(*world)(w).failf("call %d: got a reply of %d bytes: %.8x", token, len(body), body)
		return
	}
	if header.Get("Content-Type") != "application/json" {
		(*world)(w).failf("call %d: got the header %v", token, header)
	}
	c.done = true
}

func (w *clientSide) Failed(_ transport.Receiver, token uint64, err error) {
	c := w.calls[token]
	if c == nil || c.done || c.cancelled || err == nil {
		(*world)(w).failf("call %d: failed when it was over: %v", token, err)
		return
	}
	c.done = true
}

func (w *clientSide) Item(st *session.Stream, it session.Item) { (*world)(w).item(st, it) }

func (w *clientSide) Ended(st *session.Stream, _ transport.Header) {
	st.Owner.(*simStream).ended = true
}

func (w *clientSide) Broke(st *session.Stream, err error) {
	(*world)(w).failf("stream %#x broke: %v", st.ID, err)
}

func (w *clientSide) Credited(*session.Stream) {}

func (w *world) item(st *session.Stream, it session.Item) {
	if !it.Owned {
		it.Body = append([]byte(nil), it.Body...)
	}
	s := st.Owner.(*simStream)
	s.items = append(s.items, it)
	s.ended = s.ended || it.End
}

type serverSide world

func (w *serverSide) Opened(o *session.Opening) *session.Stream {
	h := o.Block.Header()
	if h.Get("Content-Type") != "application/json" || len(h.Get("Micro-Endpoint")) != len("Greeter.0") {
		(*world)(w).failf("%#x: got the header %v", o.ID, h)
	}
	if o.Unary {
		a := &asked{st: &session.Stream{}, id: o.ID, body: append([]byte(nil), o.Body...)}
		if got, want := h.Get("Micro-ID"), fmt.Sprint(binary.BigEndian.Uint64(a.body)); got != want {
			(*world)(w).failf("%#x: got the id %s, want %s", o.ID, got, want)
		}
		w.asked = append(w.asked, a)
		return a.st
	}
	s := &simStream{id: o.ID}
	s.st.Owner = s
	w.serving = append(w.serving, s)
	return &s.st
}

func (w *serverSide) Item(st *session.Stream, it session.Item) { (*world)(w).item(st, it) }

func (w *serverSide) Ended(st *session.Stream, _ transport.Header) {
	st.Owner.(*simStream).ended = true
}

func (w *serverSide) Broke(st *session.Stream, _ error) {
	if s, ok := st.Owner.(*simStream); ok {
		s.broke, s.closed, s.items, s.out, s.sending = true, true, nil, nil, nil
		(*world)(w).server.Release(st)
		return
	}
	for i, a := range w.asked {
		if a.st == st {
			w.asked = append(w.asked[:i], w.asked[i+1:]...)
			return
		}
	}
}

func (w *serverSide) Credited(*session.Stream) {}
