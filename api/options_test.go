// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"context"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/mailcall/actors/selector"
	"example.com/mailcall/api"
	broker "example.com/mailcall/broker/memory"
	bytescodec "example.com/mailcall/codec/bytes"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/registry"
	"example.com/mailcall/registry/static"
	"example.com/mailcall/transport/memory"
)

// New names every fault, not the first one only.
func TestNewReturnsEveryFault(t *testing.T) {
	c, err := api.New(
		api.WithName(""), api.WithDefaultContentType("x/y"), api.WithTransport(nil), api.WithStrategy(nil),
		api.WithPoolSize(-1), api.WithPoolMax(0), api.WithPoolWaiters(-2), api.WithMaxCalls(0),
		api.WithDialTimeout(0), api.WithPoolTTL(-1), api.WithPoolIdleTimeout(-1), api.WithRetryBudget(-1, 0, 0),
		api.WithRequestTimeout(-1), api.WithAttemptTimeout(-1), api.WithStreamTimeout(-1), api.WithHedge(-1),
		api.WithBackoffBounds(-1, -1), api.WithRetries(-1), api.WithAddress("a:1", ""), nil,
		api.WithMethod("Greeter.Hello", api.WithRetries(101), nil), api.WithFile("/does/not/exist"),
	)
	if err == nil {
		c.Close(t.Context())
		t.Fatal("got no error, want one with every fault")
	}
	for _, word := range []string{
		"Name", "ContentType", "Transport is nil", "Strategy", "PoolSize", "PoolMax", "PoolWaiters", "MaxCalls",
		"DialTimeout", "PoolTTL", "PoolIdleTimeout", "RetryBudget", "RequestTimeout", "AttemptTimeout",
		"StreamTimeout", "HedgeAfter", "BackoffBase", "BackoffCap", "Retries is -1", "2 of 2 is empty",
		"option 20 of 22 is nil", "method Greeter.Hello: option Retries is 101", "method Greeter.Hello: option 2 of 2 is nil", "/does/not/exist",
	} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("got %q, want it to name %q", err, word)
		}
	}
}

// source returns value and source of a setting.
func source(t *testing.T, c *api.Caller, name string) string {
	t.Helper()
	options := c.Options()
	for _, s := range options.Settings() {
		if s.Name == name {
			return s.Value + " from " + s.Source
		}
	}
	t.Fatalf("got no setting %q", name)
	return ""
}

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "mailcall.json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Code wins over file, file over environment, environment over default,
// wherever they stand among the options.
func TestPrecedenceOfSources(t *testing.T) {
	t.Setenv("MAILCALL_RETRIES", "3")
	t.Setenv("MAILCALL_ATTEMPT_TIMEOUT", "3s")
	t.Setenv("MAILCALL_REQUEST_TIMEOUT", "3s")
	t.Setenv("MAILCALL_ADDRESS", "a:1, b:2")
	path := file(t, `{"attempt_timeout":"4s","request_timeout":"4s","idempotent":true,"pool_size":7}`)
	c := start(t, api.WithRequestTimeout(5*time.Second), api.WithFile(path), api.WithEnvironment())
	for name, want := range map[string]string{
		"dial_timeout": "5s from default", "retries": "3 from env", "attempt_timeout": "4s from file",
		"request_timeout": "5s from code", "idempotent": "true from file", "pool_size": "7 from file",
		"address": "a:1,b:2 from env",
	} {
		if got := source(t, c, name); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
		for _, part := range append(strings.Split(want, " from "), name) {
			if !strings.Contains(c.Explain(), part) {
				t.Errorf("got %q, want it to explain %q", c.Explain(), part)
			}
		}
	}
}

// A call wins over its method, a method of one service over the method of all,
// and a method over the client. What the server was told shows what held.
func TestPrecedenceOfCalls(t *testing.T) {
	server := mailcalltest.Start(t)
	at := server.Address()
	c := start(t, api.WithRegistry(static.Of(map[string][]string{"greeter": {at}, "other": {at}})),
		api.WithAttemptTimeout(400*time.Second), api.WithRequestTimeout(0),
		api.WithMethod("Greeter.Echo", api.WithAttemptTimeout(300*time.Second)),
		api.WithMethod("other/Greeter.Echo", api.WithAttemptTimeout(200*time.Second)))
	for _, tc := range []struct {
		service, endpoint string
		opts              []api.CallOption
		low, high         time.Duration
	}{
		{"greeter", hello, nil, 300 * time.Second, 400 * time.Second},
		{"greeter", "Greeter.Echo", nil, 200 * time.Second, 300 * time.Second},
		{"other", "Greeter.Echo", nil, 100 * time.Second, 200 * time.Second},
		{"other", "Greeter.Echo", []api.CallOption{api.WithAttemptTimeout(100 * time.Second)}, 0, 100 * time.Second},
	} {
		if err := greetAt(t, c, tc.service, tc.endpoint, tc.opts...); err != nil {
			t.Fatal(err)
		}
		if got := server.Endpoint(tc.endpoint).LastTimeout; got <= tc.low || got > tc.high {
			t.Errorf("%s %s: got a Timeout of %s, want more than %s and at most %s", tc.service, tc.endpoint, got, tc.low, tc.high)
		}
	}
	if got := c.Explain(); !strings.Contains(got, "method other/Greeter.Echo") {
		t.Errorf("got %q, want it to explain the method", got)
	}
}

