from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class EnsurePhase(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ENSURE_PHASE_UNSPECIFIED: _ClassVar[EnsurePhase]
    ENSURE_PHASE_RESOLVING: _ClassVar[EnsurePhase]
    ENSURE_PHASE_FETCHING: _ClassVar[EnsurePhase]
    ENSURE_PHASE_VERIFYING: _ClassVar[EnsurePhase]
    ENSURE_PHASE_UNPACKING: _ClassVar[EnsurePhase]
    ENSURE_PHASE_PUBLISHING: _ClassVar[EnsurePhase]
ENSURE_PHASE_UNSPECIFIED: EnsurePhase
ENSURE_PHASE_RESOLVING: EnsurePhase
ENSURE_PHASE_FETCHING: EnsurePhase
ENSURE_PHASE_VERIFYING: EnsurePhase
ENSURE_PHASE_UNPACKING: EnsurePhase
ENSURE_PHASE_PUBLISHING: EnsurePhase

class GetInfoRequest(_message.Message):
    __slots__ = ("client_name", "client_version", "min_api_level", "max_api_level")
    CLIENT_NAME_FIELD_NUMBER: _ClassVar[int]
    CLIENT_VERSION_FIELD_NUMBER: _ClassVar[int]
    MIN_API_LEVEL_FIELD_NUMBER: _ClassVar[int]
    MAX_API_LEVEL_FIELD_NUMBER: _ClassVar[int]
    client_name: str
    client_version: str
    min_api_level: int
    max_api_level: int
    def __init__(self, client_name: _Optional[str] = ..., client_version: _Optional[str] = ..., min_api_level: _Optional[int] = ..., max_api_level: _Optional[int] = ...) -> None: ...

class GetInfoResponse(_message.Message):
    __slots__ = ("agent_version", "api_level", "min_api_level", "max_api_level", "features", "root", "layout_version", "instance_id", "limits", "isolation", "platform")
    AGENT_VERSION_FIELD_NUMBER: _ClassVar[int]
    API_LEVEL_FIELD_NUMBER: _ClassVar[int]
    MIN_API_LEVEL_FIELD_NUMBER: _ClassVar[int]
    MAX_API_LEVEL_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    ROOT_FIELD_NUMBER: _ClassVar[int]
    LAYOUT_VERSION_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    ISOLATION_FIELD_NUMBER: _ClassVar[int]
    PLATFORM_FIELD_NUMBER: _ClassVar[int]
    agent_version: str
    api_level: int
    min_api_level: int
    max_api_level: int
    features: _containers.RepeatedScalarFieldContainer[str]
    root: str
    layout_version: int
    instance_id: str
    limits: Limits
    isolation: Isolation
    platform: str
    def __init__(self, agent_version: _Optional[str] = ..., api_level: _Optional[int] = ..., min_api_level: _Optional[int] = ..., max_api_level: _Optional[int] = ..., features: _Optional[_Iterable[str]] = ..., root: _Optional[str] = ..., layout_version: _Optional[int] = ..., instance_id: _Optional[str] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ..., isolation: _Optional[_Union[Isolation, _Mapping]] = ..., platform: _Optional[str] = ...) -> None: ...

class Limits(_message.Message):
    __slots__ = ("max_message_bytes", "max_concurrent_ensures", "max_lease", "default_lease", "max_page_size", "worker_memory_bytes", "namespace_quota_bytes")
    MAX_MESSAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_CONCURRENT_ENSURES_FIELD_NUMBER: _ClassVar[int]
    MAX_LEASE_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_LEASE_FIELD_NUMBER: _ClassVar[int]
    MAX_PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    WORKER_MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_QUOTA_BYTES_FIELD_NUMBER: _ClassVar[int]
    max_message_bytes: int
    max_concurrent_ensures: int
    max_lease: _duration_pb2.Duration
    default_lease: _duration_pb2.Duration
    max_page_size: int
    worker_memory_bytes: int
    namespace_quota_bytes: int
    def __init__(self, max_message_bytes: _Optional[int] = ..., max_concurrent_ensures: _Optional[int] = ..., max_lease: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., default_lease: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., max_page_size: _Optional[int] = ..., worker_memory_bytes: _Optional[int] = ..., namespace_quota_bytes: _Optional[int] = ...) -> None: ...

class Isolation(_message.Message):
    __slots__ = ("landlock_abi", "no_new_privileges", "network_denied", "memory_limited", "missing")
    LANDLOCK_ABI_FIELD_NUMBER: _ClassVar[int]
    NO_NEW_PRIVILEGES_FIELD_NUMBER: _ClassVar[int]
    NETWORK_DENIED_FIELD_NUMBER: _ClassVar[int]
    MEMORY_LIMITED_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    landlock_abi: int
    no_new_privileges: bool
    network_denied: bool
    memory_limited: bool
    missing: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, landlock_abi: _Optional[int] = ..., no_new_privileges: bool = ..., network_denied: bool = ..., memory_limited: bool = ..., missing: _Optional[_Iterable[str]] = ...) -> None: ...

