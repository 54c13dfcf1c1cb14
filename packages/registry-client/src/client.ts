import type { Digest } from "@cpm/base";
import { parseRepositoryName } from "@cpm/oci";
import type { CallOptions } from "@cpm/oci";
import { refusal } from "./answers.ts";
import { KeyedQueue } from "./keyed-queue.ts";
import type { RegistryClientOptions } from "./options.ts";
import { packageInfo, searchPackages } from "./package-index.ts";
import type { PackageInfo, SearchOptions, SearchPage } from "./package-index.ts";
import { indexDocument, packagePath } from "./index-document.ts";
import type { IndexDocument } from "./index-document.ts";
import { packageVersions } from "./package-versions.ts";
import type { VersionListing } from "./package-versions.ts";
import { RegistryRepository } from "./repository.ts";
import type { FetchedManifest, Repository, RepositoryOptions } from "./repository.ts";
import { bindIdentity, exchangeIdToken, signIn } from "./sign-in.ts";
import type { SignInOptions, SignedIn, Signer } from "./sign-in.ts";
import { Transport, drop } from "./transport.ts";
import { deprecatePackage, yankVersion } from "./withdrawals.ts";
import type { DeprecationNotice } from "./withdrawals.ts";

export interface RegistryClient {
  /** `host[:port]`. */
  readonly registry: string;
  /** The view of one repository. Views of one client share tokens, connections and begun uploads. */
  repository(name: string, options?: RepositoryOptions): Repository;
  /** A manifest by tag or digest; undefined when it is not there. Its bytes are not yet held against the digest. */
  manifest(repository: string, reference: string, options?: CallOptions): Promise<FetchedManifest | undefined>;
  /** Asks the registry whether it takes the credentials. Throws `registry/unauthorized` when it does not. */
  ping(options?: CallOptions): Promise<void>;
  /**
   * Signs in by a key of ColonyOS and answers a token, for `cpm login` without a password. Throws
   * `registry/unauthorized` when the key is nobody's there, and `registry/not-found` where there is no such sign-in.
   */
  signIn(signer: Signer, options?: SignInOptions): Promise<SignedIn>;
  /** Binds a key of ColonyOS to the user whose credentials these are. */
  bindIdentity(signer: Signer, options?: CallOptions): Promise<void>;
  /**
   * Exchanges what a CI system says of its job (an OpenID Connect identity token, whose audience is the registry) for a
   * token that publishes one package, for some minutes. Throws `registry/unauthorized` for a job that may not.
   */
  exchangeIdToken(idToken: string, packageName: string, options?: CallOptions): Promise<SignedIn>;
  /** Throws `registry/no-index` where the registry is a plain OCI registry. */
  searchPackages(query: string, options?: SearchOptions): Promise<SearchPage>;
  /** A plain OCI registry is asked for the tags and the newest manifest instead. */
  packageInfo(name: string, options?: CallOptions): Promise<PackageInfo>;
  /** See `VersionListing`: all versions with what they need; `unchanged` when `etag` still stands for them. */
  packageVersions(
    name: string,
    options?: CallOptions & { readonly etag?: string | undefined },
  ): Promise<VersionListing | "unchanged" | undefined>;
  /**
   * Says that a version is yanked: nobody who has not locked it or names it exactly gets it any more. Without a reason
   * takes that back. Answers the version's digest. Throws `registry/no-index` where the registry has no index.
   */
  yankVersion(name: string, version: string, reason: string | undefined, options?: CallOptions): Promise<Digest>;
  /**
   * Deprecates a version, or with no version the package; without a notice takes that back. Throws `registry/no-index`
   * where the registry has no index.
   */
  deprecatePackage(
    name: string,
    version: string | undefined,
    notice: DeprecationNotice | undefined,
    options?: CallOptions,
  ): Promise<void>;
  /**
   * What the index tells of a package, as it is, for who passes it on; undefined when there is no index, or the
   * package is not in it. `unchanged` when `etag` still stands for it.
   */
  packageDocument(
    name: string,
    view: "detail" | "resolution",
    options?: CallOptions & { readonly etag?: string | undefined },
  ): Promise<IndexDocument | "unchanged" | undefined>;
}

export function createRegistryClient(options: RegistryClientOptions): RegistryClient {
  const transport = new Transport(options);
  const shared = { transport, uploads: new Map(), queue: new KeyedQueue() };
  const repository = (name: string, own?: RepositoryOptions): RegistryRepository =>
    new RegistryRepository(shared, parseRepositoryName(name), own);
  return {
    registry: transport.origin.host,
    repository,
    manifest: (name, reference, call = {}) => repository(name).manifest(reference, call.signal),
    async ping(call = {}) {
      const response = await transport.send({ method: "GET", target: "/v2/", scopes: [], ...call });
      if (!response.ok) throw await refusal(transport, response, "check the credentials", call.signal);
      await drop(response);
    },
    signIn: (signer, signing = {}) => signIn(transport, signer, signing),
    bindIdentity: (signer, call = {}) => bindIdentity(transport, signer, call),
    exchangeIdToken: (idToken, name, call = {}) => exchangeIdToken(transport, idToken, name, call),
    searchPackages: (query, search) => searchPackages(transport, query, search),
    packageInfo: (name, call) => packageInfo(transport, repository(name), name, call),
    packageDocument: (name, view, call) => indexDocument(transport, packagePath(name, view), `look up ${name}`, call),
    yankVersion: (name, version, reason, call = {}) => yankVersion(transport, name, version, reason, call),
    deprecatePackage: (name, version, notice, call = {}) => deprecatePackage(transport, name, version, notice, call),
    packageVersions: (name, call) => packageVersions(transport, repository(name), name, call),
  };
}
