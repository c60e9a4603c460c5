// SPDX-License-Identifier: Apache-2.0

package api

import "example.com/mailcall/transport"

// WithHeader adds a header field to the request, besides metadata. A name may be
// given several times if the transport can send it so (gRPC). Names that the
// protocol uses are refused: "Content-Type" (see [WithContentType]),
// "Micro-Service", "Micro-Method", "Micro-Endpoint", "Micro-Topic",
// "Micro-Stream", "Micro-ID", "Micro-Error" and "Timeout".
func WithHeader(name, value string) ClientCallOption {
	return callOption{"header", func(o *CallOptions) { o.Header.Add(name, value) }}
}

// WithReplyHeader stores the header of the reply in h, also if the reply is an
// error. For a stream that happens when the first message or the end arrives. h
// must not be read before the call has returned, or before that.
func WithReplyHeader(h *transport.Header) CallOption {
	return callOption{"reply_header", func(o *CallOptions) { o.ReplyHeader = h }}
}

// WithReplyTrailer stores in h the fields that follow the reply or come with the
// end of the stream. h must not be read before the call has returned, or before
// the end of the stream.
func WithReplyTrailer(h *transport.Header) CallOption {
	return callOption{"reply_trailer", func(o *CallOptions) { o.ReplyTrailer = h }}
}
