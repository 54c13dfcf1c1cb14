import { expect, test } from "bun:test";
import { serversMode } from "../storage-mode.ts";
import { openTarget } from "./open-target.ts";
import { describeProtocol } from "./protocol.contract.ts";

const { name, reason } = serversMode;
if (reason !== undefined) process.stdout.write(`a registry on ${name} does not run: ${reason}\n`);

test.skipIf(process.env["CI"] === undefined)("PostgreSQL and S3 are there", () => expect(reason).toBeUndefined());

if (reason === undefined) describeProtocol(`cpm-registry on ${name}, with users`, () => openTarget(serversMode));
