// SPDX-License-Identifier: Apache-2.0

package mailcalltest

import (
	"context"
	"sync"

	"example.com/mailcall/transport"
)

const (
	// maxExchanges is how many exchanges run at a time on one connection. Beyond
	// that nothing is read until one ends.
	maxExchanges = 1024
	// inboxSize is how many messages of a stream may wait for its handler; beyond
	// that nothing is read from the connection. It is go-micro's value.
	inboxSize = 128
)

// session is one connection. Its goroutine reads, and each exchange runs and
// answers on a goroutine of its own.
type session struct {
	r             *Responder
	conn          transport.Conn
	local, remote string
	gone          <-chan struct{} // closed when the connection is over
	cancel        context.CancelFunc
	slots         chan struct{}
	send          sync.Mutex   // one Send at a time
	last          sync.RWMutex // read-locked from when an exchange is over until its answer is sent

	mu   sync.Mutex // guards open
	open map[string]*exchange
}

func newSession(ctx context.Context, r *Responder, conn transport.Conn, cancel context.CancelFunc) *session {
	s := &session{
		r: r, conn: conn, gone: ctx.Done(), cancel: cancel,
		slots: make(chan struct{}, maxExchanges),
		open:  map[string]*exchange{},
	}
	if p, ok := conn.(transport.Peer); ok {
		s.local, s.remote = p.LocalAddress(), p.RemoteAddress()
	}
	return s
}

func (s *session) run(ctx context.Context) {
	defer s.r.work.Done()
	defer s.end()
	if a, ok := s.conn.(transport.Acceptor); ok {
		s.accept(ctx, a)
		return
	}
	var m transport.Message
	for {
		if err := s.conn.Recv(&m); err != nil {
			return
		}
		if !s.take(ctx, keep(&m)) {
			return
		}
	}
}

// end closes the connection and ends the contexts of its handlers.
func (s *session) end() {
	s.cancel()
	_ = s.conn.Close() // the connection is over, whatever it returns
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	delete(s.r.sessions, s)
}

// take handles one message and reports whether the connection goes on.
func (s *session) take(ctx context.Context, m *transport.Message) bool {
	if topic := m.Header.Get(headTopic); topic != "" {
		return s.event(ctx, topic, m)
	}
	stream := either(m.Header, headStream)
	id := stream
	if id == "" {
		id = exact(m.Header, headID)
	}
	if x := s.find(id); x != nil {
		return x.deliver(ctx, m)
	}
	if stream != "" && m.Header.Get(headError) == endOfStream {
		s.settle()   // the stream may just have ended
		return false // the end of a stream that does not exist
	}
	return s.begin(ctx, id, m)
}

// settle waits for the answers that are being sent.
func (s *session) settle() {
	s.last.Lock()
	s.last.Unlock() //nolint:staticcheck,gocritic // to have waited is all
}

func (s *session) find(id string) *exchange {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open[id]
}

// begin starts an exchange with a free id.
func (s *session) begin(ctx context.Context, id string, m *transport.Message) bool {
	headers := toMetadata(m.Header, s.local, s.remote) // as they came
	c := chooseCodec(s.r.codecs, &m.Header)
	if c == nil {
		return s.write(unsupported(m))
	}
	select {
	case s.slots <- struct{}{}:
	case <-s.gone:
		return false
	}
	x := newExchange(s, id, m, c)
	x.headers = headers
	s.mu.Lock()
	s.open[id] = x
	s.mu.Unlock()
	s.r.work.Add(1)
	go x.run(ctx)
	return true
}

// unsupported returns the answer to an unknown content type.
func unsupported(m *transport.Message) *transport.Message {
	return &transport.Message{
		Header: transport.Header{{Name: headType, Value: typeText}},
		Body:   []byte("unsupported Content-Type: " + m.Header.Get(headType)),
	}
}

// free releases the id of x. This happens before the answer is sent, so that the
// connection is free once the client has the answer.
func (s *session) free(x *exchange) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[x.id] == x {
		delete(s.open, x.id)
		close(x.over)
	}
}

// lost reports whether the connection is over.
func (s *session) lost() bool {
	select {
	case <-s.gone:
		return true
	default:
		return false
	}
}

// write sends a message and reports whether the connection goes on.
func (s *session) write(m *transport.Message) bool {
	s.send.Lock()
	err := s.conn.Send(m)
	s.send.Unlock()
	if err != nil {
		s.end()
	}
	return err == nil
}
