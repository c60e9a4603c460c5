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
)

// shape is how values are made of what the user gives, and shown.
type shape interface {
	// value makes what is sent of body.
	value(body []byte) (any, error)
	// empty is what a reply is decoded into.
	empty() any
	// show returns what is printed of a reply.
	show(reply any) ([]byte, error)
}

// How a content type can be made of JSON.
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

// checkJSON tells what is no JSON; otherwise says what can be done about that.
func checkJSON(body []byte, otherwise string) error {
	var syntax any
	if err := json.Unmarshal(body, &syntax); err != nil {
		return usage(`BODY is like {"name":"Ada"}; `+otherwise, "the body is not JSON: %w", err)
	}
	return nil
}

// rawShape sends and shows bytes.
type rawShape struct{}

func (rawShape) value(body []byte) (any, error) { return codec.Frame{Data: body}, nil }

func (rawShape) empty() any { return new(codec.Frame) }

func (rawShape) show(reply any) ([]byte, error) {
	data, _ := codec.FrameOf(reply)
	return data, nil
}

// jsonShape sends and shows JSON as it is. Codecs that put an envelope around
// the value take it as a value, the others as bytes.
type jsonShape struct{ enveloped bool }

func (j jsonShape) value(body []byte) (any, error) {
	if err := checkJSON(body, "--raw sends anything"); err != nil {
		return nil, err
	}
	if j.enveloped {
		return json.RawMessage(body), nil
	}
	return codec.Frame{Data: body}, nil
}

func (j jsonShape) empty() any {
	if j.enveloped {
		return new(json.RawMessage)
	}
	return new(codec.Frame)
}

func (jsonShape) show(reply any) ([]byte, error) {
	if raw, is := reply.(*json.RawMessage); is {
		return *raw, nil
	}
	data, _ := codec.FrameOf(reply)
	return data, nil
}

// protoShape makes protobuf messages of JSON, and JSON of them.
type protoShape struct {
	in, out protoreflect.MessageDescriptor
	types   *dynamicpb.Types // for what Any and extensions hold
	from    string           // where the types were found, for people
}

func (p *protoShape) value(body []byte) (any, error) {
	if err := checkJSON(body, "--raw sends anything"); err != nil {
		return nil, err
	}
	m := dynamicpb.NewMessage(p.in)
	if err := (protojson.UnmarshalOptions{Resolver: p.types}).Unmarshal(body, m); err != nil {
		return nil, usage(`BODY is JSON, like {"name":"Ada"}; --raw sends anything`, "the body is no %s (%s): %w", p.in.FullName(), p.from, err)
	}
	return m, nil
}

func (p *protoShape) empty() any { return dynamicpb.NewMessage(p.out) }

func (p *protoShape) show(reply any) ([]byte, error) {
	m, is := reply.(*dynamicpb.Message)
	if !is {
		return nil, fmt.Errorf("a reply of type %T is no message", reply)
	}
	data, err := (protojson.MarshalOptions{Resolver: p.types}).Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("the reply cannot be shown as JSON: %w", err)
	}
	var line bytes.Buffer // protojson puts in spaces at random
	if err := json.Compact(&line, data); err != nil {
		return nil, fmt.Errorf("the reply cannot be shown as JSON: %w", err)
	}
	line.WriteByte('\n')
	return line.Bytes(), nil
}
