// SPDX-License-Identifier: Apache-2.0

package rawmux

import (
	"net"
	"sync"
)

// Server echoes frames.
type Server struct {
	ln      net.Listener
	spawn   bool
	running sync.WaitGroup
	bodies  sync.Pool // of *[]byte, for calls with their own goroutine

	mu     sync.Mutex // guards conns and closed
	conns  map[net.Conn]struct{}
	closed bool
}

// Serve starts a server on ln that answers on the goroutine that reads the connection,
// or, with spawn, on a goroutine per call.
func Serve(ln net.Listener, spawn bool) *Server {
	s := &Server{ln: ln, spawn: spawn, conns: make(map[net.Conn]struct{})}
	s.bodies.New = func() any { return new([]byte) }
	s.running.Go(s.accept)
	return s
}

// Address returns the server's address.
func (s *Server) Address() string { return s.ln.Addr().String() }

// Close closes all connections and waits for running calls.
func (s *Server) Close() error {
	err := s.ln.Close()
	s.mu.Lock()
	s.closed = true
	for conn := range s.conns {
		_ = conn.Close() // its goroutine gets the read error
	}
	s.mu.Unlock()
	s.running.Wait()
	return err
}

func (s *Server) accept() {
	for {
		conn, err := s.ln.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			_ = conn.Close()
			return
		}
		s.conns[conn] = struct{}{}
		s.running.Go(func() { s.serve(conn) })
		s.mu.Unlock()
	}
}

// serve answers until the connection ends or the peer violates the protocol.
func (s *Server) serve(conn net.Conn) {
	defer func() {
		_ = conn.Close()
		s.mu.Lock()
		delete(s.conns, conn)
		s.mu.Unlock()
	}()
	r, w := newReader(conn), newWriter(conn)
	var out []byte
	for r.fill() == nil {
		out = out[:0]
		for {
			id, body, ok, err := r.next()
			if err != nil {
				return
			}
			if !ok {
				break
			}
			if s.spawn {
				s.answer(w, id, body)
			} else {
				out = appendFrame(out, id, body)
			}
		}
		if len(out) == 0 {
			continue
		}
		if _, err := conn.Write(out); err != nil {
			return
		}
	}
}

// answer echoes one frame on its own goroutine.
func (s *Server) answer(w *writer, id uint32, body []byte) {
	kept := s.bodies.Get().(*[]byte)
	*kept = append((*kept)[:0], body...)
	s.running.Go(func() {
		_ = w.send(id, *kept, true) // the reader reports the error of the connection
		s.bodies.Put(kept)
	})
}
