// SPDX-License-Identifier: Apache-2.0

// Package inspect shows what a client is doing: its actors, services, pools
// and calls, as JSON and as one small page.
//
//	mux.Handle("/mailcall/", http.StripPrefix("/mailcall", inspect.Handler(client.Runtime())))
//
// or, on a port of its own on this machine,
//
//	url, wait, err := inspect.Serve(ctx, client.Runtime())
//
// Looking disturbs nobody and waits for nobody: every answer is put together
// from what the actors have published, so an actor that is stuck, or a call
// whose codec hangs, is shown as such. Nothing runs, and nothing is collected,
// while nobody looks.
//
// It shows addresses, the names of services and endpoints, and numbers; never
// bodies or metadata. It answers only requests whose Host header names this
// machine's loopback or a host of [WithHosts], so that no web page can read it
// through a name of its own (DNS rebinding), and it changes nothing.
package inspect
