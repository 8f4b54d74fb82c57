import { contentStoreContract } from "./content-store.contract.ts";
import { openMemoryStore } from "./memory-store.ts";

contentStoreContract("memory store", async () => openMemoryStore());
