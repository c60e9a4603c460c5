// SPDX-License-Identifier: Apache-2.0

package frame

// staticNames is the static table of names, numbered from 1. It is part of the protocol; a
// new version may only append to it.
//
//nolint:gochecknoglobals // a constant table
var staticNames = [...]string{
	"Accept", "Content-Type", "Micro-Service", "Micro-Method", "Micro-Endpoint",
	"Micro-ID", "Timeout", "Micro-Error", "Micro-Stream", "Micro-Topic",
	"Micro-Target", "Micro-Protocol", "X-Micro-Service", "X-Micro-Method", "X-Micro-Endpoint",
	"X-Micro-ID", "X-Micro-Error", "X-Micro-Stream", "Micro-Id", "Micro-From-Service",
	"User-Agent", "Te", "Authorization", "Grpc-Status", "Grpc-Message",
	"Local", "Remote", "Host", "Traceparent", "Tracestate",
}

// staticValues is the static table of values, numbered from 1.
//
//nolint:gochecknoglobals // a constant table
var staticValues = [...]string{
	"application/protobuf", "application/json", "application/octet-stream", "application/grpc",
	"application/grpc+proto", "application/grpc+json", "application/grpc+bytes", "application/proto-rpc",
	"application/json-rpc", "text/plain", "trailers", "EOS",
	"", "0", "1", "mucp",
}

// staticName returns the number of a name, 0 if it has none.
func staticName(s string) uint64 { return find(staticNames[:], s) }

// staticValue returns the number of a value, 0 if it has none.
func staticValue(s string) uint64 { return find(staticValues[:], s) }

func find(table []string, s string) uint64 {
	for i, t := range table {
		if t == s {
			return uint64(i) + 1
		}
	}
	return 0
}
