import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { collectBytes, sourceOf } from "@cpm/base";
import { emptyDescriptor, formatManifest, mediaTypes, parseManifestBytes } from "@cpm/oci";
import type { Descriptor, Store } from "@cpm/oci";
import { readSignatures, signPackage } from "@cpm/operations/signatures";
import { copyContent, digestOf, generateSigningKeyPem, openSigner } from "@cpm/store";
import type { Signer } from "@cpm/trust";
import { bundleMediaType, formatPublicKeyPem } from "@cpm/trust";
import { AgentSite, faultOf } from "./agent-site.ts";

const ada = openSigner(generateSigningKeyPem());
const eve = openSigner(generateSigningKeyPem());
let site: AgentSite;
let policyPath: string;

/** `rise` must be signed by ada; `free` need not, and is only warned of in `free/warned`. */
function writePolicy(adaIs: Readonly<Record<string, unknown>> = {}): void {
  const key = { signer: "ada", publicKey: formatPublicKeyPem(ada.publicKey), packages: ["*"], ...adaIs };
  const require = { "rise/*": "require", "free/warned": "warn" };
  writeFileSync(policyPath, JSON.stringify({ apiVersion: "cpm.trust/v1", keys: [key], require }));
}

beforeAll(async () => {
  site = await AgentSite.open();
  policyPath = join(site.folder, "trust.json");
  writePolicy();
  await restart();
});
afterAll(() => site?.close());

async function restart(): Promise<void> {
  await site.agent.end("SIGTERM");
  await site.start(["--trust-policy", policyPath]);
}

const byVersion = (name: string, version = "1.0.0") =>
  ({ package: { name, selector: { case: "range", value: version } } }) as const;

/** Publishes a package with this payload; its place in the registry. */
async function publish(name: string, payload = name): Promise<{ store: Store; root: Descriptor }> {
  await site.universe.publish(name, "1.0.0", { files: { "payload/file": payload } });
  const store = site.universe.client().repository(name);
  const root = await store.resolve("1.0.0");
  if (root === undefined) throw new Error(`${name} was not published`);
  return { store, root };
}

async function publishSigned(name: string, signer: Signer): Promise<{ store: Store; root: Descriptor }> {
  const published = await publish(name);
  await signPackage(published.store, published.root, signer);
  return published;
}

/** Puts a bundle beside a package, as anybody can who may push. */
async function attach({ store, root }: { store: Store; root: Descriptor }, bundle: Uint8Array): Promise<void> {
  const layer = { mediaType: bundleMediaType, digest: digestOf(bundle), sizeBytes: bundle.length };
  await copyContent({ read: () => sourceOf(bundle) }, store, layer);
  await copyContent({ read: () => sourceOf(new TextEncoder().encode("{}")) }, store, emptyDescriptor);
  const artifact = { mediaType: mediaTypes.manifest, artifactType: bundleMediaType, config: emptyDescriptor };
  const document = formatManifest({ kind: "manifest", ...artifact, layers: [layer], subject: root });
  const descriptor = { mediaType: mediaTypes.manifest, digest: digestOf(document), sizeBytes: document.length };
  await store.putManifest(descriptor, document);
}

/** Layers and config of a package that were asked for, as opposed to its signatures. */
async function contentRequests(name: string, { store, root }: { store: Store; root: Descriptor }) {
  const document = parseManifestBytes(await collectBytes(store.read(root), 100_000));
  if (document.kind === "index") throw new Error("the package has one platform");
  const contents = [document.config, ...document.layers].map(({ digest }) => `/v2/${name}/blobs/${digest}`);
  return site.requests("GET", "/blobs/").filter((path) => contents.includes(path));
}

/** What a refused package leaves on the node. */
function tracesOf(name: string): readonly string[] {
  const { root } = site;
  return [
    ...["refs", "records"].map((folder) => join(root, folder, name)).filter((path) => existsSync(path)),
    ...readdirSync(join(root, "staging")),
    ...readdirSync(join(root, "ingest")),
  ];
}

