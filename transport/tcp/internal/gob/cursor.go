// SPDX-License-Identifier: Apache-2.0

package gob

import (
	"errors"
	"fmt"
)

var errShort = errors.New("truncated value")

// cursor decodes the parts of a segment. It does not allocate.
type cursor struct{ b []byte }

func (c *cursor) uint() (uint64, error) {
	if len(c.b) == 0 {
		return 0, errShort
	}
	head := c.b[0]
	if head < 0x80 {
		c.b = c.b[1:]
		return uint64(head), nil
	}
	count := -int(int8(head))
	if count > 8 {
		return 0, fmt.Errorf("a number in %d bytes", count)
	}
	if len(c.b) <= count {
		return 0, errShort
	}
	var n uint64
	for _, b := range c.b[1 : count+1] {
		n = n<<8 | uint64(b)
	}
	c.b = c.b[count+1:]
	return n, nil
}

// int reads a signed number, whose sign is the lowest bit.
func (c *cursor) int() (int64, error) {
	u, err := c.uint()
	n := int64(u >> 1)
	if u&1 != 0 {
		n = ^n
	}
	return n, err
}

// count reads the number of elements that follow. Each takes at least one byte.
func (c *cursor) count() (int, error) {
	n, err := c.uint()
	if err == nil && n > uint64(len(c.b)) {
		err = errShort
	}
	return int(n), err
}

// bytes reads a string, without a copy.
func (c *cursor) bytes() ([]byte, error) {
	n, err := c.count()
	if err != nil {
		return nil, err
	}
	b := c.b[:n:n]
	c.b = c.b[n:]
	return b, nil
}

// delta advances at to the next encoded field of a struct with n fields. It reports
// false at the end of the struct.
func (c *cursor) delta(at *int, n int) (bool, error) {
	d, err := c.uint()
	if err != nil || d == 0 {
		return false, err
	}
	if d > uint64(n) || *at+int(d) >= n {
		return false, errors.New("a field that is not in its type")
	}
	*at += int(d)
	return true, nil
}

// field advances at to the next encoded field of a value of type w, and returns the type
// of that field, nil at the end.
func (c *cursor) field(at *int, w *wireType) (*int64, error) {
	more, err := c.delta(at, len(w.fields))
	if err != nil || !more {
		return nil, err
	}
	return &w.fields[*at], nil
}

// nameAndID reads a struct of a name and a type number.
func (c *cursor) nameAndID() (name []byte, id int64, err error) {
	for at := -1; ; {
		more, err := c.delta(&at, 2)
		if err != nil || !more {
			return name, id, err
		}
		if at == 0 {
			name, err = c.bytes()
		} else {
			id, err = c.int()
		}
		if err != nil {
			return nil, 0, err
		}
	}
}
