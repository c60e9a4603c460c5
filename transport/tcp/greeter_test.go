// SPDX-License-Identifier: Apache-2.0

package tcp_test

import (
	"bytes"
	"encoding/gob"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/transport/tcp"
)

// foreign is a message of go-micro's tcp transport, for encoding/gob.
type foreign struct {
	Header map[string]string
	Body   []byte
}

// The greeter answers every request that was captured from a go-micro client of the tcp
// transport like go-micro's server, and also one with metadata, whose names this protocol
// does not change.
func TestGreeterMeetsGob(t *testing.T) {
	over, err := tcp.New()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join("internal", "gob", "testdata", "tcp-*.request.bin"))
	if err != nil || len(files) == 0 {
		t.Fatalf("got %d captures, %v", len(files), err)
	}
	for _, file := range files {
		requests, answers := messagesOf(t, file), messagesOf(t, strings.TrimSuffix(file, "request.bin")+"response.bin")
		converse(t, over, requests, answers)
	}
	converse(t, over, []foreign{{map[string]string{
		"Accept": "application/json", "Content-Type": "application/json", "Micro-Endpoint": "Greeter.Echo", "Micro-ID": "0",
		"Micro-Method": "Greeter.Echo", "Micro-Service": "greeter", "Timeout": "5000000000", "x-lower": "a", "Foo-Bar": "",
	}, []byte("{}\n")}}, []foreign{{map[string]string{
		"Content-Type": "application/json", "Micro-ID": "0", "X-Micro-ID": "0",
	}, []byte(`{"greeting":"echo","headers":["Accept=application/json","Content-Type=application/json","Foo-Bar=","Local=127.0.0.1",` +
		`"Micro-Endpoint=Greeter.Echo","Micro-ID=0","Micro-Method=Greeter.Echo","Micro-Service=greeter","Remote=127.0.0.1",` +
		`"Timeout=5000000000","x-lower=a"]}` + "\n")}})
}

func messagesOf(t *testing.T, file string) (all []foreign) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	d := gob.NewDecoder(bytes.NewReader(data))
	for {
		var m foreign
		if err := d.Decode(&m); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all = append(all, m)
	}
}

// converse sends the requests on one connection, each after the answer to the previous
// one.
func converse(t *testing.T, over *tcp.Transport, requests, answers []foreign) {
	t.Helper()
	conn, err := net.Dial("tcp", mailcalltest.StartOn(t, over, "127.0.0.1:0").Address())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	out, in := gob.NewEncoder(conn), gob.NewDecoder(conn)
	for i, m := range requests {
		var got foreign
		if err := errors.Join(out.Encode(m), in.Decode(&got)); err != nil || !reflect.DeepEqual(got, answers[i]) {
			t.Errorf("got %v, %v, want %v", got, err, answers[i])
		}
	}
}
