// SPDX-License-Identifier: Apache-2.0

package simtest

import "github.com/asynkron/protoactor-go/actor"

// dispatcher runs turns in the loop of the simulation.
type dispatcher struct{ sim *sim }

// Schedule implements actor.Dispatcher.
func (d dispatcher) Schedule(f func()) { d.sim.ready = append(d.sim.ready, f) }

// Throughput implements actor.Dispatcher.
func (dispatcher) Throughput() int { return 1 }

// mailbox gives its actor one message per turn, so that each message is a step of
// its own and turns of other actors can come in between.
type mailbox struct {
	sim          *sim
	id           string
	watch        actor.MailboxMiddleware
	invoker      actor.MessageInvoker
	dispatcher   actor.Dispatcher
	turn         func()
	system, user []any
	suspended    bool
	scheduled    bool
}

func (s *sim) mailbox(id string, watch actor.MailboxMiddleware) actor.MailboxProducer {
	return func() actor.Mailbox {
		m := &mailbox{sim: s, id: id, watch: watch}
		m.turn = m.take
		return m
	}
}

// RegisterHandlers implements actor.Mailbox.
func (m *mailbox) RegisterHandlers(i actor.MessageInvoker, d actor.Dispatcher) {
	m.invoker, m.dispatcher = i, d
}

// Start implements actor.Mailbox.
func (m *mailbox) Start() { m.watch.MailboxStarted() }

// UserMessageCount implements actor.Mailbox.
func (m *mailbox) UserMessageCount() int { return len(m.user) }

// PostUserMessage implements actor.Mailbox.
func (m *mailbox) PostUserMessage(message any) {
	m.watch.MessagePosted(message)
	m.user = append(m.user, message)
	m.sim.checkDepth(m)
	m.schedule()
}

// PostSystemMessage implements actor.Mailbox.
func (m *mailbox) PostSystemMessage(message any) {
	m.watch.MessagePosted(message)
	m.system = append(m.system, message)
	m.schedule()
}

func (m *mailbox) schedule() {
	if !m.scheduled && (len(m.system) > 0 || len(m.user) > 0 && !m.suspended) {
		m.scheduled = true
		m.dispatcher.Schedule(m.turn)
	}
}

// take is one turn.
func (m *mailbox) take() {
	m.scheduled = false
	defer m.schedule()
	if len(m.system) > 0 {
		message := m.system[0]
		m.system = m.system[1:]
		m.receive(message, true)
	} else if len(m.user) > 0 && !m.suspended {
		message := m.sim.overhear(m.id, m.user[0])
		m.user[0] = nil
		m.user = m.user[1:]
		m.receive(message, false)
	}
}

func (m *mailbox) receive(message any, system bool) {
	m.sim.note("turn", m.id, typeName(message))
	switch message.(type) {
	case *actor.SuspendMailbox:
		m.suspended = true
	case *actor.ResumeMailbox:
		m.suspended = false
	default:
		if system {
			m.invoker.InvokeSystemMessage(message)
		} else {
			m.invoker.InvokeUserMessage(message)
		}
	}
	m.watch.MessageReceived(message)
}
