// SPDX-License-Identifier: Apache-2.0

package lifo_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"example.com/mailcall/internal/lifo"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type item struct {
	id    uint32
	owner atomic.Int32
}

func TestNewestFirst(t *testing.T) {
	var s lifo.Stack[item]
	if got := s.Pop(); got != nil {
		t.Fatalf("Pop of an empty stack: got %v, want nil", got)
	}
	items := make([]item, 200) // more than a block
	for i := range items {
		items[i].id = s.Add(&items[i])
		s.Push(items[i].id)
	}
	if got := s.Len(); got != 200 {
		t.Errorf("Len: got %d, want 200", got)
	}
	for i := len(items) - 1; i >= 0; i-- {
		if got := s.Pop(); got != &items[i] {
			t.Fatalf("Pop: got slot %d, want %d", got.id, i)
		}
	}
	if got := s.Pop(); got != nil {
		t.Errorf("Pop after the last: got slot %d, want nil", got.id)
	}
}

func TestSlotsAreReused(t *testing.T) {
	var s lifo.Stack[item]
	a, b := new(item), new(item)
	a.id = s.Add(a)
	s.Remove(a.id)
	b.id = s.Add(b)
	if a.id != b.id {
		t.Errorf("got slot %d, want the spare slot %d", b.id, a.id)
	}
	seen := 0
	s.Each(func(v *item) {
		seen++
		if v != b {
			t.Errorf("Each: got a removed value")
		}
	})
	if seen != 1 {
		t.Errorf("Each: got %d values, want 1", seen)
	}
}

// TestOneOwner has many goroutines take and put back few values: each value
// has one owner at a time, and none is lost.
func TestOneOwner(t *testing.T) {
	var s lifo.Stack[item]
	items := make([]item, 5)
	for i := range items {
		items[i].id = s.Add(&items[i])
		s.Push(items[i].id)
	}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 20000 {
				v := s.Pop()
				if v == nil {
					continue
				}
				if n := v.owner.Add(1); n != 1 {
					t.Errorf("got %d owners, want 1", n)
				}
				v.owner.Add(-1)
				s.Push(v.id)
			}
		})
	}
	group.Wait()
	left := 0
	for s.Pop() != nil {
		left++
	}
	if left != len(items) {
		t.Errorf("got %d values at the end, want %d", left, len(items))
	}
}
