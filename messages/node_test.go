// SPDX-License-Identifier: Apache-2.0

package messages_test

import (
	"log/slog"
	"testing"
	"time"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/messages"

	"github.com/asynkron/protoactor-go/actor"
)

// inbox is an actor that counts what it is told, on the goroutine that tells it.
type inbox struct{ folds int }

func (b *inbox) SendUserMessage(_ *actor.PID, m any) {
	if _, is := m.(messages.Fold); is {
		b.folds++
	}
}

func (*inbox) SendSystemMessage(*actor.PID, any) {}
func (*inbox) Stop(*actor.PID)                   {}

// The selector hears of answers in batches: when there are many, when some time
// has passed, and at once when it has to know. However many callers tell it, it
// is told once until it begins to fold.
func TestTally(t *testing.T) {
	system := actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }))
	defer system.Shutdown()
	const usual = time.Millisecond
	at := clock.Instant(time.Hour)
	for _, c := range []struct {
		name   string
		answer func(*messages.Service, *messages.Node)
		want   int
	}{
		{"one", func(s *messages.Service, n *messages.Node) { s.Tally(n, usual, at) }, 0},
		{"somewhat slow", func(s *messages.Service, n *messages.Node) { s.Tally(n, 8*usual, at) }, 0},
		{"very slow", func(s *messages.Service, n *messages.Node) { s.Tally(n, 8*usual+1, at) }, 1},
		{"later", func(s *messages.Service, n *messages.Node) { s.Tally(n, usual, at.Add(100*time.Millisecond)) }, 1},
		{"from a node in doubt", func(s *messages.Service, n *messages.Node) {
			n.Doubt.Store(true)
			s.Tally(n, usual, at)
		}, 1},
		{"from a probe", func(s *messages.Service, n *messages.Node) {
			n.Health.Store(uint32(messages.Probing))
			s.Tally(n, usual, at)
		}, 1},
		{"one of the first", func(s *messages.Service, n *messages.Node) {
			n.Total.Store(7)
			s.Tally(n, usual, at)
		}, 1},
		{"many", func(s *messages.Service, n *messages.Node) {
			for range 255 {
				s.Tally(n, usual, at)
			}
		}, 0},
		{"one more", func(s *messages.Service, n *messages.Node) {
			for range 256 {
				s.Tally(n, usual, at)
			}
		}, 1},
		{"slow ones", func(s *messages.Service, n *messages.Node) {
			for range 10 {
				s.Tally(n, time.Second, at)
			}
		}, 1},
		{"slow ones and a fold", func(s *messages.Service, n *messages.Node) {
			s.Tally(n, time.Second, at)
			s.Folding(at)
			s.Tally(n, time.Second, at)
		}, 2},
	} {
		box := new(inbox)
		pid, _ := system.ProcessRegistry.Add(box, c.name)
		s := &messages.Service{Selector: messages.NewRef[messages.SelectorMessage](system, pid)}
		s.Folding(at)
		n := new(messages.Node)
		n.SetLatency(usual)
		n.Total.Store(8)
		c.answer(s, n)
		if box.folds != c.want {
			t.Errorf("%s: got %d folds, want %d", c.name, box.folds, c.want)
		}
	}
}
