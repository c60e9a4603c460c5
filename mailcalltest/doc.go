// SPDX-License-Identifier: Apache-2.0

// Package mailcalltest is for the tests of those who use mailcall: a real
// responder that speaks go-micro's protocol over any [transport.Listener],
// faults on order, and assertions.
//
//	server := mailcalltest.Start(t)
//	server.SetScript(mailcalltest.Script{
//		mailcalltest.Refuse(2),
//		mailcalltest.Delay(300 * time.Millisecond),
//	})
//	// ... call Greeter.Hello at server.Address() ...
//	mailcalltest.AssertCalls(t, server, "Greeter.Hello", 1)
//
// A [Responder] answers as a go-micro v6 server does, its silences included:
// a handler that panics, an error under application/octet-stream and a second
// unary request on a busy connection get no answer. Where that server has a
// fault of its own (replies of a stream that overwrite each other) the
// responder has not.
package mailcalltest
