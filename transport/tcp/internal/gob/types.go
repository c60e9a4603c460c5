// SPDX-License-Identifier: Apache-2.0

package gob

import (
	"errors"
	"fmt"
)

// Limits of the types of a stream. go-micro's streams have two types, the larger one
// with two fields.
const (
	maxTypes       = 64
	maxTypeFields  = 64
	maxTypeNesting = 16
)

// The numbers of predefined types.
const (
	typeBool    = 1
	typeInt     = 2
	typeUint    = 3
	typeFloat   = 4
	typeBytes   = 5
	typeString  = 6
	typeComplex = 7
	typeFirst   = 64 // the first number for types that a stream defines
)

// kind is the kind of a type.
type kind uint8

// The kinds are in the order of the alternatives in a type definition. The last three are
// types that encode themselves.
const (
	kindArray kind = iota
	kindSlice
	kindStruct
	kindMap
	kindGob
	kindBinary
	kindText
)

// wireType is a type that the peer has defined.
type wireType struct {
	kind      kind
	key, elem int64   // of maps; elem of arrays and slices too
	fields    []int64 // of structs, their types

	header, body int // indexes of the fields of a struct with these names, -1: none
}

// types holds the types that the peer has defined so far.
type types struct {
	known map[int64]*wireType
}

// define reads the definition of type number id.
func (t *types) define(id int64, c *cursor) error {
	if id < typeFirst || t.known[id] != nil {
		return fmt.Errorf("type %d is defined twice", id)
	}
	if len(t.known) == maxTypes {
		return fmt.Errorf("more than %d types", maxTypes)
	}
	if len(c.b) > maxDefinition {
		return fmt.Errorf("a type definition of %d bytes, the limit is %d", len(c.b), maxDefinition)
	}
	at := -1
	form, err := c.delta(&at, int(kindText)+1)
	if err != nil {
		return err
	}
	if !form {
		return errors.New("a type definition without a type")
	}
	w := &wireType{kind: kind(at), header: -1, body: -1}
	if err := w.read(c); err != nil {
		return err
	}
	if more, err := c.delta(&at, int(kindText)+1); err != nil || more || len(c.b) > 0 {
		return errors.Join(err, errors.New("a type definition with more than one type"))
	}
	if t.known == nil {
		t.known = make(map[int64]*wireType, 2)
	}
	t.known[id] = w
	return nil
}

// read reads the part of a definition that depends on the kind: a struct whose first
// field is the name and number of the type.
func (w *wireType) read(c *cursor) error {
	for at := -1; ; {
		more, err := c.delta(&at, 3)
		if err != nil || !more {
			return err
		}
		switch {
		case at == 0:
			_, _, err = c.nameAndID()
		case w.kind == kindStruct && at == 1:
			err = w.readFields(c)
		case w.kind == kindMap && at == 1:
			w.key, err = c.int()
		case w.kind == kindMap && at == 2, (w.kind == kindArray || w.kind == kindSlice) && at == 1:
			w.elem, err = c.int()
		case w.kind == kindArray && at == 2:
			_, err = c.int() // the length is repeated in each value
		default:
			err = errors.New("a type definition with a field that it cannot have")
		}
		if err != nil {
			return err
		}
	}
}

func (w *wireType) readFields(c *cursor) error {
	n, err := c.count()
	if err != nil {
		return err
	}
	if n > maxTypeFields {
		return fmt.Errorf("a type of %d fields, the limit is %d", n, maxTypeFields)
	}
	for i := range n {
		name, id, err := c.nameAndID()
		if err != nil {
			return err
		}
		switch {
		case string(name) == "Header" && w.header < 0:
			w.header = i
		case string(name) == "Body" && w.body < 0:
			w.body = i
		}
		w.fields = append(w.fields, id)
	}
	return nil
}

// isMessage reports whether w is a struct with a Header or a Body of the right types. As
// in package encoding/gob one of the two is enough.
func (t *types) isMessage(w *wireType) bool {
	if w == nil || w.kind != kindStruct || w.header < 0 && w.body < 0 {
		return false
	}
	if w.body >= 0 && w.fields[w.body] != typeBytes {
		return false
	}
	return w.header < 0 || t.known[w.fields[w.header]].isHeader()
}

func (w *wireType) isHeader() bool {
	return w != nil && w.kind == kindMap && w.key == typeString && w.elem == typeString
}

// skip skips a value of any type except an interface. Every element takes at least one
// byte, so the work is bounded by the number of bytes.
func (t *types) skip(c *cursor, id int64, depth int) error {
	if depth == maxTypeNesting {
		return fmt.Errorf("a field nested deeper than %d", maxTypeNesting)
	}
	switch id {
	case typeBool, typeInt, typeUint, typeFloat:
		_, err := c.uint()
		return err
	case typeComplex:
		_, err := c.uint()
		if err == nil {
			_, err = c.uint()
		}
		return err
	case typeBytes, typeString:
		_, err := c.bytes()
		return err
	}
	w := t.known[id]
	if w == nil {
		return fmt.Errorf("a field of type %d, which is not known", id)
	}
	switch w.kind {
	case kindStruct:
		return t.skipStruct(c, w, depth)
	case kindArray, kindSlice, kindMap:
		return t.skipElements(c, w, depth)
	case kindGob, kindBinary, kindText:
	}
	_, err := c.bytes()
	return err
}

func (t *types) skipStruct(c *cursor, w *wireType, depth int) error {
	for at := -1; ; {
		field, err := c.field(&at, w)
		if err != nil || field == nil {
			return err
		}
		if err := t.skip(c, *field, depth+1); err != nil {
			return err
		}
	}
}

func (t *types) skipElements(c *cursor, w *wireType, depth int) error {
	n, err := c.count()
	if err != nil {
		return err
	}
	for range n {
		if w.kind == kindMap {
			if err := t.skip(c, w.key, depth+1); err != nil {
				return err
			}
		}
		if err := t.skip(c, w.elem, depth+1); err != nil {
			return err
		}
	}
	return nil
}
