// SPDX-License-Identifier: Apache-2.0

package messages

// PublisherMessage is everything a publisher understands.
//
//sumtype:decl
type PublisherMessage interface{ publisherMessage() }

type (
	// Connect asks for the broker to be connected. Done is called once, with
	// nil when it is connected; it must not block.
	Connect struct{ Done func(error) }
	// Connected reports the result of the publisher's attempt to connect.
	Connected struct{ Err error }
	// Hangup stops the publisher: every pending Connect gets an error.
	Hangup struct{}
)

func (Connect) publisherMessage()   {}
func (Connected) publisherMessage() {}
func (Hangup) publisherMessage()    {}

// BrokerState is the state that the publisher actor publishes. It is immutable.
type BrokerState struct {
	// Name of the broker.
	Name string
	// Connected says that the broker has been connected, or needs no
	// connection; Connecting that an attempt to connect is running.
	Connected, Connecting bool
	// Waiting is how many Connects wait for it.
	Waiting int
	// Fault is why the last attempt to connect failed; nil if it did not.
	Fault *Fault
}

// PublishTo is the header field that carries the topic to the broker's
// transport. It is not sent to the broker.
const PublishTo = ":to"

// Broker is the name of the transport that publishes messages. The colon keeps it
// apart from the transports that nodes name in their records.
const Broker = ":broker"