class PackageReference(_message.Message):
    __slots__ = ("name", "range", "manifest_digest", "tree_digest")
    NAME_FIELD_NUMBER: _ClassVar[int]
    RANGE_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_DIGEST_FIELD_NUMBER: _ClassVar[int]
    TREE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    name: str
    range: str
    manifest_digest: str
    tree_digest: str
    def __init__(self, name: _Optional[str] = ..., range: _Optional[str] = ..., manifest_digest: _Optional[str] = ..., tree_digest: _Optional[str] = ...) -> None: ...

class InstalledPackage(_message.Message):
    __slots__ = ("name", "version", "manifest_digest", "tree_digest", "path", "size_bytes", "installed_at", "last_used_at", "pinned", "leases", "holders")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_DIGEST_FIELD_NUMBER: _ClassVar[int]
    TREE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    INSTALLED_AT_FIELD_NUMBER: _ClassVar[int]
    LAST_USED_AT_FIELD_NUMBER: _ClassVar[int]
    PINNED_FIELD_NUMBER: _ClassVar[int]
    LEASES_FIELD_NUMBER: _ClassVar[int]
    HOLDERS_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: str
    manifest_digest: str
    tree_digest: str
    path: str
    size_bytes: int
    installed_at: _timestamp_pb2.Timestamp
    last_used_at: _timestamp_pb2.Timestamp
    pinned: bool
    leases: int
    holders: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., version: _Optional[str] = ..., manifest_digest: _Optional[str] = ..., tree_digest: _Optional[str] = ..., path: _Optional[str] = ..., size_bytes: _Optional[int] = ..., installed_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., last_used_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., pinned: bool = ..., leases: _Optional[int] = ..., holders: _Optional[_Iterable[str]] = ...) -> None: ...

class ResolveRequest(_message.Message):
    __slots__ = ("package", "required_features")
    PACKAGE_FIELD_NUMBER: _ClassVar[int]
    REQUIRED_FEATURES_FIELD_NUMBER: _ClassVar[int]
    package: PackageReference
    required_features: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, package: _Optional[_Union[PackageReference, _Mapping]] = ..., required_features: _Optional[_Iterable[str]] = ...) -> None: ...

class ResolveResponse(_message.Message):
    __slots__ = ("installed", "missing")
    INSTALLED_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    installed: InstalledPackage
    missing: Missing
    def __init__(self, installed: _Optional[_Union[InstalledPackage, _Mapping]] = ..., missing: _Optional[_Union[Missing, _Mapping]] = ...) -> None: ...

class Missing(_message.Message):
    __slots__ = ("installed_versions",)
    INSTALLED_VERSIONS_FIELD_NUMBER: _ClassVar[int]
    installed_versions: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, installed_versions: _Optional[_Iterable[str]] = ...) -> None: ...

class LeaseRequest(_message.Message):
    __slots__ = ("id", "duration", "purpose")
    ID_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    id: str
    duration: _duration_pb2.Duration
    purpose: str
    def __init__(self, id: _Optional[str] = ..., duration: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., purpose: _Optional[str] = ...) -> None: ...

