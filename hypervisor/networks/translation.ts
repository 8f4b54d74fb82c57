import type { NftShell } from "#host/nft/nft-shell.ts";

/** Lets machines of the network of VLAN 0 reach the world with the host's address, by a table of our own. */
export async function ensureTranslation(
  nft: NftShell,
  table: string,
  bridge: string,
  subnet: string,
): Promise<void> {
  await nft.run(
    [
      `add table ip ${table}`,
      `delete table ip ${table}`,
      `add table ip ${table}`,
      `add chain ip ${table} postrouting { type nat hook postrouting priority srcnat; policy accept; }`,
      `add rule ip ${table} postrouting ip saddr ${subnet} oifname != "${bridge}" masquerade`,
      `add chain ip ${table} forward { type filter hook forward priority filter; policy accept; }`,
      `add rule ip ${table} forward oifname "${bridge}" ip daddr ${subnet} ct state established,related accept`,
      `add rule ip ${table} forward iifname != "${bridge}" oifname "${bridge}" drop`,
    ].join("; "),
  );
}

export async function removeTranslation(nft: NftShell, table: string): Promise<void> {
  await nft.run(`add table ip ${table}; delete table ip ${table}`);
}
