import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf } from "@cpm/store";
import { put } from "@cpm/store/testing";
import { startRegistryProcess } from "./registry-process.ts";
import type { RegistryProcess } from "./registry-process.ts";
import { clientOf, someBytes } from "./testing.ts";

const scratch = mkdtempSync(join(tmpdir(), "cpm-hostile-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe("clients that stall", () => {
  let registry: RegistryProcess;
  const sockets: Socket[] = [];
  beforeAll(async () => {
    registry = await startRegistryProcess(join(scratch, "stalled"));
  });
  afterAll(async () => {
    for (const socket of sockets) socket.destroy();
    await registry.end("SIGTERM");
  });

  test("in the head, in the body and in reading keep nobody else from pushing and pulling", async () => {
    const { host } = registry;
    const repository = clientOf(host).repository("test/stalled");
    const large = someBytes(8_000_000, 1);
    await put(repository, large);
    const begin = async (): Promise<string> =>
      (await fetch(`http://${host}/v2/test/stalled/blobs/uploads/`, { method: "POST" })).headers.get("location") ?? "";
    const locations = await Promise.all(Array.from({ length: 40 }, begin));
    for (const location of locations) {
      stall("GET /v2/test/stalled/tags/list HTTP/1.1\r\nho");
      stall(`PUT ${location}?digest=${digestOf(large)} HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nabc`);
      stall(`GET /v2/test/stalled/blobs/${digestOf(large)} HTTP/1.1\r\nhost: x\r\n\r\n`, true);
    }
    const own = someBytes(500_000, 2);
    await put(repository, own);
    expect(await repository.stat(digestOf(own))).toEqual({ sizeBytes: own.length });
    // What a stalled upload had is kept, and is gone on with by a request that says where it begins.
    const [location = ""] = locations;
    const rest = new TextEncoder().encode("def");
    const range = await untilRange(`http://${host}${location}`);
    expect(range).toBe("0-2");
    const whole = new TextEncoder().encode("abcdef");
    const last = await fetch(`http://${host}${location}?digest=${digestOf(whole)}`, {
      method: "PUT",
      headers: { "content-range": "3-5" },
      body: rest,
    });
    expect(last.status).toBe(201);
  }, 60_000);

  function stall(text: string, neverRead = false): void {
    const [hostname = "", port = ""] = registry.host.split(":");
    const socket = connect(Number(port), hostname);
    socket.on("error", () => undefined);
    if (neverRead) socket.pause();
    socket.write(text);
    sockets.push(socket);
  }

  async function untilRange(url: string): Promise<string | null> {
    for (let turn = 0; turn < 500; turn++) {
      const { headers } = await fetch(url);
      if (headers.get("range") !== "0-0") return headers.get("range");
      await Bun.sleep(10);
    }
    return null;
  }
});

const whyNoSmallDisk =
  process.platform === "linux" && process.getuid?.() === 0 ? undefined : "needs root on Linux to mount one";

describe.skipIf(whyNoSmallDisk !== undefined)(
  `a disk that is full${whyNoSmallDisk === undefined ? "" : `: ${whyNoSmallDisk}`}`,
  () => {
    const disk = join(scratch, "disk");
    let registry: RegistryProcess;
    beforeAll(async () => {
      mkdirSync(disk);
      execute("mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", disk);
      registry = await startRegistryProcess(join(disk, "data"));
    });
    afterAll(async () => {
      await registry.end("SIGTERM");
      execute("umount", disk);
    });

    test("refuses what does not fit, keeps and serves what was acknowledged, and takes more once there is room", async () => {
      const { host } = registry;
      const repository = clientOf(host).repository("test/full");
      const kept = someBytes(4_000_000, 1);
      await put(repository, kept);
      const large = someBytes(30_000_000, 2);
      const push = (bytes: Uint8Array<ArrayBuffer>) =>
        fetch(`http://${host}/v2/test/full/blobs/uploads/?digest=${digestOf(bytes)}`, { method: "POST", body: bytes });
      const refused = await push(large);
      expect([refused.status, (await refused.json()).errors[0].message]).toEqual([
        507,
        expect.stringContaining("full"),
      ]);
      expect(await repository.stat(digestOf(large))).toBeUndefined();
      const got = await fetch(`http://${host}/v2/test/full/blobs/${digestOf(kept)}`);
      expect(digestOf(new Uint8Array(await got.arrayBuffer()))).toBe(digestOf(kept));
      // Nothing of what was refused takes the room of others.
      expect(readdirSync(join(disk, "data/uploads"))).toEqual([]);
      const small = someBytes(3_000_000, 3);
      expect((await push(small)).status).toBe(201);
      expect(await repository.stat(digestOf(small))).toEqual({ sizeBytes: small.length });
      expect((await fetch(`http://${host}/livez`)).status).toBe(200);
    }, 60_000);

    test("that fills up in a chunk lets the upload go on where it says it stands, or be cancelled", async () => {
      const { host } = registry;
      const begin = async (): Promise<string> => {
        const begun = await fetch(`http://${host}/v2/test/full/blobs/uploads/`, { method: "POST" });
        return `http://${host}${begun.headers.get("location")}`;
      };
      const whole = someBytes(6_000_000, 4);
      const filler = join(disk, "filler");
      const { bavail, bsize } = statfsSync(disk);
      // An odd amount of room, so that a write is cut off in its middle.
      writeFileSync(filler, new Uint8Array(bavail * bsize - 3_000_000));
      const location = await begin();
      expect((await fetch(location, { method: "PATCH", body: whole })).status).toBe(507);
      const stands = Number((await fetch(location)).headers.get("range")?.split("-")[1]) + 1;
      rmSync(filler);
      const start = stands === 1 ? 0 : stands;
      const last = await fetch(`${location}?digest=${digestOf(whole)}`, {
        method: "PUT",
        headers: { "content-range": `${start}-${whole.length - 1}` },
        body: whole.slice(start),
      });
      expect(last.status).toBe(201);
      const got = await fetch(`http://${host}/v2/test/full/blobs/${digestOf(whole)}`);
      expect([got.status, digestOf(new Uint8Array(await got.arrayBuffer()))]).toEqual([200, digestOf(whole)]);
      const other = await begin();
      expect((await fetch(other, { method: "PATCH", body: someBytes(30_000_000, 5) })).status).toBe(507);
      expect((await fetch(other, { method: "DELETE" })).status).toBe(204);
      expect(readdirSync(join(disk, "data/uploads"))).toEqual([]);
    }, 60_000);
  },
);

function execute(...command: readonly string[]): void {
  const { exitCode, stderr } = Bun.spawnSync([...command]);
  if (exitCode !== 0) throw new Error(`${command.join(" ")}: ${stderr.toString()}`);
}
