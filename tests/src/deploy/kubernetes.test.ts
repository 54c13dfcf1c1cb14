import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { installPythonPackages, pythonPackages, whyNoPython } from "@cpm/dev-colony/programs";
import { defaultCacheDirectory } from "@cpm/dev-colony/real-colony";

const folder = join(import.meta.dir, "../../../deploy/kubernetes");
const files = readdirSync(folder);
const noPython = whyNoPython();
if (noPython !== undefined) process.stderr.write(`the manifests are not validated: ${noPython}\n`);

interface Container {
  readonly name: string;
  readonly restartPolicy?: string;
  readonly args?: readonly string[];
  readonly startupProbe?: unknown;
  readonly readinessProbe?: unknown;
  readonly livenessProbe?: { readonly httpGet?: { readonly path: string } };
  readonly securityContext: Readonly<Record<string, unknown>>;
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string; readonly readOnly?: boolean }[];
}

interface PodSpec {
  readonly automountServiceAccountToken: boolean;
  readonly securityContext: Readonly<Record<string, unknown>>;
  readonly initContainers: readonly Container[];
  readonly containers: readonly Container[];
}

function podOf(file: string): PodSpec {
  const manifest = Bun.YAML.parse(readFileSync(join(folder, file), "utf8")) as {
    readonly spec: { readonly template: { readonly spec: PodSpec } };
  };
  return manifest.spec.template.spec;
}

const programs = new Set(["cpm-agent", "colonyos-server", "executor"]);

test("there is a manifest for the server and one for executors", () => {
  expect(files.toSorted()).toEqual(["colonyos-server.yaml", "executor.yaml"]);
  expect(readFileSync(join(folder, "executor.yaml"), "utf8")).toMatch(/^kind: DaemonSet$/m);
});

describe.each(files)("%s", (file) => {
  const { initContainers, containers, ...pod } = podOf(file);
  const agent = initContainers.find(({ name }) => name === "cpm-agent");

  test("has the agent as a sidecar, which is restarted by itself", () => {
    expect(initContainers.map(({ name, restartPolicy }) => [name, restartPolicy])).toEqual([["cpm-agent", "Always"]]);
    expect(containers.every(({ name }) => programs.has(name))).toBe(true);
  });

  test("lets nobody but the agent write packages", () => {
    const mount = (container: Container | undefined) =>
      container?.volumeMounts.find(({ mountPath }) => mountPath === "/var/lib/colony/packages");
    expect(mount(agent)?.readOnly).toBeUndefined();
    expect(containers.map((container) => mount(container)?.readOnly)).toEqual([true]);
  });

  test("gives every container what the restricted profile of Kubernetes asks for, and a root that is read-only", () => {
    const restricted = {
      runAsNonRoot: true,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
      seccompProfile: { type: "RuntimeDefault" },
    };
    for (const { securityContext } of [...initContainers, ...containers])
      expect(securityContext).toMatchObject(restricted);
    const users = [...initContainers, ...containers].map(({ securityContext }) => securityContext["runAsUser"]);
    expect(new Set(users).size).toBe(users.length);
    expect([users.includes(0), users.includes(65534), pod.automountServiceAccountToken]).toEqual([false, false, false]);
  });

  test("restarts an agent that does not turn, and not one whose disk is full", () => {
    expect(agent?.livenessProbe?.httpGet?.path).toBe("/livez");
    expect(agent?.args).toContain("--metrics=0.0.0.0:9464");
  });
});

test("a server starts and is reached whatever its agent does", () => {
  const [agent] = podOf("colonyos-server.yaml").initContainers;
  expect([agent?.startupProbe, agent?.readinessProbe]).toEqual([undefined, undefined]);
});

describe.skipIf(noPython !== undefined)("Kubernetes's own schema, strictly", () => {
  let modules: string;
  const scratch = mkdtempSync(join(tmpdir(), "cpm-manifests-"));
  beforeAll(async () => {
    modules = await installPythonPackages(pythonPackages.kubernetesValidate, defaultCacheDirectory());
  }, 15 * 60_000);
  afterAll(() => rmSync(scratch, { recursive: true, force: true }));

  function validate(path: string, version: string) {
    const command = ["python3", "-m", "kubernetes_validate", "--strict", "-k", version, path];
    const { exitCode, stdout, stderr } = Bun.spawnSync(command, { env: { ...process.env, PYTHONPATH: modules } });
    return { exitCode, output: `${stdout.toString()}${stderr.toString()}` };
  }

  // Sidecars are in the API since 1.28 and on by default since 1.29.
  test.each(files.flatMap((file) => ["1.29", "1.37"].map((version) => [file, version] as const)))(
    "takes %s in version %s",
    (file, version) => {
      expect(validate(join(folder, file), version)).toMatchObject({ exitCode: 0 });
    },
  );

  test.each([
    ["readOnly: true", "readOnlyy: true"],
    ["containerPort: 9464", 'containerPort: "many"'],
    ["  selector:", "  selectors:"],
  ])("refuses a manifest in which %p is %p", (right, wrong) => {
    const text = readFileSync(join(folder, "executor.yaml"), "utf8");
    const path = join(scratch, "broken.yaml");
    writeFileSync(path, text.replace(right, wrong));
    expect(validate(path, "1.37").exitCode).not.toBe(0);
  });
});
