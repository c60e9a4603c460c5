// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// turn is a number of HTTP messages in one direction; all of them if it is
// negative.
type turn struct {
	fromServer bool
	messages   int
}

// rawTurns is the order of the messages of a capture made by hand: the whole
// request and then the whole response, but for those below. The pipelined
// ones, and those with two streams, send all at once on purpose.
func rawTurns(name string) []turn {
	switch name {
	case "raw-sequential-on-one-conn", "raw-error-then-ok-on-one-conn":
		return []turn{{false, 1}, {true, 1}, {false, 1}, {true, 1}}
	case "raw-stream-unary-on-same-conn":
		return []turn{{false, 2}, {true, 1}, {false, 1}, {true, 1}, {false, 2}, {true, 1}}
	}
	return []turn{{false, -1}, {true, -1}}
}

// turns makes steps of turns, all on one connection.
func (c *Capture) turns(turns []turn) ([]Step, error) {
	lengths := map[bool][]int{}
	for side, data := range map[bool][]byte{false: c.Request, true: c.Response} {
		messages, err := Messages(data)
		if err != nil {
			return nil, err
		}
		for _, m := range messages {
			lengths[side] = append(lengths[side], len(m))
		}
	}
	var steps []Step
	var off = map[bool]int{}
	for _, t := range turns {
		left := lengths[t.fromServer]
		n := t.messages
		if n < 0 || n > len(left) {
			n = len(left)
		}
		length := 0
		for _, l := range left[:n] {
			length += l
		}
		lengths[t.fromServer] = left[n:]
		if length > 0 {
			steps = append(steps, Step{Conn: 1, FromServer: t.fromServer, Off: off[t.fromServer], Len: length})
			off[t.fromServer] += length
		}
	}
	return steps, nil
}

// Messages splits bytes into the HTTP/1.1 messages they are made of.
func Messages(data []byte) ([][]byte, error) {
	r := NewReader(bytes.NewReader(data))
	var messages [][]byte
	for {
		m, err := ReadMessage(r)
		if errors.Is(err, io.EOF) {
			return messages, nil
		}
		if err != nil {
			return nil, fmt.Errorf("message %d: %w", len(messages)+1, err)
		}
		messages = append(messages, m)
	}
}
