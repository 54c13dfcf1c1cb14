package cpmagent_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	cpmagent "github.com/colonyos/cpm/sdk/go"
	"github.com/colonyos/cpm/sdk/go/agentpb"
)

// The package that the surrounding test has published, with a file payload/greeting.
const packageName = "rise/greeting"

// open needs a running agent, whose places are in the environment (tests/src/agent/sdk.test.ts starts one).
func open(t *testing.T, change func(*cpmagent.Options)) *cpmagent.Agent {
	t.Helper()
	options := cpmagent.Options{Socket: os.Getenv("CPM_TEST_AGENT_SOCKET"), Root: os.Getenv("CPM_TEST_AGENT_ROOT")}
	if options.Socket == "" {
		t.Skip("CPM_TEST_AGENT_SOCKET names no agent")
	}
	change(&options)
	agent, err := cpmagent.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = agent.Close() })
	return agent
}

func asIs(*cpmagent.Options) {}

func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func readGreeting(t *testing.T, path string) string {
	t.Helper()
	bytes, err := os.ReadFile(filepath.Join(path, "payload", "greeting"))
	if err != nil {
		t.Fatal(err)
	}
	return string(bytes)
}

func TestHandshake(t *testing.T) {
	info, err := open(t, asIs).GetInfo(soon(t))
	if err != nil || info.GetApiLevel() != 1 || info.GetRoot() != os.Getenv("CPM_TEST_AGENT_ROOT") {
		t.Fatalf("%v %v", info, err)
	}
}

func TestHoldPutsAPackageHereAndKeepsIt(t *testing.T) {
	agent := open(t, asIs)
	path, release, err := agent.Hold(soon(t), packageName+"@1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	if found := readGreeting(t, path); found != "hello 1.0.0" {
		t.Fatalf("found %q", found)
	}
	removed, err := agent.Calls.Remove(soon(t), &agentpb.RemoveRequest{Name: packageName, Version: "1.0.0"})
	if err != nil || !removed.GetRemoved() || removed.GetTreeRemoved() {
		t.Fatalf("a held tree was removed: %v %v", removed, err)
	}
	if err := errors.Join(release(), release()); err != nil {
		t.Fatal(err)
	}
}

func TestHoldOfAnInstalledVersionNeedsNoAgent(t *testing.T) {
	_, release, err := open(t, asIs).Hold(soon(t), packageName+"@1.1.0")
	if err != nil {
		t.Fatal(err)
	}
	_ = release()
	nobody := open(t, func(options *cpmagent.Options) { options.Socket = "/nonexistent/agent.sock" })
	path, release, err := nobody.Hold(soon(t), packageName+"@1.1.0")
	if err != nil || readGreeting(t, path) != "hello 1.1.0" {
		t.Fatal(err)
	}
	_ = release()
	_, _, err = nobody.Hold(soon(t), packageName+"@9.0.0")
	var failure *cpmagent.Error
	if !errors.As(err, &failure) || failure.Code != "agent-client/unreachable" || status.Code(err) != codes.Unavailable {
		t.Fatal(err)
	}
}

func TestHoldByARangeTakesTheNewest(t *testing.T) {
	path, release, err := open(t, asIs).Hold(soon(t), packageName+"@^1.0.0")
	if err != nil || readGreeting(t, path) != "hello 1.1.0" {
		t.Fatal(err)
	}
	_ = release()
}

func TestHoldByALeaseWhereFilesCannotBeLocked(t *testing.T) {
	agent := open(t, func(options *cpmagent.Options) { options.Root = t.TempDir() })
	path, release, err := agent.Hold(soon(t), packageName+"@1.1.0")
	if err != nil || readGreeting(t, path) != "hello 1.1.0" {
		t.Fatal(err)
	}
	leases := func() uint32 {
		reference := &agentpb.PackageReference{Name: packageName}
		answer, err := agent.Calls.Resolve(soon(t), &agentpb.ResolveRequest{Package: reference})
		if err != nil {
			t.Fatal(err)
		}
		return answer.GetInstalled().GetLeases()
	}
	if held := leases(); held != 1 {
		t.Fatalf("%d leases", held)
	}
	if err := release(); err != nil || leases() != 0 {
		t.Fatal(err)
	}
}

func TestErrorsHaveTheAgentsCodesAndHints(t *testing.T) {
	_, _, err := open(t, asIs).Hold(soon(t), packageName+"@^7.0.0")
	var failure *cpmagent.Error
	if !errors.As(err, &failure) {
		t.Fatal(err)
	}
	if failure.Code != "agent/no-version" || failure.Status != codes.NotFound || failure.Hint == "" {
		t.Fatalf("%+v", failure)
	}
	if _, _, err := open(t, asIs).Hold(soon(t), "Nonsense"); !errors.As(err, &failure) || failure.Code != "agent-client/invalid" {
		t.Fatal(err)
	}
}
