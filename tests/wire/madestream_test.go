// SPDX-License-Identifier: Apache-2.0

package wire_test

import (
	"strings"
	"testing"

	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/mailcalltest/greet"
)

// madeStream is a stream in the form of the captures, written by hand.
type madeStream struct {
	row    streamRow
	said   []string // by the client and by the server in turn
	closed bool     // the server closes the connection then
	// foreign says that the answers are not what the greeter says: those of a
	// server that has the fault of go-micro's.
	foreign bool
}

const (
	bidi         = "Greeter.Bidi"
	clientStream = "Greeter.ClientStream"
	serverStream = "Greeter.ServerStream"
)

// inStream renders the messages of a client on a stream.
func inStream(endpoint string, bodies ...string) string {
	var said strings.Builder
	for _, body := range bodies {
		fields := []string{"Micro-Stream: 0"}
		if body == "" {
			fields = append(fields, "Micro-Error: EOS")
		}
		said.WriteString(ask(typeJSON, endpoint, body, fields...))
	}
	return said.String()
}

// onStream renders the messages of a server: a body, or an error text that
// begins with "!".
func onStream(endpoint string, bodies ...string) string {
	opening := ask(typeJSON, endpoint, "{}\n", "Micro-Stream: 0")
	var said strings.Builder
	for _, body := range bodies {
		if text, is := strings.CutPrefix(body, "!"); is {
			said.WriteString(wrong(opening, text))
			continue
		}
		said.WriteString(tell(opening, body,
			"X-Micro-Endpoint: "+endpoint, "X-Micro-Method: "+endpoint, "X-Micro-Service: greeter"))
	}
	return said.String()
}

const open = "{}\n"

func madeStreams() []madeStream {
	failure := `{"id":"greeter.fail","code":409,"detail":"taken","status":"Conflict"}`
	counts := []streamStep{{&greet.HelloRequest{Count: 2}, 0}, {&greet.HelloRequest{Count: 5}, 0}}
	burst := `{"greeting":"Hello Ann","seq":"3"}` + "\n"
	return []madeStream{
		{
			row: streamRow{
				capture: "an error ends it", contentType: typeJSON, endpoint: bidi,
				steps: []streamStep{{&greet.HelloRequest{Name: "m0"}, 1}, {&greet.HelloRequest{Code: 409, Detail: "taken"}, 0}},
				want:  []string{"Hello m0/0", failure},
			},
			said: []string{
				inStream(bidi, open, `{"name":"m0"}`+"\n"), onStream(bidi, `{"greeting":"Hello m0"}`+"\n"),
				inStream(bidi, `{"code":409,"detail":"taken"}`+"\n"), onStream(bidi, "!"+failure), inStream(bidi, ""),
			},
		},
		{
			row: streamRow{
				capture: "half-close and one reply", contentType: typeJSON, endpoint: clientStream,
				steps: counts, halves: true, want: []string{"got 2/7", "EOF"},
			},
			said: []string{
				inStream(clientStream, open, `{"count":"2"}`+"\n", `{"count":"5"}`+"\n", ""),
				onStream(clientStream, `{"greeting":"got 2","seq":"7"}`+"\n"),
			},
		},
		{
			row: streamRow{
				capture: "half-close and nothing more", contentType: typeJSON, endpoint: bidi,
				steps: []streamStep{{&greet.HelloRequest{Name: "m0"}, 1}}, want: []string{"Hello m0/0", "EOF"}, halves: true,
			},
			foreign: true, closed: true,
			said: []string{
				inStream(bidi, open, `{"name":"m0"}`+"\n"), onStream(bidi, `{"greeting":"Hello m0"}`+"\n"), inStream(bidi, ""), "",
			},
		},
		{
			// Replies in a burst overwrite each other in the server: the count is right.
			row: streamRow{
				capture: "burst", contentType: typeJSON, endpoint: serverStream,
				steps: []streamStep{{&greet.HelloRequest{Name: "Ann", Count: 4}, 4}},
				want:  []string{"Hello Ann/0", "Hello Ann/3", "Hello Ann/3", "Hello Ann/3", "EOF"},
			},
			foreign: true,
			said: []string{
				inStream(serverStream, open, `{"name":"Ann","count":"4"}`+"\n"),
				onStream(serverStream, `{"greeting":"Hello Ann"}`+"\n", burst, burst, burst, "!EOS"), inStream(serverStream, ""),
			},
		},
	}
}

// Streams that no capture shows: our messages are those of a go-micro client,
// and what comes means what it should.
func TestClientMeetsMadeStreams(t *testing.T) {
	for _, m := range madeStreams() {
		t.Run(m.row.capture, func(t *testing.T) {
			m.row.meet(t, turns(m.row.capture, m.closed, m.said...))
		})
	}
}

// The greeter says on them what a go-micro server says.
func TestGreeterMeetsMadeStreams(t *testing.T) {
	for _, m := range madeStreams() {
		if m.foreign {
			continue
		}
		t.Run(m.row.capture, func(t *testing.T) {
			capture := turns(m.row.capture, m.closed, m.said...)
			session, err := capture.Replay(dialer(mailcalltest.Start(t)))
			t.Cleanup(session.Close)
			if err != nil {
				t.Errorf("cannot replay: %v", err)
			}
			compare(t, session.Got, capture.Response)
			if rest := drain(t, session.Conns[1]); len(rest) > 0 {
				t.Errorf("got %q after the answer, want nothing", rest)
			}
		})
	}
}
