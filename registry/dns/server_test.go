// SPDX-License-Identifier: Apache-2.0

package dns_test

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
)

// Types of records, and response codes (RFC 1035, 2782, 3596).
const (
	typeA    = 1
	typeAAAA = 28
	typeSRV  = 33

	serverFailure = 2
	nameError     = 3
)

// server is a DNS server on a loopback socket that knows what it was told.
type server struct {
	conn net.PacketConn
	work sync.WaitGroup

	mu      sync.Mutex
	records map[string]map[uint16][][]byte // by name and type: the data
	fails   map[string]bool
	broken  map[string]uint16 // by name: the type for which it fails
	asked   int
}

func newServer(t *testing.T) *server {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{conn: conn, records: map[string]map[uint16][][]byte{}, fails: map[string]bool{}, broken: map[string]uint16{}}
	s.work.Go(func() { s.serve(t) })
	t.Cleanup(func() {
		_ = conn.Close()
		s.work.Wait()
	})
	return s
}

// resolver is Go's, asking this server whatever the machine has configured.
func (s *server) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", s.conn.LocalAddr().String())
	}}
}

func (s *server) serve(t *testing.T) {
	buf := make([]byte, 1500)
	for {
		n, from, err := s.conn.ReadFrom(buf)
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				t.Errorf("got %v, want net.ErrClosed at the end", err)
			}
			return
		}
		if _, err := s.conn.WriteTo(s.answer(buf[:n]), from); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	}
}

// answer takes the one question of a query: a header of 12 bytes, the labels
// of the name, two bytes of type and two of class.
func (s *server) answer(query []byte) []byte {
	var labels []string
	at := 12
	for query[at] != 0 {
		end := at + 1 + int(query[at])
		labels = append(labels, string(query[at+1:end]))
		at = end
	}
	kind := binary.BigEndian.Uint16(query[at+1:])
	reply := append([]byte(nil), query[:at+5]...)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	name := strings.ToLower(strings.Join(labels, "."))
	data, known := s.records[name]
	code := byte(0)
	switch {
	case s.fails[name], s.broken[name] == kind:
		code, data = serverFailure, nil
	case !known:
		code = nameError
	}
	reply[2], reply[3] = 0x84|query[2]&1, 0x80|code // an authoritative answer
	binary.BigEndian.PutUint16(reply[6:], uint16(len(data[kind])))
	binary.BigEndian.PutUint32(reply[8:], 0)
	for _, d := range data[kind] {
		reply = append(reply, 0xc0, 12) // the name in the question
		reply = binary.BigEndian.AppendUint16(reply, kind)
		reply = append(reply, 0, 1, 0, 0, 0, 30) // class IN, 30 s to live
		reply = binary.BigEndian.AppendUint16(reply, uint16(len(d)))
		reply = append(reply, d...)
	}
	return reply
}

// set gives a name its records: addresses, or "priority weight port target".
func (s *server) set(name string, values ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records[name] = map[uint16][][]byte{}
	for _, v := range values {
		kind, data := uint16(typeA), []byte(nil)
		switch v := v.(type) {
		case string:
			ip := netip.MustParseAddr(v)
			if data = ip.AsSlice(); ip.Is6() {
				kind = typeAAAA
			}
		case net.SRV:
			kind = typeSRV
			data = binary.BigEndian.AppendUint16(data, v.Priority)
			data = binary.BigEndian.AppendUint16(data, v.Weight)
			data = binary.BigEndian.AppendUint16(data, v.Port)
			for label := range strings.SplitSeq(strings.Trim(v.Target, "."), ".") {
				if label != "" {
					data = append(append(data, byte(len(label))), label...)
				}
			}
			data = append(data, 0)
		}
		s.records[name][kind] = append(s.records[name][kind], data)
	}
}

// fail says whether questions for the name end in a failure of the server.
func (s *server) fail(name string, fails bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fails[name] = fails
}

func (s *server) forget(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.records, name)
}
