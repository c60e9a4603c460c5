// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"

	"github.com/valyala/fasthttp"
	"google.golang.org/protobuf/proto"

	"example.com/mailcall/bench/internal/echo"
	"example.com/mailcall/bench/internal/wire"
)

// startFastHTTP configures the server for speed: no Date and Server fields, and names
// are not normalised; contexts and buffers are pooled by default.
func startFastHTTP(ln net.Listener) (Server, error) {
	var buffers sync.Pool
	buffers.New = func() any { return new([]byte) }
	s := &fasthttp.Server{
		NoDefaultServerHeader:         true,
		NoDefaultDate:                 true,
		NoDefaultContentType:          true,
		DisableHeaderNamesNormalizing: true,
		MaxRequestBodySize:            wire.MaxBody,
		CloseOnShutdown:               true,
		Handler: func(c *fasthttp.RequestCtx) {
			m := new(echo.Message)
			if err := proto.Unmarshal(c.PostBody(), m); err != nil {
				c.Error(err.Error(), http.StatusBadRequest)
				return
			}
			buffer := buffers.Get().(*[]byte)
			out, err := proto.MarshalOptions{}.MarshalAppend((*buffer)[:0], echo.Answer(m))
			if err != nil {
				c.Error(err.Error(), http.StatusInternalServerError)
				return
			}
			c.SetContentType(wire.ContentType)
			c.SetBody(out) // copies
			*buffer = out
			buffers.Put(buffer)
		},
	}
	return begin(ln, s.Serve, s.Shutdown), nil
}

// startNetHTTP reads the body into a reused buffer and sets the length of the answer,
// which avoids chunked encoding.
func startNetHTTP(ln net.Listener) (Server, error) {
	h := &netHTTPHandler{contentType: []string{wire.ContentType}}
	h.buffers.New = func() any { return new(netHTTPBuffers) }
	s := &http.Server{Handler: h}
	return begin(ln, s.Serve, s.Close), nil
}

type netHTTPHandler struct {
	contentType []string
	buffers     sync.Pool // of *netHTTPBuffers
}

type netHTTPBuffers struct {
	in  bytes.Buffer
	out []byte
}

// ServeHTTP implements http.Handler.
func (h *netHTTPHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b := h.buffers.Get().(*netHTTPBuffers)
	defer h.buffers.Put(b)
	b.in.Reset()
	m := new(echo.Message)
	_, err := b.in.ReadFrom(io.LimitReader(r.Body, wire.MaxBody))
	if err == nil {
		err = proto.Unmarshal(b.in.Bytes(), m)
	}
	if err == nil {
		b.out, err = proto.MarshalOptions{}.MarshalAppend(b.out[:0], echo.Answer(m))
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	header := w.Header()
	header[wire.HeaderContentType] = h.contentType
	header["Content-Length"] = []string{strconv.Itoa(len(b.out))}
	header["Date"] = nil // not sent
	_, _ = w.Write(b.out)
}
