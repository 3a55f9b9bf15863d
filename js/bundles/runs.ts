// What is shown of a training.

import { dashboard } from "../dashboard/dashboard";
import { gradients } from "../gradients/gradients";
import { mounting } from "../lib/mount";

export const mount = mounting({ dashboard, gradients });
