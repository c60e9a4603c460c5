// SPDX-License-Identifier: Apache-2.0

// Package mailcalltest helps to test programs that use mailcall. It has a real
// responder that speaks go-micro's protocol over any [transport.Listener],
// scripted faults, and assertions.
//
//	server := mailcalltest.Start(t)
//	server.SetScript(mailcalltest.Script{
//		mailcalltest.Refuse(2),
//		mailcalltest.Delay(300 * time.Millisecond),
//	})
//	// ... call Greeter.Hello at server.Address() ...
//	mailcalltest.AssertCalls(t, server, "Greeter.Hello", 1)
//
// A [Responder] answers as a go-micro v6 server does, and gives no answer where
// that one gives none: after a panic of the handler, for an error under
// application/octet-stream, and to a second unary request on a busy connection.
// It does not imitate that server's bugs, such as stream replies that overwrite
// each other.
package mailcalltest
