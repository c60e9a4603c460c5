// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"example.com/mailcall/codec"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/mailcalltest/greet"
	"example.com/mailcall/metadata"
	"example.com/mailcall/rpcerr"
)

// dialect is what values a content type has, and which handler takes them.
type dialect struct {
	handler string
	request func(word string, count int64) any
	reply   func() any
	text    func(reply any) string
}

func dialectOf(contentType string) dialect {
	switch contentType {
	case octetStream:
		return dialect{
			handler: "Bytes",
			request: func(word string, _ int64) any { return &codec.Frame{Data: []byte(word)} },
			reply:   func() any { return new(codec.Frame) },
			text:    frameText,
		}
	case textPlain:
		return dialect{
			handler: "Words",
			request: func(word string, _ int64) any { return &word },
			reply:   func() any { return new(string) },
			text:    stringText,
		}
	default:
		return dialect{
			handler: "Greeter",
			request: func(word string, count int64) any { return &greet.HelloRequest{Name: word, Count: count} },
			reply:   func() any { return new(greet.HelloReply) },
			text:    greetingText,
		}
	}
}

func frameText(v any) string {
	if f, ok := v.(*codec.Frame); ok {
		return string(f.Data)
	}
	return fmt.Sprintf("a %T", v)
}

func stringText(v any) string {
	if s, ok := v.(*string); ok {
		return *s
	}
	return fmt.Sprintf("a %T", v)
}

func greetingText(v any) string {
	if r, ok := v.(*greet.HelloReply); ok {
		return r.GetGreeting()
	}
	return fmt.Sprintf("a %T", v)
}

// handlers are what the greeter does not have: the same for bytes and words,
// and for all dialects those that tell what the suite wants to know.
func handlers(w *waiting) []mailcalltest.Handler {
	return slices.Concat(
		speaking[greet.HelloRequest]("Greeter", w, func(r *greet.HelloReply, s string) { r.Greeting = s }),
		speaking[codec.Frame]("Bytes", w, func(r *codec.Frame, s string) { r.Data = []byte(s) }),
		speaking[string]("Words", w, func(r *string, s string) { *r = s }),
		greeting("Bytes", func(r *codec.Frame) *[]byte { return &r.Data }),
		greeting("Words", func(r *string) *string { return r }),
	)
}

// speaking are the handlers for every dialect.
func speaking[Req, Rsp any](name string, w *waiting, put func(*Rsp, string)) []mailcalltest.Handler {
	return []mailcalltest.Handler{
		mailcalltest.Handle(name+".Tenant", func(ctx context.Context, _ *Req, rsp *Rsp) error {
			md, _ := metadata.FromContext(ctx)
			tenant, _ := md.Get("Tenant")
			put(rsp, tenant)
			return nil
		}),
		mailcalltest.Handle(name+".Conflict", func(context.Context, *Req, *Rsp) error {
			return rpcerr.New("greeter.fail", 409, "taken")
		}),
		mailcalltest.Handle(name+".Wait", func(ctx context.Context, _ *Req, _ *Rsp) error { return w.here(ctx) }),
		mailcalltest.HandleStream(name+".WaitStream", func(ctx context.Context, _ *mailcalltest.Stream) error { return w.here(ctx) }),
	}
}

// farewell is the word that ends a bidirectional stream of bytes or words.
const farewell = "farewell"

// greeting are the greeter's handlers for a type that is one word.
func greeting[T any, W string | []byte](name string, word func(*T) *W) []mailcalltest.Handler {
	send := func(s *mailcalltest.Stream, text string) error {
		v := new(T)
		*word(v) = W(text)
		return s.Send(v)
	}
	return []mailcalltest.Handler{
		mailcalltest.Handle(name+".Hello", func(_ context.Context, req, rsp *T) error {
			*word(rsp) = W("Hello " + string(*word(req)))
			return nil
		}),
		mailcalltest.HandleStream(name+".ServerStream", func(_ context.Context, s *mailcalltest.Stream) error {
			v := new(T)
			if err := s.Recv(v); err != nil {
				return err
			}
			for range messages {
				if err := send(s, "Hello "+string(*word(v))); err != nil {
					return err
				}
			}
			return nil
		}),
		mailcalltest.HandleStream(name+".ClientStream", func(_ context.Context, s *mailcalltest.Stream) error {
			n := 0
			for s.Recv(new(T)) == nil {
				n++
			}
			return send(s, fmt.Sprintf("got %d", n))
		}),
		mailcalltest.HandleStream(name+".Bidi", func(_ context.Context, s *mailcalltest.Stream) error {
			for {
				v := new(T)
				err := s.Recv(v)
				if errors.Is(err, io.EOF) || err == nil && string(*word(v)) == farewell {
					return nil
				}
				if err == nil {
					err = send(s, "Hello "+string(*word(v)))
				}
				if err != nil {
					return err
				}
			}
		}),
	}
}
