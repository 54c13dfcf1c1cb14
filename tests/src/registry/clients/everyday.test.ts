import { describeClient } from "./clients.contract.ts";
import { crane } from "./crane.ts";
import { oras } from "./oras.ts";
import { skopeo } from "./skopeo.ts";

// Those that are quickly had; helm and cosign take minutes to build (`campaign.ts`).
for (const tool of [oras, crane, skopeo]) describeClient(tool);
