// SPDX-License-Identifier: Apache-2.0

// Package grpc carries calls and streams over gRPC, with google.golang.org/grpc
// as the wire and nothing else of it: one ClientConn is one connection, and its
// balancing, retries, service configuration and name resolution are off,
// because mailcall does these itself.
//
// There are two transports. [New] makes native gRPC: what go-micro's grpc
// client and server speak, and every other gRPC server of any language. [NewMucp]
// makes go-micro's own transport called grpc: its messages, header and body, on
// one bidirectional stream per connection.
//
// # Native gRPC
//
// The header of a request says where it goes and how it is encoded:
//
//   - Micro-Service and Micro-Endpoint make the path: "Greeter.Hello" of
//     "greeter" is /greeter.Greeter/Hello. An endpoint that begins with a slash
//     is the path itself.
//   - Content-Type makes the codec's name on the wire: application/grpc,
//     application/grpc+proto, application/protobuf, application/proto and
//     application/octet-stream are proto, application/json and
//     application/grpc+json are json, application/grpc+NAME is NAME, and any
//     other application/NAME is NAME. The body is the bare encoded message.
//   - Timeout, decimal nanoseconds, goes out as it is; grpc-timeout is made of
//     the deadline.
//   - The other fields are metadata. A name may occur more than once; the value
//     of a name that ends in -bin is any bytes; all other values are printable
//     ASCII. Fields that belong to mailcall's protocol (Micro-Method, Micro-ID
//     and the like), to gRPC or to the framing of HTTP are left out.
//
// Metadata that the caller's context carries for google.golang.org/grpc itself
// (metadata.NewOutgoingContext) goes out as well.
//
// # Answers and faults
//
// gRPC's library gives the same kind of status for what a server answered and
// for what went wrong on the way. This package tells them apart by what came
// with it; see [StatusError] for the rule.
//
// A connection on which nothing comes for ten seconds, while exchanges are given
// up, takes no new ones, so that they go to another one: the way to the server
// may be lost without a word.
package grpc
