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
// Every answer is assembled from what the actors publish. So a request neither
// disturbs them nor waits for them, and an actor that is stuck, or a call whose
// codec hangs, is shown as such. Without a request nothing runs and nothing is
// collected.
//
// It shows addresses, the names of services and endpoints, numbers and error
// texts; never bodies or metadata. It changes nothing. It answers only requests
// whose Host header names the loopback or a host of [WithHosts], so that no web
// page can read it by DNS rebinding.
package inspect
