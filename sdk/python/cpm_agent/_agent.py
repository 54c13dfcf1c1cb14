"""The client: one call that matters, `hold`."""

from __future__ import annotations

import re
import threading
import time
import uuid
from pathlib import Path
from typing import Callable, TypeVar

import grpc
from cpm.agent.v1 import agent_pb2, agent_pb2_grpc
from google.protobuf.duration_pb2 import Duration

from ._errors import AgentError, from_rpc_error
from ._trees import lock_tree, lock_version

DEFAULT_ROOT = "/var/lib/colony/packages"
DEFAULT_SOCKET = "/run/cpm-agent/agent.sock"

_API_LEVEL = 1
_FIRST_PAUSE_S = 0.05
_MAX_PAUSE_S = 2.0
# Long enough to lock what the agent has placed. A lease is renewed at a third of it.
_LEASE_S = 300
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*/[a-z0-9]+(-[a-z0-9]+)*")
_VERSION = re.compile(r"\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?")

T = TypeVar("T")


class HeldPackage:
    """A package that stays where it is until it is released, or this process ends."""

    def __init__(self, path: Path, by: str, end: Callable[[], None]):
        self.path = path
        """The directory with the files. It never changes."""
        self.by = by
        """How it is held: by a "lock" of this process, or by a "lease" that is renewed while it lives."""
        self._end: Callable[[], None] | None = end

    def release(self) -> None:
        end, self._end = self._end, None
        if end is not None:
            end()

    def __enter__(self) -> HeldPackage:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


class Agent:
    """An agent of this node. Making it connects to nobody: the first call does.

    `root` is the packages directory as this process sees it; `patience_s` is how long a call is repeated while no agent
    answers, as when it is being restarted. `calls` is the contract itself, whose errors are grpc's.
    """

    def __init__(
        self,
        socket: str = DEFAULT_SOCKET,
        root: str = DEFAULT_ROOT,
        patience_s: float = 0,
        client_name: str = "cpm-python",
    ):
        self._root = Path(root)
        self._patience_s = patience_s
        self._client_name = client_name
        self._channel = grpc.insecure_channel(f"unix:{socket}")
        self.calls = agent_pb2_grpc.AgentServiceStub(self._channel)

    def get_info(self, timeout_s: float = 30) -> agent_pb2.GetInfoResponse:
        """The handshake. Raises AgentError `agent/api-level` where the two cannot work together."""
        request = agent_pb2.GetInfoRequest(
            client_name=self._client_name, min_api_level=_API_LEVEL, max_api_level=_API_LEVEL
        )
        return self._patiently(lambda: self.calls.GetInfo(request, timeout=timeout_s))

    def hold(self, reference: str, timeout_s: float | None = None) -> HeldPackage:
        """The directory of a package, kept there until it is released.

        `reference` is "namespace/name@version", or with a range or a "sha256:" digest after the @. An exact version that is
        installed needs no agent; else the agent is asked to put it here. Raises AgentError.
        """
        name, _, selector = reference.partition("@")
        if not _NAME.fullmatch(name):
            raise AgentError("agent-client/invalid", grpc.StatusCode.INVALID_ARGUMENT, f"{name!r} is no package's name")
        if _VERSION.fullmatch(selector):
            locked = lock_version(self._root, name, selector)
            if locked is not None:
                return HeldPackage(locked.path, "lock", locked.release)
        lease = f"python-{uuid.uuid4()}"
        installed = self._ensure(name, selector, lease, timeout_s)
        locked = lock_tree(self._root, installed.tree_digest.removeprefix("sha256:"))
        if locked is None:
            return HeldPackage(Path(installed.path), "lease", self._keep_lease(lease))
        self._release(lease)
        return HeldPackage(locked.path, "lock", locked.release)

    def close(self) -> None:
        self._channel.close()

    def __enter__(self) -> Agent:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ensure(self, name: str, selector: str, lease: str, timeout_s: float | None) -> agent_pb2.InstalledPackage:
        request = agent_pb2.EnsureRequest(
            package=_reference(name, selector),
            lease=agent_pb2.LeaseRequest(id=lease, duration=Duration(seconds=_LEASE_S), purpose="holding a package"),
        )

        def call() -> agent_pb2.InstalledPackage | None:
            results = [update.result for update in self.calls.Ensure(request, timeout=timeout_s) if update.HasField("result")]
            return results[-1].installed if results else None

        installed = self._patiently(call)
        if installed is None:
            raise AgentError("agent-client/protocol", grpc.StatusCode.INTERNAL, "the agent ended Ensure without a result")
        return installed

    def _keep_lease(self, lease: str) -> Callable[[], None]:
        """Renews until it is released. A renewal that fails is tried again at its next time."""
        ended = threading.Event()

        def renew() -> None:
            request = agent_pb2.RenewRequest(id=lease, duration=Duration(seconds=_LEASE_S))
            while not ended.wait(_LEASE_S / 3):
                try:
                    self.calls.Renew(request, timeout=30)
                except grpc.RpcError:
                    continue

        threading.Thread(target=renew, daemon=True).start()

        def end() -> None:
            ended.set()
            self._release(lease)

        return end

    def _release(self, lease: str) -> None:
        self._patiently(lambda: self.calls.Release(agent_pb2.ReleaseRequest(id=lease), timeout=30))

    def _patiently(self, call: Callable[[], T]) -> T:
        """Repeats a call while nobody answers. Every call of the contract may be repeated."""
        until = time.monotonic() + self._patience_s
        pause = _FIRST_PAUSE_S
        while True:
            try:
                return call()
            except grpc.RpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE or time.monotonic() + pause > until:
                    raise from_rpc_error(error) from None
            time.sleep(pause)
            pause = min(2 * pause, _MAX_PAUSE_S)


def _reference(name: str, selector: str) -> agent_pb2.PackageReference:
    if selector == "":
        return agent_pb2.PackageReference(name=name)
    if selector.startswith("sha256:"):
        return agent_pb2.PackageReference(name=name, manifest_digest=selector)
    return agent_pb2.PackageReference(name=name, range=selector)
