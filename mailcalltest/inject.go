// SPDX-License-Identifier: Apache-2.0

package mailcalltest

import (
	"fmt"
	"net/http"

	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
)

// inject applies what the fault does before the handler. It reports whether the
// handler has to run; if not, answer is what to send, nil for nothing.
func (x *exchange) inject() (answer *transport.Message, proceed bool) {
	r := x.s.r
	if !r.faults.hold(x.s.gone) {
		return nil, false
	}
	switch f := x.fault; f.kind {
	case kindDelay:
		return nil, wait(r.clock, f.delay, x.s.gone)
	case kindSilence:
		return nil, false
	case kindClose:
		x.s.end()
		return nil, false
	case kindError:
		err := rpcerr.New(r.name+".fault", f.code, faultDetail)
		return x.failed(err), false
	case kindGarbage:
		x.raw(f.data)
		return nil, false
	case kindStatus:
		x.raw(statusPage(f.n))
		return nil, false
	case kindNone, kindRefuse, kindPass, kindReset, kindTruncate, kindSlow:
	}
	return nil, true
}

// raw writes bytes directly to the socket, or closes a connection without one.
func (x *exchange) raw(data []byte) {
	x.s.free(x) // before the client can answer with its next request
	x.s.send.Lock()
	defer x.s.send.Unlock()
	if socket := socketOf(x.s.conn); socket == nil || !push(socket, data) {
		x.s.end()
	}
}

// send sends one message of the exchange, as its fault says, and reports whether
// the connection goes on.
func (x *exchange) send(m *transport.Message) bool {
	if x.in != nil {
		return x.pass(m, x.in.Send)
	}
	f := x.fault
	switch f.kind {
	case kindReset, kindTruncate:
		return x.sendPart(m, f)
	case kindSlow:
		return x.sendSlow(m, f)
	default:
		return x.s.write(m)
	}
}

func (x *exchange) sendPart(m *transport.Message, f Fault) bool {
	data := renderHTTP(m)
	if socketOf(x.s.conn) != nil && f.n > 0 {
		x.raw(data[:min(f.n, len(data))])
	}
	if f.kind == kindReset {
		reset(x.s.conn)
	}
	x.s.end()
	return false
}

func (x *exchange) sendSlow(m *transport.Message, f Fault) bool {
	socket := socketOf(x.s.conn)
	x.s.send.Lock() // held to the end, so that no other message comes in between
	for data := renderHTTP(m); len(data) > 0; {
		step := min(f.n, len(data))
		if socket != nil && !push(socket, data[:step]) {
			break
		}
		data = data[step:]
		if !wait(x.s.r.clock, f.delay, x.s.gone) {
			break
		}
	}
	x.s.send.Unlock()
	if socket == nil {
		return x.s.write(m)
	}
	return !x.s.lost()
}

func statusPage(status int) []byte {
	text := fmt.Sprintf("%d %s", status, http.StatusText(status))
	page := "<html><body><h1>" + text + "</h1></body></html>\n"
	return fmt.Appendf(nil, "HTTP/1.1 %s\r\nContent-Length: %d\r\nContent-Type: text/html\r\n\r\n%s",
		text, len(page), page)
}
