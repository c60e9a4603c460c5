// SPDX-License-Identifier: Apache-2.0

// Package outcome converts the outcome of a call to a gRPC status, for the suites.
package outcome

import (
	"context"
	"errors"
	"os"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"example.com/mailcall/rpcerr"
)

// Status converts err to a gRPC status: that of the server or of gRPC's library if
// there is one, else one for the reason why mailcall ended the call. It returns nil for
// nil.
func Status(err error) *status.Status {
	if err == nil {
		return nil
	}
	var known interface{ GRPCStatus() *status.Status }
	switch {
	case errors.As(err, &known):
		return known.GRPCStatus()
	case errors.Is(err, context.Canceled):
		return status.New(codes.Canceled, err.Error())
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, rpcerr.ErrAttemptTimeout):
		return status.New(codes.DeadlineExceeded, err.Error())
	default:
		return status.New(codes.Unknown, err.Error())
	}
}
