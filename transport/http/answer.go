// SPDX-License-Identifier: Apache-2.0

package http

import (
	"fmt"
	"slices"
	"strings"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/http/internal/wire"
)

// keptBlock is the size in bytes up to which a rendered block is kept for the next
// answer.
const keptBlock = 4 << 10

// answerHead renders the header fields of answers: those of the connection's first
// request, overridden by those of the message, in alphabetical order.
type answerHead struct {
	echo        transport.Header // sorted by name
	echoesClose bool

	// A cache, since most answers of a connection have the same header.
	last     transport.Header // the header that rendered was made from
	rendered []byte
	merged   transport.Header // scratch
}

// echoOf stores the header of the first request.
func (a *answerHead) echoOf(h transport.Header) {
	a.echo = h.Clone()
	a.echo = slices.DeleteFunc(a.echo, func(f transport.Field) bool { return wire.Framing(f.Name) })
	slices.SortStableFunc(a.echo, byName)
	a.echoesClose = strings.EqualFold(a.echo.Get("Connection"), "close")
}

func byName(x, y transport.Field) int { return strings.Compare(x.Name, y.Name) }

// block returns the rendered fields of an answer with header h. They are valid
// until the next call.
func (a *answerHead) block(h transport.Header) ([]byte, error) {
	if len(a.rendered) > 0 && slices.Equal(a.last, h) {
		return a.rendered, nil
	}
	a.merged = append(a.merged[:0], a.echo...)
	for i, f := range h {
		if wire.Framing(f.Name) || wire.Pseudo(f.Name) || has(h[:i], f.Name) {
			continue
		}
		name, ok := wire.Canonical(f.Name)
		if !ok {
			return nil, fmt.Errorf("header field %q: %w", f.Name, wire.ErrName)
		}
		a.overlay(name, f.Value)
	}
	block := a.rendered[:0]
	for _, f := range a.merged {
		var err error
		if block, err = wire.AppendField(block, f.Name, f.Value); err != nil {
			return nil, err
		}
	}
	if cap(block) > keptBlock {
		a.last, a.rendered, a.merged = nil, nil, nil
		return block, nil
	}
	a.last, a.rendered = append(a.last[:0], h...), block
	return block, nil
}

// overlay sets a field, and removes further fields of that name.
func (a *answerHead) overlay(name, value string) {
	f := transport.Field{Name: name, Value: value}
	at, found := slices.BinarySearchFunc(a.merged, f, byName)
	if !found {
		a.merged = slices.Insert(a.merged, at, f)
		return
	}
	end := at + 1
	for end < len(a.merged) && a.merged[end].Name == name {
		end++
	}
	a.merged[at] = f
	a.merged = slices.Delete(a.merged, at+1, end)
}

func has(h transport.Header, name string) bool {
	_, ok := h.Lookup(name)
	return ok
}
