// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"fmt"
	"io"
	"net"
	"time"
)

// patience is how long a read or write may take before the other side counts
// as hung. The longest answer in the captures takes 300 ms.
const patience = 10 * time.Second

// Session is what a replay leaves: the bytes that came and the connections,
// still open.
type Session struct {
	// Got is every byte from the server up to the length of the captured
	// response, in the order of the capture.
	Got []byte
	// Conns are the connections by their number in the capture.
	Conns map[int]net.Conn
}

// Close closes the connections.
func (s *Session) Close() {
	for _, conn := range s.Conns {
		_ = conn.Close() // the replay is over
	}
}

// Replay plays the client: it sends each run of bytes after the bytes of the
// server before it have arrived, on as many connections as the capture has,
// and closes none of them. The error says which step failed; the session is
// returned with it and has what came until then.
func (c *Capture) Replay(dial func() (net.Conn, error)) (*Session, error) {
	s := &Session{Conns: map[int]net.Conn{}}
	for i, step := range c.Steps {
		if step.Close {
			continue // nothing is closed before all answers are there
		}
		conn, err := s.conn(step.Conn, dial)
		if err == nil {
			err = s.play(conn, c, step)
		}
		if err != nil {
			return s, fmt.Errorf("capture %s, step %d (%+v): %w", c.Name, i+1, step, err)
		}
	}
	return s, nil
}

func (s *Session) conn(number int, dial func() (net.Conn, error)) (net.Conn, error) {
	if conn := s.Conns[number]; conn != nil {
		return conn, nil
	}
	conn, err := dial()
	if err != nil {
		return nil, err
	}
	s.Conns[number] = conn
	return conn, nil
}

func (s *Session) play(conn net.Conn, c *Capture, step Step) error {
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if !step.FromServer {
		_, err := conn.Write(c.Bytes(step))
		return err
	}
	got := make([]byte, step.Len)
	n, err := io.ReadFull(conn, got)
	s.Got = append(s.Got, got[:n]...)
	return err
}