describe("a policy that asks for signatures", () => {
  test("lets in what a trusted key signed, and says so, also when it is asked again and for a copy without network", async () => {
    await publishSigned("rise/signed", ada);
    const agent = site.client();
    const first = await agent.ensure(byVersion("rise/signed"));
    expect(first).toMatchObject({ present: false, signatureVerified: true, appliedFeatures: [] });
    const before = site.network.exchanges.length;
    const again = await agent.ensure({ ...byVersion("rise/signed"), requireSignature: true });
    expect(again).toMatchObject({ present: true, signatureVerified: true, appliedFeatures: ["require_signature"] });
    const verified = await agent.verify({ ...byVersion("rise/signed"), signatures: true });
    expect(verified).toMatchObject({ intact: true, signers: ["ada"] });
    expect(site.network.exchanges).toHaveLength(before);
  });

  test.each<[string, string, string, (name: string) => Promise<{ store: Store; root: Descriptor }>]>([
    ["unsigned", "rise/unsigned", "trust/unsigned", (name) => publish(name)],
    ["signed by another key", "rise/foreign", "trust/untrusted-key", (name) => publishSigned(name, eve)],
    [
      "beside which another package's signature was put",
      "rise/replayed",
      "trust/wrong-subject",
      async (name) => {
        const original = await publishSigned("rise/original", ada);
        const [bundle = new Uint8Array()] = await readSignatures(original.store, original.root.digest);
        const copy = await publish(name);
        await attach(copy, bundle);
        return copy;
      },
    ],
    [
      "beside which a changed signature is",
      "rise/tampered",
      "trust/bad-signature",
      async (name) => {
        const other = await publishSigned("rise/intact", ada);
        const [bundle = new Uint8Array()] = await readSignatures(other.store, other.root.digest);
        const published = await publish(name);
        const document = JSON.parse(new TextDecoder().decode(bundle));
        const statement = Buffer.from(document.dsseEnvelope.payload, "base64").toString();
        const forged = statement
          .replaceAll("rise/intact", name)
          .replaceAll(other.root.digest.slice(7), published.root.digest.slice(7));
        document.dsseEnvelope.payload = Buffer.from(forged).toString("base64");
        await attach(published, new TextEncoder().encode(JSON.stringify(document)));
        return published;
      },
    ],
  ])("refuses what is %s, before any of it is fetched", async (_what, name, code, prepare) => {
    const published = await prepare(name);
    const error = await faultOf(site.client().ensure(byVersion(name)));
    expect(error).toMatchObject({ code, context: { digest: published.root.digest } });
    expect(await contentRequests(name, published)).toEqual([]);
    expect(tracesOf(name)).toEqual([]);
    // The same place, with a signature that counts beside what does not.
    await signPackage(published.store, published.root, ada);
    expect(await site.client().ensure(byVersion(name))).toMatchObject({ signatureVerified: true });
    expect((await contentRequests(name, published)).length).toBeGreaterThan(0);
  });
});

describe("a policy that does not ask", () => {
  test("lets in what is unsigned, unless whoever asks wants a signature, also of what is here", async () => {
    const published = await publish("free/tools");
    const agent = site.client();
    const wanted = byVersion("free/tools");
    expect((await faultOf(agent.ensure({ ...wanted, requireSignature: true }))).code).toBe("trust/unsigned");
    expect(await agent.ensure(wanted)).toMatchObject({ present: false, signatureVerified: false });
    expect((await faultOf(agent.ensure({ ...wanted, requireSignature: true }))).code).toBe("trust/unsigned");
    expect((await faultOf(agent.verify({ ...wanted, signatures: true }))).code).toBe("trust/unsigned");
    await signPackage(published.store, published.root, ada);
    expect(await agent.ensure({ ...wanted, requireSignature: true })).toMatchObject({
      present: true,
      signatureVerified: true,
    });
  });

  test("and only warns, says so in the log", async () => {
    const { root } = await publish("free/warned");
    expect(await site.client().ensure(byVersion("free/warned"))).toMatchObject({ signatureVerified: false });
    expect(site.agent.log).toContainEqual(
      expect.objectContaining({ event: "unvouched", name: "free/warned", digest: root.digest, code: "trust/unsigned" }),
    );
  });
});

test("a key that is revoked vouches for nothing any more, not even for what is here", async () => {
  await publishSigned("rise/revoked", ada);
  await site.client().ensure(byVersion("rise/revoked"));
  writePolicy({ revoked: true });
  await restart();
  const agent = site.client();
  expect((await faultOf(agent.ensure(byVersion("rise/revoked")))).code).toBe("trust/revoked");
  expect((await faultOf(agent.verify({ ...byVersion("rise/revoked"), signatures: true }))).code).toBe("trust/revoked");
  writePolicy();
  await restart();
  expect(await site.client().ensure(byVersion("rise/revoked"))).toMatchObject({ present: true });
});

test("an agent whose policy is wrong does not start", async () => {
  writeFileSync(policyPath, "apiVersion: cpm.trust/v1\nkeys: []\n");
  await expect(restart()).rejects.toThrow(/trust\/policy-invalid|require/);
  writePolicy();
  await site.start(["--trust-policy", policyPath]);
});
