// SPDX-License-Identifier: Apache-2.0

package session

// bucket is a token bucket that limits how often the peer may do something: size times at
// once, and once more after each interval in nanoseconds.
type bucket struct {
	size, left int
	interval   int64
	filled     int64
}

func newBucket(size int, interval int64) bucket {
	return bucket{size: size, left: size, interval: interval}
}

// take takes a token. It reports false if there is none.
func (b *bucket) take(now int64) bool {
	if b.interval > 0 && b.left < b.size {
		if more := (now - b.filled) / b.interval; more > 0 {
			b.left = int(min(int64(b.left)+more, int64(b.size)))
			b.filled += more * b.interval
		}
	}
	if b.left == b.size {
		b.filled = now
	}
	if b.left == 0 {
		return false
	}
	b.left--
	return true
}
