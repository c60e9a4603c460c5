// SPDX-License-Identifier: Apache-2.0

package tcp

// apartSize is the size in bytes from which a body is written to the socket directly
// from the sender's memory ("apart"). A shorter one is copied, which costs less.
const apartSize = 16 << 10

// apart reports whether the caller may write a body of n bytes apart. It is called with
// the lock held; if it returns true, [line.unlockAndWriteApart] must follow.
func (l *line) apart(n int) bool {
	if n < apartSize || l.writing || l.err != nil || l.tls != nil || !l.fast.Usable() ||
		l.link.Queued() >= apartSize || !l.link.Fits(n) {
		return false
	}
	l.link.Apart()
	return true
}

// unlockAndWriteApart writes what is queued, and then the body. It is called with the
// lock held, and releases it. What the socket does not accept at once is copied.
func (l *line) unlockAndWriteApart(body []byte) {
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
		l.endWriting()
		l.mu.Unlock()
		return
	}
	l.yielding = l.side.running() > 1
	yield := l.yielding
	l.mu.Unlock()
	l.flush(yield)
}

// remains returns a copy of the part of head and body after the first n bytes.
func remains(head, body []byte, n int) []byte {
	rest := make([]byte, 0, len(head)+len(body)-n)
	rest = append(rest, head[min(n, len(head)):]...)
	return append(rest, body[max(n-len(head), 0):]...)
}
