// What is shown of a model, a tensor's history, or a compiled plan.

import { graph } from "../graph/graph";
import { mounting } from "../lib/mount";

export const mount = mounting({ graph });
