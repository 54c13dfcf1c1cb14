// Package cpmagent gives a Go program the paths of verified packages on its node, and holds them while they are used.
//
// What is installed is found by one readlink and held by a shared lock on a file, with no call and while no agent runs.
// What is missing is put here by cpm-agent, which is asked over gRPC on a Unix domain socket; the generated client of the
// whole contract is in agentpb.
package cpmagent

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/colonyos/cpm/sdk/go/agentpb"
)

// Where a node has its packages and its agent unless it says otherwise.
const (
	DefaultRoot   = "/var/lib/colony/packages"
	DefaultSocket = "/run/cpm-agent/agent.sock"
)

// apiLevel is what this package understands.
const apiLevel = 1

const (
	firstPause = 50 * time.Millisecond
	maxPause   = 2 * time.Second
)

// Options say where the packages and the agent are. The zero value means the defaults.
type Options struct {
	// Root is the packages directory as this process sees it.
	Root string
	// Socket is the absolute path of the agent's socket.
	Socket string
	// Patience is how long a call is repeated while no agent answers, as when it is being restarted.
	Patience time.Duration
	// ClientName is for the agent's log. Default "cpm-go".
	ClientName string
}

// Agent is an agent of this node. Opening it connects to nobody: the first call does.
type Agent struct {
	options Options
	conn    *grpc.ClientConn
	// Calls is the contract itself, for what Hold does not do. Its errors are read with AsError.
	Calls agentpb.AgentServiceClient
}

// Open makes a client. It fails only for an address that cannot be one.
func Open(options Options) (*Agent, error) {
	if options.Root == "" {
		options.Root = DefaultRoot
	}
	if options.Socket == "" {
		options.Socket = DefaultSocket
	}
	if options.ClientName == "" {
		options.ClientName = "cpm-go"
	}
	conn, err := grpc.NewClient("unix:"+options.Socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	return &Agent{options: options, conn: conn, Calls: agentpb.NewAgentServiceClient(conn)}, nil
}

// Close ends the connection. What is held by locks stays held.
func (a *Agent) Close() error { return a.conn.Close() }

// GetInfo is the handshake: who serves, what it can and where. It fails with code "agent/api-level" where the two cannot
// work together.
func (a *Agent) GetInfo(ctx context.Context) (*agentpb.GetInfoResponse, error) {
	level := uint32(apiLevel)
	request := &agentpb.GetInfoRequest{ClientName: a.options.ClientName, MinApiLevel: &level, MaxApiLevel: &level}
	var info *agentpb.GetInfoResponse
	err := a.patiently(ctx, func() (err error) {
		info, err = a.Calls.GetInfo(ctx, request)
		return err
	})
	return info, err
}

// patiently repeats a call while nobody answers. Every call of the contract may be repeated.
func (a *Agent) patiently(ctx context.Context, call func() error) error {
	until := time.Now().Add(a.options.Patience)
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		err := call()
		if err == nil {
			return nil
		}
		if status.Code(err) != codes.Unavailable || time.Now().Add(pause).After(until) {
			return AsError(err)
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), AsError(err))
		case <-time.After(pause):
		}
	}
}
