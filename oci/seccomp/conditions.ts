import type { Circumstances, Condition, KernelVersion, Rule, Target } from "./rules.ts";

export function holds({ op, value, valueTwo = 0n }: Condition, argument: bigint): boolean {
  switch (op) {
    case "==":
      return argument === value;
    case "!=":
      return argument !== value;
    case "<":
      return argument < value;
    case "<=":
      return argument <= value;
    case ">":
      return argument > value;
    case ">=":
      return argument >= value;
    case "masked==":
      return (argument & value) === (valueTwo & value);
    default:
      return op satisfies never;
  }
}

/**
 * Whether a rule is in force. Of `excludes` any one match drops the rule, even any one capability of several; of `includes`
 * everything must match, all capabilities too.
 */
export function isInForce({ includes = {}, excludes = {} }: Rule, target: Target): boolean {
  return isIncluded(includes, target) && !isExcluded(excludes, target);
}

function isIncluded(includes: Circumstances, { capabilities, architecture, kernel }: Target): boolean {
  const { capabilities: needed = [], architectures = [], minKernel } = includes;
  if (architectures.length > 0 && !architectures.includes(architecture)) return false;
  if (!needed.every((name) => capabilities.includes(name))) return false;
  return minKernel === undefined || isAtLeast(kernel, minKernel);
}

function isExcluded(excludes: Circumstances, { capabilities, architecture, kernel }: Target): boolean {
  if (excludes.architectures?.includes(architecture)) return true;
  if (excludes.capabilities?.some((name) => capabilities.includes(name))) return true;
  return excludes.minKernel !== undefined && isAtLeast(kernel, excludes.minKernel);
}

function isAtLeast(kernel: KernelVersion, least: KernelVersion): boolean {
  return kernel.major > least.major || (kernel.major === least.major && kernel.minor >= least.minor);
}
