// SPDX-License-Identifier: Apache-2.0

package session_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"go.uber.org/goleak"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp/internal/frame"
	"example.com/mailcall/transport/tcp/internal/session"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Each seed is one history of a client and a server, over a connection that splits the
// bytes anywhere, reorders frames of different exchanges and repeats old replies.
func TestSimulation(t *testing.T) {
	var last session.Counters
	for seed := range uint64(seeds) {
		w := newWorld(seed)
		if err := w.run(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		last = w.client.Counters
	}
	if last.Late == 0 || last.Skipped == 0 {
		t.Errorf("got %+v in the last history, want late frames and unknown ones in it", last)
	}
}

func TestSimulationRepeats(t *testing.T) {
	one, two := newWorld(7), newWorld(7)
	if err := errors.Join(one.run(), two.run()); err != nil {
		t.Fatal(err)
	}
	if one.history != two.history || one.history == 0 {
		t.Errorf("got the histories %#x and %#x of one seed, want the same", one.history, two.history)
	}
}

var simLimits = frame.Limits{
	Frame: frame.MinFrame, Message: 100 << 10, Exchanges: 12,
	Window: 32 << 10, ConnWindow: 96 << 10, Table: 4,
}

type world struct {
	dice    *rand.Rand
	client  *session.Client
	server  *session.Server
	there   pipe // from the client
	back    pipe
	calls   map[uint64]*simCall
	streams []*simStream
	asked   []*asked
	serving []*simStream
	token   uint64
	stale   []uint64
	history uint64
	failure error
	ending  bool
}

// pipe is one direction of the connection.
type pipe struct {
	sent []byte // not cut into frames yet
	due  []byte // on the way
	got  []byte // arrived and not used
}

type simCall struct {
	id        uint64
	size      int
	cancelled bool
	done      bool
}

// asked is a request that the server has not answered.
type asked struct {
	st   *session.Stream
	id   uint64
	body []byte
}

// simStream is one end of a stream.
type simStream struct {
	st      session.Stream
	id      uint64
	out     []*transport.Message // to be sent
	sending *session.Sending
	items   []session.Item
	next    uint64 // expected next
	closing bool   // our half is to be ended
	closed  bool
	ended   bool
	broke   bool
	sent    uint64
}

func newWorld(seed uint64) *world {
	w := &world{dice: rand.New(rand.NewPCG(seed, 1)), calls: map[uint64]*simCall{}}
	c := session.Config{Own: simLimits, Peer: simLimits, Assembly: 1 << 20}
	w.client = session.NewClient(c, 12, func(r session.Reset) error { return fmt.Errorf("%s", r.Code) })
	w.server = session.NewServer(c)
	return w
}

func (w *world) failf(format string, args ...any) {
	if w.failure == nil {
		w.failure = fmt.Errorf(format, args...)
	}
}

func (w *world) run() error {
	for range 300 {
		w.act()
		w.deliver(1 + w.dice.IntN(200))
		if w.failure != nil {
			return w.failure
		}
	}
	w.ending = true
	for idle := 0; idle < 3; {
		before := w.history
		w.finish()
		w.deliver(1 << 20)
		if w.failure != nil {
			return w.failure
		}
		if w.history == before {
			idle++
		} else {
			idle = 0
		}
	}
	return w.check()
}

func (w *world) act() {
	switch w.dice.IntN(12) {
	case 0, 1, 2:
		w.call()
	case 3, 4, 5:
		w.answer()
	case 6:
		w.open()
	case 7, 8:
		w.stir()
	case 9:
		w.consume(1)
	case 10:
		w.cancel()
	case 11:
		w.noise()
	}
}

// body returns a body that is recognised by its first bytes and its length.
func (w *world) body(token uint64) []byte {
	sizes := []int{8, 8, 8, 8, 8, 8, 100, 100, 100, 100, 100, 3000, 3000, 16 << 10, 40 << 10}
	size := sizes[w.dice.IntN(len(sizes))]
	if w.dice.IntN(100) == 0 {
		size = simLimits.Message
	}
	b := make([]byte, size)
	binary.BigEndian.PutUint64(b, token)
	return b
}

func (w *world) header(token uint64) transport.Header {
	h := transport.Header{
		{Name: "Content-Type", Value: "application/json"},
		{Name: "Micro-Endpoint", Value: fmt.Sprint("Greeter.", w.dice.IntN(6))},
		{Name: "Micro-ID", Value: fmt.Sprint(token)},
	}
	if w.dice.IntN(2) == 0 {
		h.Add("Timeout", "5000000000")
	}
	if w.dice.IntN(3) == 0 {
		h.Add("Trace", fmt.Sprint(w.dice.Uint64()))
	}
	return h
}

func (w *world) call() {
	if w.client.Full() || w.client.Leaving() {
		return
	}
	w.token++
	m := &transport.Message{Header: w.header(w.token), Body: w.body(w.token)}
	id, err := w.client.Begin(m, nil, w.token)
	if err != nil {
		w.failf("begin: %v", err)
		return
	}
	w.calls[w.token] = &simCall{id: id, size: len(m.Body)}
}

func (w *world) answer() {
	if len(w.asked) == 0 {
		return
	}
	at := w.dice.IntN(len(w.asked))
	a := w.asked[at]
	w.asked = append(w.asked[:at], w.asked[at+1:]...)
	if w.dice.IntN(8) == 0 && !w.ending {
		w.server.Reset(a.st, session.Reset{Code: session.CodeOverloaded, RetryAfter: 3})
		return
	}
	m := &transport.Message{Header: transport.Header{{Name: "Content-Type", Value: "application/json"}}, Body: a.body}
	if err := w.server.Reply(a.st, m); err != nil {
		w.failf("reply: %v", err)
	}
	w.stale = append(w.stale, a.id)
}

func (w *world) open() {
	if w.client.Full() || w.client.Leaving() || len(w.streams) > 20 {
		return
	}
	s := &simStream{}
	s.st.Owner = s
	if err := w.client.Open(w.header(0), 0, &s.st); err != nil {
		w.failf("open: %v", err)
	}
	s.id = s.st.ID
	for n := range uint64(w.dice.IntN(12)) {
		s.out = append(s.out, &transport.Message{Body: w.body(n)})
	}
	w.streams = append(w.streams, s)
}

// stir sends as much as possible on the streams.
func (w *world) stir() {
	for _, s := range w.streams {
		w.send(&w.client.Link, s, func() { w.must(w.client.CloseSend(&s.st)) })
		if len(s.out) == 0 && s.sending == nil {
			s.closing = true
		}
	}
	for _, s := range w.serving {
		w.send(&w.server.Link, s, func() { w.must(w.server.End(&s.st, nil)) })
	}
}

func (w *world) must(err error) {
	if err != nil {
		w.failf("unexpected: %v", err)
	}
}

func (w *world) send(l *session.Link, s *simStream, end func()) {
	for !s.st.Over() && !s.closed {
		if s.sending == nil {
			if len(s.out) == 0 {
				if s.closing {
					end()
					s.closed = true
				}
				return
			}
			s.sending = &session.Sending{Message: s.out[0]}
			s.out = s.out[1:]
		}
		done, err := l.Send(&s.st, s.sending, 1<<20)
		w.must(err)
		if !done {
			return
		}
		s.sending = nil
		s.sent++
	}
}

// consume reads messages on both sides.
func (w *world) consume(most int) {
	for _, s := range w.streams {
		for n := 0; n < most && len(s.items) > 0; n++ {
			w.read(&w.client.Link, s)
		}
	}
	for _, s := range w.serving {
		for n := 0; n < most && len(s.items) > 0; n++ {
			it := w.read(&w.server.Link, s)
			s.out = append(s.out, &transport.Message{Body: it.Body})
		}
		if s.ended && len(s.items) == 0 {
			s.closing = true
		}
	}
}

func (w *world) read(l *session.Link, s *simStream) session.Item {
	it := s.items[0]
	s.items = s.items[1:]
	if n := binary.BigEndian.Uint64(it.Body); n != s.next {
		w.failf("stream %#x: got message %d, want %d", s.id, n, s.next)
	}
	s.next++
	l.Consumed(&s.st, it.Cost)
	return it
}

func (w *world) cancel() {
	if w.token > 0 {
		c := w.calls[1+w.dice.Uint64N(w.token)]
		if !c.done && !c.cancelled {
			c.cancelled = w.client.Cancel(c.id, session.CodeCancelled)
			w.stale = append(w.stale, c.id)
		}
	}
	for _, s := range w.streams {
		if w.dice.IntN(20) == 0 && !s.st.Over() {
			w.client.Cancel(s.id, session.CodeCancelled)
			w.drop(s, &w.client.Link)
		}
	}
}

func (w *world) drop(s *simStream, l *session.Link) {
	s.broke, s.items, s.out, s.sending = true, nil, nil, nil
	l.Release(&s.st)
}

// noise repeats an old reply and sends unknown frames.
func (w *world) noise() {
	if len(w.stale) > 0 {
		id := w.stale[w.dice.IntN(len(w.stale))]
		stale := frame.Header{Length: 6, Type: frame.Message, Flags: frame.FlagEnd, Head: 2, ID: id}
		w.inject(append(stale.Append(nil), 0, 0, 'o', 'l', 'd', '!'))
	}
	w.inject(frame.Header{Length: 3, Type: frame.Ignorable + 5, ID: w.dice.Uint64()}.Append(nil), []byte{1, 2, 3})
}

func (w *world) inject(b ...[]byte) {
	w.collect()
	for _, p := range b {
		w.back.due = append(w.back.due, p...)
	}
}

// collect takes the bytes that both sides have written, and reorders frames whose order does
// not matter.
func (w *world) collect() {
	w.there.take(&w.client.Link, w.dice)
	w.back.take(&w.server.Link, w.dice)
}

func (p *pipe) take(l *session.Link, dice *rand.Rand) {
	for l.Queued() > 0 {
		b, _ := l.Take()
		p.sent = append(p.sent, b...)
		l.Give(b)
	}
	var frames [][]byte
	for len(p.sent) > 0 {
		n := frame.HeaderSize + int(frame.ParseHeader(p.sent).Length)
		frames = append(frames, append([]byte(nil), p.sent[:n]...))
		p.sent = p.sent[n:]
	}
	for i := 1; i < len(frames); i++ {
		a, b := frame.ParseHeader(frames[i-1]), frame.ParseHeader(frames[i])
		apart := uint32(a.ID) != uint32(b.ID) && (a.Head == 0 || b.Head == 0)
		if apart && dice.IntN(3) == 0 {
			frames[i-1], frames[i] = frames[i], frames[i-1]
		}
	}
	for _, f := range frames {
		p.due = append(p.due, f...)
	}
}

// deliver delivers up to n bytes to each side, in pieces.
func (w *world) deliver(n int) {
	w.collect()
	switch roll := w.dice.IntN(4); {
	case w.ending:
	case roll == 0:
		n = 1
	case roll == 1:
		n *= 400
	}
	w.there.move(n)
	w.back.move(n)
	used, _, err := w.server.Feed(w.there.got, 0, (*serverSide)(w))
	w.there.used(used)
	w.note(used)
	w.must(err)
	used, _, err = w.client.Feed(w.back.got, 0, (*clientSide)(w))
	w.back.used(used)
	w.note(used)
	w.must(err)
}

func (w *world) note(used int) {
	if used > 0 {
		w.history = w.history*31 + uint64(used)
	}
}

func (p *pipe) move(n int) {
	n = min(n, len(p.due))
	p.got = append(p.got, p.due[:n]...)
	p.due = p.due[n:]
}

// used drops the used bytes and overwrites them, because they must not be read any more.
func (p *pipe) used(n int) {
	if n == 0 {
		return
	}
	for i := range p.got[:n] {
		p.got[i] = 0xEE
	}
	p.got = append([]byte(nil), p.got[n:]...)
}

func (w *world) finish() {
	for len(w.asked) > 0 {
		w.answer()
	}
	for _, s := range w.streams {
		s.closing = s.closing || len(s.out) == 0 && s.sending == nil
	}
	w.consume(1000)
	w.stir()
}

// check checks what must hold when everything has ended.
func (w *world) check() error {
	for token, c := range w.calls {
		if !c.done && !c.cancelled {
			return fmt.Errorf("call %d was never answered", token)
		}
	}
	for _, s := range w.streams {
		if !s.broke && (!s.ended || s.next != s.sent) {
			return fmt.Errorf("stream %#x: sent %d messages, got %d back, ended %t", s.id, s.sent, s.next, s.ended)
		}
	}
	if n := w.client.Running() + w.server.Running(); n != 0 {
		return fmt.Errorf("%d exchanges still run", n)
	}
	if err := session.Settled(&w.client.Link, &w.server.Link); err != nil {
		return err
	}
	return session.Settled(&w.server.Link, &w.client.Link)
}
