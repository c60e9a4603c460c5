// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"errors"
	"fmt"
)

// Errors of the parsers. After one, the connection cannot be used any more.
var (
	// ErrHead is matched when a head is not HTTP/1.1, is larger than [MaxHead], or has
	// no length.
	ErrHead = errors.New("malformed head")
	// ErrTooLarge is matched when a stated length is over [MaxBody].
	ErrTooLarge = errors.New("body too large")
)

// Reply is one reply. Its slices share memory with what was parsed.
type Reply struct {
	// ContentType is the value of Content-Type, nil if absent.
	ContentType []byte
	// Error is the value of Micro-Error, nil if absent.
	Error []byte
	// Body is the body.
	Body []byte
}

// ParseReply parses one reply with a Content-Length from the start of data and returns
// it with its size in bytes. The size is 0, without an error, if the reply is
// incomplete. A status other than 200 is [ErrHead].
func ParseReply(data []byte) (Reply, int, error) {
	var r Reply
	head, ok, err := cutHead(data)
	if !ok {
		return r, 0, err
	}
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 200")) {
		return r, 0, fmt.Errorf("%w: the status line is %.40q, not 200", ErrHead, head)
	}
	length := -1
	for line := range bytes.Lines(head) {
		name, value, found := bytes.Cut(bytes.TrimRight(line, "\r\n"), []byte(":"))
		if !found {
			continue
		}
		value = bytes.TrimSpace(value)
		switch {
		case foldEqual(name, "content-length"):
			if length, err = parseLength(value); err != nil {
				return r, 0, err
			}
		case foldEqual(name, "content-type"):
			r.ContentType = value
		case foldEqual(name, "micro-error"):
			r.Error = value
		}
	}
	n, err := total(len(head)+4, length, len(data))
	if n > 0 {
		r.Body = data[len(head)+4 : n]
	}
	return r, n, err
}

// ParseRequest parses one request with a Content-Length from the start of data and
// returns its body, which shares memory with data, and the size of the request: 0,
// without an error, if it is incomplete.
func ParseRequest(data []byte) (body []byte, n int, err error) {
	head, ok, err := cutHead(data)
	if !ok {
		return nil, 0, err
	}
	length := -1
	for line := range bytes.Lines(head) {
		// Checking the first letter first skips nearly all lines.
		if line[0]|0x20 != 'c' {
			continue
		}
		name, value, _ := bytes.Cut(bytes.TrimRight(line, "\r\n"), []byte(":"))
		if foldEqual(name, "content-length") {
			if length, err = parseLength(bytes.TrimSpace(value)); err != nil {
				return nil, 0, err
			}
		}
	}
	n, err = total(len(head)+4, length, len(data))
	if n > 0 {
		body = data[len(head)+4 : n]
	}
	return body, n, err
}

// cutHead returns the head without its empty line, and whether it is complete.
func cutHead(data []byte) ([]byte, bool, error) {
	i := bytes.Index(data, []byte("\r\n\r\n"))
	if i > MaxHead || i < 0 && len(data) > MaxHead {
		return nil, false, fmt.Errorf("%w: over %d bytes", ErrHead, MaxHead)
	}
	if i < 0 {
		return nil, false, nil
	}
	return data[:i], true, nil
}

// total returns the size of the whole message, or 0 if have is less.
func total(head, length, have int) (int, error) {
	if length < 0 {
		return 0, fmt.Errorf("%w: no Content-Length; this end does not read chunks", ErrHead)
	}
	if head+length > have {
		return 0, nil
	}
	return head + length, nil
}

func parseLength(value []byte) (int, error) {
	if len(value) == 0 || len(value) > 10 {
		return 0, fmt.Errorf("%w: Content-Length %.20q", ErrHead, value)
	}
	n := 0
	for _, c := range value {
		if c < '0' || c > '9' {
			return 0, fmt.Errorf("%w: Content-Length %.20q", ErrHead, value)
		}
		n = n*10 + int(c-'0')
		if n > MaxBody {
			return 0, fmt.Errorf("%w: Content-Length is over %d", ErrTooLarge, MaxBody)
		}
	}
	return n, nil
}

// foldEqual compares case-insensitively; want has only lower-case letters and dashes,
// so setting one bit is enough.
func foldEqual(got []byte, want string) bool {
	if len(got) != len(want) {
		return false
	}
	for i := range got {
		if got[i]|0x20 != want[i] {
			return false
		}
	}
	return true
}
