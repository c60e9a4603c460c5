// SPDX-License-Identifier: Apache-2.0

// Package codec is the contract between mailcall and the encodings of values.
//
// A codec of your own needs the two methods of [Codec]; it is chosen by the
// content type under which it was registered with the client. A codec is used
// by many goroutines at once and must not keep data or v after it returns.
package codec

// Codec turns a value into bytes and back.
type Codec interface {
	// Marshal returns the encoding of v. A value that the codec cannot
	// encode is a [TypeError].
	Marshal(v any) ([]byte, error)
	// Unmarshal decodes data into v, a pointer or a message. data belongs to
	// somebody else: copy what v is to keep.
	Unmarshal(data []byte, v any) error
}

// Appender is a [Codec] that can encode into memory it is given. mailcall
// prefers it: the hot path then allocates nothing for the encoding.
type Appender interface {
	Codec
	// Append appends the encoding of v to dst and returns the longer slice. On
	// an error it returns dst unchanged.
	Append(dst []byte, v any) ([]byte, error)
}

// Envelope is what an enveloping encoding such as JSON-RPC says beside the
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

// Enveloper is a [Codec] that wraps values in an [Envelope]. Marshal and
// Unmarshal of such a codec deal with the bare value, as events need it.
type Enveloper interface {
	Codec
	// AppendRequest appends the enveloped request to dst.
	AppendRequest(dst []byte, e Envelope, v any) ([]byte, error)
	// ReadRequest splits an enveloped request into its envelope and the
	// encoded value, which Unmarshal reads. The value shares memory with data.
	ReadRequest(data []byte) (Envelope, []byte, error)
	// AppendReply appends the enveloped reply to dst. With e.Error set, v is
	// not looked at.
	AppendReply(dst []byte, e Envelope, v any) ([]byte, error)
	// ReadReply splits an enveloped reply; Envelope.Error tells an error
	// reply. The value shares memory with data.
	ReadReply(data []byte) (Envelope, []byte, error)
}

// Frame is a value that is already encoded: under every content type its
// bytes are the body, as they are. As a reply value, pass a *Frame.
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
