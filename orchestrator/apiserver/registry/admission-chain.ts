import type { Admission, AdmissionPlugin } from "#orchestrator/admission/plugin.ts";

/** All plugins, in their order. */
export class AdmissionChain {
  readonly #plugins: readonly AdmissionPlugin[];

  constructor(plugins: readonly AdmissionPlugin[]) {
    this.#plugins = plugins;
  }

  async admit(request: Admission, signal: AbortSignal): Promise<void> {
    for (const plugin of this.#plugins) if (plugin.admit !== undefined) await plugin.admit(request, signal);
  }

  /** Resolves to what is to be told whether it was stored. */
  async validate(request: Admission, signal: AbortSignal): Promise<(isStored: boolean) => void> {
    const passed: AdmissionPlugin[] = [];
    const settle = (isStored: boolean) => {
      for (const plugin of passed) plugin.settled?.(request, isStored);
    };
    try {
      for (const plugin of this.#plugins) {
        if (plugin.validate !== undefined) await plugin.validate(request, signal);
        if (plugin.settled !== undefined) passed.push(plugin);
      }
    } catch (error) {
      settle(false);
      throw error;
    }
    return settle;
  }
}
