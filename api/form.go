// SPDX-License-Identifier: Apache-2.0

package api

import (
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

// form is one way to write requests: which codec, and the part of the header
// that is always the same.
type form struct {
	contentType string
	missing     error // why requests cannot be written so
	codecKey    string
	codec       codec.Codec
	appender    codec.Appender
	enveloper   codec.Enveloper
	protobuf    bool // the codec is ours for it, and runs no code of others
	native      bool // gRPC frames messages and tells errors by itself
	newline     bool // the codec writes one behind its text
	header      transport.Header
}

// Content types that are treated in ways of their own.
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

// refusal is the text with which a server answers a content type that it has no
// codec for: as text/plain, and without an error.
const refusal = "unsupported Content-Type: "

// legacy is the content type that servers from before the mucp protocol want
// in place of one of today (go-micro wire, section 4.3).
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

// bare is the content type whose codec makes the bytes that gRPC itself puts
// into frames (go-micro wire, section 9).
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

// form is that of go-micro's messages. Accept keeps the content type that the
// caller asked for.
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

// nativeForm is that of gRPC. Its transport makes the path of the names and
// drops them.
func (cfg *config) nativeForm(key methodKey) form {
	f := form{contentType: key.contentType, native: true}
	f.use(cfg.options.Codecs, bare(key.contentType))
	if f.enveloper != nil {
		f.missing = fmt.Errorf("%w: %q has an envelope, and gRPC says by itself what it says; use the content type of the bare value",
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

// round makes a timeout repeat itself where HTTP/2 compresses what repeats. It
// takes off a millisecond of a second at most.
func (f *form) round(timeout time.Duration) time.Duration {
	if !f.native || timeout < time.Second {
		return timeout
	}
	return timeout.Truncate(time.Millisecond)
}

// encode writes v without an envelope, over buf if the codec can.
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
		return body, rpcerr.Wrap(err, rpcerr.IDCodec, 500, "cannot encode the request: "+err.Error())
	}
	return f.framed(body, v), nil
}

// framed is the encoding of v as gRPC has it, whose frames say where a text ends.
func (f *form) framed(body []byte, v any) []byte {
	if !f.newline || !f.native || len(body) == 0 {
		return body
	}
	if _, is := codec.FrameOf(v); is {
		return body
	}
	return body[:len(body)-1]
}

// envelop writes v in an envelope.
func (f *form) envelop(e codec.Envelope, v any) ([]byte, error) {
	body, err := f.enveloper.AppendRequest(nil, e, v)
	if err != nil {
		err = rpcerr.Wrap(err, rpcerr.IDCodec, 500, "cannot encode the request: "+err.Error())
	}
	return body, err
}

// open returns the encoded value of a message from node, out of its envelope,
// or the error that the message tells, and the id that the envelope has. into is
// what the value will be decoded into; later says that it is not the first
// message from there.
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
	// Later messages of a stream may leave out what the first one has said.
	got, named := m.Header.Lookup("Content-Type")
	refused := f.contentType == textPlain && string(m.Body) == refusal+textPlain
	if got != f.contentType && (named || !later) && !means(got, f.contentType) || refused {
		const shown = 200
		body := string(m.Body[:min(len(m.Body), shown)])
		return nil, "", rpcerr.New(rpcerr.IDCodec, 500, fmt.Sprintf("%s answered with content type %q to %q: %q", node, got, f.contentType, body))
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

// means reports whether got is another way to write the content type: names know
// no case, and the characters are UTF-8 anyway.
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

// decode puts the encoded value of m into v.
func (f *form) decode(payload []byte, v any, m *transport.Message) error {
	if err := f.codec.Unmarshal(payload, v); err != nil {
		return undecoded(err, m)
	}
	return nil
}

// undecoded says, too, if somebody on the way has compressed the reply. Where it
// can be decoded all the same, the field is the echo of the caller's own.
func undecoded(err error, m *transport.Message) error {
	text := "cannot decode the reply: " + err.Error()
	if coding := m.Header.Get("Content-Encoding"); coding != "" {
		text += fmt.Sprintf("; its content encoding is %q, which is not undone", coding)
	}
	return rpcerr.Wrap(err, rpcerr.IDCodec, 500, text)
}

func isFrame(v any) bool {
	_, is := v.(*codec.Frame)
	return is
}
