// SPDX-License-Identifier: Apache-2.0

// Package wire holds captures of go-micro's wire and plays either side of
// them: the client's against a server ([Capture.Replay]), the server's against
// a client ([Serve]).
//
// The files NAME.request.bin and NAME.response.bin in testdata are all bytes
// of one direction, of several connections one after another; NAME.trace says
// how the two directions took turns. Captures called raw-* were made by hand
// and have no trace; the order of their messages is in this package.
package wire
