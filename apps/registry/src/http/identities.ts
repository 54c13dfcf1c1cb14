import { registryError } from "../errors.ts";
import { requireAccount, requireAdmin } from "./account-call.ts";
import type { Call } from "./account-call.ts";
import { noContent } from "./answers.ts";
import { readJsonBody, textField } from "./json-body.ts";

/** A user binds a key by signing with it: nobody can claim the key of somebody else. */
export async function bindIdentity({ parts, caller, request, host }: Call): Promise<Response> {
  const { user } = requireAccount(caller);
  const body = await readJsonBody(request);
  const id = parts.signIn.signer("bind", host, textField(body, "nonce"), textField(body, "signature"));
  parts.accounts.users.bindIdentity(user.name, id, caller);
  return noContent(204);
}

export function unbindIdentity({ parts, caller, names: [id = ""] }: Call): Response {
  return unbind(parts, requireAccount(caller).user.name, id, caller);
}

/** An administrator says whose key it is. */
export function bindIdentityOf({ parts, caller, names: [user = "", id = ""] }: Call): Response {
  requireAdmin(caller);
  parts.accounts.users.bindIdentity(user, id, caller);
  return noContent(204);
}

export function unbindIdentityOf({ parts, caller, names: [user = "", id = ""] }: Call): Response {
  requireAdmin(caller);
  return unbind(parts, user, id, caller);
}

function unbind(parts: Call["parts"], user: string, id: string, caller: Call["caller"]): Response {
  if (!parts.accounts.users.unbindIdentity(user, id, caller))
    throw registryError("registry-server/user-unknown", `${user} has no such identity`);
  return noContent(204);
}
