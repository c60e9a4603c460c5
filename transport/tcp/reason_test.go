// SPDX-License-Identifier: Apache-2.0

package tcp_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp"
	"example.com/mailcall/transport/tcp/internal/frame"
	"example.com/mailcall/transport/tcp/internal/session"
)

// The reason that the peer gives with GOAWAY is in the errors of the exchanges that end
// with the connection.
func TestLostWithReason(t *testing.T) {
	for name, tc := range map[string]struct {
		code   session.Code
		reason string
		want   string
	}{
		"protocol error": {session.CodeProtocol, "you are odd", "the peer closed the connection: protocol error: you are odd: unexpected EOF"},
		"no text":        {session.CodeFlood, "", "the peer closed the connection: flood: unexpected EOF"},
		"no code":        {session.CodeNone, "bye", "the peer closed the connection: bye: unexpected EOF"},
		"nothing":        {session.CodeNone, "", "the peer closed the connection: unexpected EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			goaway := append(uvarints(1, uint64(tc.code)), tc.reason...)
			client := make(mailbox, 1)
			address := rawServer(t, rawLimits, func(r *raw) {
				_, _, _ = r.read()
				r.write(frame.Header{Type: frame.Goaway}, nil, goaway)
			})
			if _, err := dial(t, newTransport(t), address).Begin(request(nil), client, 1); err != nil {
				t.Fatal(err)
			}
			if err := client.next(t).err; !errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, transport.ErrNotSent) || !strings.HasSuffix(err.Error(), tc.want) {
				t.Errorf("client: got %v, want %q", err, tc.want)
			}

			server := make(chan error, 1)
			address = listen(t, newTransport(t), func(x transport.Incoming) { server <- x.Recv(new(transport.Message)) })
			r := rawClient(t, address, rawLimits)
			r.open(1<<32, frame.FlagStream, "")
			r.write(frame.Header{Type: frame.Goaway}, nil, goaway)
			_ = r.Close()
			if err := <-server; !errors.Is(err, io.ErrUnexpectedEOF) || !strings.HasSuffix(err.Error(), tc.want) {
				t.Errorf("server: got %v, want %q", err, tc.want)
			}
		})
	}
}

// A reason that is too long is cut between two characters.
func TestLongReason(t *testing.T) {
	long := strings.Repeat("x", 511) + "é and more"
	address := listen(t, newTransport(t), func(x transport.Incoming) {
		x.(tcp.Refuser).Refuse(tcp.Internal, 0, long)
	})
	box := make(mailbox, 1)
	if _, err := dial(t, newTransport(t), address).Begin(request(nil), box, 1); err != nil {
		t.Fatal(err)
	}
	var reset *tcp.ResetError
	if err := box.next(t).err; !errors.As(err, &reset) || reset.Reason != long[:511] {
		t.Errorf("got %v, want a reason of 511 characters", err)
	}
	address = accept(t, newTransport(t), func(a transport.Acceptor) {
		a.(tcp.Drainer).Drain(long)
		_, _ = a.Accept()
	})
	_, payload, _ := rawClient(t, address, rawLimits).read()
	if want := append(uvarints(0, 0), long[:511]...); !bytes.Equal(payload, want) {
		t.Errorf("got %q, want %q", payload, want)
	}
}

// A client whose settings are refused learns why.
func TestRefusedSettings(t *testing.T) {
	address := listen(t, newTransport(t), func(transport.Incoming) {})
	for name, tc := range map[string]struct {
		settings []byte
		want     string
	}{
		"out of range": {uvarints(1, 100), "setting 1 is 100, want 16384 to 16777216"},
		"truncated":    {uvarints(1), "the settings are truncated"},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			_ = c.SetDeadline(time.Now().Add(patience))
			hello := append([]byte(frame.Magic), 1, 1, 0, byte(len(tc.settings)))
			if _, err := c.Write(append(hello, tc.settings...)); err != nil {
				t.Fatal(err)
			}
			r := &raw{Conn: c, t: t}
			if !r.skipPreface() {
				t.Fatal("got no preface from the server")
			}
			h, payload, _ := r.read()
			if want := append(uvarints(0, uint64(session.CodeProtocol)), tc.want...); h.Type != frame.Goaway || !bytes.Equal(payload, want) {
				t.Errorf("got %s %q, want GOAWAY %q", h.Type, payload, want)
			}
			if _, _, ok := r.read(); ok {
				t.Error("got another frame, want the end")
			}
		})
	}
}
