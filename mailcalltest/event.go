// SPDX-License-Identifier: Apache-2.0

package mailcalltest

import (
	"context"
	"fmt"
	"net/http"

	"example.com/mailcall/metadata"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
)

// event handles a message with a topic, and reports whether the connection goes
// on.
func (s *session) event(ctx context.Context, topic string, m *transport.Message) bool {
	return s.write(s.published(ctx, topic, m))
}

// published hands an event to its subscriber. The answer is empty and repeats
// the header of the message.
func (s *session) published(ctx context.Context, topic string, m *transport.Message) *transport.Message {
	s.r.tally(func(st *Stats) { st.Events++ })
	headers := toMetadata(m.Header, s.local, s.remote)
	answer := &transport.Message{Header: m.Header}
	if subscriber := s.r.topics[topic]; subscriber != nil {
		e := Event{Topic: topic, ContentType: m.Header.Get(headType), Body: m.Body}
		err := guarded(func() error { return subscriber(metadata.NewContext(ctx, headers), e) })
		if err != nil {
			answer.Header.Set(headError, err.Error())
		}
	}
	return answer
}

// guarded calls f and turns an error or a panic into the error that go-micro sends.
func guarded(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = recovered(p)
		}
	}()
	if err := f(); err != nil {
		return rpcerr.New(rpcerr.IDServer, http.StatusInternalServerError, "subscriber error: "+err.Error())
	}
	return nil
}

// recovered returns the error with which go-micro reports a panic, if it does.
func recovered(p any) error {
	return rpcerr.New(rpcerr.IDServer, http.StatusInternalServerError, fmt.Sprintf("panic recovered: %v", p))
}
