// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"

	"example.com/mailcall/transport"
)

func testName(t *testing.T, b *bench) {
	if b.Transport.String() == "" {
		t.Error("got no name, want one")
	}
	if b.listener.Address() == "" {
		t.Error("got no address, want the one to dial")
	}
}

func testBodies(t *testing.T, b *bench) {
	b.serve(echo)
	c := b.dial()
	for _, size := range []int{0, 1, 2, 511, 4096, 65536, 65537, 1 << 20, 0, 3} {
		body := make([]byte, size)
		for i := range body {
			body[i] = byte(i*7 + i>>8)
		}
		m := message("")
		m.Body = body
		if got := b.exchange(c, m); !bytes.Equal(got.Body, body) {
			t.Errorf("got %d bytes that differ or are not as many, want the %d that were sent", len(got.Body), size)
		}
	}
	if got := b.exchange(c, &transport.Message{Header: message("").Header}); len(got.Body) != 0 {
		t.Errorf("got %q for a nil body, want nothing", got.Body)
	}
}

func testHeaders(t *testing.T, b *bench) {
	b.serve(echo)
	c := b.dial()
	for i, h := range []transport.Header{
		{},
		{{Name: "Content-Type", Value: "application/json"}},
		{{Name: "Micro-ID", Value: "1"}, {Name: "x-lower", Value: "a b\tc"}, {Name: "Empty", Value: ""}},
		{{Name: "Json", Value: `{"id":"greeter.fail","code":404,"detail":"<nö>, \"so\": it goes; = 100 %"}`}},
		{{Name: "Long", Value: strings.Repeat("0123456789", 1000)}},
		manyFields(200),
	} {
		got := b.exchange(c, &transport.Message{Header: h, Body: []byte("x")})
		for _, f := range h {
			if value, ok := got.Header.Lookup(f.Name); !ok || value != f.Value {
				t.Errorf("header %d: got %q (%t) for %s, want %q", i, value, ok, f.Name, f.Value)
			}
		}
	}
}

func manyFields(n int) (h transport.Header) {
	for i := range n {
		h.Add("Field-"+strconv.Itoa(i), strconv.Itoa(i))
	}
	return h
}

func testMany(t *testing.T, b *bench) {
	b.serve(echo)
	c := b.dial()
	for i := range 200 {
		want := fmt.Sprintf("message %d", i)
		if got := b.exchange(c, message(want)); string(got.Body) != want {
			t.Fatalf("got %q, want %q", got.Body, want)
		}
	}
}

func testApart(t *testing.T, b *bench) {
	b.serve(echo)
	var work sync.WaitGroup
	for i := range 8 {
		c := b.dial()
		work.Go(func() {
			for j := range 50 {
				want := fmt.Sprintf("connection %d message %d", i, j)
				var got transport.Message
				if err := c.Send(message(want)); err != nil {
					t.Error(err)
					return
				}
				if err := c.Recv(&got); err != nil || string(got.Body) != want {
					t.Errorf("got %q and %v, want %q", got.Body, err, want)
					return
				}
			}
		})
	}
	work.Wait()
}

func testSendKeepsNothing(t *testing.T, b *bench) {
	read := make(chan struct{})
	release := sync.OnceFunc(func() { close(read) })
	t.Cleanup(release)
	b.serve(func(c transport.Conn) {
		var m transport.Message // the first shakes hands, where that is done
		if c.Recv(&m) == nil && c.Send(&m) == nil {
			<-read
			echo(c)
		}
	})
	c := b.dial()
	b.exchange(c, message("first"))
	m := message("as it was")
	if err := c.Send(m); err != nil {
		t.Fatal(err)
	}
	copy(m.Body, "spoiled..")
	m.Header[1].Value = "spoiled"
	release()
	var got transport.Message
	if err := c.Recv(&got); err != nil {
		t.Fatal(err)
	}
	if value := got.Header.Get("Micro-Endpoint"); string(got.Body) != "as it was" || value != "A.B" {
		t.Errorf("got %q and %q, want the message as it was sent", got.Body, value)
	}
}

func testValidUntilRecv(t *testing.T, b *bench) {
	b.serve(echo)
	c := b.dial()
	if err := c.Send(message("first")); err != nil {
		t.Fatal(err)
	}
	var first, second transport.Message
	if err := c.Recv(&first); err != nil {
		t.Fatal(err)
	}
	if err := c.Send(message("other")); err != nil {
		t.Fatal(err)
	}
	if got := first.Header.Get("Micro-Endpoint"); string(first.Body) != "first" || got != "A.B" {
		t.Errorf("got %q and %q after the next Send, want the message unchanged until Recv", first.Body, got)
	}
	if err := c.Recv(&second); err != nil || string(second.Body) != "other" {
		t.Errorf("got %q and %v, want other", second.Body, err)
	}
}
