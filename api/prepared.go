// SPDX-License-Identifier: Apache-2.0

package api

// Prepared is a request that can be called repeatedly with different values. It
// saves the allocation of a new request for each call. It serves one call at a
// time: keep one for each goroutine, or in a pool.
type Prepared struct{ request }

// Prepare returns a prepared request. Its content type is that of c's requests
// unless an option sets another.
func Prepare(c Client, service, endpoint string, opts ...RequestOption) *Prepared {
	p := &Prepared{request{service: service, endpoint: endpoint, contentType: c.NewRequest(service, endpoint, nil).ContentType()}}
	for _, o := range opts {
		if o != nil { // nil options are ignored
			o.applyRequest(&p.request)
		}
	}
	return p
}

// With sets the value and returns the request. It must not be called while a call
// with the request is in flight.
func (p *Prepared) With(value any) Request {
	p.body = value
	return p
}
