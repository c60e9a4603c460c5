// SPDX-License-Identifier: Apache-2.0

// Package wire defines what every contender and server of the HTTP scenarios shares:
// the header fields of the request, the size of the body, and the two small parsers of
// the hand-written client and server.
package wire

import "strconv"

const (
	// Service is the called service, sent as Micro-Service.
	Service = "greeter"
	// Endpoint is the called endpoint, sent as Micro-Endpoint and Micro-Method.
	Endpoint = "Greeter.Hello"
	// ContentType is sent as Content-Type and Accept and expected in replies.
	ContentType = "application/protobuf"
	// UserAgent is what go-micro's own client sends.
	UserAgent = "Go-http-client/1.1"
	// Timeout is the timeout of an attempt as sent, in nanoseconds: five seconds,
	// go-micro's default. It is a constant for the peers, which is cheaper than
	// computing the rest of a deadline.
	Timeout = "5000000000"

	// HeaderID is the canonical form of Micro-ID, the only field whose value
	// differs from call to call.
	HeaderID = "Micro-Id"
	// HeaderError is the reply field that carries a handler's error.
	HeaderError = "Micro-Error"
	// HeaderContentType is the field that names the codec.
	HeaderContentType = "Content-Type"

	// MaxHead bounds the head of a request or reply, in bytes.
	MaxHead = 16 << 10
	// MaxBody bounds a body, in bytes: go-micro's value for its grpc forms.
	MaxBody = 4 << 20
)

// Field is one header field.
type Field struct {
	Name, Value string
}

// Fields returns the fields that are the same in every request, in go-micro's order.
// Host, Content-Length and Micro-Id are not included, because each client sets them in
// its own way. Each call returns a new slice.
func Fields() []Field {
	return []Field{
		{"User-Agent", UserAgent},
		{"Accept", ContentType},
		{HeaderContentType, ContentType},
		{"Micro-Endpoint", Endpoint},
		{"Micro-Method", Endpoint},
		{"Micro-Service", Service},
		{"Timeout", Timeout},
	}
}

// AppendHead appends the head of a request to host with a body of length
// bytes, ending in the empty line.
func AppendHead(dst []byte, host string, id uint64, length int) []byte {
	dst = append(dst, "POST / HTTP/1.1\r\nHost: "...)
	dst = append(dst, host...)
	dst = append(dst, "\r\nContent-Length: "...)
	dst = strconv.AppendInt(dst, int64(length), 10)
	dst = append(dst, "\r\nMicro-Id: "...)
	dst = strconv.AppendUint(dst, id, 10)
	for _, f := range Fields() {
		dst = append(dst, "\r\n"...)
		dst = append(dst, f.Name...)
		dst = append(dst, ": "...)
		dst = append(dst, f.Value...)
	}
	return append(dst, "\r\n\r\n"...)
}

// AppendReply appends the smallest reply that a client with go-micro's protocol
// accepts: status 200, length, content type and body.
func AppendReply(dst, body []byte) []byte {
	dst = append(dst, "HTTP/1.1 200 OK\r\nContent-Length: "...)
	dst = strconv.AppendInt(dst, int64(len(body)), 10)
	dst = append(dst, "\r\nContent-Type: "+ContentType+"\r\n\r\n"...)
	return append(dst, body...)
}
