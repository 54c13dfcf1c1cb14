import type { JsonObject, JsonValue } from "@cpm/base";
import { isCpmError, stringifyJson } from "@cpm/base";
import { readBlueprint, readChange, readDefinition, readFile, readSnapshot } from "../colony-types.ts";
import type { Blueprint, BlueprintChange, BlueprintDefinition, ColonyFile, Snapshot } from "../colony-types.ts";
import { coloniesError } from "../errors.ts";
import { readProcess } from "../process-types.ts";
import type { Process } from "../process-types.ts";
import type { CallOptions, Caller } from "../transport.ts";
import { checkName, readList, readObject, textOf } from "../wire.ts";

export interface NewBlueprint {
  readonly kind: string;
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly locationName?: string;
  readonly spec: JsonObject;
  readonly status?: JsonObject;
  /** RFC 3339. The server fills in no times. */
  readonly createdAt?: string;
}

/** Definitions of kinds, and blueprints: the general records of a colony. */
export class BlueprintApi {
  readonly #caller: Caller;
  readonly #colonyName: string;
  constructor(caller: Caller, colonyName: string) {
    this.#caller = caller;
    this.#colonyName = colonyName;
  }

  /** For the colony's owner. */
  async addDefinition(name: string, spec: JsonObject, options?: CallOptions): Promise<BlueprintDefinition> {
    const definition = {
      kind: "BlueprintDefinition",
      metadata: { name: checkName(name, "a blueprint definition"), colonyname: this.#colonyName },
      spec,
    };
    const reply = await this.#caller.call("addblueprintdefinitionmsg", { blueprintdefinition: definition }, options);
    return readDefinition(readObject(reply, "addblueprintdefinitionmsg"));
  }

  /** Undefined when there is none. */
  async definition(name: string, options?: CallOptions): Promise<BlueprintDefinition | undefined> {
    return absentAsUndefined(async () => {
      const reply = await this.#caller.call(
        "getblueprintdefinitionmsg",
        { colonyname: this.#colonyName, name },
        options,
      );
      return readDefinition(readObject(reply, "getblueprintdefinitionmsg"));
    });
  }

  async definitions(options?: CallOptions): Promise<BlueprintDefinition[]> {
    const reply = await this.#caller.call("getblueprintdefinitionsmsg", { colonyname: this.#colonyName }, options);
    return readList(reply, "getblueprintdefinitionsmsg", readDefinition);
  }

  async removeDefinition(name: string, options?: CallOptions): Promise<void> {
    await this.#caller.call("removeblueprintdefinitionmsg", { namespace: this.#colonyName, name }, options);
  }

  /** Atomic: of two that add one name, one gets `colonies/exists`. Names are unique over all kinds. */
  async add(blueprint: NewBlueprint, options?: CallOptions): Promise<Blueprint> {
    const reply = await this.#caller.call("addblueprintmsg", { blueprint: this.#fields(blueprint) }, options);
    return readBlueprint(readObject(reply, "addblueprintmsg"));
  }

  /** Undefined when there is none. */
  async get(name: string, options?: CallOptions): Promise<Blueprint | undefined> {
    return absentAsUndefined(async () => {
      const reply = await this.#caller.call("getblueprintmsg", { namespace: this.#colonyName, name }, options);
      return readBlueprint(readObject(reply, "getblueprintmsg"));
    });
  }

  /** With their whole specs, by name. A location narrows a kind only. */
  async list(kind = "", options: CallOptions & { readonly locationName?: string } = {}): Promise<Blueprint[]> {
    const reply = await this.#caller.call(
      "getblueprintsmsg",
      { namespace: this.#colonyName, kind, locationname: options.locationName ?? "" },
      options,
    );
    return readList(reply, "getblueprintsmsg", readBlueprint);
  }

  /**
   * Replaces metadata, spec and status with what is given; the last writer wins. The generation grows when the spec
   * differs, or by force.
   */
  async update(
    blueprint: NewBlueprint,
    options: CallOptions & { readonly forceGeneration?: boolean } = {},
  ): Promise<Blueprint> {
    const message = { blueprint: this.#fields(blueprint), forcegeneration: options.forceGeneration ?? false };
    return readBlueprint(
      readObject(await this.#caller.call("updateblueprintmsg", message, options), "updateblueprintmsg"),
    );
  }

  /** Replaces the status whole. For members; the colony's owner may not. */
  async setStatus(name: string, status: JsonObject, options?: CallOptions): Promise<void> {
    refuseNul(status, name);
    await this.#caller.call(
      "updateblueprintstatusmsg",
      { colonyname: this.#colonyName, blueprintname: name, status },
      options,
    );
  }

  async remove(name: string, options?: CallOptions): Promise<void> {
    await this.#caller.call("removeblueprintmsg", { namespace: this.#colonyName, name }, options);
  }

  async reconcile(name: string, force = false, options?: CallOptions): Promise<Process> {
    const reply = await this.#caller.call(
      "reconcileblueprintmsg",
      { namespace: this.#colonyName, name, force },
      options,
    );
    return readProcess(readObject(reply, "reconcileblueprintmsg"));
  }

  /** Newest first; `limit` 0 for all. */
  async history(blueprintId: string, limit = 0, options?: CallOptions): Promise<BlueprintChange[]> {
    const reply = await this.#caller.call("getblueprinthistorymsg", { blueprintid: blueprintId, limit }, options);
    return readList(reply, "getblueprinthistorymsg", readChange);
  }

  #fields(blueprint: NewBlueprint): JsonObject {
    const { kind, name, labels = {}, locationName, spec, status, createdAt } = blueprint;
    refuseNul([labels, spec, status ?? null], name);
    const times = createdAt === undefined ? {} : { createdAt, updatedAt: createdAt };
    const location = locationName === undefined ? {} : { locationname: locationName };
    const metadata = {
      name: checkName(name, "a blueprint"),
      colonyname: this.#colonyName,
      labels,
      generation: 1,
      ...times,
      ...location,
    };
    return { kind, metadata, spec, ...(status === undefined ? {} : { status }) };
  }
}

/** File records (the bytes are in S3, which the server never touches) and snapshots of them. */
export class FileApi {
  readonly #caller: Caller;
  readonly #colonyName: string;
  constructor(caller: Caller, colonyName: string) {
    this.#caller = caller;
    this.#colonyName = colonyName;
  }

  /** Keys of an object store must not stand in the record: every member can read it. */
  async add(file: JsonObject, options?: CallOptions): Promise<ColonyFile> {
    const message = { file: { ...file, colonyname: this.#colonyName } };
    return readFile(readObject(await this.#caller.call("addfilemsg", message, options), "addfilemsg"));
  }

  /** All versions, newest first. */
  async get(label: string, name: string, options?: CallOptions): Promise<ColonyFile[]> {
    return readList(await this.#call("getfilemsg", { label, name }, options), "getfilemsg", readFile);
  }

  async getById(fileId: string, options?: CallOptions): Promise<ColonyFile[]> {
    return readList(await this.#call("getfilemsg", { fileid: fileId }, options), "getfilemsg", readFile);
  }

  /** The latest version of each name under exactly this label; only name, size and checksum are told. */
  async list(label: string, options?: CallOptions): Promise<ColonyFile[]> {
    return readList(await this.#call("getfilesmsg", { label }, options), "getfilesmsg", readFile);
  }

  /** All labels that begin with a text. */
  async labels(prefix = "", options?: CallOptions): Promise<string[]> {
    const reply = await this.#call("getfilelabelsmsg", { name: prefix, exact: false }, options);
    return readList(reply, "getfilelabelsmsg", (label) => textOf(label, "name"));
  }

  /** All versions. The bytes in the object store stay. */
  async remove(label: string, name: string, options?: CallOptions): Promise<void> {
    await this.#call("removefilemsg", { label, name }, options);
  }

  async removeById(fileId: string, options?: CallOptions): Promise<void> {
    await this.#call("removefilemsg", { fileid: fileId }, options);
  }

  /** Freezes the latest versions under a label and the labels below it. */
  async createSnapshot(label: string, name: string, options?: CallOptions): Promise<Snapshot> {
    const message = { label, name: checkName(name, "a snapshot") };
    return readSnapshot(readObject(await this.#call("createsnapshotmsg", message, options), "createsnapshotmsg"));
  }

  async snapshot(name: string, options?: CallOptions): Promise<Snapshot> {
    return readSnapshot(readObject(await this.#call("getsnapshotmsg", { name }, options), "getsnapshotmsg"));
  }

  async snapshotById(snapshotId: string, options?: CallOptions): Promise<Snapshot> {
    const reply = await this.#call("getsnapshotmsg", { snapshotid: snapshotId }, options);
    return readSnapshot(readObject(reply, "getsnapshotmsg"));
  }

  async snapshots(options?: CallOptions): Promise<Snapshot[]> {
    return readList(await this.#call("getsnapshotsmsg", {}, options), "getsnapshotsmsg", readSnapshot);
  }

  async removeSnapshot(name: string, options?: CallOptions): Promise<void> {
    await this.#call("removesnapshotmsg", { name }, options);
  }

  /** Those of the whole colony, whoever made them. */
  async removeAllSnapshots(options?: CallOptions): Promise<void> {
    await this.#call("removeallsnapshotmsg", {}, options);
  }

  #call(payloadType: string, message: JsonObject, options: CallOptions | undefined) {
    return this.#caller.call(payloadType, { colonyname: this.#colonyName, ...message }, options);
  }
}

/** A blueprint that holds U+0000 is taken, and every later change of its status fails: it is not sent. */
function refuseNul(value: JsonValue, name: string): void {
  if (/(?<!\\)(?:\\\\)*\\u0000/.test(stringifyJson(value)))
    throw coloniesError("colonies/invalid-spec", `the blueprint ${name} holds the character U+0000`);
}

async function absentAsUndefined<T>(run: () => Promise<T>): Promise<T | undefined> {
  try {
    return await run();
  } catch (error) {
    if (isCpmError(error, "colonies/not-found")) return undefined;
    throw error;
  }
}
