// SPDX-License-Identifier: Apache-2.0

package session

import (
	"example.com/mailcall/transport/tcp/internal/frame"
)

// firstRoom is how much memory is allocated at most for the announced length of a message
// of several frames, before the second frame is received.
const firstRoom = 256 << 10

// assembly is an incomplete message of several frames.
type assembly struct {
	block frame.Block
	total int
	body  []byte
}

// assemble begins a message of several frames. If it would exceed a limit, refused is the
// reset for the exchange.
func (l *Link) assemble(h head, body []byte) (a *assembly, refused *Reset, err error) {
	switch {
	case len(body) > h.total:
		return nil, nil, broken("message of %d bytes has %d in its first frame", h.total, len(body))
	case h.total > l.own.Message:
		return nil, &Reset{Code: CodeTooLarge, Reason: over("message", h.total, l.own.Message)}, nil
	case l.assembling+int64(h.total) > l.assemblyBound:
		return nil, &Reset{Code: CodeOverloaded, Reason: "too many large messages at once"}, nil
	}
	l.assembling += int64(h.total)
	a = &assembly{block: h.block, total: h.total, body: make([]byte, len(body), max(min(h.total, firstRoom), len(body)))}
	copy(a.body, body)
	return a, nil, nil
}

// add appends the next piece of the body.
func (a *assembly) add(h frame.Header, body []byte) (done bool, err error) {
	if len(a.body)+len(body) > a.total {
		return false, broken("message of %d bytes continues after its end", a.total)
	}
	a.body = append(a.body, body...)
	done = !h.Has(frame.FlagMore)
	if done && len(a.body) != a.total {
		return false, broken("message of %d bytes ends after %d", a.total, len(a.body))
	}
	return done, nil
}

// releaseAssembly releases the assembly's share of the assembly limit.
func (l *Link) releaseAssembly(a *assembly) {
	if a != nil {
		l.assembling -= int64(a.total)
	}
}
