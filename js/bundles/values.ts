// What is shown of numbers: those in a tensor, and those of data sets.

import { data } from "../data/data";
import { mounting } from "../lib/mount";
import { tensor } from "../tensor/tensor";

export const mount = mounting({ data, tensor });
