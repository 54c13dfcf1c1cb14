package cpmagent

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/colonyos/cpm/sdk/go/agentpb"
)

// leaseTime is long enough to lock what the agent has placed. A lease is renewed at a third of it.
const leaseTime = 5 * time.Minute

var (
	namePattern    = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*/[a-z0-9]+(-[a-z0-9]+)*$`)
	versionPattern = regexp.MustCompile(`^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$`)
	treePattern    = regexp.MustCompile(`/trees/sha256/([0-9a-f]{64})/root$`)
)

// Hold answers the directory of a package and keeps it there until release is called or the process ends. reference is
// "namespace/name@version", or with a range or a "sha256:" digest after the @. An exact version that is installed needs no
// agent; else the agent is asked to put it here.
func (a *Agent) Hold(ctx context.Context, reference string) (path string, release func() error, err error) {
	name, selector, _ := strings.Cut(reference, "@")
	if !namePattern.MatchString(name) {
		return "", nil, &Error{Code: "agent-client/invalid", Message: fmt.Sprintf("%q is not namespace/name", name)}
	}
	if versionPattern.MatchString(selector) {
		if path, release, ok := a.lockVersion(name, selector); ok {
			return path, release, nil
		}
	}
	id, err := newLeaseID()
	if err != nil {
		return "", nil, err
	}
	installed, err := a.ensure(ctx, name, selector, id)
	if err != nil {
		return "", nil, err
	}
	tree := strings.TrimPrefix(installed.GetTreeDigest(), "sha256:")
	if path, release, ok := a.lockTree(tree); ok {
		_, err := a.Calls.Release(ctx, &agentpb.ReleaseRequest{Id: id})
		if err != nil {
			return "", nil, errors.Join(AsError(err), release())
		}
		return path, release, nil
	}
	return installed.GetPath(), a.keepLease(id), nil
}

// lockVersion finds an installed version by one readlink.
func (a *Agent) lockVersion(name, version string) (string, func() error, bool) {
	target, err := os.Readlink(filepath.Join(a.options.Root, "refs", filepath.FromSlash(name), version))
	if err != nil {
		return "", nil, false
	}
	match := treePattern.FindStringSubmatch(filepath.ToSlash(target))
	if match == nil {
		return "", nil, false
	}
	return a.lockTree(match[1])
}

// lockTree takes the lock first and looks then: collection takes a tree away only under the exclusive lock of that file.
func (a *Agent) lockTree(tree string) (string, func() error, bool) {
	lock, err := os.Open(filepath.Join(a.options.Root, "locks", tree))
	if err != nil {
		return "", nil, false
	}
	folder := filepath.Join(a.options.Root, "trees", "sha256", tree)
	if shareLock(lock) == nil {
		if _, err := os.Stat(filepath.Join(folder, "tree.json")); err == nil {
			return filepath.Join(folder, "root"), sync.OnceValue(lock.Close), true
		}
	}
	lock.Close()
	return "", nil, false
}

func (a *Agent) ensure(ctx context.Context, name, selector, leaseID string) (*agentpb.InstalledPackage, error) {
	request := &agentpb.EnsureRequest{
		Package: toReference(name, selector),
		Lease:   &agentpb.LeaseRequest{Id: leaseID, Duration: durationpb.New(leaseTime), Purpose: "holding a package"},
	}
	var result *agentpb.EnsureResult
	err := a.patiently(ctx, func() error {
		stream, err := a.Calls.Ensure(ctx, request)
		if err != nil {
			return err
		}
		for {
			update, err := stream.Recv()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			if found := update.GetResult(); found != nil {
				result = found
			}
		}
	})
	if err != nil {
		return nil, err
	}
	if result.GetInstalled() == nil {
		return nil, &Error{Code: "agent-client/protocol", Message: "the agent ended Ensure without a result"}
	}
	return result.GetInstalled(), nil
}

func toReference(name, selector string) *agentpb.PackageReference {
	reference := &agentpb.PackageReference{Name: name}
	switch {
	case selector == "":
	case strings.HasPrefix(selector, "sha256:"):
		reference.Selector = &agentpb.PackageReference_ManifestDigest{ManifestDigest: selector}
	default:
		reference.Selector = &agentpb.PackageReference_Range{Range: selector}
	}
	return reference
}

// keepLease renews a lease until it is released. A renewal that fails is tried again at its next time.
func (a *Agent) keepLease(id string) func() error {
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		ticker := time.NewTicker(leaseTime / 3)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				_, _ = a.Calls.Renew(ctx, &agentpb.RenewRequest{Id: id, Duration: durationpb.New(leaseTime)})
			}
		}
	}()
	return sync.OnceValue(func() error {
		stop()
		_, err := a.Calls.Release(context.Background(), &agentpb.ReleaseRequest{Id: id})
		return AsError(err)
	})
}

func newLeaseID() (string, error) {
	bytes := make([]byte, 16)
	if _, err := rand.Read(bytes); err != nil {
		return "", err
	}
	return "go-" + hex.EncodeToString(bytes), nil
}
