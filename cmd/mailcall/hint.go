// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"example.com/mailcall/broker"
	"example.com/mailcall/contrib/nats"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
	"example.com/mailcall/transport/http"
	"example.com/mailcall/transport/tcp"
)

// hintFor returns advice on what to do about an error, "" if there is none.
func hintFor(err error) string {
	if wrong, is := errors.AsType[*usageError](err); is {
		return wrong.hint
	}
	if e := fromService(err); e != nil {
		return hintAnswered(e)
	}
	if errors.Is(err, context.Canceled) {
		return "interrupted before it was complete"
	}
	// The first match is the closest to the cause.
	for _, hint := range []func(error) string{hintTLS, hintFinding, hintTime, hintWire} {
		if text := hint(err); text != "" {
			return text
		}
	}
	call, _ := errors.AsType[*rpcerr.CallError](err)
	switch {
	case codeOf(err) == exitUsage:
		return "mailcall --help lists the commands and flags"
	case call == nil || len(call.Attempts) == 0:
		return ""
	default:
		return verboseShows + " what each attempt did"
	}
}

// verboseShows begins the part of a hint that is left out with -v.
const verboseShows = "-v shows"

// hintAnswered is for errors of the service. For an unknown name a gRPC server answers
// with a code, and go-micro's servers with these texts.
func hintAnswered(e *rpcerr.Error) string {
	const unimplemented = 501
	if e.Code == unimplemented || strings.Contains(e.Detail, "can't find") || strings.Contains(e.Detail, "ill-formed") {
		return "check the name of the endpoint: Handler.Method, or over grpc also /package.Service/Method"
	}
	return "the call reached the service, which returned this error"
}

// hintFinding is for nodes and servers that cannot be found or reached.
func hintFinding(err error) string {
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns):
		return "the host name cannot be resolved; check the address"
	case errors.Is(err, transport.ErrAddress):
		return "the registered address is not valid"
	case errors.Is(err, broker.ErrNoSubscribers):
		return "is a subscriber running, with the same registry?"
	case errors.Is(err, nats.ErrDisconnected):
		return "is the NATS server running, and is its URL right?"
	case errors.Is(err, rpcerr.ErrNotFound):
		return "mailcall ls shows what is registered"
	case strings.Contains(err.Error(), "is neither name:port"): // the registry of DNS
		return "with dns: a service is named NAME:PORT; --registry dns://NAME:PORT uses one name for all services"
	case errors.Is(err, rpcerr.ErrRegistryUnavailable), strings.Contains(err.Error(), "were looked up"): // after a timeout
		return "is the registry reachable, and is --registry right?"
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, nats.ErrNobodyListens), errors.Is(err, syscall.ENOENT): // no such unix socket
		return "nothing is listening there; is the server running, and is the address right?"
	default:
		return ""
	}
}

// hintTLS is for failed TLS handshakes.
func hintTLS(err error) string {
	var (
		verified *tls.CertificateVerificationError
		name     x509.HostnameError
		text     = err.Error()
	)
	switch {
	case errors.As(err, &name):
		return "set --servername to the name in the certificate; --insecure turns verification off"
	case errors.As(err, &verified):
		return "set --cacert to the CA of the certificate; --insecure turns verification off"
	case strings.Contains(text, "no application protocol"):
		return "the server speaks another protocol over TLS; check --transport"
	case strings.Contains(text, "remote error: tls:"):
		return "does the peer require a client certificate (--cert, --key), and does it accept this one?"
	case strings.Contains(text, "tls handshake:"):
		return "does the server use TLS on this port? without https:// and the TLS flags, cleartext is used"
	default:
		return ""
	}
}

// hintTime is for timeouts.
func hintTime(err error) string {
	attempt, deadline := errors.Is(err, rpcerr.ErrAttemptTimeout), errors.Is(err, context.DeadlineExceeded)
	last := lastAttempt(err)
	switch phase := last.Phase; {
	case !attempt && !deadline:
		return ""
	case deadline && strings.Contains(err.Error(), "(StreamTimeout)"):
		return "increase --stream-timeout"
	case published(err) && phase == rpcerr.PhaseDial:
		return "no connection was established: is the address of the broker right, and does it require TLS (tls://)?"
	case attempt && published(err):
		return "the broker, or a subscriber of the http broker, is slow; " + verboseShows + " which"
	case phase == rpcerr.PhaseDial || phase == rpcerr.PhaseAcquire:
		return "no connection was established: is the address right, does the node use this --transport, and does it require TLS (https://)?"
	case attempt && strings.Contains(last.Decision, "not declared idempotent"):
		return "increase --attempt-timeout; --idempotent allows a retry after a timeout"
	case attempt:
		return "increase --attempt-timeout, or allow more attempts with --retries"
	default:
		return "increase --timeout; " + verboseShows + " where the time went"
	}
}

// published reports whether err is about an event. publish has none of the flags about
// calls.
func published(err error) bool {
	call, is := errors.AsType[*rpcerr.CallError](err)
	return is && strings.HasPrefix(call.Service, "broker ")
}

// hintWire is for protocol errors and closed connections.
func hintWire(err error) string {
	var (
		status *http.StatusError
		text   = err.Error()
		hungUp = errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) ||
			strings.Contains(text, syscall.EPIPE.Error()) || strings.Contains(text, "error reading from server") // quoted by gRPC's library
	)
	switch {
	case errors.Is(err, rpcerr.ErrUnsupportedContentType):
		return "--content-type sets another content type"
	case errors.Is(err, transport.ErrInvalid):
		return "this transport or broker cannot send it; change it or leave it out"
	case errors.Is(err, transport.ErrTooLarge) && published(err):
		return "the broker limits the size; publish a smaller event, or several"
	case errors.Is(err, rpcerr.ErrMessageTooLarge):
		return fmt.Sprintf("the limit is %d bytes for a request and for a reply", maxBody)
	case rpcerr.From(err).ID == rpcerr.IDCodec:
		return "does the service support this content type? --content-type sets another"
	case errors.As(err, &status):
		return "a proxy or another server answered, not the service; is the address right?"
	case errors.Is(err, transport.ErrProtocol), errors.Is(err, transport.ErrStale), errors.Is(err, tcp.ErrNotOurs),
		strings.Contains(text, "error reading server preface"), // gRPC's library quotes the cause
		strings.Contains(text, "can't find service Transport"): // a gRPC server that is not go-micro's
		return "the server does not speak this transport (--transport), or requires TLS (https://)"
	case hungUp:
		return "the server closed the connection early: did it stop? if it never answers, does it use this --transport, or require TLS (https://)?"
	default:
		return ""
	}
}

// lastAttempt returns the last attempt of a call, the zero value if there was none.
func lastAttempt(err error) rpcerr.Attempt {
	call, is := errors.AsType[*rpcerr.CallError](err)
	if !is || len(call.Attempts) == 0 {
		return rpcerr.Attempt{}
	}
	return call.Attempts[len(call.Attempts)-1]
}
