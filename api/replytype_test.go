// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"strings"
	"testing"

	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest"
)

// A proxy may write the content type of a reply in another way. As long as it
// says the same, go-micro's client reads the reply, and so must this one.
func TestWaysToWriteTheContentType(t *testing.T) {
	tests := map[string]bool{
		"application/json; charset=utf-8":        true,
		`application/json;charset="UTF-8"`:       true,
		"Application/JSON":                       true,
		"application/json ; charset=us-ascii":    true,
		"application/json; charset=iso-8859-1":   false,
		"application/json; charset=utf-8; v=2":   false,
		"application/json; v=2":                  false,
		"application/json, application/json":     false,
		"application/jsonx; charset=utf-8":       false,
		"application/protobuf; charset=utf-8":    false,
		"application/json; charset=utf-8; chars": false,
	}
	for contentType, good := range tests {
		t.Run(contentType, func(t *testing.T) {
			answer := reply(`{"greeting":"Hello Ann"}`, "Content-Type: "+contentType)
			server := mailcalltest.Start(t, mailcalltest.WithScript(mailcalltest.Script{mailcalltest.Garbage(answer)}))
			c := start(t, api.WithAddress(server.Address()), api.WithDefaultContentType("application/json"))
			err := greetAnn(within(t), c)
			if good && err != nil {
				t.Errorf("got %v, want the reply", err)
			}
			if !good && (err == nil || !strings.Contains(err.Error(), "answered with content type")) {
				t.Errorf("got %v, want the content type refused", err)
			}
		})
	}
}
