// Command agent-client asks in a loop for the path of an installed package and prints how long it took, as JSON.
//
//	agent-client serve SOCKET
//	agent-client readlink|hold|resolve SOCKET ROOT NAME VERSION CALLS
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"google.golang.org/grpc"

	cpmagent "github.com/colonyos/cpm/sdk/go"
	"github.com/colonyos/cpm/sdk/go/agentpb"
)

// warmUp calls are not counted: connections are made and code is compiled meanwhile.
const warmUp = 2000

func main() {
	var err error
	switch {
	case len(os.Args) == 3 && os.Args[1] == "serve":
		err = serve(os.Args[2])
	case len(os.Args) == 7:
		err = measure(os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5], os.Args[6])
	default:
		err = fmt.Errorf("see the comment at the top")
	}
	if err != nil {
		log.Fatal(err)
	}
}

// echo answers Resolve with an empty message.
type echo struct {
	agentpb.UnimplementedAgentServiceServer
}

func (echo) Resolve(context.Context, *agentpb.ResolveRequest) (*agentpb.ResolveResponse, error) {
	return &agentpb.ResolveResponse{}, nil
}

func serve(socket string) error {
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	agentpb.RegisterAgentServiceServer(server, echo{})
	fmt.Println("listening")
	return server.Serve(listener)
}

func measure(mode, socket, root, name, version, count string) error {
	calls, err := strconv.Atoi(count)
	if err != nil {
		return err
	}
	agent, err := cpmagent.Open(cpmagent.Options{Root: root, Socket: socket, ClientName: "cpm-bench"})
	if err != nil {
		return err
	}
	defer agent.Close()
	call, err := operation(agent, mode, root, name, version)
	if err != nil {
		return err
	}
	times := make([]time.Duration, 0, calls)
	for index := range calls + warmUp {
		start := time.Now()
		if err := call(); err != nil {
			return err
		}
		if index >= warmUp {
			times = append(times, time.Since(start))
		}
	}
	slices.Sort(times)
	us := func(part int) float64 { return float64(times[calls*part/100].Nanoseconds()) / 1000 }
	return json.NewEncoder(os.Stdout).Encode(map[string]any{"calls": calls + warmUp, "p50Us": us(50), "p99Us": us(99)})
}

func operation(agent *cpmagent.Agent, mode, root, name, version string) (func() error, error) {
	ctx := context.Background()
	switch mode {
	case "readlink":
		path := filepath.Join(root, "refs", filepath.FromSlash(name), version)
		return func() error { _, err := os.Readlink(path); return err }, nil
	case "hold":
		return func() error {
			_, release, err := agent.Hold(ctx, name+"@"+version)
			if err != nil {
				return err
			}
			return release()
		}, nil
	case "resolve":
		selector := &agentpb.PackageReference_Range{Range: version}
		request := &agentpb.ResolveRequest{Package: &agentpb.PackageReference{Name: name, Selector: selector}}
		return func() error { _, err := agent.Calls.Resolve(ctx, request); return err }, nil
	}
	return nil, fmt.Errorf("mode %q", mode)
}
