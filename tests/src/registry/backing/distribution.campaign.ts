import { startDistribution } from "./backing-registry.ts";
import { describeBacking } from "./backing.contract.ts";

describeBacking("distribution 3", { start: startDistribution });
