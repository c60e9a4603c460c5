// SPDX-License-Identifier: Apache-2.0

//go:build conformance

package main

import (
	"encoding/binary"
	"fmt"
	"io"

	"google.golang.org/protobuf/proto"
)

// maxFrame bounds a message of the runner, in bytes: the suite's largest have a few
// MiB.
const maxFrame = 64 << 20

// read reads the next message: its length in four bytes, big endian, and the message.
// It returns io.EOF at the end of the input.
func read(in io.Reader, m proto.Message) error {
	var head [4]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return err
	}
	size := binary.BigEndian.Uint32(head[:])
	if size > maxFrame {
		return fmt.Errorf("request of %d bytes, want at most %d", size, maxFrame)
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(in, body); err != nil {
		return fmt.Errorf("request of %d bytes: %w", size, io.ErrUnexpectedEOF)
	}
	return proto.Unmarshal(body, m)
}

// write writes a message in the same form.
func write(out io.Writer, m proto.Message) error {
	frame, err := proto.MarshalOptions{}.MarshalAppend(make([]byte, 4), m)
	if err != nil {
		return err
	}
	binary.BigEndian.PutUint32(frame, uint32(len(frame)-4))
	_, err = out.Write(frame)
	return err
}
