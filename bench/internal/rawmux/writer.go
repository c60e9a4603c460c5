// SPDX-License-Identifier: Apache-2.0

// Package rawmux is a bare multiplexed echo, written for the comparison: frames with an
// id over one connection, writes combined across callers, a channel per caller, and one
// reading goroutine. It has no codec, deadlines, cancellation, error recovery or pool,
// and does not allocate per call: it is the lower bound for a call over a shared
// connection.
//
// A frame is the length of its body and its id, four bytes each, big endian, and the
// body.
package rawmux

import (
	"encoding/binary"
	"net"
	"runtime"
	"sync"
)

const (
	// headSize is the length of a frame's head.
	headSize = 8
	// maxBody bounds the body of a frame, in bytes.
	maxBody = 4 << 20
	// chunk is the size of one read, in bytes.
	chunk = 64 << 10
	// maxQueue bounds the queue, in bytes, before senders block: above what 1,024
	// callers with 1 KiB each queue.
	maxQueue = 2 << 20
)

// writer combines the frames of many goroutines into few writes: a goroutine that finds
// no write in progress also writes the frames that others queue meanwhile.
type writer struct {
	conn net.Conn

	mu         sync.Mutex // guards the fields below
	room       *sync.Cond // signalled when the queue was taken or the connection failed
	out, spare []byte
	writing    bool
	err        error
}

func newWriter(conn net.Conn) *writer {
	w := &writer{conn: conn}
	w.room = sync.NewCond(&w.mu)
	return w
}

// send queues a frame and writes it unless another goroutine is about to. With company
// set it first yields once to other goroutines, which may add frames.
func (w *writer) send(id uint32, body []byte, company bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.out) > maxQueue && w.writing && w.err == nil {
		w.room.Wait()
	}
	w.out = appendFrame(w.out, id, body)
	if w.writing || w.err != nil {
		return w.err
	}
	w.writing = true
	for len(w.out) > 0 && w.err == nil {
		if company {
			w.mu.Unlock()
			runtime.Gosched()
			w.mu.Lock()
		}
		w.flush()
	}
	w.writing = false
	return w.err
}

// flush writes the queue. It releases the lock meanwhile.
func (w *writer) flush() {
	out := w.out
	w.out = w.spare[:0]
	w.room.Broadcast()
	w.mu.Unlock()
	_, err := w.conn.Write(out)
	w.mu.Lock()
	w.spare = out
	w.fail(err)
}

// fail sets the error of the writer unless it has one. The caller holds the lock.
func (w *writer) fail(err error) {
	if err != nil && w.err == nil {
		w.err = err
		w.room.Broadcast()
	}
}

// failure returns the error of the writer.
func (w *writer) failure() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

func appendFrame(dst []byte, id uint32, body []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(body)))
	dst = binary.BigEndian.AppendUint32(dst, id)
	return append(dst, body...)
}
