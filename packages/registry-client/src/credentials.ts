/** What to show a registry. An identity token is exchanged at its token service, an access token is sent as it is. */
export type Credential =
  | { readonly kind: "password"; readonly username: string; readonly password: string }
  | { readonly kind: "identity-token"; readonly token: string }
  | { readonly kind: "access-token"; readonly token: string };

/** Where a client looks for the credential of a registry (`host[:port]`). Undefined means anonymous. */
export interface CredentialSource {
  get(registry: string, repository?: string): Promise<Credential | undefined>;
}

/** A source that can be written, for `cpm login` and `cpm logout`. */
export interface CredentialStore extends CredentialSource {
  store(registry: string, credential: Credential): Promise<void>;
  /** False when there was nothing to erase. */
  erase(registry: string): Promise<boolean>;
}

export const anonymous: CredentialSource = { get: async () => undefined };

/** The first source that has an answer wins. */
export function firstOf(...sources: readonly CredentialSource[]): CredentialSource {
  return {
    async get(registry, repository) {
      for (const source of sources) {
        // oxlint-disable-next-line no-await-in-loop -- a later source is asked only when the earlier has nothing
        const credential = await source.get(registry, repository);
        if (credential !== undefined) return credential;
      }
      return undefined;
    },
  };
}
