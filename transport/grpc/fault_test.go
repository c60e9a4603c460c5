// SPDX-License-Identifier: Apache-2.0

package grpc_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
)

// proof is what an error says about whether the request was sent.
type proof string

const (
	answered proof = "answered"
	notSent  proof = "not sent"
	unknown  proof = "unknown"
)

func proofOf(err error) proof {
	switch {
	case errors.Is(err, transport.ErrAnswered):
		return answered
	case errors.Is(err, transport.ErrNotSent):
		return notSent
	default:
		return unknown
	}
}

// faults are the ways in which a server may fail after it has read a request.
var faults = []struct {
	name  string
	serve func(p *peer)
	proof proof
	match error // nil: any
	text  string
}{
	{"answer without a header", func(p *peer) {
		p.headers(true, ":status", "200", "content-type", "application/grpc", "grpc-status", "14", "grpc-message", "error reading from server: EOF")
	}, answered, nil, "error reading from server: EOF"},
	{"answer after a header", func(p *peer) {
		p.header()
		p.headers(true, "grpc-status", "5", "grpc-message", "none")
	}, answered, nil, "none"},
	{"answer after a header, with a trailer", func(p *peer) {
		p.header()
		p.headers(true, "grpc-status", "14", "grpc-message", "busy", "x", "y")
	}, answered, nil, "busy"},
	{"invalid UTF-8 in grpc-message", func(p *peer) {
		p.headers(true, ":status", "200", "content-type", "application/grpc", "grpc-status", "13", "grpc-message", "bad %FF%FE text%")
	}, answered, nil, "bad"},
	{"closed", func(p *peer) { _ = p.raw.Close() }, unknown, nil, ""},
	{"closed after a header", func(p *peer) { p.header(); _ = p.raw.Close() }, unknown, nil, ""},
	{"reset", func(p *peer) { _ = p.framer.WriteRSTStream(1, http2.ErrCodeInternal) }, unknown, nil, "INTERNAL_ERROR"},
	{"reset after a header", func(p *peer) {
		p.header()
		_ = p.framer.WriteRSTStream(1, http2.ErrCodeInternal)
	}, unknown, nil, "INTERNAL_ERROR"},
	{"cancelled by the server", func(p *peer) { _ = p.framer.WriteRSTStream(1, http2.ErrCodeCancel) }, unknown, nil, "CANCEL"},
	{"refused, and again", func(p *peer) {
		_ = p.framer.WriteRSTStream(1, http2.ErrCodeRefusedStream)
		if _, err := p.request(false); err == nil {
			_ = p.framer.WriteRSTStream(3, http2.ErrCodeRefusedStream)
			p.rest()
		}
	}, notSent, nil, "REFUSED"},
	{"goaway before it", func(p *peer) {
		_ = p.framer.WriteGoAway(0, http2.ErrCodeNo, nil)
		p.rest()
	}, notSent, nil, "(GOAWAY), before it processed the request"},
	{"goaway after it, then closed", func(p *peer) {
		_ = p.framer.WriteGoAway(1, http2.ErrCodeNo, nil)
	}, unknown, nil, ""},
	{"end without a trailer", func(p *peer) {
		p.header()
		_ = p.framer.WriteData(1, true, nil)
	}, unknown, transport.ErrProtocol, "without sending trailers"},
	{"half a message", func(p *peer) {
		p.header()
		_ = p.framer.WriteData(1, false, []byte{0, 0, 0, 0, 9, 1})
		p.headers(true, "grpc-status", "0")
	}, unknown, transport.ErrProtocol, "unexpected EOF"},
	{"a length over the limit", func(p *peer) {
		p.header()
		_ = p.framer.WriteData(1, false, []byte{0, 0xff, 0xff, 0xff, 0xff})
		p.rest()
	}, unknown, transport.ErrTooLarge, "larger than max"},
	{"an unknown frame flag", func(p *peer) {
		p.header()
		_ = p.framer.WriteData(1, false, []byte{7, 0, 0, 0, 0})
		p.rest()
	}, unknown, transport.ErrProtocol, "payload format"},
	{"a text of the library after a header", func(p *peer) {
		p.header()
		p.headers(true, "grpc-status", "14", "grpc-message", "stream terminated by RST_STREAM with error code: REFUSED_STREAM")
	}, unknown, nil, "REFUSED_STREAM"},
	{"a text of ours after a header", func(p *peer) {
		p.header()
		p.headers(true, "grpc-status", "14", "grpc-message", "mailcall does not dial a connection twice")
	}, unknown, nil, "twice"},
	{"no gRPC at all", func(p *peer) {
		p.headers(false, ":status", "404", "content-type", "text/html")
		_ = p.framer.WriteData(1, true, []byte("<html>"))
	}, unknown, transport.ErrProtocol, "404"},
	{"a status that is no number", func(p *peer) {
		p.headers(true, ":status", "200", "content-type", "application/grpc", "grpc-status", "fine")
	}, unknown, transport.ErrProtocol, "malformed grpc-status"},
	{"metadata that is no base64", func(p *peer) {
		p.headers(true, ":status", "200", "content-type", "application/grpc", "grpc-status", "0", "a-bin", "*")
	}, unknown, transport.ErrProtocol, "a-bin"},
	{"a field that HTTP/2 does not allow", func(p *peer) {
		p.headers(false, ":status", "200", "Content-Type", "application/grpc")
	}, unknown, transport.ErrProtocol, "Content-Type"},
	{"a trailer that HTTP/2 does not allow", func(p *peer) {
		p.header()
		p.headers(true, "Grpc-Status", "0")
	}, unknown, transport.ErrProtocol, "Grpc-Status"},
	{"a trailer with the header of a request", func(p *peer) {
		p.header()
		p.headers(true, "grpc-status", "0", ":path", "/")
	}, unknown, transport.ErrProtocol, "pseudo"},
	{"a window that grows by nothing", func(p *peer) {
		p.header()
		p.framer.AllowIllegalWrites = true
		_ = p.framer.WriteWindowUpdate(1, 0)
	}, unknown, transport.ErrProtocol, "invalid frame"},
	{"a broken frame", func(p *peer) {
		p.header()
		_, _ = p.raw.Write([]byte{0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1})
		p.rest()
	}, unknown, nil, ""},
}

