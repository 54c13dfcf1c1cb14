import type { JsonObject, JsonValue } from "@cpm/base";
import { isJsonObject } from "@cpm/base";
import { formatTime } from "./go-json.ts";
import { Refusal } from "./refusal.ts";
import { Table } from "./tables.ts";
import type { Journal, Row } from "./tables.ts";

/** How the server behaves; the defaults are ColonyOS's. */
export interface ColonySettings {
  readonly serverId: string;
  /** COLONIES_ALLOW_EXECUTOR_REREGISTER. Default false. */
  readonly allowReregister: boolean;
  /** COLONIES_STALE_EXECUTOR_DURATION, in milliseconds. Default 600 000. */
  readonly staleExecutorMs: number;
  readonly now: () => number;
}

export const states = { waiting: 0, running: 1, success: 2, failed: 3, cancelled: 4 } as const;
export const executorStates = { pending: 0, approved: 1, rejected: 2, unregistered: 3 } as const;

/** Told of every change of a process's state. */
export type ProcessListener = (process: Row) => void;

/** Everything that the server knows. */
export class ColonyState {
  readonly settings: ColonySettings;
  readonly colonies: Table;
  readonly users: Table;
  readonly executors: Table;
  readonly functions: Table;
  readonly processes: Table;
  readonly graphs: Table;
  readonly logs: Table;
  readonly crons: Table;
  readonly generators: Table;
  readonly packed: Table;
  readonly files: Table;
  readonly snapshots: Table;
  readonly definitions: Table;
  readonly blueprints: Table;
  readonly history: Table;
  readonly locations: Table;
  readonly pauses: Table;
  readonly listeners = new Set<ProcessListener>();
  #lastNs = 0n;

  constructor(settings: ColonySettings, journal?: Journal) {
    this.settings = settings;
    const table = (name: string) => new Table(name, journal);
    this.colonies = table("colonies");
    this.users = table("users");
    this.executors = table("executors");
    this.functions = table("functions");
    this.processes = table("processes");
    this.graphs = table("graphs");
    this.logs = table("logs");
    this.crons = table("crons");
    this.generators = table("generators");
    this.packed = table("packed");
    this.files = table("files");
    this.snapshots = table("snapshots");
    this.definitions = table("definitions");
    this.blueprints = table("blueprints");
    this.history = table("history");
    this.locations = table("locations");
    this.pauses = table("pauses");
  }

  now(): string {
    return formatTime(this.settings.now());
  }

  /** UTC nanoseconds, never the same twice: what is written in one millisecond keeps its order. */
  nowNs(): bigint {
    const clock = BigInt(this.settings.now()) * 1_000_000n;
    this.#lastNs = clock > this.#lastNs ? clock : this.#lastNs + 1000n;
    return this.#lastNs;
  }

  changed(process: Row): void {
    for (const listener of this.listeners) listener(process);
  }

  newId(): string {
    return Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("hex");
  }

  requireServerOwner(signer: string): void {
    if (signer !== this.settings.serverId) throw new Refusal(403, "Access denied, not server owner");
  }

  requireColonyOwner(signer: string, colonyName: string): void {
    const colony = this.colonies.get(colonyName);
    if (colony === undefined) throw new Refusal(403, `Colony with name <${colonyName}> does not exists`);
    if (colony["colonyid"] !== signer) throw new Refusal(403, "Access denied, not colony owner");
  }

  /** Users and executors; with `approved` only executors that the owner has approved. */
  isMember(signer: string, colonyName: string, approved: boolean): boolean {
    const executor = this.executors.find(
      (row) =>
        row["colonyname"] === colonyName &&
        row["executorid"] === signer &&
        (!approved || row["state"] === executorStates.approved),
    );
    return (
      executor !== undefined ||
      this.users.find((row) => row["colonyname"] === colonyName && row["userid"] === signer) !== undefined
    );
  }

  requireMember(signer: string, colonyName: string, approved = true): void {
    if (this.colonies.get(colonyName) === undefined)
      throw new Refusal(403, `Colony with name <${colonyName}> does not exists`);
    if (!this.isMember(signer, colonyName, approved))
      throw new Refusal(403, `Access denied, not a member of Colony with name <${colonyName}>`);
  }

  requireMemberOrOwner(signer: string, colonyName: string): void {
    if (!this.isMember(signer, colonyName, true)) this.requireColonyOwner(signer, colonyName);
  }

  executorById(signer: string, colonyName: string): Row | undefined {
    return this.executors.find((row) => row["colonyname"] === colonyName && row["executorid"] === signer);
  }

  /** The name that stands as initiator; executors before users. */
  initiatorName(signer: string, colonyName: string): string {
    const executor = this.executorById(signer, colonyName);
    const user = this.users.find((row) => row["colonyname"] === colonyName && row["userid"] === signer);
    const name = executor?.["executorname"] ?? user?.["name"];
    if (typeof name !== "string") throw new Refusal(400, "Could not derive InitiatorName");
    return name;
  }
}

export function textIn(row: JsonObject, key: string): string {
  const value = row[key];
  return typeof value === "string" ? value : "";
}

export function numberIn(row: JsonObject, key: string): number {
  const value = row[key];
  return typeof value === "bigint" ? Number(value) : typeof value === "number" ? value : 0;
}

export function objectIn(row: JsonObject, key: string): JsonObject {
  const value = row[key];
  return isJsonObject(value) ? value : {};
}

export function listIn(row: JsonObject, key: string): readonly JsonValue[] {
  const value = row[key];
  return Array.isArray(value) ? value : [];
}

export function textsIn(row: JsonObject, key: string): string[] {
  return listIn(row, key).filter((item): item is string => typeof item === "string");
}

/** Go's nil slice: an empty list is written as null. */
export function nullWhenEmpty(rows: readonly JsonValue[]): JsonValue {
  return rows.length === 0 ? null : rows;
}
