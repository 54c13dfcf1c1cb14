import { mkdtempSync, rmSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { ColoniesClient, Identity } from "@cpm/colonies";
import { bundleAccess, CachingReader, defaultFreshMs, PackageMetadata } from "@cpm/operations/access";
import type { BundleSet, OperationProgress, PackageAccess, ReleaseContext } from "@cpm/operations";
import type { CredentialSource, RegistryClient } from "@cpm/registry-client";
import { createRegistryClient, isLoopback, userCredentials } from "@cpm/registry-client";
import { BlobDirectory, NodeStore } from "@cpm/store";
import type { CliContext } from "./context.ts";
import { missingSetting } from "./errors.ts";
import type { Output } from "./output/output.ts";
import type { ResolvedSettings } from "./settings.ts";
import { version } from "./version.ts";

/** Where packages may come from. Default: registries, and what is kept of them. */
export interface PackageSources {
  /** Asks nobody: only what is known and kept here. */
  readonly offline?: boolean;
  /** Only these, and nobody is asked. */
  readonly bundles?: BundleSet | undefined;
}

/** What a command works with, made when it is first asked for. Must be closed. */
export class Session {
  readonly settings: ResolvedSettings;
  readonly #context: CliContext;
  readonly #output: Output;
  readonly #registries = new Map<string, RegistryClient>();
  readonly #offline: boolean;
  readonly #bundles: BundleSet | undefined;
  #listings: PackageMetadata | undefined;
  #scratch: string | undefined;

  constructor(settings: ResolvedSettings, context: CliContext, output: Output, sources: PackageSources = {}) {
    this.settings = settings;
    this.#offline = sources.offline === true;
    this.#bundles = sources.bundles;
    this.#context = context;
    this.#output = output;
  }

  /** The client of a registry, `host[:port]`. */
  registry(host: string): RegistryClient {
    const known = this.#registries.get(host);
    if (known !== undefined) return known;
    const { registry } = this.settings;
    const plain = registry?.host === host && registry.plainHttp !== undefined ? { plainHttp: registry.plainHttp } : {};
    const client = createRegistryClient({
      registry: host,
      ...plain,
      credentials: this.credentials(),
      userAgent: `cpm/${version}`,
      clock: this.#context.clock,
      onWarning: (text) => this.#output.note(`warning from ${host}: ${text}`),
    });
    this.#registries.set(host, client);
    return client;
  }

  credentials(): CredentialSource {
    const { credentialFile, homeDirectory } = this.settings;
    return userCredentials(credentialFile, homeDirectory, this.#context.env);
  }

  access(): PackageAccess {
    const { progress } = this.#output;
    const surroundings = {
      clock: this.#context.clock,
      scratch: () => this.#scratchFolder(),
      report: (item: OperationProgress) => progress.update(item),
      signal: this.#context.signal,
    };
    if (this.#bundles !== undefined)
      return bundleAccess(this.#bundles, this.settings.configuredRegistry?.host, surroundings);
    return {
      defaultRegistry: this.settings.registry?.host,
      registry: (host) => this.registry(host),
      reader: (host, name) => new CachingReader(this.registry(host).repository(name), this.#kept(), this.#offline),
      metadata: this.#metadata(),
      ...surroundings,
    };
  }

  /** The registry whose packages are meant, of the settings or of the bundles. Throws `cli/missing-setting`. */
  registryHost(): string {
    const { defaultRegistry } = this.access();
    if (defaultRegistry === undefined) throw missingSetting("the registry", "CPM_REGISTRY", "--registry");
    return defaultRegistry;
  }

  /** The colony for the user. Throws `cli/missing-setting` naming what is not configured. */
  colony(): ColoniesClient {
    const { server, colony } = this.#address();
    const { privateKey } = this.settings;
    if (privateKey === undefined) throw missingSetting("your private key", "COLONIES_PRVKEY");
    return new ColoniesClient({ endpoint: server, colonyName: colony, identity: Identity.fromPrivateKey(privateKey) });
  }

  /** The colony for its owner; undefined when the owner's key was not given. */
  owner(): ColoniesClient | undefined {
    const { ownerKey } = this.settings;
    if (ownerKey === undefined) return undefined;
    const { server, colony } = this.#address();
    return new ColoniesClient({ endpoint: server, colonyName: colony, identity: Identity.fromPrivateKey(ownerKey) });
  }

  releases(): ReleaseContext {
    return {
      client: this.colony(),
      owner: this.owner(),
      // Not made here: most commands only name paths in it. `carryOut` makes it before it places anything.
      node: new NodeStore(this.settings.packagesRoot),
      access: this.access(),
      clock: this.#context.clock,
      cpmVersion: version,
      hostName: hostname(),
      signal: this.#context.signal,
    };
  }

  close(): void {
    if (this.#scratch !== undefined) rmSync(this.#scratch, { recursive: true, force: true });
  }

  #address(): { readonly server: string; readonly colony: string } {
    const { server, colony } = this.settings;
    if (server === undefined) throw missingSetting("the ColonyOS server", "COLONIES_SERVER_HOST", "--server");
    if (colony === undefined) throw missingSetting("the colony", "COLONIES_COLONY_NAME", "--colony");
    return { server, colony };
  }

  /** Contents of registries by digest, kept for the next time. */
  #kept(): BlobDirectory {
    return new BlobDirectory(join(this.settings.cacheDirectory, "contents"));
  }

  #metadata(): PackageMetadata {
    this.#listings ??= new PackageMetadata({
      registry: (host) => this.registry(host),
      cacheDirectory: join(this.settings.cacheDirectory, "listings"),
      clock: this.#context.clock,
      // A registry on this machine costs nothing to ask, and another one may stand at its port tomorrow.
      freshMs: (host) => (isLoopbackHost(host) ? 0 : defaultFreshMs),
      offline: this.#offline,
      signal: this.#context.signal,
    });
    return this.#listings;
  }

  #scratchFolder(): string {
    this.#scratch ??= mkdtempSync(join(tmpdir(), "cpm-"));
    return this.#scratch;
  }
}

function isLoopbackHost(host: string): boolean {
  return isLoopback(new URL(`http://${host}`).hostname);
}
