import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import type { FaultProxy } from "../registry/fault-proxy.ts";
import { AgentSite, faultOf } from "./agent-site.ts";
import { entriesOf, faultsOfDirectory, ingestedBytesOf, refsOf } from "./packages-directory.ts";
import { largestLayer, noise } from "./payload.ts";
import type { Layer } from "./payload.ts";

type Fault = FaultProxy["faults"][number];

const contentBytes = 500_000;
const cutAt = 200_000;
/** More than a client ever asks for one thing. */
const always = 100;

/** A registry that does something wrong, once or for long, while the agent fetches a layer from it. */
interface Trouble {
  readonly name: string;
  readonly faults: (layer: Layer) => readonly Fault[];
  /** What the agent says; undefined where it copes. */
  readonly code?: string;
  /** Where the requests for the layer began, in order; left out where the registry's silence decides it. */
  readonly starts?: readonly number[];
}

const lengthOf = (head: string, sizeBytes: number) =>
  head.replace(/^content-length: \d+/im, `content-length: ${sizeBytes}`);
const answer = (status: string, ...headers: readonly string[]) =>
  [`HTTP/1.1 ${status}`, ...headers, "content-length: 0", "connection: close", "", ""].join("\r\n");
const withoutRange = (head: string) => head.replace(/^(range|if-range): .*\r\n/gim, "");
const flipped = (piece: Uint8Array) => piece.map((byte) => byte ^ 1);

const troubles: readonly Trouble[] = [
  { name: "drops before its answer", faults: () => [{ cutResponseAfter: -1 }], starts: [0, 0] },
  { name: "drops before the first byte", faults: () => [{ cutResponseAfter: 0 }], starts: [0, 0] },
  { name: "drops every time", faults: () => [{ cutResponseAfter: 0, times: always }], code: "registry/unreachable" },
  { name: "falls silent in the middle", faults: () => [{ stallAfter: cutAt }] },
  { name: "is silent from the start", faults: () => [{ stallAfter: -1 }] },
  { name: "is slow", faults: () => [{ paceMs: 5, times: always }], starts: [0] },
  {
    name: "says that there is less than there is",
    faults: ({ sizeBytes }) => [{ head: (head) => lengthOf(head, sizeBytes - cutAt) }],
    starts: [0, contentBytes - cutAt],
  },
  {
    name: "says that there is more than there is",
    faults: ({ sizeBytes }) => [{ head: (head) => lengthOf(head, sizeBytes + 1) }],
  },
  {
    name: "answers a part with the whole",
    faults: ({ sizeBytes }) => [{ head: (head) => lengthOf(head, sizeBytes - cutAt) }, { requestHead: withoutRange }],
    starts: [0, contentBytes - cutAt],
  },
  {
    name: "answers a part with another part",
    faults: ({ sizeBytes }) => [
      { head: (head) => lengthOf(head, sizeBytes - cutAt) },
      { requestHead: (head) => head.replace(/^range: bytes=\d+-/im, "range: bytes=7-") },
    ],
    code: "registry/protocol",
  },
  {
    name: "says that a part is the whole",
    faults: ({ sizeBytes }) => [
      { head: (head) => lengthOf(head, sizeBytes - cutAt) },
      { head: (head) => head.replace(/^HTTP\/1.1 206.*/, "HTTP/1.1 200 OK").replace(/^content-range: .*\r\n/im, "") },
    ],
  },
  { name: "sends other bytes", faults: () => [{ body: flipped }], code: "store/digest-mismatch", starts: [0] },
  {
    name: "sends other bytes in a part",
    faults: ({ sizeBytes }) => [{ head: (head) => lengthOf(head, sizeBytes - cutAt) }, { body: flipped }],
    code: "store/digest-mismatch",
  },
  {
    name: "fails twice",
    faults: () => [{ answer: answer("503 Service Unavailable") }, { answer: answer("500 Internal Server Error") }],
    starts: [0, 0, 0],
  },
  {
    name: "fails every time",
    faults: () => [{ answer: answer("502 Bad Gateway"), times: always }],
    code: "registry/server",
  },
  {
    name: "wants to be asked later",
    faults: () => [{ answer: answer("429 Too Many Requests", "retry-after: 1") }],
    starts: [0, 0],
  },
  {
    name: "never wants to be asked",
    faults: () => [{ answer: answer("429 Too Many Requests", "retry-after: 0"), times: always }],
    code: "registry/rate-limited",
  },
  {
    name: "redirects to the network where clouds keep credentials",
    faults: () => [
      { answer: answer("307 Temporary Redirect", "location: http://169.254.169.254/latest/"), times: always },
    ],
    code: "registry/protocol",
  },
  {
    name: "redirects in a circle",
    faults: ({ path }) => [{ answer: answer("307 Temporary Redirect", `location: ${path}`), times: always }],
    code: "registry/protocol",
  },
  {
    name: "redirects to who has it",
    faults: ({ path }) => [
      { answer: answer("307 Temporary Redirect", `location: http://${site.universe.registry.host}${path}`) },
    ],
    starts: [0],
  },
  {
    name: "redirects to who has something else",
    faults: () => [
      { answer: answer("302 Found", `location: http://${site.universe.registry.host}/api/v1/search?q=rise`) },
    ],
    code: "store/digest-mismatch",
  },
  {
    name: "does not have it any more",
    faults: () => [{ answer: answer("404 Not Found"), times: always }],
    code: "store/not-found",
  },
];

