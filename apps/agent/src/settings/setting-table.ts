import { ProgramSettings } from "@cpm/service";
import type { Setting } from "@cpm/service";

/** What can be set, each by a flag `--kebab-case`, a variable `CPM_AGENT_UPPER_CASE` and a key of the file. */
const settingTable = {
  root: { value: "DIR", meaning: "the packages directory; this agent alone writes it" },
  registry: { value: "URL", meaning: "where packages come from: https://registry.example.org or HOST[:PORT]" },
  socket: { value: "PATH", meaning: "the Unix socket to listen on; not needed with one that systemd passes" },
  socketMode: { value: "MODE", default: "0660", meaning: "of that socket: who may open it may call" },
  metrics: { value: "ADDRESS", meaning: "HOST:PORT or a socket's path for /metrics, /livez and /readyz" },
  administrators: { value: "UID,…", meaning: "users besides root and the agent's own that may remove and collect" },
  platform: { value: "OS/ARCH", meaning: "what packages are installed for (default: this machine)" },
  credentials: { value: "FILE", meaning: "credentials for the registry, as `cpm login` or `docker login` write them" },
  trustPolicy: { value: "FILE", meaning: "whose signatures count, and which packages need one (docs/trust.md)" },
  colonyServer: { value: "URL", meaning: "the ColonyOS server to work for: http://HOST:PORT; with colony and key" },
  colony: { value: "NAME", meaning: "the colony to work for" },
  key: { value: "FILE", meaning: "the agent's own key, made when the file is missing" },
  executorName: { value: "NAME", meaning: "what the colony calls this agent (default: cpm-agent- and 12 of the id)" },
  installs: { value: "YES", default: "yes", meaning: "no: the colony's members cannot install by this agent" },
  maxEnsures: { value: "COUNT", default: "4", meaning: "packages that are fetched and unpacked at once" },
  workerMemory: { value: "SIZE", default: "256MB", meaning: "memory of the process that unpacks a package" },
  requireIsolation: { value: "YES", default: "no", meaning: "yes: not to start where that process cannot be confined" },
  defaultLease: { value: "DURATION", default: "24h", meaning: "a lease for which no duration is asked" },
  maxLease: { value: "DURATION", default: "7d", meaning: "the longest lease" },
  fresh: { value: "DURATION", default: "10s", meaning: "how long the registry's list of versions counts unasked" },
  registryTimeout: { value: "DURATION", default: "30s", meaning: "how long the registry may be silent in a request" },
  keepUnused: {
    value: "DURATION",
    default: "off",
    meaning: "versions not used for so long are removed; off: only in need",
  },
  highWater: {
    value: "PERCENT",
    default: "90%",
    meaning: "of the disk: when it is fuller, unused versions are removed; off: never",
  },
  lowWater: { value: "PERCENT", default: "80%", meaning: "of the disk: until it is no fuller than this" },
  namespaceQuota: { value: "SIZE", default: "off", meaning: "what the packages of one namespace may take, unpacked" },
  scrubEvery: { value: "DURATION", default: "30d", meaning: "how often all that is kept is read again; off: never" },
  scrubRate: { value: "SIZE", default: "20MB", meaning: "so much is read again a second, at most" },
  minFree: { value: "SIZE", default: "100MB", meaning: "with less free space the agent is not ready" },
  grace: { value: "DURATION", default: "30s", meaning: "how long calls may go on after a signal to stop" },
  log: { value: "LEVEL", default: "errors", meaning: "off, errors or calls; JSON lines on stderr" },
} as const satisfies Record<string, Setting>;

export type SettingName = keyof typeof settingTable;

export const agentSettings: ProgramSettings<SettingName> = new ProgramSettings("CPM_AGENT", settingTable);
