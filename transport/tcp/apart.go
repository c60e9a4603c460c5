// SPDX-License-Identifier: Apache-2.0

package tcp

// apartSize is from what length on a body goes from its owner to the socket
// without a copy on the way: below, the copy costs less than the care.
const apartSize = 16 << 10

// apart reports whether a body of n bytes may go out so: at once, by who has
// it. It is called with the lock held; if so, [line.pushApart] must follow.
func (l *line) apart(n int) bool {
	if n < apartSize || l.writing || l.err != nil || l.tls != nil || !l.fast.Usable() ||
		l.link.Queued() >= apartSize || !l.link.Fits(n) {
		return false
	}
	l.link.Apart()
	return true
}

// pushApart writes what is queued and the body behind it. It is called with
// the lock held, and lets go of it. What the socket does not take is copied.
func (l *line) pushApart(body []byte) {
	l.writing = true
	buf, _ := l.take()
	l.mu.Unlock()
	all := len(buf) + len(body)
	n, err := l.fast.Write2(buf, body)
	if err != nil {
		l.lose(err, all-n)
		return
	}
	if n < all {
		go l.drain(remains(buf, body, n), buf)
		return
	}
	l.mu.Lock()
	l.link.Give(buf)
	if l.link.Queued() == 0 || l.err != nil {
		l.rest()
		l.mu.Unlock()
		return
	}
	yield := l.running() > 1
	l.mu.Unlock()
	l.flush(yield)
}

// remains is a copy of what was not written of two pieces.
func remains(head, body []byte, n int) []byte {
	rest := make([]byte, 0, len(head)+len(body)-n)
	rest = append(rest, head[min(n, len(head)):]...)
	return append(rest, body[max(n-len(head), 0):]...)
}
