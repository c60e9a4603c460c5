// SPDX-License-Identifier: Apache-2.0

package server

import (
	"fmt"

	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/transport/http"
)

// greeter is the responder of package mailcalltest, which speaks go-micro's protocol.
// Its Hello answers "Hello " and the name, so that a message with a single bytes field
// comes back with a prefix.
type greeter struct{ *mailcalltest.Responder }

func startGreeter() (Server, error) {
	over, err := http.New()
	if err != nil {
		return nil, fmt.Errorf("greeter: %w", err)
	}
	g := greeter{mailcalltest.NewGreeter("greeter")}
	if err := g.Listen(over, "127.0.0.1:0"); err != nil {
		return nil, fmt.Errorf("greeter: %w", err)
	}
	return g, nil
}

// Requests implements [Server].
func (greeter) Requests() int64 { return 0 }
