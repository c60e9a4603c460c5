// SPDX-License-Identifier: Apache-2.0

package grpc_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/protobuf/encoding/protowire"

	"example.com/mailcall/mailcalltest"
)

// For every request captured from a go-micro client, of native gRPC and of go-micro's
// grpc transport, the greeter sends the frames that go-micro's server sent. The order
// of a map's entries is random there.
func TestGreeterMeetsCaptures(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "grpc*.request.bin"))
	if err != nil || len(files) == 0 {
		t.Fatalf("got %d captures, %v", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".request.bin")
		if name == "grpc-timeout" {
			continue // the client had gone before the answer
		}
		mucp := strings.HasPrefix(name, "grpctransport-")
		t.Run(name, func(t *testing.T) {
			request, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			response, err := os.ReadFile(strings.TrimSuffix(file, "request.bin") + "response.bin")
			if err != nil {
				t.Fatal(err)
			}
			want := answers(bytes.NewReader(response), mucp, -1)
			if len(want) == 0 {
				t.Fatal("got no answer in the capture, want one")
			}
			var over mailcalltest.Listening = newTransport(t)
			if mucp {
				over = newMucp(t)
			}
			raw, err := net.Dial("tcp", mailcalltest.StartOn(t, over, "127.0.0.1:0").Address())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = raw.Close() }()
			_ = raw.SetDeadline(time.Now().Add(patience))
			if _, err := raw.Write(untilFarewell(request)); err != nil {
				t.Fatal(err)
			}
			if got := answers(raw, mucp, len(want)); !slices.Equal(got, want) {
				t.Errorf("got  %q\nwant %q", got, want)
			}
		})
	}
}

// untilFarewell returns what a client sent, without the frames that close the
// connection: those would cut off answers.
func untilFarewell(sent []byte) []byte {
	kept := []byte(http2.ClientPreface)
	for rest := sent[len(kept):]; len(rest) >= frameHead; {
		n := frameHead + int(rest[0])<<16 + int(rest[1])<<8 + int(rest[2])
		if kind := http2.FrameType(rest[3]); kind != http2.FrameGoAway && kind != http2.FrameRSTStream {
			kept = append(kept, rest[:n]...)
		}
		rest = rest[n:]
	}
	return kept
}

// answers returns the headers and messages of a server: no more than most of them, or all if
// most is negative.
func answers(from io.Reader, mucp bool, most int) (said []string) {
	framer := http2.NewFramer(io.Discard, from)
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	for most < 0 || len(said) < most {
		frame, err := framer.ReadFrame()
		if err != nil {
			return said
		}
		switch f := frame.(type) {
		case *http2.MetaHeadersFrame:
			said = append(said, fmt.Sprint(f.Fields, f.StreamEnded()))
		case *http2.DataFrame:
			data := string(f.Data())
			if mucp {
				data = entries(f.Data()[5:])
			}
			said = append(said, data)
		}
	}
	return said
}

// entries returns the fields of a packet, sorted by their bytes.
func entries(packet []byte) string {
	var fields []string
	for len(packet) > 0 {
		_, _, n := protowire.ConsumeField(packet)
		if n < 0 {
			return fmt.Sprintf("no packet: %q", packet)
		}
		fields, packet = append(fields, string(packet[:n])), packet[n:]
	}
	slices.Sort(fields)
	return strings.Join(fields, "")
}
