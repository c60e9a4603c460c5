// SPDX-License-Identifier: Apache-2.0

package contender

import (
	"fmt"
	"strings"

	"example.com/mailcall/bench/internal/server"
)

// Scenario is a kind of comparison. Each has a table of contenders.
type Scenario string

// Scenarios.
const (
	// Calls are unary calls with go-micro's HTTP protocol.
	Calls Scenario = "calls"
	// RPC are unary echoes, each contender with its own protocol.
	RPC Scenario = "rpc"
	// Streams are messages on streams, each contender with its own protocol.
	Streams Scenario = "streams"
	// Memory are calls that wait for their answer.
	Memory Scenario = "memory"
)

// Entry is a row in a table of contenders.
type Entry struct {
	// Name is the name in flags and results.
	Name string
	// Note briefly says how the client is configured.
	Note string
	// New makes the contender.
	New New
	// Server is the kind of server that it calls; "" is the one chosen with the
	// driver's flag.
	Server string
	// Variant rows run only if they are named.
	Variant bool
}

// Table returns the contenders of a scenario in the order in which they run, none for
// an unknown scenario.
func Table(s Scenario) []Entry {
	switch s {
	case Calls:
		return calls()
	case RPC:
		return rpcs()
	case Streams:
		return []Entry{
			{Name: "mailcall-tcp", Note: noteTCP, New: newOursTCP, Server: server.TCP},
			{Name: "mailcall-grpc", Note: "api.Caller over transport/grpc, every default on", New: newOursGRPC, Server: server.GRPC},
			{Name: "grpc", Note: "grpc-go, one ClientConn", New: newGRPC, Server: server.GRPC},
		}
	case Memory:
		entries := calls()
		for i := range entries {
			entries[i].Server = server.Silent
		}
		return append(entries,
			Entry{Name: "mailcall-tcp", Note: noteTCP, New: newOursTCP, Server: server.TCPSilent},
			Entry{Name: "grpc", Note: "grpc-go, one ClientConn", New: newGRPC, Server: server.GRPCSilent},
			Entry{Name: "shared-floor", Note: "hand-written, one connection: a goroutine and a channel, nothing else", New: newSharedFloor, Server: server.Silent})
	default:
		return nil
	}
}

func calls() []Entry {
	return []Entry{
		{Name: "mailcall", Note: "api.Caller as it is: deadline, attempt bound, retries, marks, live list", New: newOurs},
		{Name: "fasthttp", Note: "HostClient, Do; a deadline only if the context has one", New: newFastHTTP},
		{Name: "fasthttp-deadline", Note: "HostClient, DoTimeout: every call is bounded", New: newFastHTTPDeadline, Variant: true},
		{Name: "nethttp", Note: "http.Transport, RoundTrip; a deadline only if the context has one", New: newNetHTTP},
		{Name: "floor", Note: "hand-written, a connection per caller, prebuilt head; no pool", New: newFloor},
	}
}

// noteTCP is used in several tables.
const noteTCP = "api.Caller over mailcall's own wire, every default on"

func rpcs() []Entry {
	return []Entry{
		{Name: "mailcall-tcp", Note: noteTCP + "; inline handler in the server", New: newOursTCP, Server: server.TCP},
		{Name: "mailcall-tcp-go", Note: "the same, a goroutine per call in the server", New: newOursTCP, Server: server.TCPGo},
		{Name: "mailcall-grpc", Note: "api.Caller over transport/grpc, every default on", New: newOursGRPC, Server: server.GRPC},
		{Name: "grpc", Note: "grpc-go, one ClientConn", New: newGRPC, Server: server.GRPC},
		{Name: "grpc-deadline", Note: "the same, every call bounded as mailcall's are", New: newGRPCDeadline, Server: server.GRPC, Variant: true},
		{Name: "drpc", Note: "drpc, a connection per caller", New: newDRPC, Server: server.DRPC},
		{Name: "connect", Note: "connect-go, its own protocol over cleartext HTTP/2", New: newConnect, Server: server.Connect},
		{Name: "netrpc", Note: "net/rpc with gob, one connection", New: newNetRPC, Server: server.NetRPC},
		{Name: "fasthttp", Note: "HostClient, Do; POST with a protobuf body", New: newFastHTTP, Server: server.FastHTTP},
		{Name: "nethttp", Note: "http.Transport, RoundTrip; POST with a protobuf body", New: newNetHTTP, Server: server.NetHTTP},
		{Name: "raw-mux", Note: "hand-written multiplexed echo of bytes, no codec", New: newRawMux, Server: server.RawMux},
		{Name: "raw-mux-go", Note: "the same, a goroutine per call in the server", New: newRawMux, Server: server.RawMuxGo},
	}
}

// Bases returns the default bases: the names of mailcall's contenders, in the order of
// the table.
func Bases(s Scenario) []string {
	var names []string
	for _, e := range Table(s) {
		if strings.HasPrefix(e.Name, "mailcall") {
			names = append(names, e.Name)
		}
	}
	return names
}

// Defaults returns the names that run by default: all except variants of other
// contenders.
func Defaults(s Scenario) []string {
	var names []string
	for _, e := range Table(s) {
		if !e.Variant {
			names = append(names, e.Name)
		}
	}
	return names
}

// Find returns the entry called name.
func Find(s Scenario, name string) (Entry, error) {
	var known []string
	for _, e := range Table(s) {
		if e.Name == name {
			return e, nil
		}
		known = append(known, e.Name)
	}
	return Entry{}, fmt.Errorf("contender %q is unknown to %s; use %s", name, s, strings.Join(known, ", "))
}
