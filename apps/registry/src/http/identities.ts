import { registryError } from "../errors.ts";
import { requireAccount, requireAdmin } from "./account-call.ts";
import type { Call } from "./account-call.ts";
import { hostOf, noContent } from "./answers.ts";
import { textField } from "./json-body.ts";

/** A user binds a key by signing with it: nobody can claim the key of somebody else. */
export async function bindIdentity({ parts, caller, tokens, body }: Call): Promise<Response> {
  const { user } = requireAccount(caller);
  const fields = await body();
  const id = await parts.signIn.signer(
    "bind",
    hostOf(tokens),
    textField(fields, "nonce"),
    textField(fields, "signature"),
  );
  await parts.accounts.users.bindIdentity(user.name, id, caller);
  return noContent(204);
}

export async function unbindIdentity({ parts, caller, names: [id = ""] }: Call): Promise<Response> {
  return unbind(parts, requireAccount(caller).user.name, id, caller);
}

/** An administrator says whose key it is. */
export async function bindIdentityOf({ parts, caller, names: [user = "", id = ""] }: Call): Promise<Response> {
  requireAdmin(caller);
  await parts.accounts.users.bindIdentity(user, id, caller);
  return noContent(204);
}

export async function unbindIdentityOf({ parts, caller, names: [user = "", id = ""] }: Call): Promise<Response> {
  requireAdmin(caller);
  return unbind(parts, user, id, caller);
}

async function unbind(parts: Call["parts"], user: string, id: string, caller: Call["caller"]): Promise<Response> {
  if (!(await parts.accounts.users.unbindIdentity(user, id, caller)))
    throw registryError("registry-server/user-unknown", `${user} has no such identity`);
  return noContent(204);
}
