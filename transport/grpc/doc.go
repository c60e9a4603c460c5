// SPDX-License-Identifier: Apache-2.0

// Package grpc carries calls and streams over gRPC. It uses google.golang.org/grpc only
// for the protocol: each ClientConn is one connection, and its load balancing, retries,
// service configuration and name resolution are off, because mailcall does these
// itself.
//
// There are two transports. [New] returns native gRPC, which go-micro's grpc client and
// server speak, and gRPC servers in any language. [NewMucp] returns go-micro's own
// transport named grpc: messages of header and body on one bidirectional stream per
// connection.
//
// # Native gRPC
//
// The header of a request determines the method and the encoding:
//
//   - Micro-Service and Micro-Endpoint make the path: "Greeter.Hello" of "greeter" is
//     /greeter.Greeter/Hello. An endpoint that begins with a slash is the path itself.
//   - Content-Type determines the codec's name on the wire: application/grpc,
//     application/grpc+proto, application/protobuf, application/proto and
//     application/octet-stream are proto, application/json and application/grpc+json
//     are json, application/grpc+NAME is NAME, and any other application/NAME is NAME.
//     The body is the bare encoded message.
//   - Timeout, in decimal nanoseconds, is sent unchanged; grpc-timeout is computed from
//     the deadline.
//   - The other fields are sent as metadata. A name may occur more than once. The value
//     of a name that ends in -bin may have any bytes; all other values must be
//     printable ASCII. Fields that belong to mailcall's protocol (Micro-Method,
//     Micro-ID and the like), to gRPC or to HTTP's framing are left out.
//
// Metadata that the caller's context has for google.golang.org/grpc
// (metadata.NewOutgoingContext) is sent as well.
//
// # Answers and faults
//
// gRPC's library reports answers of the server and faults of the connection with the
// same kind of status. This package tells them apart by what was received with the
// status; see [StatusError] for the rule.
//
// If exchanges are abandoned on a connection and nothing is received on it for ten
// seconds, it accepts no new exchanges, so that they use another connection: the server
// may have become unreachable without the connection being closed.
package grpc
