import type { AgentService, GetInfoRequest } from "@cpm/agent-client/contract";
import type { AgentNode } from "../node/agent-node.ts";
import type { Ensured } from "../node/ensure-package.ts";
import type { Caller } from "./caller.ts";
import { answerEnsure } from "./ensure-handler.ts";
import type { Handlers } from "./implement.ts";
import { answerInfo } from "./info-handler.ts";
import type { AgentIdentity } from "./info-handler.ts";
import { answerAcquire, answerRelease, answerRenew } from "./lease-handlers.ts";
import { answerCollect, answerList, answerRemove, answerResolve } from "./package-handlers.ts";
import { answerVerify } from "./verify-handler.ts";
import { answerWatch } from "./watch-handler.ts";

/** Told of what metrics and the log say. */
export interface ServiceHooks {
  readonly onEnsured: (how: Ensured["how"]) => void;
  /** Somebody has said who they are. */
  readonly onClient: (client: GetInfoRequest, caller: Caller) => void;
}

/** The contract's calls, each in the file that its name says. */
export function createAgentHandlers(
  node: AgentNode,
  identity: AgentIdentity,
  { onEnsured, onClient }: ServiceHooks,
): Handlers<typeof AgentService> {
  const { limits, instanceId } = identity;
  return {
    async getInfo(request, { caller }) {
      onClient(request, caller);
      return answerInfo(request, identity);
    },
    resolve: async (request) => answerResolve(request, node),
    ensure: (request, call) => answerEnsure(request, call, node, limits, onEnsured),
    verify: (request, call) => answerVerify(request, call, node),
    list: async (request) => answerList(request, node, limits.maxPageSize),
    remove: (request) => answerRemove(request, node),
    acquire: async (request, { caller }) => answerAcquire(request, caller, node, limits),
    renew: async (request, { caller }) => answerRenew(request, caller, node, limits),
    release: async (request, { caller }) => answerRelease(request, caller, node),
    collect: (request) => answerCollect(request, node),
    watch: (request, call) => answerWatch(request, call, node, instanceId),
  };
}
