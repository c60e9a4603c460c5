// SPDX-License-Identifier: Apache-2.0

package g_test

import (
	"errors"
	"testing"

	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/registry/static"
	"example.com/mailcall/rpcerr"
)

// G1: connections are kept under the address that was dialled, so a node that
// goes by a host name is dialled once.
func TestG1HostNameIsPooled(t *testing.T) {
	for name, option := range map[string]func(address string) api.Option{
		"fixed address": func(a string) api.Option { return api.WithAddress(a) },
		"registry":      func(a string) api.Option { return api.WithRegistry(static.New("greeter", a)) },
	} {
		t.Run(name, func(t *testing.T) {
			server := mailcalltest.Start(t)
			client := start(t, option(local(t, server)))
			for range 20 {
				if err := call(within(t), client, hello); err != nil {
					t.Fatal(err)
				}
			}
			mailcalltest.AssertCalls(t, server, hello, 20)
			if got := server.Connections(); got != 1 {
				t.Errorf("got %d connections for 20 calls, want 1", got)
			}
		})
	}
}

// G2: an answer that is an error is an answer; the connection is kept.
func TestG2ErrorsKeepTheConnection(t *testing.T) {
	server := mailcalltest.Start(t)
	client := start(t, api.WithAddress(server.Address()))
	for range 20 {
		err := call(within(t), client, "Greeter.Fail")
		var e *rpcerr.Error
		if !errors.As(err, &e) || e.Code != 400 || !e.FromServer() {
			t.Fatalf("got %v, want the service's 400", err)
		}
		mailcalltest.AssertAttempts(t, err, 1)
	}
	mailcalltest.AssertCalls(t, server, "Greeter.Fail", 20)
	if got := server.Connections(); got != 1 {
		t.Errorf("got %d connections for 20 calls, want 1", got)
	}
}
