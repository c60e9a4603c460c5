// SPDX-License-Identifier: Apache-2.0

package session_test

import (
	"errors"
	"testing"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp/internal/frame"
	"example.com/mailcall/transport/tcp/internal/session"
)

// seedFrames returns the bytes of one history, as a seed for the fuzzers.
func seedFrames(f *testing.F) {
	f.Helper()
	for seed := range uint64(3) {
		w := newWorld(seed)
		for range 20 {
			w.act()
		}
		w.collect()
		f.Add(w.there.due[:min(len(w.there.due), 4<<10)], uint16(7))
		f.Add(w.back.due[:min(len(w.back.due), 4<<10)], uint16(100))
	}
	f.Add(frame.Header{Length: 1<<32 - 1, Type: frame.Data}.Append(nil), uint16(1))
}

// feed feeds b in pieces of the given size.
func feed(b []byte, size uint16, to func(p []byte) (used, need int, err error)) error {
	var got []byte
	for len(b) > 0 {
		n := min(int(size)+1, len(b))
		got = append(got, b[:n]...)
		b = b[n:]
		used, need, err := to(got)
		if err != nil {
			return err
		}
		if used > len(got) || need > frame.HeaderSize+simLimits.Frame {
			return errOverrun
		}
		got = got[used:]
	}
	return nil
}

var errOverrun = errors.New("used or needed too much")

// idle is a sink that does nothing.
type idle struct {
	streams int
	last    *session.Stream
}

func (i *idle) Reply(transport.Receiver, uint64, transport.Header, []byte, bool) {}
func (i *idle) Failed(transport.Receiver, uint64, error)                         {}
func (i *idle) Item(*session.Stream, session.Item)                               {}
func (i *idle) Ended(*session.Stream, transport.Header)                          {}
func (i *idle) Broke(*session.Stream, error)                                     {}
func (i *idle) Credited(*session.Stream)                                         {}
func (i *idle) Opened(*session.Opening) *session.Stream {
	i.streams++
	i.last = &session.Stream{}
	return i.last
}

func judge(t *testing.T, err error, l *session.Link) {
	t.Helper()
	if err != nil && !errors.Is(err, transport.ErrProtocol) {
		t.Fatalf("got %v, want ErrProtocol or nothing", err)
	}
	if l.Queued() > 1<<20 {
		t.Fatalf("got %d bytes to be sent", l.Queued())
	}
}

func FuzzServer(f *testing.F) {
	seedFrames(f)
	f.Fuzz(func(t *testing.T, b []byte, size uint16) {
		c := session.Config{Own: simLimits, Peer: simLimits, Assembly: 1 << 20}
		s := session.NewServer(c)
		sink := &idle{}
		err := feed(b, size, func(p []byte) (used, need int, err error) { return s.Feed(p, 0, sink) })
		judge(t, err, &s.Link)
		if s.Running() > simLimits.Exchanges {
			t.Fatalf("got %d running, the limit is %d", s.Running(), simLimits.Exchanges)
		}
		s.Fail(errOverrun, sink)
		if s.Running() != 0 {
			t.Fatalf("got %d running in the end", s.Running())
		}
	})
}

func FuzzClient(f *testing.F) {
	seedFrames(f)
	f.Fuzz(func(t *testing.T, b []byte, size uint16) {
		c := session.Config{Own: simLimits, Peer: simLimits, Assembly: 1 << 20}
		s := session.NewClient(c, 12, func(session.Reset) error { return errOverrun })
		sink := &idle{}
		for range 4 {
			if _, err := s.Begin(&transport.Message{}, nil, 1); err != nil {
				t.Fatal(err)
			}
			if err := s.Open(nil, 0, &session.Stream{}); err != nil {
				t.Fatal(err)
			}
		}
		for s.Queued() > 0 {
			s.Take()
		}
		err := feed(b, size, func(p []byte) (used, need int, err error) { return s.Feed(p, 0, sink) })
		judge(t, err, &s.Link)
		s.Fail(errOverrun, 0, sink)
		if s.Running() != 0 {
			t.Fatalf("got %d running in the end", s.Running())
		}
	})
}
