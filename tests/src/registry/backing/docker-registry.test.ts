import { startDockerRegistry } from "./backing-registry.ts";
import { describeBacking } from "./backing.contract.ts";

describeBacking("docker-registry 2.8", { start: startDockerRegistry, untagRefused: "registry/refused" });
