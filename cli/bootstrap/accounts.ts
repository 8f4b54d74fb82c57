/** Lines of passwd and group of images without a package manager. `nonroot` is for services that need no rights at all. */
export interface Accounts {
  readonly passwd: string;
  readonly group: string;
}

const users: readonly (readonly [name: string, id: number, home: string])[] = [
  ["root", 0, "/root"],
  ["www-data", 33, "/var/www"],
  ["nonroot", 65532, "/home/nonroot"],
  ["nobody", 65534, "/nonexistent"],
];

const groups: readonly (readonly [name: string, id: number])[] = [
  ["root", 0],
  ["tty", 5],
  ["www-data", 33],
  ["staff", 50],
  ["nonroot", 65532],
  ["nogroup", 65534],
];

/** `shell` is root's; nobody else has one. */
export function accountsWith(shell: string): Accounts {
  const passwd = users.map(([name, id, home]) => {
    const login = name === "root" ? shell : "/usr/sbin/nologin";
    return `${name}:x:${id}:${id}:${name}:${home}:${login}\n`;
  });
  return { passwd: passwd.join(""), group: groups.map(([name, id]) => `${name}:x:${id}:\n`).join("") };
}