func TestFaults(t *testing.T) {
	for _, tc := range faults {
		t.Run(tc.name, func(t *testing.T) {
			address := handmade(t, func(p *peer) {
				if _, err := p.request(false); err == nil {
					tc.serve(p)
				}
			})
			c := dial(t, address)
			err := c.Exchange(bound(t), time.Time{}, request(t, "EmptyCall", nil), &transport.Message{})
			if err == nil {
				t.Fatal("got no error, want one")
			}
			if got := proofOf(err); got != tc.proof {
				t.Errorf("got %s of %v, want %s", got, err, tc.proof)
			}
			if tc.match != nil && !errors.Is(err, tc.match) {
				t.Errorf("got %v, want one that matches %v", err, tc.match)
			}
			if !strings.Contains(err.Error(), tc.text) {
				t.Errorf("got %v, want one with %q", err, tc.text)
			}
			if st, ok := status.FromError(err); !ok || st.Code() == codes.OK {
				t.Errorf("got status %v, want one other than OK", st)
			}
			var wire *rpcerr.Error
			if errors.As(err, &wire) != (tc.proof == answered) {
				t.Errorf("got %v among the causes, want go-micro's error for answers only", wire)
			}
		})
	}
}

// The server ends the call with OK, but sends no reply.
func TestNoAnswer(t *testing.T) {
	address := handmade(t, func(p *peer) {
		if _, err := p.request(false); err == nil {
			p.headers(true, ":status", "200", "content-type", "application/grpc", "grpc-status", "0")
		}
	})
	err := dial(t, address).Exchange(bound(t), time.Time{}, request(t, "EmptyCall", nil), &transport.Message{})
	wantIs(t, err, transport.ErrProtocol)
	wantNot(t, err, transport.ErrAnswered, transport.ErrNotSent)
}

// The same faults on a stream whose sending side is still open.
func TestStreamFaults(t *testing.T) {
	for _, tc := range faults {
		if tc.proof == notSent {
			continue // a stream that is open was sent
		}
		t.Run(tc.name, func(t *testing.T) {
			address := handmade(t, func(p *peer) {
				if _, err := p.request(true); err == nil {
					tc.serve(p)
				}
			})
			s := open(t, dial(t, address), bound(t), "FullDuplexCall")
			err := drain(t, s)
			if errors.Is(err, io.EOF) || proofOf(err) != tc.proof || tc.match != nil && !errors.Is(err, tc.match) {
				t.Errorf("got %s of %v, want %s that matches %v", proofOf(err), err, tc.proof, tc.match)
			}
			if again := s.Recv(&transport.Message{}); again != err {
				t.Errorf("got %v from the next Recv, want the same", again)
			}
		})
	}
}

func TestTwoAnswers(t *testing.T) {
	address := handmade(t, func(p *peer) {
		if _, err := p.request(false); err != nil {
			return
		}
		p.header()
		_ = p.framer.WriteData(1, false, []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
		p.headers(true, "grpc-status", "0")
		p.rest()
	})
	err := dial(t, address).Exchange(bound(t), time.Time{}, request(t, "EmptyCall", nil), &transport.Message{})
	wantIs(t, err, transport.ErrProtocol)
}

// A call that has ended releases its stream even if the server does not end it.
func TestTwoAnswersWithoutAnEnd(t *testing.T) {
	reset := make(chan error, 1)
	address := handmade(t, func(p *peer) {
		if _, err := p.request(false); err != nil {
			reset <- err
			return
		}
		p.header()
		_ = p.framer.WriteData(1, false, []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
		for {
			switch frame, err := p.framer.ReadFrame(); {
			case err != nil:
				reset <- err
				return
			case frame.Header().Type == http2.FrameRSTStream:
				reset <- nil
				p.rest()
				return
			}
		}
	})
	err := dial(t, address).Exchange(bound(t), time.Time{}, request(t, "EmptyCall", nil), &transport.Message{})
	wantIs(t, err, transport.ErrProtocol)
	select {
	case err := <-reset:
		if err != nil {
			t.Errorf("got %v, want the stream to be reset", err)
		}
	case <-bound(t).Done():
		t.Error("got a stream that stays, want it to be reset")
	}
}

// Whether the caller reads the reply's header does not change what an error says.
func TestErrorAfterTheMessage(t *testing.T) {
	for _, brief := range []bool{false, true} {
		address := handmade(t, func(p *peer) {
			if _, err := p.request(false); err != nil {
				return
			}
			p.header()
			_ = p.framer.WriteData(1, false, []byte{0, 0, 0, 0, 0})
			p.headers(true, "grpc-status", "14", "grpc-message", "busy", "grpc-retry-pushback-ms", "-1")
			p.rest()
		})
		m := request(t, "EmptyCall", nil)
		m.Brief = brief
		err := dial(t, address).Exchange(bound(t), time.Time{}, m, &transport.Message{})
		wantIs(t, err, transport.ErrAnswered)
		if got := transport.PushbackOf(err); got >= 0 {
			t.Errorf("brief %t: got pushback %v, want never", brief, got)
		}
	}
}
