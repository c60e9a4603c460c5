// SPDX-License-Identifier: Apache-2.0

package api

// Prepared is a request to be called again and again with other values. It
// saves the allocation of a new one for each call. It serves one call at a
// time: keep one for each goroutine, or in a pool.
type Prepared struct{ request }

// Prepare makes a prepared request, with the content type that c's own requests
// have unless an option says otherwise.
func Prepare(c Client, service, endpoint string, opts ...RequestOption) *Prepared {
	p := &Prepared{request{service: service, endpoint: endpoint, contentType: c.NewRequest(service, endpoint, nil).ContentType()}}
	for _, o := range opts {
		if o != nil { // no option is none
			o.applyRequest(&p.request)
		}
	}
	return p
}

// With sets the value and returns the request. Only when no call with it is in
// flight.
func (p *Prepared) With(value any) Request {
	p.body = value
	return p
}
