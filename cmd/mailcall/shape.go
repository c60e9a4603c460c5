// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"fmt"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"example.com/mailcall/codec"
	codecjson "example.com/mailcall/codec/json"
)

// shape converts between the user's bodies and messages.
type shape interface {
	// value returns the message to send for body.
	value(body []byte) (any, error)
	// empty returns a value into which a reply is decoded.
	empty() any
	// show returns the printed form of a reply.
	show(reply any) ([]byte, error)
}

// encoding says how bodies of a content type are made from JSON.
type encoding int

const (
	encodingOther encoding = iota // not at all
	encodingJSON
	encodingProtobuf // with a schema
)

func encodingOf(contentType string) encoding {
	switch contentType {
	case "application/json", "application/json-rpc", "application/grpc+json":
		return encodingJSON
	case "application/protobuf", "application/proto", "application/proto-rpc", "application/grpc", "application/grpc+proto":
		return encodingProtobuf
	default:
		return encodingOther
	}
}

// checkJSON returns an error for invalid JSON; otherwise completes its hint.
func checkJSON(body []byte, otherwise string) error {
	var syntax any
	if err := json.Unmarshal(body, &syntax); err != nil {
		return usage(`BODY is JSON, such as {"name":"Ada"}; `+otherwise, "the body is not JSON: %w", err)
	}
	return nil
}

// rawShape sends and prints bytes.
type rawShape struct{}

func (rawShape) value(body []byte) (any, error) { return codec.Frame{Data: body}, nil }

func (rawShape) empty() any { return new(codec.Frame) }

func (rawShape) show(reply any) ([]byte, error) {
	data, _ := codec.FrameOf(reply)
	return data, nil
}

// jsonShape sends and prints JSON unchanged. It is a value and not bytes, because a node
// whose record names no protocol gets application/json in an envelope.
type jsonShape struct{}

func (jsonShape) value(body []byte) (any, error) {
	if err := checkJSON(body, "--raw sends anything"); err != nil {
		return nil, err
	}
	return json.RawMessage(body), nil
}

func (jsonShape) empty() any { return new(json.RawMessage) }

func (jsonShape) show(reply any) ([]byte, error) {
	raw, is := reply.(*json.RawMessage)
	if !is {
		return nil, fmt.Errorf("a reply of type %T is not JSON", reply)
	}
	return *raw, nil
}

// jsonCodec is the codec of application/json. It leaves the JSON of a [jsonShape]
// unchanged, also that of a reply, which need not be JSON at all.
type jsonCodec struct{ codecjson.Codec }

// Marshal implements codec.Codec.
func (c jsonCodec) Marshal(v any) ([]byte, error) { return c.Append(nil, v) }

// Append implements codec.Appender.
func (c jsonCodec) Append(dst []byte, v any) ([]byte, error) {
	if body, is := v.(json.RawMessage); is {
		return append(dst, body...), nil
	}
	return c.Codec.Append(dst, v)
}

// Unmarshal implements codec.Codec.
func (c jsonCodec) Unmarshal(data []byte, v any) error {
	if body, is := v.(*json.RawMessage); is {
		*body = bytes.Clone(data)
		return nil
	}
	return c.Codec.Unmarshal(data, v)
}

// protoShape converts between JSON and protobuf messages.
type protoShape struct {
	in, out protoreflect.MessageDescriptor
	types   *dynamicpb.Types // for Any and extensions
	from    string           // the source of the types, for messages
}

func (p *protoShape) value(body []byte) (any, error) {
	if err := checkJSON(body, "--raw sends anything"); err != nil {
		return nil, err
	}
	m := dynamicpb.NewMessage(p.in)
	if err := (protojson.UnmarshalOptions{Resolver: p.types}).Unmarshal(body, m); err != nil {
		return nil, usage(`BODY is JSON, such as {"name":"Ada"}; --raw sends any bytes`, "the body is not a valid %s (%s): %w", p.in.FullName(), p.from, err)
	}
	return m, nil
}

func (p *protoShape) empty() any { return dynamicpb.NewMessage(p.out) }

func (p *protoShape) show(reply any) ([]byte, error) {
	m, is := reply.(*dynamicpb.Message)
	if !is {
		return nil, fmt.Errorf("a reply of type %T is not a protobuf message", reply)
	}
	data, err := (protojson.MarshalOptions{Resolver: p.types}).Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("the reply cannot be shown as JSON: %w", err)
	}
	var line bytes.Buffer // protojson adds spaces at random
	if err := json.Compact(&line, data); err != nil {
		return nil, fmt.Errorf("the reply cannot be shown as JSON: %w", err)
	}
	line.WriteByte('\n')
	return line.Bytes(), nil
}