class Lease(_message.Message):
    __slots__ = ("id", "expires_at", "tree_digests", "purpose", "owner_uid")
    ID_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    TREE_DIGESTS_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    OWNER_UID_FIELD_NUMBER: _ClassVar[int]
    id: str
    expires_at: _timestamp_pb2.Timestamp
    tree_digests: _containers.RepeatedScalarFieldContainer[str]
    purpose: str
    owner_uid: int
    def __init__(self, id: _Optional[str] = ..., expires_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., tree_digests: _Optional[_Iterable[str]] = ..., purpose: _Optional[str] = ..., owner_uid: _Optional[int] = ...) -> None: ...

class EnsureRequest(_message.Message):
    __slots__ = ("package", "lease", "expected_manifest_digest", "require_signature", "pin", "required_features")
    PACKAGE_FIELD_NUMBER: _ClassVar[int]
    LEASE_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_MANIFEST_DIGEST_FIELD_NUMBER: _ClassVar[int]
    REQUIRE_SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    PIN_FIELD_NUMBER: _ClassVar[int]
    REQUIRED_FEATURES_FIELD_NUMBER: _ClassVar[int]
    package: PackageReference
    lease: LeaseRequest
    expected_manifest_digest: str
    require_signature: bool
    pin: bool
    required_features: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, package: _Optional[_Union[PackageReference, _Mapping]] = ..., lease: _Optional[_Union[LeaseRequest, _Mapping]] = ..., expected_manifest_digest: _Optional[str] = ..., require_signature: bool = ..., pin: bool = ..., required_features: _Optional[_Iterable[str]] = ...) -> None: ...

class EnsureResponse(_message.Message):
    __slots__ = ("progress", "result")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    progress: EnsureProgress
    result: EnsureResult
    def __init__(self, progress: _Optional[_Union[EnsureProgress, _Mapping]] = ..., result: _Optional[_Union[EnsureResult, _Mapping]] = ...) -> None: ...

class EnsureProgress(_message.Message):
    __slots__ = ("phase", "done_bytes", "total_bytes", "resumed_bytes")
    PHASE_FIELD_NUMBER: _ClassVar[int]
    DONE_BYTES_FIELD_NUMBER: _ClassVar[int]
    TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    RESUMED_BYTES_FIELD_NUMBER: _ClassVar[int]
    phase: EnsurePhase
    done_bytes: int
    total_bytes: int
    resumed_bytes: int
    def __init__(self, phase: _Optional[_Union[EnsurePhase, str]] = ..., done_bytes: _Optional[int] = ..., total_bytes: _Optional[int] = ..., resumed_bytes: _Optional[int] = ...) -> None: ...

class EnsureResult(_message.Message):
    __slots__ = ("installed", "present", "lease", "signature_verified", "applied_features")
    INSTALLED_FIELD_NUMBER: _ClassVar[int]
    PRESENT_FIELD_NUMBER: _ClassVar[int]
    LEASE_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_VERIFIED_FIELD_NUMBER: _ClassVar[int]
    APPLIED_FEATURES_FIELD_NUMBER: _ClassVar[int]
    installed: InstalledPackage
    present: bool
    lease: Lease
    signature_verified: bool
    applied_features: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, installed: _Optional[_Union[InstalledPackage, _Mapping]] = ..., present: bool = ..., lease: _Optional[_Union[Lease, _Mapping]] = ..., signature_verified: bool = ..., applied_features: _Optional[_Iterable[str]] = ...) -> None: ...

class VerifyRequest(_message.Message):
    __slots__ = ("package", "signatures", "heal", "required_features")
    PACKAGE_FIELD_NUMBER: _ClassVar[int]
    SIGNATURES_FIELD_NUMBER: _ClassVar[int]
    HEAL_FIELD_NUMBER: _ClassVar[int]
    REQUIRED_FEATURES_FIELD_NUMBER: _ClassVar[int]
    package: PackageReference
    signatures: bool
    heal: bool
    required_features: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, package: _Optional[_Union[PackageReference, _Mapping]] = ..., signatures: bool = ..., heal: bool = ..., required_features: _Optional[_Iterable[str]] = ...) -> None: ...

