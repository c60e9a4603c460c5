// SPDX-License-Identifier: Apache-2.0

//go:build conformance

// Conformanceclient is mailcall as the suite of connectrpc.com/conformance
// wants a client: it reads requests from its standard input, makes each of them
// a call or a stream of a client of its own, and writes what came back to its
// standard output. `make conformance` runs it.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"

	conformancev1 "example.com/mailcall/tests/grpc/internal/conformancev1"
)

func main() {
	if err := run(context.Background(), os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "conformanceclient:", err)
		os.Exit(1)
	}
}

// run answers all requests of in, several at once. It returns when in has ended
// and all is answered.
func run(ctx context.Context, in io.Reader, out io.Writer) error {
	var (
		work   sync.WaitGroup
		answer sync.Mutex // guards out and failed
		failed error
		room   = make(chan struct{}, 4*runtime.GOMAXPROCS(0))
	)
	defer work.Wait()
	for {
		request := &conformancev1.ClientCompatRequest{}
		switch err := read(in, request); {
		case err == io.EOF: //nolint:errorlint // an end within a message is another error
			work.Wait()
			return failed
		case err != nil:
			return err
		}
		room <- struct{}{}
		work.Go(func() {
			defer func() { <-room }()
			reply := perform(ctx, request)
			answer.Lock()
			defer answer.Unlock()
			if err := write(out, reply); err != nil && failed == nil {
				failed = err
			}
		})
	}
}

// perform makes one request. What keeps it from being made at all is an error
// of the suite; what comes of it is a result, even if it is an error.
func perform(ctx context.Context, request *conformancev1.ClientCompatRequest) *conformancev1.ClientCompatResponse {
	reply := &conformancev1.ClientCompatResponse{TestName: request.GetTestName()}
	result, err := invoke(ctx, request)
	if err != nil {
		reply.Result = &conformancev1.ClientCompatResponse_Error{Error: &conformancev1.ClientErrorResult{Message: err.Error()}}
	} else {
		reply.Result = &conformancev1.ClientCompatResponse_Response{Response: result}
	}
	return reply
}
