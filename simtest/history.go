// SPDX-License-Identifier: Apache-2.0

package simtest

import (
	"reflect"
	"strconv"
	"time"
)

// maxHistory bounds the text that is kept; the hash covers all of it.
const maxHistory = 16 << 20

// history is the text of a run and its hash (FNV-1a, 64 bits).
type history struct {
	text []byte
	line []byte
	hash uint64
}

const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

// begin starts a line with the time.
func (h *history) begin(at time.Duration) {
	h.line = strconv.AppendInt(h.line[:0], int64(at/time.Microsecond), 10)
	h.line = append(h.line, "us"...)
}

func (h *history) word(s string) {
	h.line = append(h.line, ' ')
	h.line = append(h.line, s...)
}

func (h *history) number(n int) {
	h.line = append(h.line, ' ')
	h.line = strconv.AppendInt(h.line, int64(n), 10)
}

// end finishes the line.
func (h *history) end() {
	h.line = append(h.line, '\n')
	for _, c := range h.line {
		h.hash = (h.hash ^ uint64(c)) * fnvPrime
	}
	if len(h.text)+len(h.line) <= maxHistory {
		h.text = append(h.text, h.line...)
	}
}

// note writes a line of words.
func (s *sim) note(words ...string) {
	s.history.begin(s.elapsed())
	for _, w := range words {
		s.history.word(w)
	}
	s.history.end()
}

// noteCall writes a line about a call.
func (s *sim) noteCall(what string, c *call, words ...string) {
	s.history.begin(s.elapsed())
	s.history.word(what)
	s.history.number(c.id)
	for _, w := range words {
		s.history.word(w)
	}
	s.history.end()
}

// noteStream writes a line about a stream.
func (s *sim) noteStream(what string, st *stream, words ...string) {
	s.note(append([]string{what, "stream", strconv.Itoa(st.id)}, words...)...)
}

// notePublish writes a line about a message that is published.
func (s *sim) notePublish(what string, p *publish, words ...string) {
	s.note(append([]string{what, "message", strconv.Itoa(p.id)}, words...)...)
}

func (s *sim) elapsed() time.Duration { return s.clock.now.Sub(start) }

// typeName is the message's type without the package.
func typeName(m any) string {
	t := reflect.TypeOf(m)
	if t == nil {
		return "nil"
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Name()
}
