// SPDX-License-Identifier: Apache-2.0

package mailcalltest_test

import "testing"

// Whatever a request contains, the responder does not crash, and the connection answers
// the next message.
func FuzzRequest(f *testing.F) {
	f.Add("application/json", "Greeter.Hello", "1", "", "", `{"name":"Ann"}`)
	f.Add("application/json-rpc", "", "", "", "", `{"params":[{}],"id":7,"method":"Greeter.Echo"}`)
	f.Add("application/proto-rpc", "", "", "", "x", "\x00\x00\x00\x0f\x0a\x0dGreeter.Hello\x00\x00\x00\x00")
	f.Add("application/grpc", "Greeter.Bidi", "", "5", "", "\x00\x00\x00\x00\x00")
	f.Add("application/octet-stream", "Greeter.Raw", "", "", "", "\x00")
	f.Fuzz(func(t *testing.T, contentType, endpoint, id, stream, target, body string) {
		_, p := startPipe(t)
		p.in <- message(body, "Content-Type", contentType, "Micro-Endpoint", endpoint,
			"Micro-ID", id, "Micro-Stream", stream, "Micro-Target", target)
		after := message("", "Micro-Topic", "after")
		for sent := false; ; {
			in := p.in
			if sent {
				in = nil
			}
			select {
			case in <- after:
				sent = true
			case m := <-p.out:
				if m.Header.Get("Micro-Topic") == "after" {
					return
				}
			}
		}
	})
}
