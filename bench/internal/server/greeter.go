// SPDX-License-Identifier: Apache-2.0

package server

import (
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"sync"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"example.com/mailcall/bench/internal/wire"
)

// greeter is a net/http server that behaves like go-micro's for one endpoint.
type greeter struct {
	ln   net.Listener
	http *http.Server
	wg   sync.WaitGroup
}

func startGreeter(ln net.Listener) *greeter {
	g := &greeter{ln: ln}
	g.http = &http.Server{
		Handler:  http.HandlerFunc(greet),
		ErrorLog: log.New(io.Discard, "", 0), // a client that goes away is no news
	}
	g.wg.Go(func() { _ = g.http.Serve(ln) })
	return g
}

// Address implements [Server].
func (g *greeter) Address() string { return g.ln.Addr().String() }

// Requests implements [Server].
func (g *greeter) Requests() int64 { return 0 }

// Close implements [Server].
func (g *greeter) Close() error {
	err := g.http.Close()
	g.wg.Wait()
	return err
}

// greet decodes the request, copies its value into a reply and encodes that.
// Like go-micro's server it repeats the request's fields, answers 200 even for
// an error, and sends no Date.
func greet(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h["Date"] = nil
	for _, f := range wire.Fields() {
		h[f.Name] = r.Header[f.Name]
	}
	h[wire.HeaderID] = r.Header[wire.HeaderID]
	body, fault := hello(w, r)
	if fault != "" {
		h[wire.HeaderError] = []string{fault}
	}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	_, _ = w.Write(body) // a peer that is gone shows at its own end
}

func hello(w http.ResponseWriter, r *http.Request) (body []byte, fault string) {
	if got := r.Header.Get("Micro-Endpoint"); got != wire.Endpoint {
		return nil, "rpc: can't find method " + got
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, wire.MaxBody))
	if err != nil {
		return nil, err.Error()
	}
	var req wrapperspb.BytesValue
	if err = proto.Unmarshal(data, &req); err != nil {
		return nil, err.Error()
	}
	body, err = proto.Marshal(&wrapperspb.BytesValue{Value: req.GetValue()})
	if err != nil {
		return nil, err.Error()
	}
	return body, ""
}
