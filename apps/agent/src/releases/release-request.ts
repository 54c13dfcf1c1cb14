import type { ErrorKind, JsonObject } from "@cpm/base";
import type { Credential } from "@cpm/registry-client";

/** What is to be done with a release, and all that it takes. Travels as JSON on the input of the program that does it. */
export interface ReleaseRequest {
  readonly work: InstallWork | UninstallWork;
  readonly colony: { readonly server: string; readonly name: string; readonly privateKey: string };
  readonly registry: {
    readonly host: string;
    readonly plainHttp?: boolean | undefined;
    readonly credential?: Credential | undefined;
  };
  /** The packages directory, whose paths are named and in which nothing is written. */
  readonly root: string;
  readonly platform: string;
  /** For what is fetched to be read. */
  readonly scratch: string;
}

export interface InstallWork {
  readonly kind: "install";
  readonly package: string;
  readonly name?: string | undefined;
  readonly inputs: JsonObject;
  /** More inputs, as `KEY=TEXT`, of which the text is read by the input's type. */
  readonly set: readonly string[];
  readonly placement?: "all" | "any" | "none" | undefined;
  readonly selector?: string | undefined;
  readonly dryRun: boolean;
}

export interface UninstallWork {
  readonly kind: "uninstall";
  readonly release: string;
  readonly purge: boolean;
}

/** What that program tells: a line of JSON each. `done` or `failed` is the last one. */
export type ReleaseMessage =
  | { readonly type: "progress"; readonly line: string }
  | { readonly type: "done"; readonly output: JsonObject }
  | {
      readonly type: "failed";
      readonly code: string;
      readonly kind: ErrorKind;
      readonly message: string;
      readonly hint?: string;
    };
