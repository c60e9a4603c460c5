// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	v1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"example.com/mailcall/api"
)

const (
	grpcProto = "application/grpc+proto"
	// maxFiles bounds how many files a server may send to describe an endpoint.
	maxFiles = 1000
	// reflectWithin bounds schema queries if --timeout does not.
	reflectWithin = 5 * time.Second
)

// reflections returns the two names of the reflection service; the messages are the
// same.
func reflections() []string {
	return []string{
		"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
		"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
	}
}

// reflect queries the server for the schema of the endpoint. It returns nil if the
// server does not provide it, and an error if there was no answer.
func (q *question) reflect(ctx context.Context) (*protoregistry.Files, error) {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(q.timeout, reflectWithin))
	defer cancel()
	for _, endpoint := range reflections() {
		files, err := q.reflectAt(ctx, endpoint)
		if err == nil || !isAnswer(err) {
			return files, err
		}
	}
	return nil, nil
}

// isAnswer reports whether err is an answer of the server.
func isAnswer(err error) bool {
	_, refused := errors.AsType[*refusal](err)
	return refused || fromService(err) != nil
}

// refusal is an error in an answer of the reflection service.
type refusal struct{ text string }

// Error returns the service's message.
func (r *refusal) Error() string { return "gRPC reflection: " + r.text }

func (q *question) reflectAt(ctx context.Context, endpoint string) (*protoregistry.Files, error) {
	req := q.client.NewRequest(q.service, endpoint, nil, api.WithContentType(grpcProto), api.StreamingRequest())
	s, err := q.client.Stream(ctx, req)
	if err != nil {
		return nil, err
	}
	defer s.Close() //nolint:errcheck // everything was read
	a := asker{s}
	names, err := a.services()
	if err != nil {
		return nil, err
	}
	service, err := q.choose(names)
	if err != nil || service == "" {
		return nil, err
	}
	return a.describe(service)
}

// asker sends queries one after another.
type asker struct{ stream api.Stream }

func (a asker) ask(question *v1.ServerReflectionRequest) (*v1.ServerReflectionResponse, error) {
	if err := a.stream.Send(question); err != nil {
		if answer := a.stream.Recv(new(v1.ServerReflectionResponse)); answer != nil {
			return nil, answer // the reason why the stream ended
		}
		return nil, err
	}
	answer := new(v1.ServerReflectionResponse)
	if err := a.stream.Recv(answer); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, &refusal{"the server ended without an answer"}
		}
		return nil, err
	}
	if e := answer.GetErrorResponse(); e != nil {
		return nil, &refusal{e.GetErrorMessage()}
	}
	return answer, nil
}

func (a asker) services() ([]protoreflect.FullName, error) {
	answer, err := a.ask(&v1.ServerReflectionRequest{
		MessageRequest: &v1.ServerReflectionRequest_ListServices{ListServices: "*"},
	})
	if err != nil {
		return nil, err
	}
	var names []protoreflect.FullName
	for _, s := range answer.GetListServicesResponse().GetService() {
		names = append(names, protoreflect.FullName(s.GetName()))
	}
	return names, nil
}

// describe collects the file of a service and everything that it imports.
func (a asker) describe(service protoreflect.FullName) (*protoregistry.Files, error) {
	known := make(map[string]*descriptorpb.FileDescriptorProto)
	answer, err := a.ask(&v1.ServerReflectionRequest{
		MessageRequest: &v1.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: string(service)},
	})
	for {
		if err != nil {
			return nil, err
		}
		if err := keep(known, answer); err != nil {
			return nil, err
		}
		next := missing(known)
		if next == "" {
			break
		}
		answer, err = a.ask(&v1.ServerReflectionRequest{
			MessageRequest: &v1.ServerReflectionRequest_FileByFilename{FileByFilename: next},
		})
	}
	set := &descriptorpb.FileDescriptorSet{}
	for _, file := range known {
		set.File = append(set.File, file)
	}
	files, err := protodesc.NewFiles(set)
	if err != nil {
		return nil, &refusal{"the schema of the server is not complete: " + err.Error()}
	}
	return files, nil
}

func keep(known map[string]*descriptorpb.FileDescriptorProto, answer *v1.ServerReflectionResponse) error {
	before := len(known)
	for _, data := range answer.GetFileDescriptorResponse().GetFileDescriptorProto() {
		file := new(descriptorpb.FileDescriptorProto)
		if err := proto.Unmarshal(data, file); err != nil {
			return &refusal{"a file of the schema cannot be read: " + err.Error()}
		}
		known[file.GetName()] = file
	}
	switch {
	case len(known) == before:
		return &refusal{"the server left a file of the schema out"}
	case len(known) > maxFiles:
		return &refusal{fmt.Sprintf("the schema has more than %d files", maxFiles)}
	}
	return nil
}

// missing returns an imported file that is not known yet, "" if there is none.
func missing(known map[string]*descriptorpb.FileDescriptorProto) string {
	var names []string
	for _, file := range known {
		for _, name := range file.GetDependency() {
			if known[name] == nil {
				names = append(names, name)
			}
		}
	}
	if len(names) == 0 {
		return ""
	}
	return slices.Min(names)
}
