import type { JsonObject, JsonValue } from "@cpm/base";
import { ColonyApi, ExecutorApi, ServerApi } from "./api/administration.ts";
import { BlueprintApi, FileApi } from "./api/records.ts";
import { CronApi, GeneratorApi } from "./api/schedules.ts";
import { LogApi, ProcessApi, WorkflowApi } from "./api/work.ts";
import type { Identity } from "./identity.ts";
import type { CallOptions, Caller, Fetch } from "./transport.ts";
import { HttpTransport } from "./transport.ts";

export interface ClientOptions {
  /** `http://host:port`. */
  readonly endpoint: string;
  readonly colonyName: string;
  /** Who signs. Without one only unsigned calls are possible. */
  readonly identity?: Identity | undefined;
  readonly fetch?: Fetch | undefined;
  /** How long one call may take, in milliseconds. Default 30 000. */
  readonly timeoutMs?: number | undefined;
}

/**
 * A client of one colony for one identity (ColonyOS 1.9.12). It holds no connection and no state: any number of
 * calls may be under way, and `as` gives a client for another identity over the same transport.
 */
export class ColoniesClient implements Caller {
  readonly endpoint: string;
  readonly colonyName: string;
  readonly identity: Identity | undefined;
  readonly server: ServerApi;
  readonly colony: ColonyApi;
  readonly executors: ExecutorApi;
  readonly processes: ProcessApi;
  readonly workflows: WorkflowApi;
  readonly logs: LogApi;
  readonly crons: CronApi;
  readonly generators: GeneratorApi;
  readonly blueprints: BlueprintApi;
  readonly files: FileApi;
  readonly #options: ClientOptions;
  readonly #transport: HttpTransport;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#transport = new HttpTransport(options);
    this.endpoint = this.#transport.endpoint;
    this.colonyName = options.colonyName;
    this.identity = options.identity;
    this.server = new ServerApi(this);
    this.colony = new ColonyApi(this, options.colonyName);
    this.executors = new ExecutorApi(this, options.colonyName);
    this.processes = new ProcessApi(this, options.colonyName);
    this.workflows = new WorkflowApi(this, options.colonyName);
    this.logs = new LogApi(this, options.colonyName);
    this.crons = new CronApi(this, options.colonyName);
    this.generators = new GeneratorApi(this, options.colonyName);
    this.blueprints = new BlueprintApi(this, options.colonyName);
    this.files = new FileApi(this, options.colonyName);
  }

  /** The same colony for somebody else. */
  as(identity: Identity): ColoniesClient {
    return new ColoniesClient({ ...this.#options, identity });
  }

  /** Any call by its payload type, for what has no method here. */
  call(payloadType: string, message: JsonObject, options?: CallOptions): Promise<JsonValue> {
    return this.#transport.call(payloadType, message, this.identity, options);
  }
}
