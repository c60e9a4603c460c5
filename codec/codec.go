// SPDX-License-Identifier: Apache-2.0

// Package codec is the contract between mailcall and the encodings of values.
//
// A codec needs only the two methods of [Codec]; it is selected by the content type
// under which it is given to the client. It must be safe for concurrent use and
// must not keep data or v after it returns. It runs on the goroutine of the call,
// which waits for it even beyond its deadline, because v may still be written to.
package codec

// Codec turns a value into bytes and back.
type Codec interface {
	// Marshal returns the encoding of v. For a value that the codec cannot encode
	// the error is a [TypeError].
	Marshal(v any) ([]byte, error)
	// Unmarshal decodes data into v, a pointer or a protobuf message. data is
	// reused after the call, so v must not refer to it.
	Unmarshal(data []byte, v any) error
}

// Appender is a [Codec] that can encode into given memory. mailcall prefers it,
// because calls then need no allocation for the encoding.
type Appender interface {
	Codec
	// Append appends the encoding of v to dst and returns the longer slice. On
	// an error it returns dst unchanged.
	Append(dst []byte, v any) ([]byte, error)
}

// Envelope is what an enveloping encoding, such as JSON-RPC, carries besides the
// value itself.
type Envelope struct {
	// ID matches a reply to its request. On go-micro's wire it is the decimal
	// Micro-Id.
	ID string
	// Method is the endpoint, "Handler.Method". Only requests need it.
	Method string
	// Error is the error text of a reply; "" is success.
	Error string
}

// Enveloper is a [Codec] that can wrap values in an [Envelope]. Its Marshal and
// Unmarshal encode and decode the bare value, which events need.
type Enveloper interface {
	Codec
	// AppendRequest appends the enveloped request to dst.
	AppendRequest(dst []byte, e Envelope, v any) ([]byte, error)
	// ReadRequest splits an enveloped request into its envelope and the
	// encoded value, which Unmarshal reads. The value shares memory with data.
	ReadRequest(data []byte) (Envelope, []byte, error)
	// AppendReply appends the enveloped reply to dst. If e.Error is set, v is
	// ignored.
	AppendReply(dst []byte, e Envelope, v any) ([]byte, error)
	// ReadReply splits an enveloped reply into its envelope, whose Error is set if
	// it is an error reply, and the encoded value. The value shares memory with
	// data.
	ReadReply(data []byte) (Envelope, []byte, error)
}

// Frame is a value that is already encoded: every codec takes its bytes as the
// body, unchanged. To receive a reply like that, pass a *Frame.
type Frame struct {
	// Data is the encoded body.
	Data []byte
}

// TypeError says that a codec was given a value it cannot encode or decode.
type TypeError struct {
	// Codec is the short name of the codec.
	Codec string
	// Want says in words which values the codec takes.
	Want string
	// Got is the type of the offending value, as %T prints it.
	Got string
}

// Error implements error.
func (e *TypeError) Error() string {
	return e.Codec + " codec: cannot use a value of type " + e.Got + "; it takes " + e.Want
}
