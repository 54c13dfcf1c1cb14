import { directoryMode } from "../storage-mode.ts";
import { openTarget } from "./open-target.ts";
import { describeProtocol } from "./protocol.contract.ts";

describeProtocol(`cpm-registry on ${directoryMode.name}, with users`, () => openTarget(directoryMode));
