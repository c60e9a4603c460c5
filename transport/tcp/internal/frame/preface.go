// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// A preface is Magic, two bytes of versions, the length of the settings in two
// bytes and the settings.
const (
	// Magic begins each side's preface. Its first byte is one with which no
	// gob stream begins.
	Magic = "\x80MAIL"
	// Version is the version of the wire that is spoken here.
	Version = 1
	// PrefaceSize is the length of a preface without its settings.
	PrefaceSize = len(Magic) + 2 + 2
	// MaxSettings bounds the settings, in bytes.
	MaxSettings = 1 << 10
)

// Numbers of settings.
const (
	settingFrame      = 1
	settingMessage    = 2
	settingExchanges  = 3
	settingWindow     = 4
	settingConnWindow = 5
	settingTable      = 6
)

// Limits are what a side tells the other about itself.
type Limits struct {
	Frame      int // longest payload of a frame that it takes, in bytes
	Message    int // longest body of a message
	Exchanges  int // how many it serves at a time, 0 for a client
	Window     int // credit with which each stream begins
	ConnWindow int // credit with which all streams together begin
	Table      int // header blocks that it remembers
}

// Bounds of settings: what is beyond them breaks the rules.
const (
	// MinFrame is the least that a side must take.
	MinFrame = 16 << 10
	// MaxFrame is the longest payload there is.
	MaxFrame = 16 << 20
	// MaxSize bounds messages and windows.
	MaxSize = 1 << 30
	// MaxExchanges bounds the exchanges of a connection.
	MaxExchanges = 1 << 20
)

// Preface is what a side says first.
type Preface struct {
	// Low and High are a client's lowest and highest version. Of a server Low
	// is the chosen one, 0 for none, and High the highest that it speaks.
	Low, High uint8
	Limits    Limits
}

// Append writes the preface.
func (p Preface) Append(b []byte) []byte {
	settings := p.Limits.Append(nil)
	b = append(b, Magic...)
	b = append(b, p.Low, p.High)
	b = binary.BigEndian.AppendUint16(b, uint16(len(settings)))
	return append(b, settings...)
}

// Append writes the limits as settings.
func (l Limits) Append(b []byte) []byte {
	for id, v := range [...]int{
		settingFrame: l.Frame, settingMessage: l.Message, settingExchanges: l.Exchanges,
		settingWindow: l.Window, settingConnWindow: l.ConnWindow, settingTable: l.Table,
	} {
		if id > 0 {
			b = binary.AppendUvarint(b, uint64(id))
			b = binary.AppendUvarint(b, uint64(v))
		}
	}
	return b
}

// ParsePreface reads the fixed part of a preface, PrefaceSize bytes, and
// returns how many bytes of settings follow.
func ParsePreface(b []byte) (p Preface, settings int, err error) {
	if string(b[:len(Magic)]) != Magic {
		return p, 0, fmt.Errorf("the preface begins with % x, want % x", b[:len(Magic)], Magic)
	}
	b = b[len(Magic):]
	p.Low, p.High = b[0], b[1]
	settings = int(binary.BigEndian.Uint16(b[2:]))
	if settings > MaxSettings {
		return p, 0, fmt.Errorf("settings of %d bytes in the preface, the limit is %d", settings, MaxSettings)
	}
	return p, settings, nil
}

// Read changes the limits to what settings say. Numbers that are not known
// are skipped.
func (l *Limits) Read(settings []byte) error {
	s := From(settings)
	for s.Len() > 0 {
		id, v := s.Uint(), s.Uint()
		if s.Bad() {
			return errors.New("settings break off")
		}
		var to *int
		low, high := 0, MaxSize
		switch id {
		case settingFrame:
			to, low, high = &l.Frame, MinFrame, MaxFrame
		case settingMessage:
			to = &l.Message
		case settingExchanges:
			to, high = &l.Exchanges, MaxExchanges
		case settingWindow:
			to, low = &l.Window, MinFrame
		case settingConnWindow:
			to, low = &l.ConnWindow, MinFrame
		case settingTable:
			to = &l.Table
		default:
			continue
		}
		if v < uint64(low) || v > uint64(high) {
			return fmt.Errorf("setting %d is %d, want %d to %d", id, v, low, high)
		}
		*to = int(v)
	}
	return nil
}

// Assumed are the limits of a side that does not tell them.
func Assumed() Limits {
	return Limits{Frame: MinFrame, Message: 4 << 20, Exchanges: 128, Window: 64 << 10, ConnWindow: 1 << 20}
}
