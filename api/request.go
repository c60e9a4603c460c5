// SPDX-License-Identifier: Apache-2.0

package api

// request implements [Request].
type request struct {
	service, endpoint, contentType string
	body                           any
	stream                         bool
}

func (r *request) Service() string     { return r.service }
func (r *request) Method() string      { return r.endpoint }
func (r *request) Endpoint() string    { return r.endpoint }
func (r *request) ContentType() string { return r.contentType }
func (r *request) Request() any        { return r.body }
func (r *request) Body() any           { return r.body }
func (r *request) Stream() bool        { return r.stream }

type requestOption func(*request)

func (o requestOption) applyRequest(r *request) { o(r) }

// WithContentType sets the content type of a request, and with it the codec.
// Defaults to [Options.ContentType].
func WithContentType(contentType string) RequestOption {
	return requestOption(func(r *request) { r.contentType = contentType })
}

// StreamingRequest marks the request as one for a stream. Call ignores the mark.
func StreamingRequest() RequestOption {
	return requestOption(func(r *request) { r.stream = true })
}

// message implements [Message].
type message struct {
	topic, contentType string
	payload            any
}

func (m *message) Topic() string       { return m.topic }
func (m *message) Payload() any        { return m.payload }
func (m *message) ContentType() string { return m.contentType }

type messageOption func(*message)

func (o messageOption) applyMessage(m *message) { o(m) }

// WithMessageContentType sets the content type of a message, and with it the
// codec. Defaults to [Options.ContentType].
func WithMessageContentType(contentType string) MessageOption {
	return messageOption(func(m *message) { m.contentType = contentType })
}

type publishOptions struct {
	exchange   string
	idempotent bool
}

type publishOption func(*publishOptions)

func (o publishOption) applyPublish(p *publishOptions) { o(p) }

// PublishIdempotent says that subscribers may get the message twice, so that it
// may be published again if it is unknown whether the broker has accepted it.
// Defaults to false.
func PublishIdempotent() PublishOption {
	return publishOption(func(o *publishOptions) { o.idempotent = true })
}

// WithExchange publishes to the exchange of this name; the message keeps its
// topic. Defaults to the topic.
func WithExchange(name string) PublishOption {
	return publishOption(func(o *publishOptions) { o.exchange = name })
}
