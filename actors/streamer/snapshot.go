// SPDX-License-Identifier: Apache-2.0

package streamer

import (
	"time"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/messages"
)

// Opened returns how many streams were opened since the desk was made.
func (d *Desk) Opened() int64 { return d.opened.Load() }

// Streams returns the open streams, oldest first.
func (d *Desk) Streams(now clock.Instant) []messages.StreamInfo {
	var infos []messages.StreamInfo
	for _, s := range d.streams() {
		if !s.started() {
			continue
		}
		w := &s.seen
		infos = append(infos, messages.StreamInfo{
			ID: s.ref.PID().Id, Service: s.opening.Service, Endpoint: s.opening.Endpoint,
			Node: s.opened.Node.Address, Age: now.Sub(s.began), HalfClosed: w.halfClosed.Load(),
			Sent: w.sent.Load(), SentBytes: w.sentBytes.Load(),
			Received: w.received.Load(), ReceivedBytes: w.receivedBytes.Load(),
			Sending: since(now, &w.sending), Receiving: since(now, &w.receiving),
		})
	}
	return infos
}

func since(now clock.Instant, at interface{ Load() int64 }) time.Duration {
	if t := at.Load(); t != 0 {
		return max(now.Sub(clock.Instant(t)), 1)
	}
	return 0
}
