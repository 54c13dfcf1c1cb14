import type { MessageInitShape } from "@bufbuild/protobuf";
import { EnsurePhase } from "@cpm/agent-client/contract";
import type { EnsureRequest, EnsureResponseSchema } from "@cpm/agent-client/contract";
import type { AgentNode } from "../node/agent-node.ts";
import type { Ensured, EnsureProgress } from "../node/ensure-package.ts";
import type { LeaseCaller } from "../node/lease-book.ts";
import type { Caller } from "./caller.ts";
import type { StreamContext } from "./implement.ts";
import { installedMessage, leaseMessage } from "./messages.ts";
import {
  parseDigestField,
  parseLeaseRequest,
  parsePackageRequest,
  requireFeatures,
  requireSignatureFeature,
} from "./parse-request.ts";
import type { LeaseTimes } from "./parse-request.ts";

type EnsureMessage = MessageInitShape<typeof EnsureResponseSchema>;

/** How often a client is told how far it is within a phase. */
const progressIntervalMs = 100;

const phases = {
  resolving: EnsurePhase.RESOLVING,
  fetching: EnsurePhase.FETCHING,
  publishing: EnsurePhase.PUBLISHING,
} as const;

/** Streams progress while the package comes, and then the result. Told of how a request was fulfilled, `onDone`. */
export async function answerEnsure(
  request: EnsureRequest,
  call: StreamContext<typeof EnsureResponseSchema>,
  node: AgentNode,
  times: LeaseTimes,
  onDone: (how: Ensured["how"]) => void,
): Promise<void> {
  requireFeatures(request.requiredFeatures);
  const { lease, expectedManifestDigest: expected } = request;
  const wanted = {
    wanted: parsePackageRequest(request.package),
    expectedManifest: expected === undefined ? undefined : parseDigestField(expected, "expected_manifest_digest"),
    pin: request.pin === true,
    requireSignature: request.requireSignature === true,
    lease: lease === undefined ? undefined : parseLeaseRequest(lease, times),
  };
  const throttle = new Throttle((progress) => call.offer(progressMessage(progress)));
  const report = (progress: EnsureProgress): void => throttle.report(progress);
  try {
    const ensured = await node.ensurer.ensure(wanted, leaseCaller(call.caller), report, call.signal);
    onDone(ensured.how);
    throttle.stop();
    await call.send(resultMessage(ensured, wanted.requireSignature ? [requireSignatureFeature] : [], node));
  } finally {
    throttle.stop();
  }
}

/** Without credentials nobody owns a lease: then only an administrator can end it before its time. */
export function leaseCaller({ uid, administrator }: Caller): LeaseCaller {
  return { uid: uid ?? 0xffff_ffff, administrator };
}

function progressMessage({ phase, doneBytes, totalBytes, resumedBytes }: EnsureProgress): EnsureMessage {
  const value = {
    phase: phases[phase],
    doneBytes: BigInt(doneBytes),
    totalBytes: BigInt(totalBytes),
    resumedBytes: BigInt(resumedBytes),
  };
  return { update: { case: "progress", value } };
}

function resultMessage(
  { ref, how, lease, vouched }: Ensured,
  appliedFeatures: string[],
  node: AgentNode,
): EnsureMessage {
  const value = {
    installed: installedMessage(node.packages.describe(ref)),
    present: how === "present",
    signatureVerified: vouched,
    appliedFeatures,
    ...(lease === undefined ? {} : { lease: leaseMessage(lease) }),
  };
  return { update: { case: "result", value } };
}

/** Passes on the first of each phase, and within it the newest once in so many milliseconds. */
class Throttle {
  readonly #send: (progress: EnsureProgress) => void;
  #phase = "";
  #waiting: EnsureProgress | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(send: (progress: EnsureProgress) => void) {
    this.#send = send;
  }

  report(progress: EnsureProgress): void {
    if (progress.phase === this.#phase && this.#timer !== undefined) {
      this.#waiting = progress;
      return;
    }
    this.stop();
    this.#phase = progress.phase;
    this.#send(progress);
    this.#timer = setTimeout(() => this.#next(), progressIntervalMs);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#waiting = undefined;
  }

  #next(): void {
    const progress = this.#waiting;
    this.stop();
    if (progress !== undefined) this.report(progress);
  }
}
