// SPDX-License-Identifier: Apache-2.0

package tcp_test

import (
	"runtime"
	"testing"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp"
	"example.com/mailcall/transport/tcp/internal/frame"
)

// A header in the table takes its sender two bytes. Unread messages take the receiver no
// more memory than a small multiple of the window, whatever header they have.
func TestRememberedHeadersThatNobodyReads(t *testing.T) {
	const (
		stream = 1 << 32
		fields = frame.MaxFields
	)
	define := append([]byte{1, 0}, uvarints(fields)...) // stored at index 0
	for n := range fields {
		value := byte(15) // the empty one of the table
		if n == 0 {
			value = 1 // variable
		}
		define = append(define, 0, 1, 'a', value)
	}
	for name, again := range map[string][]byte{
		"known":   {2, 7},
		"changed": {3, 7, 1, 1, 0}, // one field has another value, which is empty
	} {
		t.Run(name, func(t *testing.T) {
			block, opened := make(chan struct{}), make(chan struct{})
			defer close(block)
			address := listen(t, newTransport(t), func(transport.Incoming) {
				close(opened)
				<-block
			})
			r := rawClient(t, address, rawLimits)
			r.open(stream, frame.FlagStream, "")
			<-opened
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			h := frame.Header{Type: frame.Message, Flags: frame.FlagStream, ID: stream}
			r.write(h, append(define, 7), nil)
			h.Head, h.Length = uint16(len(again)), uint32(len(again))
			one := append(h.Append(nil), again...)
			var all []byte
			for left := tcp.DefaultWindow - 2*frame.HeaderSize - len(define); left > len(one); left -= len(one) {
				all = append(all, one...)
			}
			if _, err := r.Write(all); err != nil {
				t.Fatal(err)
			}
			r.write(frame.Header{Type: frame.Ping}, nil, make([]byte, 8))
			for {
				got, _, ok := r.read()
				if !ok {
					t.Fatal("the connection ended, want that all is taken")
				}
				if got.Type == frame.Pong {
					break
				}
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 16*tcp.DefaultWindow {
				t.Errorf("got %d bytes held for a window of %d, want 16 times that at most", grown, tcp.DefaultWindow)
			}
		})
	}
}
