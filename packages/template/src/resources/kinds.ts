import { blueprint, blueprintDefinition, cron, functionSpec, generator, workflowSpec } from "./colony-objects.ts";
import type { ObjectType } from "./field-type.ts";

/** What a package can put into a colony. */
export const resourceKinds = ["Function", "Workflow", "Cron", "Generator", "BlueprintDefinition", "Blueprint"] as const;

export type ResourceKind = (typeof resourceKinds)[number];

/** The ColonyOS object that stands under `spec` of each kind. */
export const resourceSpecs: Readonly<Record<ResourceKind, ObjectType>> = {
  Function: functionSpec,
  Workflow: workflowSpec,
  Cron: cron,
  Generator: generator,
  BlueprintDefinition: blueprintDefinition,
  Blueprint: blueprint,
};

export function isResourceKind(text: string): text is ResourceKind {
  return (resourceKinds as readonly string[]).includes(text);
}
