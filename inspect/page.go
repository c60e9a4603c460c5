// SPDX-License-Identifier: Apache-2.0

package inspect

import (
	_ "embed"
	"net/http"
	"strconv"
)

//go:embed page/index.html
var indexHTML string

//go:embed page/app.css
var appCSS string

//go:embed page/app.js
var appJS string

// file is one of the three that make the page.
type file struct{ contentType, text string }

func page() map[string]file {
	return map[string]file{
		"/":        {"text/html; charset=utf-8", indexHTML},
		"/app.css": {"text/css; charset=utf-8", appCSS},
		"/app.js":  {"text/javascript; charset=utf-8", appJS},
	}
}

func (f file) serve(w http.ResponseWriter) {
	w.Header().Set("Content-Type", f.contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(f.text)))
	_, _ = w.Write([]byte(f.text)) // it fails only if the client has gone
}
