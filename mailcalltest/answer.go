// SPDX-License-Identifier: Apache-2.0

package mailcalltest

import (
	"example.com/mailcall/codec"
	"example.com/mailcall/codec/json"
	"example.com/mailcall/transport"
)

const (
	headGRPCStatus  = "Grpc-Status"
	headGRPCMessage = "Grpc-Message"
	grpcOK          = "0"
	grpcInternal    = "13"
)

// replied returns the answer of a unary handler. Its header has only the fields
// of this answer; over HTTP the transport adds those of the first request.
func (x *exchange) replied(v any) *transport.Message {
	return x.reply(v, x.rpcID, nil)
}

// reply encodes v into a message whose header begins with the given one.
func (x *exchange) reply(v any, id string, header transport.Header) *transport.Message {
	body, err := x.encode(v, id)
	both(&header, headID, id)
	if err != nil {
		text := "Unable to encode body: " + err.Error()
		both(&header, headError, text)
		return x.withError(header, text)
	}
	if len(body) > 0 {
		header.Set(headType, x.contentType)
	}
	if isGRPC(x.contentType) {
		header.Set(headGRPCStatus, grpcOK)
	}
	return &transport.Message{Header: header, Body: body}
}

func (x *exchange) encode(v any, id string) ([]byte, error) {
	if data, ok := codec.FrameOf(v); ok {
		return data, nil
	}
	if enveloper, ok := x.codec.(codec.Enveloper); ok {
		return enveloper.AppendReply(nil, codec.Envelope{ID: id}, v)
	}
	body, err := x.codec.Marshal(v)
	if _, is := x.codec.(json.Codec); is && err == nil {
		if _, is := x.in.(native); is {
			body = body[:len(body)-1] // in a gRPC frame the text has no final newline
		}
	}
	return body, err
}

// failed returns the answer to a request that failed, nil if the codec cannot
// encode one. Its header is that of the request with the error added.
func (x *exchange) failed(err error) *transport.Message {
	text := err.Error()
	header := x.opening.Header.Clone()
	both(&header, headError, text)
	return x.withError(header, text)
}

func (x *exchange) withError(header transport.Header, text string) *transport.Message {
	if x.in == nil && !canSayError(x.contentType, x.codec) {
		return nil
	}
	if isGRPC(x.contentType) {
		header.Set(headGRPCStatus, grpcOK)
		if text != endOfStream {
			header.Set(headGRPCStatus, grpcInternal)
			header.Set(headGRPCMessage, text)
		}
	}
	m := &transport.Message{Header: header}
	if enveloper, ok := x.codec.(codec.Enveloper); ok {
		// The envelope of an error has no id, as in go-micro.
		body, err := enveloper.AppendReply(nil, codec.Envelope{Error: text}, nil)
		if err != nil {
			return nil
		}
		m.Header.Set(headType, x.contentType)
		m.Body = body
	}
	return m
}