class VerifyResponse(_message.Message):
    __slots__ = ("progress", "result")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    progress: VerifyProgress
    result: VerifyResult
    def __init__(self, progress: _Optional[_Union[VerifyProgress, _Mapping]] = ..., result: _Optional[_Union[VerifyResult, _Mapping]] = ...) -> None: ...

class VerifyProgress(_message.Message):
    __slots__ = ("done_bytes", "total_bytes")
    DONE_BYTES_FIELD_NUMBER: _ClassVar[int]
    TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    done_bytes: int
    total_bytes: int
    def __init__(self, done_bytes: _Optional[int] = ..., total_bytes: _Optional[int] = ...) -> None: ...

class VerifyResult(_message.Message):
    __slots__ = ("intact", "damaged_paths", "damaged_count", "healed", "signers")
    INTACT_FIELD_NUMBER: _ClassVar[int]
    DAMAGED_PATHS_FIELD_NUMBER: _ClassVar[int]
    DAMAGED_COUNT_FIELD_NUMBER: _ClassVar[int]
    HEALED_FIELD_NUMBER: _ClassVar[int]
    SIGNERS_FIELD_NUMBER: _ClassVar[int]
    intact: bool
    damaged_paths: _containers.RepeatedScalarFieldContainer[str]
    damaged_count: int
    healed: bool
    signers: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, intact: bool = ..., damaged_paths: _Optional[_Iterable[str]] = ..., damaged_count: _Optional[int] = ..., healed: bool = ..., signers: _Optional[_Iterable[str]] = ...) -> None: ...

