import type { CpmError } from "@cpm/base";
import { registryError } from "../errors.ts";

/** For what a person or a program asked of users, namespaces and tokens and cannot be. */
export function accessInvalid(message: string): CpmError {
  return registryError("registry-server/access-invalid", message);
}
