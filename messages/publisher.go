// SPDX-License-Identifier: Apache-2.0

package messages

// PublisherMessage is everything a publisher understands.
//
//sumtype:decl
type PublisherMessage interface{ publisherMessage() }

type (
	// Connect asks for the broker to be connected. Done is told once, nil when
	// it is; it must not block.
	Connect struct{ Done func(error) }
	// Connected reports the end of the connecting that the publisher began.
	Connected struct{ Err error }
	// Hangup ends the publisher: those who wait for Connect get an error.
	Hangup struct{}
)

func (Connect) publisherMessage()   {}
func (Connected) publisherMessage() {}
func (Hangup) publisherMessage()    {}

// IgnoreDeadLetterLogging implements the actor library's interface.
func (Connected) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging implements the actor library's interface.
func (Hangup) IgnoreDeadLetterLogging() {}

// Post is what the publisher publishes of itself. It is immutable.
type Post struct {
	// Name of the broker.
	Name string
	// Connected says that the broker has been connected, or needs no
	// connecting; Connecting that it is being connected now.
	Connected, Connecting bool
	// Waiting is how many wait for that.
	Waiting int
	// Fault is why it could not be connected the last time, nil if it could.
	Fault *Fault
}

// PublishTo is the name of the field that tells a broker's connection what to
// publish to. It never travels.
const PublishTo = ":to"

// Broker is the name of the transport through which messages are published.
const Broker = "broker"
