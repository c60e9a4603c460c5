// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/mailcall/actors/selector"
	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/mailcalltest/greet"
	"example.com/mailcall/messages"
	"example.com/mailcall/registry/static"
)

// A snapshot says why a node is not chosen, and for how long.
func TestSnapshotOfAnEjectedNode(t *testing.T) {
	dead, alive := mailcalltest.Start(t), mailcalltest.Start(t)
	c := start(t, api.WithAddress(dead.Address(), alive.Address()), api.WithStrategy(selector.Random{}))
	dead.Kill()
	node := func() (info messages.NodeInfo) {
		for _, s := range c.Runtime().Snapshot().Services {
			for _, n := range s.Nodes {
				if n.Address == dead.Address() {
					info = n
				}
			}
		}
		return info
	}
	for node().Health != "ejected" {
		if err := greetAnn(within(t), c); err != nil {
			t.Fatal(err)
		}
	}
	n := node()
	if n.EjectedFor <= 0 || n.EjectedFor > 5*time.Second || !strings.Contains(n.LastFault, "refused") || n.LastFaultAge > patience {
		t.Errorf("got ejected for %s, %q %s ago, want up to 5s and the refusal", n.EjectedFor, n.LastFault, n.LastFaultAge)
	}
}

// A snapshot shows calls that wait for the registry.
func TestSnapshotOfCallsThatWaitForNodes(t *testing.T) {
	r := gated{static.New("greeter", "127.0.0.1:1"), make(chan struct{}, 10), make(chan struct{})}
	c := start(t, api.WithRegistry(r))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 3)
	for range 3 {
		go func() { done <- greetAnn(ctx, c) }()
	}
	until(t, "three calls to wait", func() bool {
		s := c.Runtime().Snapshot().Services
		return len(s) == 1 && s[0].Waiting == 3
	})
	cancel()
	for range 3 {
		await(t, "the end of a call", done)
	}
}

// stuckCodec hangs in the direction it is told to, until it is let go.
type stuckCodec struct {
	marshal bool
	inside  chan struct{}
	let     chan struct{}
}

func (c stuckCodec) hang(here bool) {
	if here {
		c.inside <- struct{}{}
		<-c.let
	}
}

func (c stuckCodec) Marshal(any) ([]byte, error) {
	c.hang(c.marshal)
	return []byte(`{"name":"Ann"}`), nil
}

func (c stuckCodec) Unmarshal([]byte, any) error {
	c.hang(!c.marshal)
	return nil
}

// A snapshot shows the call whose codec hangs, and says where.
func TestSnapshotOfACodecThatHangs(t *testing.T) {
	for _, phase := range []string{"encode", "decode"} {
		t.Run(phase, func(t *testing.T) {
			stuck := stuckCodec{phase == "encode", make(chan struct{}), make(chan struct{})}
			c := start(t, api.WithAddress(mailcalltest.Start(t).Address()), api.WithCodec("application/json", stuck))
			done := make(chan error, 1)
			req := c.NewRequest("greeter", hello, "Ann", api.WithContentType("application/json"))
			go func() { done <- c.Call(within(t), req, new(any)) }()
			await(t, "the codec", stuck.inside)
			calls := c.Runtime().Snapshot().Calls
			if !slices.ContainsFunc(calls, func(i messages.CallInfo) bool { return i.Endpoint == hello && i.Phase == phase }) {
				t.Errorf("got calls %+v, want one in %s", calls, phase)
			}
			close(stuck.let)
			if err := await(t, "the end of the call", done); err != nil {
				t.Error(err)
			}
		})
	}
}

// A snapshot says that a node was held up, and is to show what it was.
func TestSnapshotOfANodeInDoubt(t *testing.T) {
	s := mailcalltest.Start(t)
	c := start(t, api.WithAddress(s.Address()))
	node := func() messages.NodeInfo { return c.Runtime().Snapshot().Services[0].Nodes[0] }
	for i := 0; i < 20 || node().Doubt; i++ { // this machine may hold it up as well
		if err := greetAnn(within(t), c); err != nil {
			t.Fatal(err)
		}
	}
	s.SetDelay(500 * time.Millisecond)
	if err := greetAnn(within(t), c); err != nil {
		t.Fatal(err)
	}
	until(t, "doubt", func() bool { return node().Doubt })
	s.SetDelay(0)
	if err := greetAnn(within(t), c); err != nil {
		t.Fatal(err)
	}
	until(t, "the end of the doubt", func() bool { return !node().Doubt })
}

// What an actor is does not depend on what the client, the service and the
// address are called.
func TestActorKindsDoNotDependOnNames(t *testing.T) {
	socket := "unix:" + filepath.Join(t.TempDir(), "root", "a-b.sock")
	if err := os.Mkdir(filepath.Dir(socket[len("unix:"):]), 0o700); err != nil {
		t.Fatal(err)
	}
	server := mailcalltest.StartOn(t, wires(t)["http"], socket)
	const name = "order-service/eu-1"
	c := start(t, api.WithName(name), api.WithRegistry(static.New("a/root/b-c", server.Address())))
	if err := greetAt(t, c, "a/root/b-c", hello); err != nil {
		t.Fatal(err)
	}
	s, err := c.Stream(within(t), c.NewRequest("a/root/b-c", "Greeter.Bidi", &greet.HelloRequest{}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	got := make(map[string]string)
	for _, a := range c.Runtime().Snapshot().Actors {
		got[a.Kind] = a.Parent
	}
	want := map[string]string{"root": "", "retrier": "", "publisher": "", "stream": "", "selector": name + "/root", "keeper": name + "/root"}
	if !maps.Equal(got, want) {
		t.Errorf("got actors of the kinds and parents %v, want %v", got, want)
	}
}
