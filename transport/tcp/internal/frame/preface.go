// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// A preface is Magic, two bytes with versions, the length of the settings in two bytes,
// and the settings.
const (
	// Magic begins each side's preface. No gob stream begins with its first byte.
	Magic = "\x80MAIL"
	// Version is the version of the protocol that is implemented here.
	Version = 1
	// PrefaceSize is the length of a preface without its settings.
	PrefaceSize = len(Magic) + 2 + 2
	// MaxSettings is the largest length of the settings, in bytes.
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

// Limits are the limits of one side, which it sends to the other.
type Limits struct {
	Frame      int // the longest payload of a frame that it receives, in bytes
	Message    int // the longest body of a message that it receives, in bytes
	Exchanges  int // how many exchanges it serves at a time, 0 for a client
	Window     int // the initial credit of each stream, in bytes
	ConnWindow int // the initial credit of all streams together, in bytes
	Table      int // how many header blocks it keeps
}

// Ranges of settings; other values are protocol errors.
const (
	// MinFrame is the smallest Frame, Window and ConnWindow, in bytes.
	MinFrame = 16 << 10
	// MaxFrame is the largest Frame, in bytes.
	MaxFrame = 16 << 20
	// MaxSize is the largest Message, Window and ConnWindow, in bytes.
	MaxSize = 1 << 30
	// MaxExchanges is the largest number of exchanges on a connection.
	MaxExchanges = 1 << 20
)

// Preface is what each side sends first.
type Preface struct {
	// Low and High are a client's lowest and highest version. A server's Low is the
	// chosen version, 0 for none, and High its highest.
	Low, High uint8
	Limits    Limits
}

// Append appends the encoded preface.
func (p Preface) Append(b []byte) []byte {
	settings := p.Limits.Append(nil)
	b = append(b, Magic...)
	b = append(b, p.Low, p.High)
	b = binary.BigEndian.AppendUint16(b, uint16(len(settings)))
	return append(b, settings...)
}

// Append appends the limits as settings.
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

// ParsePreface parses the fixed part of a preface, the first PrefaceSize bytes of b, and
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

// Read sets the limits that are in settings. Unknown numbers are skipped. It fails if a
// value is out of range or the settings are truncated.
func (l *Limits) Read(settings []byte) error {
	s := From(settings)
	for s.Len() > 0 {
		id, v := s.Uint(), s.Uint()
		if s.Bad() {
			return errors.New("the settings are truncated")
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

// Assumed returns the limits of a side that does not send any settings.
func Assumed() Limits {
	return Limits{Frame: MinFrame, Message: 4 << 20, Exchanges: 128, Window: 64 << 10, ConnWindow: 1 << 20}
}
