// SPDX-License-Identifier: Apache-2.0

// Package lifo is a lock-free stack of values that many goroutines take and put
// back again and again.
//
// A mutex would be held only for nanoseconds, but a goroutine that is preempted
// while it holds one makes all the others queue up, and the queue outlasts its
// cause.
package lifo

import (
	"sync"
	"sync/atomic"
)

// blockSize is how many slots are allocated together.
const blockSize = 64

// Stack holds values that have a slot, see Add. The zero value is empty and ready
// to use. It is safe for concurrent use and must not be copied.
type Stack[T any] struct {
	// head has the top slot plus one (0: empty) in the low half, and in the high
	// half a tag that changes with each operation. The tag avoids the ABA problem:
	// a slot that was taken and put back meanwhile.
	head   atomic.Uint64
	blocks atomic.Pointer[[]*[blockSize]slot[T]]

	mu    sync.Mutex // for Add and Remove
	spare []uint32
	count uint32
}

type slot[T any] struct {
	value atomic.Pointer[T]
	// below has the slot below plus one in the low half, and in the high half the
	// number of slots on the stack from this one down.
	below atomic.Uint64
}

const (
	slotMask = 1<<32 - 1
	tagStep  = 1 << 32
)

// Add gives v a slot, without pushing it.
func (s *Stack[T]) Add(v *T) (id uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.spare); n > 0 {
		id = s.spare[n-1]
		s.spare = s.spare[:n-1]
	} else {
		id = s.count
		s.count++
		if id%blockSize == 0 {
			s.grow()
		}
	}
	s.at(id).value.Store(v)
	return id
}

func (s *Stack[T]) grow() {
	var blocks []*[blockSize]slot[T]
	if have := s.blocks.Load(); have != nil {
		blocks = *have
	}
	blocks = append(blocks, new([blockSize]slot[T]))
	s.blocks.Store(&blocks)
}

// Remove frees a slot. Its value must not be on the stack.
func (s *Stack[T]) Remove(id uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at(id).value.Store(nil)
	s.spare = append(s.spare, id)
}

func (s *Stack[T]) at(id uint32) *slot[T] {
	return &(*s.blocks.Load())[id/blockSize][id%blockSize]
}

// Push puts the value of a slot on top. It must not be on the stack yet.
func (s *Stack[T]) Push(id uint32) {
	at := s.at(id)
	for {
		head := s.head.Load()
		under := head & slotMask
		below := uint64(s.depthAt(uint32(under))+1)<<32 | under // right as long as the head does not change
		if at.below.Load() != below {
			at.below.Store(below) // an atomic store is expensive
		}
		if s.head.CompareAndSwap(head, head&^slotMask+tagStep|uint64(id+1)) {
			return
		}
	}
}

// Pop takes the value on top, nil if there is none.
func (s *Stack[T]) Pop() *T {
	for {
		head := s.head.Load()
		top := uint32(head & slotMask)
		if top == 0 {
			return nil
		}
		at := s.at(top - 1)
		value, next := at.value.Load(), at.below.Load()&slotMask
		if s.head.CompareAndSwap(head, head&^slotMask+tagStep|next) {
			return value
		}
	}
}

// Len returns how many values are on the stack; one that is just being pushed or
// popped may be counted or not.
func (s *Stack[T]) Len() int { return int(s.depthAt(uint32(s.head.Load() & slotMask))) }

// depthAt returns how many slots are on the stack from the given one down. top is
// a slot plus one; 0 stands for none.
func (s *Stack[T]) depthAt(top uint32) uint32 {
	if top == 0 {
		return 0
	}
	return uint32(s.at(top-1).below.Load() >> 32)
}

// Each calls f for the value of every slot, on the stack or not.
func (s *Stack[T]) Each(f func(*T)) {
	blocks := s.blocks.Load()
	if blocks == nil {
		return
	}
	for _, b := range *blocks {
		for i := range b {
			if v := b[i].value.Load(); v != nil {
				f(v)
			}
		}
	}
}
