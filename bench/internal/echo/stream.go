// SPDX-License-Identifier: Apache-2.0

package echo

import (
	"errors"
	"io"
)

// PingPong is the stream handler of every server that answers each message at once. It
// ends when recv returns io.EOF.
func PingPong(recv, send func(*Message) error) error {
	for {
		m := new(Message)
		if err := recv(m); err != nil {
			return end(err)
		}
		if err := send(Answer(m)); err != nil {
			return err
		}
	}
}

// Count is the handler of every server for one-way streams: it answers with the number
// of messages.
func Count(recv func(*Message) error) (*Message, error) {
	answer := new(Message)
	for {
		if err := recv(new(Message)); err != nil {
			return answer, end(err)
		}
		answer.Number++
	}
}

func end(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
