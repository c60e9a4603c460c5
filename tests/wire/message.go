// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// maxMessage bounds a message in bytes; the captures have far less.
const (
	maxMessage = 1 << 20
	maxLine    = 64 << 10
)

var errTooLong = errors.New("message longer than 1 MiB")

// NewReader returns a reader for [ReadMessage], which takes lines of up to
// 64 KiB.
func NewReader(r io.Reader) *bufio.Reader { return bufio.NewReaderSize(r, maxLine) }

// ReadMessage reads one HTTP/1.1 message as it is: the head, and a body by
// Content-Length or in chunks. It returns io.EOF if there is none.
func ReadMessage(r *bufio.Reader) ([]byte, error) {
	var message []byte
	length, chunked := 0, false
	for {
		line, err := readLine(r, &message)
		if err != nil {
			return message, cut(err, len(message))
		}
		if line == "" {
			break
		}
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch strings.ToLower(name) {
		case "content-length":
			if length, err = strconv.Atoi(value); err != nil || length < 0 || length > maxMessage {
				return message, fmt.Errorf("content length %q", value)
			}
		case "transfer-encoding":
			chunked = strings.EqualFold(value, "chunked")
		}
	}
	if !chunked {
		return readBody(r, message, length)
	}
	for {
		line, err := readLine(r, &message)
		if err != nil {
			return message, cut(err, 1)
		}
		size, err := strconv.ParseUint(line, 16, 20)
		if err != nil {
			return message, fmt.Errorf("chunk size %q", line)
		}
		// The chunk and the line end after it; after the last, empty chunk
		// that is the end of the message.
		if message, err = readBody(r, message, int(size)+2); err != nil || size == 0 {
			return message, err
		}
	}
}

func readLine(r *bufio.Reader, message *[]byte) (string, error) {
	line, err := r.ReadSlice('\n')
	*message = append(*message, line...)
	if err == nil && len(*message) > maxMessage {
		err = errTooLong
	}
	return string(bytes.TrimRight(line, "\r\n")), err
}

func readBody(r *bufio.Reader, message []byte, n int) ([]byte, error) {
	start := len(message)
	if start+n > maxMessage {
		return message, errTooLong
	}
	message = append(message, make([]byte, n)...)
	read, err := io.ReadFull(r, message[start:])
	return message[:start+read], cut(err, 1)
}

// cut is err, or the end in the midst of a message.
func cut(err error, read int) error {
	if errors.Is(err, io.EOF) && read > 0 {
		return io.ErrUnexpectedEOF
	}
	return err
}
