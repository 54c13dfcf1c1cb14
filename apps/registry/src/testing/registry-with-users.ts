import { join } from "node:path";
import { encodeUtf8 } from "@cpm/base";
import { encodeBase64, parseChallenges } from "@cpm/oci";
import type { Accounts } from "../access/accounts.ts";
import { createAccounts } from "../access/accounts.ts";
import { openSqliteDatabase } from "../database/sqlite-database.ts";
import type { RegistryOptions } from "../registry-options.ts";
import { openRegistryUnderTest } from "./registry-under-test.ts";
import type { CallOptions, RegistryUnderTest } from "./registry-under-test.ts";

/** Name and password, or the token in the password's place. */
export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** A registry with users, and its accounts as a command beside it has them. */
export interface RegistryWithUsers extends RegistryUnderTest {
  readonly accounts: Accounts;
  readonly addUser: (name: string, admin?: boolean) => Promise<Credentials>;
  /** A token of a user. Default scopes: `read` and `publish`. */
  readonly addToken: (
    user: string,
    fields?: Partial<Parameters<Accounts["tokens"]["create"]>[0]>,
  ) => Promise<Credentials>;
  /** As `curl -u` does. */
  readonly asUser: (who: Credentials, method: string, path: string, options?: CallOptions) => Promise<Response>;
  /**
   * As docker does: gets a token for nothing, asks, is challenged, gets a token for that, asks again. Without
   * credentials it asks first, and gets an anonymous one.
   */
  readonly byToken: (
    who: Credentials | undefined,
    method: string,
    path: string,
    options?: CallOptions,
  ) => Promise<Response>;
  readonly tokenFor: (who: Credentials | undefined, ...scopes: readonly string[]) => Promise<Response>;
}

const by = { actor: "test", requestId: "test" };

export async function openRegistryWithUsers(options: Partial<RegistryOptions> = {}): Promise<RegistryWithUsers> {
  const registry = await openRegistryUnderTest({ access: "users", ...options });
  const database = await openSqliteDatabase(join(registry.dataDirectory, "registry.db"));
  const accounts = createAccounts(database, options.now ?? (() => Date.now()));
  const { call } = registry;
  const tokenFor: RegistryWithUsers["tokenFor"] = (who, ...scopes) => {
    const query = new URLSearchParams(scopes.map((scope) => ["scope", scope]));
    return call("GET", `/token?${query}`, who === undefined ? {} : { headers: basicHeader(who) });
  };
  return {
    ...registry,
    accounts,
    tokenFor,
    async addUser(name, admin = false) {
      const password = `password of ${name}`;
      // As cheap as argon2id can be: what it costs in earnest is no part of these tests.
      const passwordHash = await Bun.password.hash(password, { algorithm: "argon2id", memoryCost: 8, timeCost: 1 });
      await accounts.users.add({ name, admin, passwordHash }, by);
      return { username: name, password };
    },
    async addToken(user, fields = {}) {
      const token = { user, label: "", scopes: ["read", "publish"], patterns: [], ...fields };
      return { username: "token", password: (await accounts.tokens.create(token, by)).secret };
    },
    asUser: (who, method, path, { headers, ...rest } = {}) =>
      call(method, path, { ...rest, headers: { ...headers, ...basicHeader(who) } }),
    async byToken(who, method, path, options = {}) {
      let response: Response | undefined;
      for (let scopes: string[] = [], turn = 0; turn < 3; turn++) {
        const answer = who === undefined && turn === 0 ? undefined : await tokenFor(who, ...scopes);
        if (answer !== undefined && answer.status !== 200) return answer;
        const headers = answer === undefined ? {} : { authorization: `Bearer ${(await answer.json()).token}` };
        response = await call(method, path, { ...options, headers: { ...options.headers, ...headers } });
        if (response.status !== 401) return response;
        const [challenge, more] = parseChallenges(response.headers.get("www-authenticate") ?? "");
        if (challenge?.scheme !== "bearer" || more !== undefined) throw new Error("not exactly one Bearer challenge");
        scopes = (challenge.parameters["scope"] ?? "").split(" ");
      }
      return response ?? new Response(null, { status: 500 });
    },
    async dispose() {
      await database.close();
      await registry.dispose();
    },
  };
}

export function basicHeader({ username, password }: Credentials): Record<string, string> {
  return { authorization: `Basic ${encodeBase64(encodeUtf8(`${username}:${password}`))}` };
}
