// What is shown of the numbers in a tensor.

import { mounting } from "../lib/mount";
import { tensor } from "../tensor/tensor";

export const mount = mounting({ tensor });