let site: AgentSite;
const packages = troubles.map((trouble, index) => [trouble.name, `rise/trouble-${index}`, trouble] as const);
beforeAll(async () => {
  site = await AgentSite.open(["--registry-timeout", "2s", "--max-ensures", "32"]);
  for (const [, name] of packages)
    // oxlint-disable-next-line no-await-in-loop -- one registry
    await site.universe.publish(name, "1.0.0", { files: { "payload/noise": noise(contentBytes) } });
}, 60_000);
afterAll(() => site.close());

describe("a registry that", () => {
  test.concurrent.each(packages)(
    "%s",
    async (_, name, { faults, code, starts }) => {
      const layer = await largestLayer(site.universe.registry.host, name, "1.0.0");
      const path = new RegExp(`${layer.path}$`);
      const ofLayer = () => site.network.exchanges.filter((exchange) => path.test(exchange.path));
      site.network.faults.push(...faults(layer).map((fault) => ({ ...fault, path })));
      const agent = site.client();
      const ensuring = agent.ensure({ package: { name } });
      if (code === undefined) await ensuring;
      else {
        expect(await faultOf(ensuring)).toMatchObject({ code });
        expect(refsOf(site.root).filter((ref) => ref.startsWith(`${name}/`))).toEqual([]);
        const { outcome } = await agent.resolve({ package: { name } });
        expect(outcome.case).not.toBe("installed");
      }
      if (starts !== undefined) {
        const began = ofLayer().map(({ headers }) => Number(/^bytes=(\d+)-/.exec(headers["range"] ?? "")?.[1] ?? 0));
        const overhead = layer.sizeBytes - contentBytes;
        expect(began).toEqual(starts.map((start) => (start === 0 ? 0 : start + overhead)));
      }
      for (const fault of site.network.faults.filter((one) => one.path?.source === path.source))
        site.network.faults.splice(site.network.faults.indexOf(fault), 1);
      expect(await agent.ensure({ package: { name } })).toMatchObject({ installed: { version: "1.0.0" } });
    },
    120_000,
  );

  test("did any of this leaves whole packages and nothing else", () => {
    expect(faultsOfDirectory(site.root)).toEqual([]);
    expect(refsOf(site.root)).toHaveLength(packages.length);
    expect(entriesOf(site.root, "staging")).toEqual([]);
    expect(entriesOf(site.root, "ingest")).toEqual([]);
  });
});

test("of a connection that drops again and again no byte is fetched twice", async () => {
  await site.universe.publish("rise/dropping", "1.0.0", { files: { "payload/noise": noise(contentBytes) } });
  const layer = await largestLayer(site.universe.registry.host, "rise/dropping", "1.0.0");
  const path = new RegExp(`${layer.path}$`);
  // A cut takes with it what has arrived and was not read yet, so each waits until the agent has written it.
  const written = async (sizeBytes: number): Promise<void> => {
    while (ingestedBytesOf(site.root, layer.hex) < sizeBytes) await Bun.sleep(2);
  };
  const cuts = [100_000, 250_000, 251_000, 400_000];
  for (const [index, cut] of cuts.entries()) {
    const cutWhen = Promise.withResolvers<void>();
    site.network.faults.push({ path, cutResponseAfter: cut - (cuts[index - 1] ?? 0), cutWhen: cutWhen.promise });
    void written(cut).then(cutWhen.resolve);
  }
  const result = await site.client().ensure({ package: { name: "rise/dropping" } });
  expect(existsSync(result.installed?.path ?? "")).toBe(true);
  const exchanges = site.network.exchanges.filter((exchange) => path.test(exchange.path));
  expect(exchanges).toHaveLength(cuts.length + 1);
  expect(exchanges.reduce((sum, { responseBytes }) => sum + responseBytes, 0)).toBe(layer.sizeBytes);
}, 60_000);
