// SPDX-License-Identifier: Apache-2.0

package main_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"
)

// healthSchema is the schema of gRPC's health service, as text.
const healthSchema = `syntax = "proto3";
package grpc.health.v1;
import "status.proto";
message HealthCheckRequest { string service = 1; }
message HealthCheckResponse { Status status = 1; }
service Health {
  rpc Check(HealthCheckRequest) returns (HealthCheckResponse);
  rpc Watch(HealthCheckRequest) returns (stream HealthCheckResponse);
}
`

const statusSchema = `syntax = "proto3";
package grpc.health.v1;
enum Status { UNKNOWN = 0; SERVING = 1; }
`

// schemas writes that schema in two forms.
func schemas(t *testing.T) (schema, protoset string) {
	t.Helper()
	set, err := proto.Marshal(&descriptorpb.FileDescriptorSet{File: []*descriptorpb.FileDescriptorProto{
		protodesc.ToFileDescriptorProto(healthv1.File_grpc_health_v1_health_proto),
	}})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, data := range map[string]string{"health.proto": healthSchema, "status.proto": statusSchema, "health.bin": string(set)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "health.proto"), filepath.Join(dir, "health.bin")
}

func TestSchemas(t *testing.T) {
	schema, protoset := schemas(t)
	lonely := filepath.Join(t.TempDir(), "lonely.proto")
	if err := os.WriteFile(lonely, []byte(healthSchema), 0o600); err != nil {
		t.Fatal(err)
	}
	mute, open := "--address="+grpcServer(t, false), "--address="+grpcServer(t, true)
	serving := lines(`{"status":"SERVING"}`)
	for _, tc := range []struct {
		name string
		args []string
		code int
		out  string
		err  string
	}{
		{"reflection", []string{open, "grpc.health.v1", "Health.Check"}, 0, serving, ""},
		{"full path", []string{open, "health", "/grpc.health.v1.Health/Check"}, 0, serving, ""},
		{"schema", []string{mute, "--schema", schema, "grpc.health.v1", "Health.Check"}, 0, serving, ""},
		{"schema of an import path", []string{mute, "-I", filepath.Dir(schema), "--schema", schema, "grpc.health.v1", "Health.Check"}, 0, serving, ""},
		{"protoset", []string{mute, "--protoset", protoset, "grpc.health.v1", "Health.Check", `{"service":""}`}, 0, serving, ""},
		{"raw", []string{mute, "--raw", "grpc.health.v1", "Health.Check"}, 0, "\x08\x01", ""},

		{"the server's error", []string{open, "grpc.health.v1", "Health.Check", `{"service":"x"}`}, 2, "", "unknown service (go.micro.client, 404 Not Found)\nhint: the call reached the service"},
		{"the server has no such service", []string{mute, "--raw", "grpc.health.v1", "Nope.Check"}, 2, "", "hint: check the name of the endpoint"},
		{"a content type with an envelope", []string{open, "--content-type=application/json-rpc", "grpc.health.v1", "Health.Check"}, 1, "", "hint: --content-type sets another"},
		{"a content type that gRPC cannot name", []string{open, "--raw", "--content-type=text/plain", "grpc.health.v1", "Health.Check"}, 1, "", "hint: this transport or broker cannot send it"},
		{"an endpoint that is no path", []string{open, "--raw", "grpc.health.v1", "Health Check.x"}, 1, "", "hint: this transport or broker cannot send it"},
		{"no reflection", []string{mute, "grpc.health.v1", "Health.Check"}, 1, "", "hint: add --schema FILE.proto or --protoset FILE"},
		{"not there", []string{open, "grpc.health.v1", "Nope.Check"}, 1, "", "hint: add --schema"},
		{"no such method", []string{open, "grpc.health.v1", "Health.Nope"}, 1, "", "it has Check, List, Watch"},
		{"not in the schema", []string{mute, "--schema", schema, "grpc.health.v1", "Nope.Check"}, 1, "", "it has grpc.health.v1.Health"},
		{"a stream", []string{open, "grpc.health.v1", "Health.Watch"}, 1, "", "hint: use mailcall stream"},
		{"no body", []string{open, "grpc.health.v1", "Health.Check", ""}, 1, "", "mailcall: the body is not JSON: unexpected end of JSON input\n"},
		{"no such field", []string{open, "grpc.health.v1", "Health.Check", `{"nope":1}`}, 1, "", "the body is not a valid grpc.health.v1.HealthCheckRequest"},
		{"both", []string{mute, "--schema", schema, "--protoset", protoset, "grpc.health.v1", "Health.Check"}, 1, "", "both describe"},
		{"no schema there", []string{mute, "--schema", schema + ".not", "grpc.health.v1", "Health.Check"}, 1, "", "no such file or directory\nhint: the file must be a valid protobuf schema"},
		{"not a schema", []string{mute, "--schema", protoset, "grpc.health.v1", "Health.Check"}, 1, "", "hint: the file must be a valid protobuf schema"},
		{"a schema without what it imports", []string{mute, "--schema", lonely, "grpc.health.v1", "Health.Check"}, 1, "", "hint: -I sets the directory"},
		{"not a protoset", []string{mute, "--protoset", schema, "grpc.health.v1", "Health.Check"}, 1, "", "--protoset"},
		{"no schema there, and none needed", []string{mute, "--schema", schema + ".not", "--raw", "grpc.health.v1", "Health.Check"}, 1, "", "no such file or directory"},
		{"not a protoset, and none needed", []string{mute, "--protoset", schema, "--content-type=application/json", "grpc.health.v1", "Health.Check"}, 1, "", "--protoset"},
		{"nobody", []string{"--address=" + closedPort(t), "--retries=0", "grpc.health.v1", "Health.Check"}, 3, "", "grpc.health.v1 Health.Check: 1 attempt"},
	} {
		got := mailcall(t, append([]string{"call", "--transport=grpc"}, tc.args...)...)
		if got.code != tc.code || got.out != tc.out || !strings.Contains(got.errors, tc.err) {
			t.Errorf("%s: got exit code %d, %q, %q, want %d, %q and %q in the errors", tc.name, got.code, got.out, got.errors, tc.code, tc.out, tc.err)
		}
	}
}

