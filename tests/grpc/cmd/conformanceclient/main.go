// SPDX-License-Identifier: Apache-2.0

//go:build conformance

// Conformanceclient is mailcall as a client for the suite of
// connectrpc.com/conformance: it reads requests from standard input, runs each as a
// call or a stream with a new client, and writes the results to standard output. `make
// conformance` runs it.
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

// run runs the requests of in concurrently, and returns when in has ended and all
// requests are answered.
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

// perform runs one request. If it could not be made, the response is an error of the
// suite; otherwise it has the result, which may be an error of the call.
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
