// SPDX-License-Identifier: Apache-2.0

package api

import (
	"errors"
	"fmt"
	"mime"
	"strings"
	"time"

	"example.com/mailcall/codec"
	"example.com/mailcall/codec/json"
	"example.com/mailcall/codec/proto"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
)

// form is one way to write requests: the codec, and the part of the header that
// is the same in all of them.
type form struct {
	contentType string
	missing     error // why requests cannot be written in this form, nil if they can
	codecKey    string
	codec       codec.Codec
	appender    codec.Appender
	enveloper   codec.Enveloper
	protobuf    bool // the codec is the built-in one, which runs no user code
	native      bool // native gRPC: the transport frames messages and carries errors
	newline     bool // the codec ends its text with a newline
	header      transport.Header
}

// Content types that need special treatment.
const (
	octetStream = "application/octet-stream"
	jsonType    = "application/json"
	protobuf    = "application/protobuf"
	jsonRPC     = "application/json-rpc"
	protoRPC    = "application/proto-rpc"
	grpcPrefix  = "application/grpc"
	textPlain   = "text/plain"
)

// overHTTP is the name of the HTTP transport, the default.
const overHTTP = "http"

// refusal is how a go-micro server's answer begins if it has no codec for the
// content type: the answer is text/plain, and not marked as an error.
const refusal = "unsupported Content-Type: "

// legacy returns the content type that servers of before the mucp protocol expect
// instead of the given one.
func legacy(contentType string) string {
	switch contentType {
	case jsonType:
		return jsonRPC
	case protobuf:
		return protoRPC
	default:
		return contentType
	}
}

// bare returns the content type whose codec makes the bytes that native gRPC puts
// into its frames.
func bare(contentType string) string {
	switch contentType {
	case grpcPrefix, grpcPrefix + "+proto", "application/proto", octetStream:
		return protobuf
	case grpcPrefix + "+json":
		return jsonType
	case grpcPrefix + "+bytes":
		return octetStream
	default:
		return contentType
	}
}

// form returns the form of go-micro's messages. Accept keeps the content type
// that the caller has asked for.
func (cfg *config) form(key methodKey, contentType string) form {
	f := form{contentType: contentType}
	f.use(cfg.options.Codecs, contentType)
	f.header = transport.Header{
		{Name: "Accept", Value: key.contentType},
		{Name: "Content-Type", Value: contentType},
		{Name: "Micro-Service", Value: key.service},
		{Name: "Micro-Method", Value: key.endpoint},
		{Name: "Micro-Endpoint", Value: key.endpoint},
	}
	if strings.HasPrefix(contentType, grpcPrefix) {
		f.header.Add("Te", "trailers")
		f.header.Add("User-Agent", "grpc-go/1.0.0")
	}
	return f
}

// nativeForm returns the form of native gRPC. Its transport makes the path from
// the names of service and endpoint, and does not send the fields.
func (cfg *config) nativeForm(key methodKey) form {
	f := form{contentType: key.contentType, native: true}
	f.use(cfg.options.Codecs, bare(key.contentType))
	if f.enveloper != nil {
		f.missing = fmt.Errorf("%w: %q puts the value into an envelope, which native gRPC does not have; use the content type of the value itself",
			rpcerr.ErrUnsupportedContentType, key.contentType)
	}
	f.header = transport.Header{
		{Name: "Content-Type", Value: key.contentType},
		{Name: "Micro-Service", Value: key.service},
		{Name: "Micro-Endpoint", Value: key.endpoint},
	}
	return f
}

// use sets the codec.
func (f *form) use(codecs map[string]codec.Codec, contentType string) {
	f.codecKey, f.codec = contentType, codecs[contentType]
	if f.codec == nil {
		f.missing = fmt.Errorf("%w: %q; there are codecs for %s (WithCodec)",
			rpcerr.ErrUnsupportedContentType, contentType, list(codecs))
	}
	f.appender, _ = f.codec.(codec.Appender)
	f.enveloper, _ = f.codec.(codec.Enveloper)
	_, f.protobuf = f.codec.(proto.Codec)
	_, f.newline = f.codec.(json.Codec)
}

// round rounds a timeout down where HTTP/2 compresses repeated header values, so
// that it repeats more often. It takes off at most a millisecond per second.
func (f *form) round(timeout time.Duration) time.Duration {
	if !f.native || timeout < time.Second {
		return timeout
	}
	return timeout.Truncate(time.Millisecond)
}

