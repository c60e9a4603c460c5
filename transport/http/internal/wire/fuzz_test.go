// SPDX-License-Identifier: Apache-2.0

package wire_test

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"testing"
	"testing/iotest"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/http/internal/wire"
)

func FuzzResponses(f *testing.F) {
	f.Add([]byte(reply("hello") + reply("") + reply("world")))
	f.Add([]byte(chunked(2, "hello") + reply("x")))
	f.Add([]byte("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 404 Not Found\r\nConnection: keep-alive\r\n\r\nbody"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nA: b\r\nMicro-Error: x\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\na:b\r\nContent-Length: 0\r\n\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) { fuzz(t, data, false) })
}

func FuzzRequests(f *testing.F) {
	f.Add([]byte("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcGET /a HTTP/1.0\r\n\r\n"))
	f.Add([]byte("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) { fuzz(t, data, true) })
}

// fuzz reads all messages, whole and in pieces, and compares.
func fuzz(t *testing.T, data []byte, requests bool) {
	small := wire.Limits{Header: 512, Message: 2048}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	whole, err := all(wire.NewReader(bytes.NewReader(data), small, requests))
	runtime.ReadMemStats(&after)
	// Each message costs its fields and an error text at most, and the buffer
	// is bounded by the limits; 64 bytes a byte is far above both.
	if got := after.TotalAlloc - before.TotalAlloc; got > 256<<10+64*uint64(len(data)) {
		t.Errorf("got %d bytes allocated for %d bytes of input", got, len(data))
	}
	pieces, err2 := all(wire.NewReader(iotest.OneByteReader(bytes.NewReader(data)), small, requests))
	if !bytes.Equal(whole, pieces) || (err == io.EOF) != (err2 == io.EOF) {
		t.Errorf("got %q, %v in pieces, want %q, %v", pieces, err2, whole, err)
	}
	known := err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, transport.ErrProtocol) || errors.Is(err, transport.ErrTooLarge)
	if !known {
		t.Errorf("got %v, want an error of the contract", err)
	}
}

// all writes what it reads in a form in which differences show.
func all(r *wire.Reader) ([]byte, error) {
	var out []byte
	for {
		h, err := r.ReadHead()
		if err != nil {
			return out, err
		}
		for _, f := range r.Header() {
			line, err := wire.AppendField(nil, f.Name, f.Value)
			if err != nil || bytes.Count(line, []byte("\n")) != 1 {
				return out, errors.New("a field that cannot be written: " + f.Name)
			}
			out = append(out, line...)
		}
		body, err := r.ReadBody(h)
		if err != nil {
			return out, err
		}
		out = append(append(out, body...), '\n')
	}
}
