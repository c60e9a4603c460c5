// SPDX-License-Identifier: Apache-2.0

package inspect_test

import (
	"context"
	"encoding/json"
	"testing"

	"example.com/mailcall/api"
	"example.com/mailcall/codec"
	"example.com/mailcall/inspect"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/messages"
)

// stuck is a user's codec that never comes back from decoding.
type stuck struct {
	reached chan<- struct{}
	release <-chan struct{}
}

func (stuck) Marshal(v any) ([]byte, error) {
	data, _ := codec.FrameOf(v)
	return data, nil
}

func (s stuck) Unmarshal([]byte, any) error {
	s.reached <- struct{}{}
	<-s.release
	return nil
}

const stuckType = "application/stuck"

// echo answers with the bytes it gets, under the stuck content type as well.
func echo(_ context.Context, req, rsp *codec.Frame) error {
	rsp.Data = append([]byte{}, req.Data...)
	return nil
}

func TestShowsACallWhoseCodecHangs(t *testing.T) {
	server := mailcalltest.Start(t,
		mailcalltest.WithCodec(stuckType, frames{}),
		mailcalltest.WithHandlers(mailcalltest.Handle("Greeter.Echo", echo)))
	reached, release := make(chan struct{}), make(chan struct{})
	client, err := api.New(
		api.WithAddress(server.Address()), api.WithCodec(stuckType, stuck{reached, release}), api.WithRequestTimeout(0))
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		req := client.NewRequest("greeter", "Greeter.Echo", codec.Frame{Data: []byte("x")}, api.WithContentType(stuckType))
		ended <- client.Call(t.Context(), req, &codec.Frame{})
	}()
	<-reached // a call that never gets here ends the test by its time limit

	ctx, cancel := context.WithCancel(t.Context())
	page, wait, err := inspect.Serve(ctx, client.Runtime())
	if err != nil {
		t.Fatal(err)
	}
	_, body := fetch(t, page+"v1/calls")
	var got struct {
		Calls []messages.CallInfo `json:"calls"`
	}
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Calls) != 1 || got.Calls[0].Phase != "decode" || got.Calls[0].Endpoint != "Greeter.Echo" {
		t.Errorf("got calls %s, want one of Greeter.Echo in phase decode", body)
	} else if a := got.Calls[0].Attempts; len(a) != 1 || a[0].Node != server.Address() || a[0].Phase != "decode" {
		t.Errorf("got attempts %v, want one at %s in phase decode", a, server.Address())
	}
	for _, path := range []string{"v1/summary", "v1/actors", "v1/services", "v1/pools", "v1/snapshot"} {
		if status, _ := fetch(t, page+path); status != 200 {
			t.Errorf("%s: got status %d, want 200", path, status)
		}
	}

	close(release)
	if err := <-ended; err != nil {
		t.Errorf("got %v from the call once its codec came back, want nil", err)
	}
	cancel()
	if err := wait(); err != nil {
		t.Errorf("wait: got %v, want nil", err)
	}
	if cut := client.Close(t.Context()); cut != 0 {
		t.Errorf("got %d calls cut, want 0", cut)
	}
}

// frames is a codec that only takes frames.
type frames struct{}

func (frames) Marshal(v any) ([]byte, error) {
	data, ok := codec.FrameOf(v)
	if !ok {
		return nil, &codec.TypeError{Codec: "frames", Want: "codec.Frame"}
	}
	return data, nil
}

func (frames) Unmarshal(data []byte, v any) error {
	codec.SetFrame(v, data)
	return nil
}