// One long value does not push the sources of the others off the screen.
func TestExplainStaysNarrow(t *testing.T) {
	c := start(t, api.WithName("caller"))
	wide := 0
	for line := range strings.Lines(c.Explain()) {
		if len(line) > 81 {
			wide++
		}
	}
	if wide != 1 { // the codecs
		t.Errorf("got %d lines of more than 80 columns, want 1 in\n%s", wide, c.Explain())
	}
}

// What a file or the environment says and nobody understands is a fault.
func TestBadSources(t *testing.T) {
	for name, text := range map[string]string{
		"unknown name": `{"retires":1}`, "no number": `{"retries":"many"}`, "no JSON": `{`, "in code only": `{"codecs":"x"}`,
		"a list": `{"address":["127.0.0.1:1","127.0.0.1:2"]}`, "an object": `{"name":{}}`, "null": `{"name":null}`,
	} {
		if c, err := api.New(api.WithFile(file(t, text))); err == nil {
			c.Close(t.Context())
			t.Errorf("%s: got no error, want one", name)
		}
	}
	t.Setenv("MAILCALL_POOL_MAX", "none")
	t.Setenv("MAILCALL_ADDRESS", "")
	for _, want := range []string{"env: pool_max: ", "env: address: "} {
		if c, err := api.New(api.WithEnvironment()); err == nil || !strings.Contains(err.Error(), want) {
			if c != nil {
				c.Close(t.Context())
			}
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
}

// A fault is told once: not again about a value that nobody gave, and not again
// for each method.
func TestEachFaultIsReportedOnce(t *testing.T) {
	t.Setenv("MAILCALL_POOL_MAX", "many")
	c, err := api.New(api.WithEnvironment(), api.WithRetries(-1), api.WithMethod(hello, api.WithIdempotent(true)))
	if err == nil {
		c.Close(t.Context())
		t.Fatal("got no error, want two faults")
	}
	if lines := strings.Split(err.Error(), "\n"); len(lines) != 2 || !strings.Contains(lines[0], "pool_max") || !strings.Contains(lines[1], "Retries is -1") {
		t.Errorf("got %q, want a line about pool_max and one about Retries", lines)
	}
}

// Init takes all of its options or none.
func TestInitIsAtomic(t *testing.T) {
	c := start(t, api.WithRetries(1))
	before := c.Explain()
	err := c.Init(api.WithRetries(2), api.WithPoolMax(-1), api.WithAttemptTimeout(-1))
	if err == nil || !strings.Contains(err.Error(), "PoolMax") || !strings.Contains(err.Error(), "AttemptTimeout") {
		t.Errorf("got %v, want both faults", err)
	}
	if got := c.Explain(); got != before {
		t.Errorf("got %q after a faulty Init, want no change from %q", got, before)
	}
	fixed := map[string]api.Option{
		"Name": api.WithName("other"), "MaxCalls": api.WithMaxCalls(1), "MaxStreams": api.WithMaxStreams(1),
		"MaxServices": api.WithMaxServices(1), "Seed": api.WithSeed(99), "Registry": api.WithRegistry(static.New("greeter")),
		"Broker": api.WithBroker(broker.New()), "Logger": api.WithLogger(slog.Default()), "memory": api.WithTransports(memory.New()),
	}
	all := []api.Option{api.WithRetries(-1)}
	for name, option := range fixed {
		all = append(all, option)
		if err := c.Init(api.WithRetries(2), option); err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, want one fault: it cannot be changed any more", name, err)
		}
	}
	if err := c.Init(all...); err == nil || strings.Count(err.Error(), "\n") != len(fixed) {
		t.Errorf("got %v, want the fault of each of %d options", err, len(all))
	}
	if err := c.Init(api.WithRetries(2)); err != nil {
		t.Fatal(err)
	}
	if got := source(t, c, "retries"); got != "2 from code" {
		t.Errorf("got retries %s, want 2 from code", got)
	}
}

// Options hands out a copy.
func TestOptionsIsACopy(t *testing.T) {
	c := start(t, api.WithAddress("a:1"), api.WithHeader("Tenant", "one"))
	o := c.Options()
	o.CallOptions.Address[0] = "b:2"
	o.CallOptions.Header[0].Value = "two"
	delete(o.Codecs, "application/json")
	if got := c.Options(); got.CallOptions.Address[0] != "a:1" || got.CallOptions.Header.Get("Tenant") != "one" || got.Codecs["application/json"] == nil {
		t.Errorf("got %v, %v and %d codecs, want those of the client", got.CallOptions.Address, got.CallOptions.Header, len(got.Codecs))
	}
}

// What a caller does later with the lists that it gave to options changes no call.
func TestOptionsCopyTheirLists(t *testing.T) {
	server := mailcalltest.Start(t)
	for name, opts := range map[string]func(addresses ...string) api.Option{
		"client": func(a ...string) api.Option { return api.WithAddress(a...) },
		"method": func(a ...string) api.Option { return api.WithMethod(hello, api.WithAddress(a...)) },
	} {
		list := []string{server.Address()}
		c := start(t, opts(list...))
		list[0] = "127.0.0.1:1"
		if err := greetAnn(within(t), c); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	c := start(t, api.WithAddress(server.Address()))
	if err := greetAnn(within(t), c); err != nil {
		t.Fatal(err)
	}
	c.Runtime().Snapshot().Services[0].Addresses[0] = "127.0.0.1:1"
	if got := c.Runtime().Snapshot().Services[0].Addresses[0]; got != server.Address() {
		t.Errorf("got %s in the snapshot, want %s", got, server.Address())
	}
}

// Explain shows all that is set for a method, also the kind of its strategy,
// and values that are those of the client.
func TestExplainShowsAllOfAMethod(t *testing.T) {
	filter := func(s []*registry.Service) []*registry.Service { return s }
	c := start(t, api.WithFilter(filter), api.WithRetry(api.RetryNever), api.WithMethod("Greeter.Hello",
		api.WithStrategy(selector.Random{}), api.WithFilter(filter), api.WithRetry(api.RetryAlways), api.WithRetries(2)))
	options := c.Options()
	got := make(map[string]string)
	for _, s := range options.Settings() {
		if s.Source == "method Greeter.Hello" {
			got[s.Name] = s.Value
		}
	}
	want := map[string]string{"strategy": "selector.Random", "filters": "2", "retry": "given", "retries": "2"}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// Names of go-micro's options set what those of ours set.
func TestNamesOfGoMicro(t *testing.T) {
	reg, wire := static.New("greeter", "127.0.0.1:1"), memory.New()
	retry := func(context.Context, api.Request, int, error) (bool, error) { return false, nil }
	backoff := func(context.Context, api.Request, int) (time.Duration, error) { return 0, nil }
	wrap := func(c api.Client) api.Client { return c }
	wrapCall := func(f api.CallFunc) api.CallFunc { return f }
	filter := func(s []*registry.Service) []*registry.Service { return s }
	for name, tc := range map[string]struct{ theirs, ours api.Option }{
		"ContentType":           {api.ContentType("text/plain"), api.WithDefaultContentType("text/plain")},
		"Codec":                 {api.Codec("x/y", bytescodec.Codec{}), api.WithCodec("x/y", bytescodec.Codec{})},
		"Transport":             {api.Transport(wire), api.WithTransport(wire)},
		"Registry":              {api.Registry(reg), api.WithRegistry(reg)},
		"PoolSize":              {api.PoolSize(7), api.WithPoolSize(7)},
		"PoolTTL":               {api.PoolTTL(7), api.WithPoolTTL(7)},
		"DialTimeout":           {api.DialTimeout(7), api.WithDialTimeout(7)},
		"RequestTimeout":        {api.RequestTimeout(7), api.WithRequestTimeout(7)},
		"StreamTimeout":         {api.StreamTimeout(7), api.WithStreamTimeout(7)},
		"WithConnectionTimeout": {api.WithConnectionTimeout(7), api.WithAttemptTimeout(7)},
		"Retries":               {api.Retries(7), api.WithRetries(7)},
		"Retry":                 {api.Retry(retry), api.WithRetry(retry)},
		"Backoff":               {api.Backoff(backoff), api.WithBackoff(backoff)},
		"Wrap":                  {api.Wrap(wrap), api.WithWrapper(wrap)},
		"WrapCall":              {api.WrapCall(wrapCall), api.WithCallWrapper(wrapCall)},
		"WithSelectOption":      {api.WithSelectOption(filter), api.WithFilter(filter)},
	} {
		theirs, ours := start(t, api.WithSeed(1), tc.theirs).Options(), start(t, api.WithSeed(1), tc.ours).Options()
		if got, want := theirs.Settings(), ours.Settings(); !slices.Equal(got, want) {
			t.Errorf("%s: got settings %v, want %v", name, got, want)
		}
		if plain := start(t, api.WithSeed(1)).Options(); slices.Equal(ours.Settings(), plain.Settings()) {
			t.Errorf("%s: got the settings of a client without options", name)
		}
	}
}

// A request, a message and what is prepared may be given no option where one
// may stand.
func TestNilOptionsAreIgnored(t *testing.T) {
	c := start(t)
	for what, contentType := range map[string]string{
		"request":  c.NewRequest("greeter", hello, nil, nil).ContentType(),
		"message":  c.NewMessage("topic", nil, nil).ContentType(),
		"prepared": api.Prepare(c, "greeter", hello, nil).With(nil).ContentType(),
	} {
		if contentType != "application/protobuf" {
			t.Errorf("%s: got content type %q, want the client's", what, contentType)
		}
	}
}
