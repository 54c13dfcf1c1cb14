"""Errors of the agent, read out of what gRPC raises."""

from __future__ import annotations

import grpc
from google.protobuf import any_pb2

_DOMAIN = "cpm"
_DETAILS = "grpc-status-details-bin"


class AgentError(Exception):
    """What an agent refused or failed with. Recognise it by `code`, a code of docs/errors.md, which never changes."""

    def __init__(self, code: str, status: grpc.StatusCode, message: str, hint: str = "", context: dict | None = None):
        super().__init__(f"{message} [{code}]")
        self.code = code
        self.status = status
        self.message = message
        self.hint = hint
        self.context = context or {}


def from_rpc_error(error: grpc.RpcError) -> AgentError:
    """What has no details of the agent's is `agent-client/unreachable` or `agent-client/call-failed`."""
    status, message = error.code(), error.details() or ""
    unreachable = status is grpc.StatusCode.UNAVAILABLE
    found = AgentError(f"agent-client/{'unreachable' if unreachable else 'call-failed'}", status, message)
    for key, value in error.trailing_metadata() or ():
        if key == _DETAILS:
            return _read(value, found)
    return found


def _read(details: bytes, found: AgentError) -> AgentError:
    code, hint, context = found.code, "", {}
    for detail in _fields(details).get(3, []):
        packed = any_pb2.Any.FromString(detail)
        fields = _fields(packed.value)
        if packed.type_url.endswith("/google.rpc.ErrorInfo") and _text(fields, 2) == _DOMAIN:
            code = _text(fields, 1)
            context = {_text(entry, 1): _text(entry, 2) for entry in map(_fields, fields.get(3, []))}
        elif packed.type_url.endswith("/google.rpc.LocalizedMessage"):
            hint = _text(fields, 2)
    return AgentError(code, found.status, found.message, hint, context)


def _text(fields: dict[int, list[bytes]], number: int) -> str:
    return b"".join(fields.get(number, [])[-1:]).decode()


def _fields(message: bytes) -> dict[int, list[bytes]]:
    """The length-delimited fields of a message: google.rpc has no other that we read, and needs no package of its own."""
    found: dict[int, list[bytes]] = {}
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        length, at = _varint(message, at)
        if tag & 7 == 0:
            continue
        if tag & 7 != 2:
            raise ValueError("a field of another kind")
        found.setdefault(tag >> 3, []).append(message[at : at + length])
        at += length
    return found


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
