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

// hintFor says what to do next, "" if there is nothing to say.
func hintFor(err error) string {
	if wrong, is := errors.AsType[*usageError](err); is {
		return wrong.hint
	}
	if e := fromService(err); e != nil {
		return hintAnswered(e)
	}
	if errors.Is(err, context.Canceled) {
		return "it was interrupted before its end"
	}
	// The first that knows is the nearest to the cause.
	for _, hint := range []func(error) string{hintTLS, hintFinding, hintTime, hintWire} {
		if text := hint(err); text != "" {
			return text
		}
	}
	call, _ := errors.AsType[*rpcerr.CallError](err)
	switch {
	case codeOf(err) == exitUsage:
		return "mailcall --help says what there is"
	case call == nil || len(call.Attempts) == 0:
		return ""
	default:
		return verboseShows + " what each attempt did"
	}
}

// verboseShows begins what is left out of a hint under -v.
const verboseShows = "-v shows"

// hintAnswered is about errors of the service. A name that it does not know
// makes a gRPC server answer with a code, go-micro's servers with these texts.
func hintAnswered(e *rpcerr.Error) string {
	const unimplemented = 501
	if e.Code == unimplemented || strings.Contains(e.Detail, "can't find") || strings.Contains(e.Detail, "ill-formed") {
		return "check the name of the endpoint, it is Handler.Method, or over grpc /package.Service/Method"
	}
	return "the call arrived; what the error means is up to the service"
}

// hintFinding is about nodes and servers that are not there.
func hintFinding(err error) string {
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns):
		return "the name of the host is unknown; check the address"
	case errors.Is(err, transport.ErrAddress):
		return "the address is as it was registered, and cannot be dialled"
	case errors.Is(err, broker.ErrNoSubscribers):
		return "does a subscriber run, and does it name the same registry?"
	case errors.Is(err, nats.ErrDisconnected):
		return "is the NATS server running, and is its URL right?"
	case errors.Is(err, rpcerr.ErrNotFound):
		return "mailcall ls shows what is registered"
	case strings.Contains(err.Error(), "is neither name:port"): // the registry of DNS
		return "a service is named NAME:PORT there; --registry dns://NAME:PORT finds every service at one"
	case errors.Is(err, rpcerr.ErrRegistryUnavailable), strings.Contains(err.Error(), "were looked up"): // when the time was over
		return "can the registry be reached, and is --registry right?"
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, nats.ErrNobodyListens), errors.Is(err, syscall.ENOENT): // a unix socket that is not there
		return "nothing listens there; is it running, and is the address right?"
	default:
		return ""
	}
}

// hintTLS is about connections that could not be secured.
func hintTLS(err error) string {
	var (
		verified *tls.CertificateVerificationError
		name     x509.HostnameError
		text     = err.Error()
	)
	switch {
	case errors.As(err, &name):
		return "--servername says which name the certificate has; --insecure believes any"
	case errors.As(err, &verified):
		return "--cacert FILE says who vouches for the certificate; --insecure believes any"
	case strings.Contains(text, "no application protocol"):
		return "what listens there speaks another protocol over TLS; --transport names it"
	case strings.Contains(text, "remote error: tls:"):
		return "does the node ask for a certificate, and believe this one? --cert and --key show one"
	case strings.Contains(text, "tls handshake:"):
		return "does the node speak TLS there? the call is cleartext without https:// and the flags of TLS"
	default:
		return ""
	}
}

// hintTime is about bounds that were reached.
func hintTime(err error) string {
	attempt, deadline := errors.Is(err, rpcerr.ErrAttemptTimeout), errors.Is(err, context.DeadlineExceeded)
	last := lastAttempt(err)
	switch phase := last.Phase; {
	case !attempt && !deadline:
		return ""
	case deadline && strings.Contains(err.Error(), "(StreamTimeout)"):
		return "--stream-timeout gives the stream more time"
	case published(err) && phase == rpcerr.PhaseDial:
		return "no connection came about: is the address of the broker right, and does it want TLS (tls://)?"
	case attempt && published(err):
		return "the broker, or a subscriber of the http broker, is slow to take it; " + verboseShows + " which"
	case phase == rpcerr.PhaseDial || phase == rpcerr.PhaseAcquire:
		return "no connection came about: is the address right, does the node speak this --transport, and does it want TLS (https://)?"
	case attempt && strings.Contains(last.Decision, "not declared idempotent"):
		return "--attempt-timeout gives an attempt more time; --idempotent allows another one after it"
	case attempt:
		return "--attempt-timeout gives an attempt more time; --retries allows more of them"
	default:
		return "--timeout gives it more time; " + verboseShows + " where the time went"
	}
}

// published reports whether err is about an event: publish has none of the flags
// that say how a call is made.
func published(err error) bool {
	call, is := errors.AsType[*rpcerr.CallError](err)
	return is && strings.HasPrefix(call.Service, "broker ")
}

// hintWire is about what the other side said, or did not.
func hintWire(err error) string {
	var (
		status *http.StatusError
		text   = err.Error()
		hungUp = errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) ||
			strings.Contains(text, syscall.EPIPE.Error()) || strings.Contains(text, "error reading from server") // quoted by gRPC's library
	)
	switch {
	case errors.Is(err, rpcerr.ErrUnsupportedContentType):
		return "--content-type chooses another content type"
	case errors.Is(err, transport.ErrInvalid):
		return "it cannot be sent over this transport or broker as it is; write it otherwise, or leave it out"
	case errors.Is(err, transport.ErrTooLarge) && published(err):
		return "the bound is that of the broker; publish less, or in several events"
	case errors.Is(err, rpcerr.ErrMessageTooLarge):
		return fmt.Sprintf("a message is at most %d bytes in either direction", maxBody)
	case rpcerr.From(err).ID == rpcerr.IDCodec:
		return "does the service know this content type? --content-type chooses another"
	case errors.As(err, &status):
		return "another server or a proxy answered, not the service; is the address right?"
	case errors.Is(err, transport.ErrProtocol), errors.Is(err, tcp.ErrNotOurs),
		strings.Contains(text, "error reading server preface"), // gRPC's library quotes the cause
		strings.Contains(text, "can't find service Transport"): // a gRPC server that is not go-micro's
		return "what listens there does not speak this transport (--transport), or wants TLS (https://)"
	case hungUp:
		return "it hung up before the end: did it stop? if it never answers: does it speak this --transport, does it want TLS (https://)?"
	default:
		return ""
	}
}

// lastAttempt is the last attempt of a call, the zero value if there was none.
func lastAttempt(err error) rpcerr.Attempt {
	call, is := errors.AsType[*rpcerr.CallError](err)
	if !is || len(call.Attempts) == 0 {
		return rpcerr.Attempt{}
	}
	return call.Attempts[len(call.Attempts)-1]
}
