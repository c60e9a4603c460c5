// SPDX-License-Identifier: Apache-2.0

package streamer

import (
	"errors"
	"io"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errBroken = errors.New("broken")

// Of several ends that race, the first one counts, whatever comes after it.
func TestFirstEndCounts(t *testing.T) {
	type end struct {
		cancel bool
		err    error
		fault  bool
	}
	for _, c := range []struct {
		name  string
		ends  []end
		want  error
		about verdict // what the first end says of the node
	}{
		{"the good end", []end{{err: io.EOF}, {err: errBroken, fault: true}}, io.EOF, answered},
		{"the service's error", []end{{err: errBroken}, {cancel: true, err: io.EOF}}, errBroken, answered},
		{"a broken wire", []end{{err: errBroken, fault: true}, {err: io.EOF}}, errBroken, faulty},
		{"a cancel", []end{{cancel: true, err: errBroken}, {err: io.EOF}, {cancel: true}}, errBroken, nothing},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s state
			for i, e := range c.ends {
				var first bool
				about := nothing
				if e.cancel {
					first = s.cancelled(e.err)
				} else {
					first, about = s.ended(e.err, e.fault)
				}
				if want := i == 0; first != want {
					t.Errorf("end %d: got first %t, want %t", i+1, first, want)
				}
				if i == 0 && about != c.about {
					t.Errorf("got verdict %d, want %d", about, c.about)
				}
			}
			if !errors.Is(s.err, c.want) {
				t.Errorf("got %v, want %v", s.err, c.want)
			}
		})
	}
}

func TestExpired(t *testing.T) {
	for _, c := range []struct {
		name  string
		state state
		want  bool
	}{
		{"no deadline", state{}, false},
		{"before it", state{deadline: 101}, false},
		{"at it", state{deadline: 100}, true},
		{"over already", state{deadline: 50, over: true}, false},
	} {
		if got := c.state.expired(100); got != c.want {
			t.Errorf("%s: got %t, want %t", c.name, got, c.want)
		}
	}
}
