// What is shown of a model on a given input: its graph, the walk through it, and its tensors.

import { walkThrough } from "../activations/activations";
import { graph } from "../graph/graph";
import { mounting } from "../lib/mount";
import { tensor } from "../tensor/tensor";

const activations = walkThrough(graph, tensor);

export const mount = mounting({ activations });
