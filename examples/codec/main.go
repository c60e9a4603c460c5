// SPDX-License-Identifier: Apache-2.0

// Codec calls a service with its own encoding, which takes the two methods in
// gzipjson.go.
package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/transport/http"
)

type sumRequest struct{ Numbers []int }

type sumReply struct{ Sum int }

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer) error {
	over, err := http.New()
	if err != nil {
		return err
	}
	service := mailcalltest.New("calculator", // your service runs elsewhere
		mailcalltest.WithCodec(contentType, gzipJSON{}),
		mailcalltest.WithHandlers(mailcalltest.Handle("Calculator.Sum",
			func(_ context.Context, req *sumRequest, rsp *sumReply) error {
				for _, n := range req.Numbers {
					rsp.Sum += n
				}
				return nil
			})),
	)
	if err := service.Listen(over, "127.0.0.1:0"); err != nil {
		return err
	}
	defer service.Close()

	client, err := api.New(
		api.WithAddress(service.Address()),
		api.WithCodec(contentType, gzipJSON{}),
		api.WithDefaultContentType(contentType), // or api.WithContentType for one request
	)
	if err != nil {
		return err
	}
	defer client.Close(ctx)

	req := &sumRequest{Numbers: make([]int, 10_000)}
	for i := range req.Numbers {
		req.Numbers[i] = i
	}
	rsp := &sumReply{}
	if err := client.Call(ctx, client.NewRequest("calculator", "Calculator.Sum", req), rsp); err != nil {
		return err
	}
	fmt.Fprintln(out, "the sum of 10000 numbers is", rsp.Sum)
	return nil
}
