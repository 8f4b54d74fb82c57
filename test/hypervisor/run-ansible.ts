// Runs integration tests of the public Ansible collection scale_computing.hypercore against a hypervisor of its own:
//   node test/hypervisor/run-ansible.ts COLLECTIONS [TARGET…]
// COLLECTIONS is a folder with ansible_collections/scale_computing/hypercore in it, from which nothing is copied. It needs
// ansible-playbook in PATH (package ansible-core), and genisoimage or xorriso. Without targets those that need no other host run.
import { spawn, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { HypervisorUnderTest } from "../support/hypervisor.ts";

const usual =
  "api cluster_info cluster_name dns_config email_alert iso node_info oidc_config registration remote_cluster_info smtp snapshot_schedule syslog_server time_server time_zone user user_info version_update_info version_update_status_info virtual_disk virtual_disk_attach virtual_disk_info vm__iso_eject vm__machine_type vm__min_params vm__rename vm_boot_devices vm_clone vm_disk vm_disk__iso_eject vm_disk__nvram_vtpm vm_nic vm_nic_info vm_node_affinity vm_replication_info vm_snapshot";
const [collections = "", ...asked] = process.argv.slice(2);
const targets = asked.length > 0 ? asked : usual.split(" ");
const collection = join(resolve(collections), "ansible_collections/scale_computing/hypercore");
const longestMs = 900_000;

await using hypervisor = await HypervisorUnderTest.start();
const host = `https://127.0.0.1:${hypervisor.port}`;
const settings = join(hypervisor.folder, "settings.json");

/** What the collection's tests are to find, as its own description of a cluster has it. */
function cluster(): unknown {
  const { password } = hypervisor;
  const nothing = { host: "", cluster_name: "", username: "", password: "" };
  return {
    ci_system_name: "gantry",
    sc_username: "admin",
    sc_password: password,
    ...Object.fromEntries(
      Object.entries(nothing).map(([name, value]) => [`sc_replication_dest_${name}`, value]),
    ),
    cluster: { name: "gantry" },
    time_server: { source: "pool.ntp.org" },
    time_zone: { zone: "US/Eastern" },
    dns_config: { dns_servers: ["192.0.2.1"], search_domains: [] },
    registration: { company_name: "C", contact: "P", email: "c@example.com", phone: "123" },
    smtp: {
      host: "mail.example.com",
      port: 25,
      use_ssl: false,
      use_auth: false,
      auth_user: "",
      auth_password: "",
      from_address: "a@example.com",
    },
    email_alert: ["a@example.com"],
    syslog_server: { host: "192.0.2.2" },
    oidc: oidc(),
    features: {
      version_update: {
        current_version: "9.4.17.215487",
        next_version: "",
        latest_version: "",
        can_be_applied: false,
        old_update_status_present: false,
      },
      virtual_disk: { is_supported: true, replication_factor: 1 },
      vtpm_disk: { is_supported: true },
      cluster_name: { is_writable: true },
    },
  };
}

function oidc(): unknown {
  const url = "https://login.example.com/.well-known/openid-configuration";
  const one = (name: string) => ({
    [`client_id_${name}`]: "c",
    [`shared_secret_${name}`]: "s",
    [`config_url_${name}`]: url,
  });
  return { ...one("default"), ...one("test"), scopes: "openid+profile", users: [] };
}

/** Media that some of the tests look for. */
async function uploadMedia(): Promise<void> {
  for (const name of ["integration-test.iso", "integration-test-disk.iso", "scale-guest-tools-1.iso"]) {
    const uuid = await hypervisor.done("POST", "/ISO", { name, size: 356_352, readyForInsert: true });
    await hypervisor.ok("PUT", `/ISO/${uuid}/data`, undefined, { bytes: Buffer.alloc(356_352) });
  }
}

async function run(target: string): Promise<boolean> {
  const playbook = join(hypervisor.folder, `${target}.json`);
  const task = { include_role: { name: target } };
  const vars = { sc_host: host, sc_timeout: 60, sc_config: { [host]: cluster() } };
  writeFileSync(settings, JSON.stringify(vars));
  const play = {
    hosts: "localhost",
    connection: "local",
    gather_facts: false,
    vars_files: [settings],
    tasks: [task],
  };
  writeFileSync(playbook, JSON.stringify([play]));
  const env = {
    ...process.env,
    ANSIBLE_COLLECTIONS_PATH: resolve(collections),
    ANSIBLE_ROLES_PATH: join(collection, "tests/integration/targets"),
    ANSIBLE_LOCALHOST_WARNING: "False",
    ANSIBLE_NOCOLOR: "1",
  };
  const child = spawn("ansible-playbook", [playbook], { cwd: hypervisor.folder, env, timeout: longestMs });
  let text = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (bytes: Buffer) => (text += bytes.toString()));
  const code = await new Promise<number | null>((done) => child.once("close", done));
  const fatal = text.split("\n").find((line) => line.startsWith("fatal:")) ?? "";
  process.stdout.write(`${code === 0 ? "passed" : "FAILED"} ${target} ${fatal.slice(0, 300)}\n`);
  return code === 0;
}

if (spawnSync("ansible-playbook", ["--version"]).status !== 0)
  throw new Error("ansible-playbook is not installed");
readFileSync(join(collection, "README.md"));
await uploadMedia();
let failed = 0;
for (const target of targets) if (!(await run(target))) failed++;
process.stdout.write(`${targets.length - failed} of ${targets.length} passed\n`);
process.exitCode = failed > 0 ? 1 : 0;
