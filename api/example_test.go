// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"context"
	"fmt"
	"log"

	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/mailcalltest/greet"
	"example.com/mailcall/registry/static"
	"example.com/mailcall/transport/http"
)

// The program of the README: a service to call, and a client that calls it.
func Example() {
	over, err := http.New()
	if err != nil {
		log.Fatal(err)
	}
	service := mailcalltest.NewGreeter("greeter") // yours runs somewhere else
	if err := service.Listen(over, "127.0.0.1:0"); err != nil {
		log.Fatal(err)
	}
	defer service.Close()

	c, err := api.New(api.WithRegistry(static.New("greeter", service.Address())))
	if err != nil {
		log.Fatal(err) // names every invalid option
	}
	defer c.Close(context.Background()) // waits for calls in flight

	rsp := &greet.HelloReply{}
	req := c.NewRequest("greeter", "Greeter.Hello", &greet.HelloRequest{Name: "Ada"})
	if err := c.Call(context.Background(), req, rsp); err != nil {
		log.Fatal(err) // says what happened in each attempt
	}
	fmt.Println(rsp.GetGreeting())
	// Output: Hello Ada
}
