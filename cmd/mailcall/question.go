// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest/greet"
	"example.com/mailcall/rpcerr"
)

// question asks for the types of one endpoint.
type question struct {
	client   *api.Caller
	service  string
	endpoint string
	grpc     bool // the server may support reflection
	stream   bool // the command opens a stream
	timeout  time.Duration
}

// ask finds the types if the user has given no schema: by the server's reflection if it
// supports it, else by the schema of the greeter.
func (q *question) ask(ctx context.Context, contentType string) (shape, error) {
	var silent error
	if q.grpc {
		files, err := q.reflect(ctx)
		switch {
		case err == nil && files != nil:
			return q.typed(files, "from the server's reflection")
		case err != nil:
			silent = err // there was no answer; the call may give a better error
		}
	}
	over := q.timeout > 0 && errors.Is(silent, context.DeadlineExceeded) // no time is left for the call
	if !over && slices.Contains(greeterEndpoints(), q.handlerMethod()) {
		file := greet.File_mailcall_greet_greet_proto
		files := new(protoregistry.Files)
		if err := register(files, file); err != nil {
			return nil, err
		}
		return &protoShape{
			in:    file.Messages().ByName("HelloRequest"),
			out:   file.Messages().ByName("HelloReply"),
			types: typesOf(files), from: "the schema of the greeter",
		}, nil
	}
	if silent != nil {
		return nil, q.asCall(silent)
	}
	hint := "add --schema FILE.proto or --protoset FILE; --raw sends BODY as raw bytes"
	if q.grpc {
		return nil, usage(hint, "the server does not describe %s (gRPC reflection), and no schema was given", q.endpoint)
	}
	return nil, usage(hint, "encoding JSON as %s requires the schema of %s", contentType, q.endpoint)
}

// asCall returns the error of the schema query as one of the requested call.
func (q *question) asCall(silent error) error {
	call, is := errors.AsType[*rpcerr.CallError](silent)
	if !is {
		return silent
	}
	same := *call
	same.Endpoint = q.endpoint
	if errors.Is(silent, context.DeadlineExceeded) {
		same.Err = fmt.Errorf("%w: %s are over (--timeout), and the server has not described its types (gRPC reflection)",
			context.DeadlineExceeded, cmp.Or(q.timeout, reflectWithin))
	}
	return &same
}

// greeterEndpoints returns the endpoints of mailcall serve that use the greeter's
// messages.
func greeterEndpoints() []string {
	names := []string{"Hello", "Echo", "Fail", "Plain", "Panic", "Sleep", "Deadline", "ServerStream", "ClientStream", "Bidi"}
	for i, name := range names {
		names[i] = "Greeter." + name
	}
	return names
}

// names splits the endpoint, "Greeter.Hello" or "/greet.v1.Greeter/Hello", into the
// name of its service in a schema and that of its method. full reports whether the
// service name includes its package.
func (q *question) names() (service, method string, full bool) {
	if path, is := strings.CutPrefix(q.endpoint, "/"); is {
		service, method, _ = strings.Cut(path, "/")
		return service, method, true
	}
	i := max(strings.LastIndexByte(q.endpoint, '.'), strings.LastIndexByte(q.endpoint, '/'))
	if i < 0 {
		return "", q.endpoint, false
	}
	service, method = q.endpoint[:i], q.endpoint[i+1:]
	return service, method, strings.ContainsRune(service, '.')
}

// handlerMethod returns the endpoint in go-micro's form.
func (q *question) handlerMethod() string {
	service, method, _ := q.names()
	return service[strings.LastIndexByte(service, '.')+1:] + "." + method
}

// choose returns the service of a schema that has the endpoint, "" if there is none:
// the one with exactly this name, else the one in the package named like the called
// service (from which the path of a gRPC call is made), else the only one with this
// name without package, which is all that go-micro's servers compare.
func (q *question) choose(services []protoreflect.FullName) (protoreflect.FullName, error) {
	name, _, full := q.names()
	wanted := protoreflect.FullName(name)
	if !full {
		wanted = protoreflect.FullName(q.service + "." + name)
	}
	if slices.Contains(services, wanted) {
		return wanted, nil
	}
	var found []protoreflect.FullName
	for _, s := range services {
		if s.Name() == wanted.Name() {
			found = append(found, s)
		}
	}
	switch len(found) {
	case 0:
		return "", nil
	case 1:
		return found[0], nil
	default:
		return "", usage("use the full path, /package.Service/Method", "%s is ambiguous, it may be in any of %s", q.endpoint, list(found))
	}
}

// typed finds the endpoint in a schema.
func (q *question) typed(files *protoregistry.Files, from string) (shape, error) {
	services := servicesOf(files)
	name, err := q.choose(services)
	if err != nil {
		return nil, err
	}
	const hint = "the endpoint is Handler.Method, or in full /package.Service/Method"
	if name == "" {
		return nil, usage(hint, "%s is not in the schema (%s); it has %s", q.endpoint, from, list(services))
	}
	d, err := files.FindDescriptorByName(name)
	service, is := d.(protoreflect.ServiceDescriptor)
	if err != nil || !is {
		return nil, usage(hint, "%s is not a service in the schema (%s): %w", name, from, err)
	}
	_, method, _ := q.names()
	m := service.Methods().ByName(protoreflect.Name(method))
	if m == nil {
		return nil, usage(hint, "%s has no method %s in the schema (%s); it has %s", name, method, from, list(methodsOf(service)))
	}
	if streams := m.IsStreamingClient() || m.IsStreamingServer(); streams && !q.stream {
		return nil, usage("use mailcall stream", "%s is a stream (%s)", m.FullName(), from)
	}
	return &protoShape{in: m.Input(), out: m.Output(), types: typesOf(files), from: from}, nil
}

func servicesOf(files *protoregistry.Files) (names []protoreflect.FullName) {
	files.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		for i := range f.Services().Len() {
			names = append(names, f.Services().Get(i).FullName())
		}
		return true
	})
	slices.Sort(names)
	return names
}

func methodsOf(s protoreflect.ServiceDescriptor) (names []protoreflect.FullName) {
	for i := range s.Methods().Len() {
		names = append(names, protoreflect.FullName(s.Methods().Get(i).Name()))
	}
	return names
}

// list formats names, and shortens long lists.
func list(names []protoreflect.FullName) string {
	const shown = 10
	if len(names) == 0 {
		return "none"
	}
	var words []string
	for _, n := range names[:min(len(names), shown)] {
		words = append(words, string(n))
	}
	if more := len(names) - shown; more > 0 {
		words = append(words, fmt.Sprintf("%d more", more))
	}
	return strings.Join(words, ", ")
}
