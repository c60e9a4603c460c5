// SPDX-License-Identifier: Apache-2.0

package api

import "example.com/mailcall/transport"

// WithHeader adds a field to what is sent, besides metadata. The same name may
// be given several times, on wires that can say so. What the protocol itself
// says about a request is a fault: "Micro-Topic", "Micro-Stream", "Micro-ID",
// "Micro-Error" and "Timeout".
func WithHeader(name, value string) ClientCallOption {
	return callOption{"header", func(o *CallOptions) { o.Header.Add(name, value) }}
}

// WithReplyHeader has the header of the reply stored in h, that of an error
// too. For a stream that is done when the first message or the end arrives. Do
// not look before.
func WithReplyHeader(h *transport.Header) CallOption {
	return callOption{"reply_header", func(o *CallOptions) { o.ReplyHeader = h }}
}

// WithReplyTrailer has the fields stored in h that came after the reply or with
// the end of the stream. Do not look before.
func WithReplyTrailer(h *transport.Header) CallOption {
	return callOption{"reply_trailer", func(o *CallOptions) { o.ReplyTrailer = h }}
}