func TestStreamOfPlainGRPC(t *testing.T) {
	at := "--address=" + grpcServer(t, true)
	d := talk(t, "stream", "--transport=grpc", at, "grpc.reflection.v1", "ServerReflection.ServerReflectionInfo")
	d.say(t, `{"list_services":"*"}`)
	d.hear(t, d.out, `{"originalRequest":{"listServices":"*"},"listServicesResponse":{"service":[{"name":"grpc.health.v1.Health"},`+
		`{"name":"grpc.reflection.v1.ServerReflection"},{"name":"grpc.reflection.v1alpha.ServerReflection"}]}}`)
	d.in.Close()
	if got := d.end(t); got.code != 0 || got.out != "" || got.errors != "" {
		t.Errorf("got exit code %d, %q, %q, want 0 and no more", got.code, got.out, got.errors)
	}
	d = talk(t, "stream", "--transport=grpc", "--stream-timeout=500ms", at, "grpc.health.v1", "Health.Watch")
	d.say(t, `{}`)
	d.in.Close()
	d.hear(t, d.out, `{"status":"SERVING"}`)
	if got := d.end(t); got.code != 3 || got.out != "" {
		t.Errorf("a watch: got exit code %d, %q, %q, want 3 when its time is over", got.code, got.out, got.errors)
	}
}

// reluctant closes the first connection at once.
type reluctant struct {
	net.Listener

	first sync.Once
}

func (r *reluctant) Accept() (net.Conn, error) {
	c, err := r.Listener.Accept()
	r.first.Do(func() {
		if err == nil {
			_ = c.Close()
			c, err = r.Listener.Accept()
		}
	})
	return c, err
}

// Retries of the schema query are not counted as those of the call.
func TestAttemptsAreThoseOfTheCall(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	healthv1.RegisterHealthServer(s, health.NewServer())
	reflection.Register(s)
	serveGRPC(t, s, &reluctant{Listener: l})
	where := l.Addr().String()
	got := mailcall(t, "call", "-v", "--transport=grpc", "--address", where, "grpc.health.v1", "Health.Check")
	if got.code != 0 || !strings.HasPrefix(got.errors, where+": answered after ") {
		t.Errorf("got exit code %d and %q, want 0 and the one attempt", got.code, got.errors)
	}
}

// A server that never answers is first asked for its schema. If that takes the whole
// timeout, the call is not made, so the timeout is not used twice.
func TestSilentServerIsAskedOnce(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan string, 8)
	serveGRPC(t, grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, s grpc.ServerStream) error {
		method, _ := grpc.MethodFromServerStream(s)
		asked <- method
		<-s.Context().Done()
		return s.Context().Err()
	})), l)
	got := mailcall(t, "call", "--transport=grpc", "--timeout=300ms", "--address", l.Addr().String(), "greeter", "Greeter.Hello")
	if got.code != 3 || !strings.Contains(got.errors, "greeter Greeter.Hello: 1 attempt") || !strings.Contains(got.errors, "wait: ") ||
		!strings.Contains(got.errors, "300ms are over (--timeout), and the server has not described its types") {
		t.Errorf("got exit code %d and %q, want 3 and what was waited for", got.code, got.errors)
	}
	if n := len(asked); n != 1 {
		t.Errorf("got %d questions, the first for %s, want that for the schema", n, <-asked)
	}
}
