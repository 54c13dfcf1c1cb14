import type { ResourceKind } from "@cpm/template";
import { blueprintDefinitionHandler } from "./blueprint-definitions.ts";
import { blueprintHandler } from "./blueprints.ts";
import { functionHandler } from "./functions.ts";
import type { ResourceHandler } from "./resource-handler.ts";
import { cronHandler, generatorHandler } from "./schedules.ts";
import { workflowHandler } from "./workflows.ts";

/** What is done with each kind. */
export const resourceHandlers: Readonly<Record<ResourceKind, ResourceHandler>> = {
  Function: functionHandler,
  Workflow: workflowHandler,
  Cron: cronHandler,
  Generator: generatorHandler,
  BlueprintDefinition: blueprintDefinitionHandler,
  Blueprint: blueprintHandler,
};

/** The order of creation: what others build upon first, what starts more work last. Removal goes the other way. */
export const creationOrder: readonly ResourceKind[] = [
  "BlueprintDefinition",
  "Blueprint",
  "Function",
  "Workflow",
  "Generator",
  "Cron",
];
