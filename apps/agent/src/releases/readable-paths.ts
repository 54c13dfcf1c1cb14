import { existsSync, realpathSync } from "node:fs";
import type { PathRule } from "../isolation/landlock.ts";

/** What a program needs to find a host by its name, and to know whom to trust. */
const files = [
  "/etc/resolv.conf",
  "/etc/hosts",
  "/etc/host.conf",
  "/etc/nsswitch.conf",
  "/etc/gai.conf",
  "/etc/services",
  "/etc/localtime",
];
const folders = ["/etc/ssl", "/etc/pki", "/usr/share/ca-certificates"];

/** Of those that are here: links are followed, since a rule is for what they lead to. */
export function readablePaths(): readonly PathRule[] {
  const present = (path: string): string[] => (existsSync(path) ? [realpathSync(path)] : []);
  const given = ["NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"].flatMap((name) => process.env[name] ?? []);
  const rules = (paths: readonly string[], rights: PathRule["rights"]): PathRule[] =>
    [...new Set(paths.flatMap(present))].map((path) => ({ path, rights }));
  return [...rules([...files, ...given], ["readFile"]), ...rules(folders, ["readFile", "readDirectory"])];
}