class ListRequest(_message.Message):
    __slots__ = ("namespace", "page_size", "page_token")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    page_size: int
    page_token: str
    def __init__(self, namespace: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListResponse(_message.Message):
    __slots__ = ("packages", "next_page_token", "free_bytes")
    PACKAGES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    FREE_BYTES_FIELD_NUMBER: _ClassVar[int]
    packages: _containers.RepeatedCompositeFieldContainer[InstalledPackage]
    next_page_token: str
    free_bytes: int
    def __init__(self, packages: _Optional[_Iterable[_Union[InstalledPackage, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., free_bytes: _Optional[int] = ...) -> None: ...

class RemoveRequest(_message.Message):
    __slots__ = ("name", "version", "required_features")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REQUIRED_FEATURES_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: str
    required_features: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., version: _Optional[str] = ..., required_features: _Optional[_Iterable[str]] = ...) -> None: ...

class RemoveResponse(_message.Message):
    __slots__ = ("removed", "tree_removed")
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    TREE_REMOVED_FIELD_NUMBER: _ClassVar[int]
    removed: bool
    tree_removed: bool
    def __init__(self, removed: bool = ..., tree_removed: bool = ...) -> None: ...

class AcquireRequest(_message.Message):
    __slots__ = ("lease", "tree_digests")
    LEASE_FIELD_NUMBER: _ClassVar[int]
    TREE_DIGESTS_FIELD_NUMBER: _ClassVar[int]
    lease: LeaseRequest
    tree_digests: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, lease: _Optional[_Union[LeaseRequest, _Mapping]] = ..., tree_digests: _Optional[_Iterable[str]] = ...) -> None: ...

class AcquireResponse(_message.Message):
    __slots__ = ("lease",)
    LEASE_FIELD_NUMBER: _ClassVar[int]
    lease: Lease
    def __init__(self, lease: _Optional[_Union[Lease, _Mapping]] = ...) -> None: ...

class RenewRequest(_message.Message):
    __slots__ = ("id", "duration")
    ID_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    id: str
    duration: _duration_pb2.Duration
    def __init__(self, id: _Optional[str] = ..., duration: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class RenewResponse(_message.Message):
    __slots__ = ("lease",)
    LEASE_FIELD_NUMBER: _ClassVar[int]
    lease: Lease
    def __init__(self, lease: _Optional[_Union[Lease, _Mapping]] = ...) -> None: ...

class ReleaseRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class ReleaseResponse(_message.Message):
    __slots__ = ("released",)
    RELEASED_FIELD_NUMBER: _ClassVar[int]
    released: bool
    def __init__(self, released: bool = ...) -> None: ...

class CollectRequest(_message.Message):
    __slots__ = ("free_bytes", "dry_run")
    FREE_BYTES_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    free_bytes: int
    dry_run: bool
    def __init__(self, free_bytes: _Optional[int] = ..., dry_run: bool = ...) -> None: ...

class CollectResponse(_message.Message):
    __slots__ = ("freed_bytes", "removed_trees", "removed_blobs", "kept_leased", "kept_locked", "kept_pinned", "kept_young")
    FREED_BYTES_FIELD_NUMBER: _ClassVar[int]
    REMOVED_TREES_FIELD_NUMBER: _ClassVar[int]
    REMOVED_BLOBS_FIELD_NUMBER: _ClassVar[int]
    KEPT_LEASED_FIELD_NUMBER: _ClassVar[int]
    KEPT_LOCKED_FIELD_NUMBER: _ClassVar[int]
    KEPT_PINNED_FIELD_NUMBER: _ClassVar[int]
    KEPT_YOUNG_FIELD_NUMBER: _ClassVar[int]
    freed_bytes: int
    removed_trees: int
    removed_blobs: int
    kept_leased: int
    kept_locked: int
    kept_pinned: int
    kept_young: int
    def __init__(self, freed_bytes: _Optional[int] = ..., removed_trees: _Optional[int] = ..., removed_blobs: _Optional[int] = ..., kept_leased: _Optional[int] = ..., kept_locked: _Optional[int] = ..., kept_pinned: _Optional[int] = ..., kept_young: _Optional[int] = ...) -> None: ...

class WatchRequest(_message.Message):
    __slots__ = ("snapshot", "after", "namespace")
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    snapshot: bool
    after: int
    namespace: str
    def __init__(self, snapshot: bool = ..., after: _Optional[int] = ..., namespace: _Optional[str] = ...) -> None: ...

class WatchResponse(_message.Message):
    __slots__ = ("sequence", "instance_id", "at", "present", "installed", "removed", "synced", "damaged")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    PRESENT_FIELD_NUMBER: _ClassVar[int]
    INSTALLED_FIELD_NUMBER: _ClassVar[int]
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    SYNCED_FIELD_NUMBER: _ClassVar[int]
    DAMAGED_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    instance_id: str
    at: _timestamp_pb2.Timestamp
    present: InstalledPackage
    installed: InstalledPackage
    removed: PackageRemoved
    synced: Synced
    damaged: TreeDamaged
    def __init__(self, sequence: _Optional[int] = ..., instance_id: _Optional[str] = ..., at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., present: _Optional[_Union[InstalledPackage, _Mapping]] = ..., installed: _Optional[_Union[InstalledPackage, _Mapping]] = ..., removed: _Optional[_Union[PackageRemoved, _Mapping]] = ..., synced: _Optional[_Union[Synced, _Mapping]] = ..., damaged: _Optional[_Union[TreeDamaged, _Mapping]] = ...) -> None: ...

class PackageRemoved(_message.Message):
    __slots__ = ("name", "version", "tree_digest")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    TREE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: str
    tree_digest: str
    def __init__(self, name: _Optional[str] = ..., version: _Optional[str] = ..., tree_digest: _Optional[str] = ...) -> None: ...

class Synced(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class TreeDamaged(_message.Message):
    __slots__ = ("tree_digest", "healed")
    TREE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    HEALED_FIELD_NUMBER: _ClassVar[int]
    tree_digest: str
    healed: bool
    def __init__(self, tree_digest: _Optional[str] = ..., healed: bool = ...) -> None: ...
