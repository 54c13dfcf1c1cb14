package cpmagent

import (
	"errors"
	"fmt"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const errorDomain = "cpm"

// Error is what an agent refused or failed with. Recognise it by Code: a code of docs/errors.md, which never changes.
type Error struct {
	Code    string
	Status  codes.Code
	Message string
	// Hint says what to try; empty where there is no general advice.
	Hint string
	// Context holds values that a program may want: digests, names, limits.
	Context map[string]string
}

func (e *Error) Error() string { return fmt.Sprintf("%s [%s]", e.Message, e.Code) }

// GRPCStatus lets status.Code and status.FromError see through.
func (e *Error) GRPCStatus() *status.Status { return status.New(e.Status, e.Message) }

// AsError reads an error of the agent out of what gRPC returned. What is none, such as a connection that cannot be made,
// has the code "agent-client/unreachable" or "agent-client/call-failed".
func AsError(err error) error {
	if err == nil {
		return nil
	}
	var known *Error
	if errors.As(err, &known) {
		return err
	}
	sent, ok := status.FromError(err)
	if !ok {
		return err
	}
	read := &Error{Code: "agent-client/call-failed", Status: sent.Code(), Message: sent.Message()}
	if sent.Code() == codes.Unavailable {
		read.Code = "agent-client/unreachable"
	}
	for _, detail := range sent.Details() {
		switch value := detail.(type) {
		case *errdetails.ErrorInfo:
			if value.GetDomain() == errorDomain {
				read.Code, read.Context = value.GetReason(), value.GetMetadata()
			}
		case *errdetails.LocalizedMessage:
			read.Hint = value.GetMessage()
		}
	}
	return read
}
