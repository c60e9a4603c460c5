// SPDX-License-Identifier: Apache-2.0

package proto_test

import (
	"strings"
	"testing"

	"example.com/mailcall/codec"
	"example.com/mailcall/codec/internal/greet"
	"example.com/mailcall/codec/proto"
)

func BenchmarkAppend(b *testing.B) {
	for name, m := range map[string]*greet.HelloRequest{
		"small": {Name: "Ann", Count: 3},
		"1KiB":  {Name: strings.Repeat("n", 1024), Count: 3},
	} {
		b.Run(name, func(b *testing.B) {
			var c codec.Appender = proto.New()
			dst := make([]byte, 0, 2048)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Append(dst, m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkUnmarshal(b *testing.B) {
	data, err := proto.New().Marshal(&greet.HelloRequest{Name: strings.Repeat("n", 1024), Count: 3})
	if err != nil {
		b.Fatal(err)
	}
	var m greet.HelloRequest
	b.ReportAllocs()
	for b.Loop() {
		if err := proto.New().Unmarshal(data, &m); err != nil {
			b.Fatal(err)
		}
	}
}
