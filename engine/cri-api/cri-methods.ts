import { imageService, runtimeService } from "#api/cri/services.ts";
import type { Methods } from "#rpc/methods.ts";
import { containerMethods } from "./container-methods.ts";
import type { CriDeps } from "./cri-deps.ts";
import { eventMethods } from "./event-methods.ts";
import { imageMethods } from "./image-methods.ts";
import { methodsOf } from "./methods.ts";
import { sandboxMethods } from "./sandbox-methods.ts";
import { statsMethods } from "./stats-methods.ts";
import { statusMethods } from "./status-methods.ts";
import { streamMethods } from "./stream-methods.ts";

/** All methods of the CRI. @see kubernetes/cri-api, runtime.v1 */
export function criMethods(deps: CriDeps): Methods {
  return new Map([
    ...methodsOf(runtimeService, {
      ...statusMethods(deps),
      ...sandboxMethods(deps),
      ...containerMethods(deps),
      ...streamMethods(deps),
      ...statsMethods(deps),
      ...eventMethods(deps),
    }),
    ...methodsOf(imageService, imageMethods(deps)),
  ]);
}
