// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"time"
)

// Server plays the server of a capture to a client under test and keeps what
// the client sends. The client need not send the captured bytes: it is taken
// to have done its turn when it has sent as many HTTP messages.
type Server struct {
	capture  *Capture
	listener net.Listener
	work     sync.WaitGroup

	mu    sync.Mutex // guards all below
	conns []net.Conn
	sent  [][]byte
	errs  []error
}

// Serve starts a server for a capture on a loopback port. The connections of
// the capture are taken as the client opens them; further ones are closed.
func Serve(c *Capture) (*Server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &Server{capture: c, listener: l}
	s.work.Add(1)
	go s.accept()
	return s, nil
}

// Address is the address to dial.
func (s *Server) Address() string { return s.listener.Addr().String() }

// Sent returns what the client has sent so far, one slice for each
// connection, in the order in which they were opened.
func (s *Server) Sent() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	sent := make([][]byte, len(s.sent))
	for i := range s.sent {
		sent[i] = bytes.Clone(s.sent[i])
	}
	return sent
}

// Drain waits until the client has closed its connections, so that Sent has all
// that it sent. The listener is closed.
func (s *Server) Drain() error {
	err := s.listener.Close()
	s.work.Wait()
	return errors.Join(append(s.errs, err)...)
}

// Close stops the server, waits for its goroutines and returns what went
// wrong on the way: a client that sent something else than HTTP, or nothing.
func (s *Server) Close() error {
	err := s.listener.Close()
	s.mu.Lock()
	for _, conn := range s.conns {
		_ = conn.Close() // unblocks its goroutine
	}
	s.mu.Unlock()
	s.work.Wait()
	return errors.Join(append(s.errs, err)...)
}

func (s *Server) accept() {
	defer s.work.Done()
	for _, number := range s.numbers() {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.conns = append(s.conns, conn)
		s.sent = append(s.sent, nil)
		at := len(s.sent) - 1
		s.mu.Unlock()
		s.work.Add(1)
		go s.serve(conn, number, at)
	}
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		_ = conn.Close() // the capture has no such connection
	}
}

// numbers are the connections of the capture in the order of their opening.
func (s *Server) numbers() []int {
	var numbers []int
	for _, step := range s.capture.Steps {
		if !slices.Contains(numbers, step.Conn) {
			numbers = append(numbers, step.Conn)
		}
	}
	return numbers
}

func (s *Server) serve(conn net.Conn, number, at int) {
	defer s.work.Done()
	defer func() { _ = conn.Close() }()
	r := NewReader(conn)
	for _, step := range s.capture.Steps {
		if step.Conn != number {
			continue
		}
		over, err := s.play(conn, r, step, at)
		if err != nil && !errors.Is(err, net.ErrClosed) {
			s.mu.Lock()
			s.errs = append(s.errs, fmt.Errorf("capture %s, connection %d, step %+v: %w", s.capture.Name, number, step, err))
			s.mu.Unlock()
		}
		if over || err != nil {
			return
		}
	}
	s.rest(r, at)
}

// play plays one step and reports whether the connection is over.
func (s *Server) play(conn net.Conn, r *bufio.Reader, step Step, at int) (bool, error) {
	if step.Close {
		if !step.FromServer {
			s.rest(r, at) // the client's turn to end it
		}
		return true, nil
	}
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return true, err
	}
	if step.FromServer {
		_, err := conn.Write(s.capture.Bytes(step))
		return false, err
	}
	messages, err := Messages(s.capture.Bytes(step))
	if err != nil {
		return true, err
	}
	for range messages {
		m, err := ReadMessage(r)
		s.keep(at, m)
		if err != nil {
			return true, err
		}
	}
	return false, nil
}

// rest keeps what the client still sends until it closes.
func (s *Server) rest(r *bufio.Reader, at int) {
	m, _ := io.ReadAll(io.LimitReader(r, maxMessage)) // the end, in order or not
	s.keep(at, m)
}

func (s *Server) keep(at int, m []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent[at] = append(s.sent[at], m...)
}
