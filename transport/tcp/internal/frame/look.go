// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"example.com/mailcall/transport"
)

// Look examines the header that Append writes next. If native is true, it returns the
// value of the header's Timeout field for the timeout field of the frame, 0 if there is
// none or it is not a number. Otherwise that field is an ordinary variable.
func (e *Encoder) Look(h transport.Header, native bool) (timeout uint64) {
	if timeout, e.hit = e.again(h, native); e.hit {
		return timeout
	}
	s := &e.now
	s.n, s.timeout, s.hash, timeout = 0, noIndex, uint64(len(h)), 0
	for i := range h {
		f := &h[i]
		s.hash = hash(s.hash, f.Name)
		if volatileName(f.Name) {
			v, ok := decimal(f.Value)
			if ok && native && s.timeout == noIndex && f.Name == nameTimeout {
				s.timeout, timeout = i, v
				s.hash++
				continue
			}
			if ok && s.n < maxVariables {
				s.pos[s.n], s.val[s.n] = i, v
				s.n++
				s.hash += 2
			}
			continue
		}
		if stable(f.Name) {
			s.hash = hash(s.hash, f.Value)
		}
	}
	return timeout
}

// again reports whether h is the header that was sent last, except for numbers. A header
// that is sent repeatedly needs only this comparison.
func (e *Encoder) again(h transport.Header, native bool) (timeout uint64, ok bool) {
	if e.last == noIndex || len(h) != len(e.entries[e.last].fields) {
		return 0, false
	}
	s := &e.now
	s.n = 0
	fields := e.entries[e.last].fields
	for i := range h {
		f := &fields[i]
		if f.name != h[i].Name {
			return 0, false
		}
		switch f.kind {
		case valueLiteral:
			if f.value != h[i].Value || f.volatile {
				return 0, false
			}
		case valueTimeout:
			if timeout, ok = decimal(h[i].Value); !ok || !native {
				return 0, false
			}
		default:
			if s.val[s.n], ok = decimal(h[i].Value); !ok || native && f.isTimeout {
				return 0, false
			}
			s.n++
		}
	}
	return timeout, true
}
