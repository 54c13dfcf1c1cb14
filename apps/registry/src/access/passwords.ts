import { rateLimited } from "../errors.ts";
import { accessInvalid } from "./access-invalid.ts";

const minLength = 10;
const maxLength = 1024;
/** Each takes 64 MiB and some 100 ms of a core: more at once would stop everything else. */
const maxAtOnce = 16;

let running = 0;
let decoy: Promise<string> | undefined;

/** argon2id, in its own text form. Throws `registry-server/access-invalid` for a text that is too short or too long. */
export async function hashPassword(password: string): Promise<string> {
  if (password.length < minLength || password.length > maxLength)
    throw accessInvalid(`a password has ${minLength} to ${maxLength} characters`);
  return Bun.password.hash(password, { algorithm: "argon2id" });
}

/**
 * Whether the password is the one of the hash. It takes as long where there is no hash, so that the time does not
 * tell which users exist. Throws `registry-server/rate-limited` when too many are being checked.
 */
export async function verifyPassword(password: string, hash: string | undefined): Promise<boolean> {
  if (password.length > maxLength) return false;
  if (running >= maxAtOnce) throw rateLimited("too many sign-ins at once", 1);
  running++;
  try {
    decoy ??= Bun.password.hash(crypto.randomUUID(), { algorithm: "argon2id" });
    const matches = await Bun.password.verify(password, hash ?? (await decoy));
    return matches && hash !== undefined;
  } finally {
    running--;
  }
}
