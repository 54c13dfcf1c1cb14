/** A variable of the environment, for the reference. */
export interface Variable {
  readonly name: string;
  readonly meaning: string;
}

/** What cpm reads. Flags come before them, files after them; an empty variable counts as absent. */
export const readVariables: readonly Variable[] = [
  {
    name: "CPM_REGISTRY",
    meaning: "The registry of packages that name none: `host[:port]`, with `http://` for plain HTTP.",
  },
  {
    name: "CPM_COLONYOS_VERSION",
    meaning: "The version of ColonyOS that `requires.colonyos` is compared with, where the server does not tell it.",
  },
  { name: "CPM_MIN_AGE", meaning: "Versions that were published more recently are left out: `1d`." },
  {
    name: "CPM_PACKAGES",
    meaning: "The directory of installed packages. Default: `cpm/packages` in the user's data folder.",
  },
  { name: "CPM_SIGNING_KEY", meaning: "The file of the private key that `cpm sign` signs with." },
  { name: "COLONIES_SERVER_HOST", meaning: "The host of the ColonyOS server." },
  { name: "COLONIES_SERVER_PORT", meaning: "Its port. Default: 50080, and 443 with TLS." },
  { name: "COLONIES_SERVER_HTTP_PORT", meaning: "Read where `COLONIES_SERVER_PORT` is not set." },
  { name: "COLONIES_TLS", meaning: "`true` to speak TLS to the server. Default: `false`, as in ColonyOS's own tools." },
  { name: "COLONIES_COLONY_NAME", meaning: "The colony that releases go to." },
  { name: "COLONIES_PRVKEY", meaning: "The private key of a user of the colony, 64 hex digits." },
  {
    name: "COLONIES_COLONY_PRVKEY",
    meaning: "The colony owner's private key, for what only the owner may do.",
  },
  {
    name: "DOCKER_CONFIG",
    meaning: "The folder of docker's `config.json`, whose credentials are read. Default: `~/.docker`.",
  },
  { name: "REGISTRY_AUTH_FILE", meaning: "The credentials file of podman, skopeo and buildah, read before docker's." },
  { name: "XDG_RUNTIME_DIR", meaning: "Where that file is looked for otherwise: `containers/auth.json`." },
  {
    name: "XDG_CONFIG_HOME",
    meaning: "The user's configuration: `cpm/config.yaml` and `cpm/credentials.json`. Default: `~/.config`.",
  },
  { name: "XDG_DATA_HOME", meaning: "The user's data: `cpm/packages`. Default: `~/.local/share`." },
  { name: "XDG_STATE_HOME", meaning: "What `cpm dev` remembers, in `cpm`. Default: `~/.local/state`." },
  { name: "XDG_CACHE_HOME", meaning: "What can be made again, in `cpm`. Default: `~/.cache`." },
  { name: "NO_COLOR", meaning: "Any value: no colours, on a terminal too." },
  { name: "FORCE_COLOR", meaning: "Any value but `0`: colours without a terminal." },
];

/** What a process that a release submitted finds in its environment. */
export const workVariables: readonly Variable[] = [
  { name: "CPM_RELEASE", meaning: "The release." },
  { name: "CPM_REVISION", meaning: "Its revision, a whole number from 1." },
  { name: "CPM_PACKAGE", meaning: "The package: `namespace/name@version`." },
  { name: "CPM_RESOURCE", meaning: "The resource that it belongs to: `Kind/name`." },
  {
    name: "CPM_INPUT",
    meaning: "A file with the results of the nodes before this one, as one JSON list. Set by the local executor.",
  },
  {
    name: "CPM_OUTPUT",
    meaning: "A file to write results to, one JSON value a line. Set by the local executor.",
  },
];

/** What only tests of this project set. */
export const testVariables: readonly string[] = ["CPM_TEST", "CPM_FAILPOINT"];

const variableName = /\b(?:(?:CPM|COLONIES|DOCKER|REGISTRY|XDG)_[A-Z][A-Z_]*[A-Z]|(?:NO|FORCE)_COLOR)\b/g;

/** Every variable that a text names. A prefix such as `COLONIES_*` is none. */
export function variablesIn(text: string): readonly string[] {
  return [...new Set([...text.matchAll(variableName)].map(([name]) => name))];
}
