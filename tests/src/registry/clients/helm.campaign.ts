import { describeClient } from "./clients.contract.ts";
import { helm } from "./helm.ts";

describeClient(helm);
