// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"errors"
	"os"
	"time"
)

// read blocks until bytes are received.
func (l *line) read(p []byte) (int, error) {
	switch {
	case l.tls != nil:
		return l.tls.Read(p)
	case l.fast.Usable():
		return l.fast.Read(p)
	}
	return l.raw.Read(p)
}

// listen reads until the line ends, and returns why. take is called with the received
// bytes, and returns how many it has used and how many the next frame needs, 0 if that
// is not known.
func (l *line) listen(take func(p []byte) (used, need int, err error)) error {
	w := watch{line: l}
	err := w.arm()
	for err == nil {
		if err = l.once(&w, take); errors.Is(err, os.ErrDeadlineExceeded) {
			err = w.deadlinePassed()
		}
	}
	return err
}

// once reads once, and passes what was received to take.
func (l *line) once(w *watch, take func(p []byte) (used, need int, err error)) error {
	n, err := l.read(l.in.room())
	if n > 0 {
		w.heard()
		in := &l.in
		in.end += n
		used, need, bad := take(in.c.buf[in.pos:in.end])
		in.fed(used, need)
		if bad != nil {
			return bad
		}
	}
	return err
}

// watch pings a silent peer while exchanges run.
type watch struct {
	line   *line
	quiet  bool // nothing was received since the read deadline was set
	pinged bool
}

func (w *watch) arm() error {
	w.quiet = true
	var at time.Time
	if d := w.line.config.ping; d > 0 {
		at = time.Now().Add(d)
	}
	return w.line.raw.SetReadDeadline(at)
}

func (w *watch) heard() { w.quiet, w.pinged = false, false }

// deadlinePassed is called when the read deadline has passed.
func (w *watch) deadlinePassed() error {
	l := w.line
	if w.quiet && w.pinged {
		return errSilent
	}
	l.mu.Lock()
	l.side.interval()
	switch {
	case !w.quiet || l.err != nil:
	case l.side.running() > 0:
		w.pinged = true
		l.link.Ping()
	default:
		l.in.nap()
		l.link.Nap()
	}
	l.unlockAndFlush()
	return w.arm()
}