// encode encodes v without an envelope, into buf if the codec can append.
func (f *form) encode(buf []byte, v any) (body []byte, err error) {
	switch {
	case f.missing != nil:
		return nil, f.missing
	case f.appender != nil:
		body, err = f.appender.Append(buf[:0], v)
	default:
		body, err = f.codec.Marshal(v)
	}
	if err != nil {
		return body, rpcerr.Wrap(err, rpcerr.IDCodec, 500, "cannot encode the request: "+f.explain(err))
	}
	return f.framed(body, v), nil
}

// framed returns the encoding of v without a final newline if gRPC frames it, since
// its frames have a length.
func (f *form) framed(body []byte, v any) []byte {
	if !f.newline || !f.native || len(body) == 0 {
		return body
	}
	if _, is := codec.FrameOf(v); is {
		return body
	}
	return body[:len(body)-1]
}

// envelop encodes v in an envelope.
func (f *form) envelop(e codec.Envelope, v any) ([]byte, error) {
	body, err := f.enveloper.AppendRequest(nil, e, v)
	if err != nil {
		err = rpcerr.Wrap(err, rpcerr.IDCodec, 500, "cannot encode the request: "+f.explain(err))
	}
	return body, err
}

// errOtherType is the cause of the error for a message with another content type.
var errOtherType = errors.New("another content type")

// open returns the encoded value of a message from node without its envelope, or
// the error that the message carries, and the id in the envelope. into is what
// the value will be decoded into; later says that it is not the first message of
// a stream.
func (f *form) open(m *transport.Message, node string, into any, later bool) (payload []byte, id string, err error) {
	if f.native {
		return m.Body, "", nil
	}
	if text := m.Header.Get("Micro-Error"); text != "" {
		return nil, "", rpcerr.Parse(text)
	}
	if len(m.Body) == 0 {
		return nil, "", nil
	}
	// Later messages of a stream may omit what the first one contained.
	got, named := m.Header.Lookup("Content-Type")
	refused := f.contentType == textPlain && string(m.Body) == refusal+textPlain
	if got != f.contentType && (named || !later) && !means(got, f.contentType) || refused {
		const shown = 200
		body := string(m.Body[:min(len(m.Body), shown)])
		return nil, "", rpcerr.Wrap(errOtherType, rpcerr.IDCodec, 500, fmt.Sprintf("%s answered with content type %q to %q: %q", node, got, f.contentType, body))
	}
	if f.enveloper == nil || isFrame(into) {
		return m.Body, "", nil
	}
	envelope, payload, err := f.enveloper.ReadReply(m.Body)
	if err != nil {
		return nil, "", rpcerr.Wrap(err, rpcerr.IDCodec, 500, "cannot decode the reply: "+err.Error())
	}
	if envelope.Error != "" {
		return nil, envelope.ID, rpcerr.Parse(envelope.Error)
	}
	return payload, envelope.ID, nil
}

// means reports whether got is the content type in another spelling: case does
// not matter, nor does a charset of UTF-8.
func means(got, contentType string) bool {
	name, params, err := mime.ParseMediaType(got)
	if err != nil || !strings.EqualFold(name, contentType) {
		return false
	}
	for param, value := range params {
		if param != "charset" || !strings.EqualFold(value, "utf-8") && !strings.EqualFold(value, "us-ascii") {
			return false
		}
	}
	return true
}

// decode decodes the value of m into v.
func (f *form) decode(payload []byte, v any, m *transport.Message) error {
	if err := f.codec.Unmarshal(payload, v); err != nil {
		return f.undecoded(err, m)
	}
	return nil
}

// explain returns the text of a codec's error. If the codec cannot take the type of
// the value, it says how plain structs are sent, which go-micro does by default.
func (f *form) explain(err error) string {
	var unfit *codec.TypeError
	if !errors.As(err, &unfit) || strings.Contains(f.codecKey, "json") {
		return err.Error()
	}
	return fmt.Sprintf("%s; the content type is %q, plain structs need %s (WithDefaultContentType)", err, f.contentType, jsonType)
}

// undecoded adds to a decoding error that the reply says it is compressed. If a
// reply can be decoded, that field is only an echo of the request's.
func (f *form) undecoded(err error, m *transport.Message) error {
	text := "cannot decode the reply: " + f.explain(err)
	if coding := m.Header.Get("Content-Encoding"); coding != "" {
		text += fmt.Sprintf("; its content encoding is %q, which is not undone", coding)
	}
	return rpcerr.Wrap(err, rpcerr.IDCodec, 500, text)
}

func isFrame(v any) bool {
	_, is := v.(*codec.Frame)
	return is
}
