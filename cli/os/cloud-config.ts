/**
 * cloud-init's own configuration. Its only source is a NoCloud medium; of its modules those are left that a user's data may ask for
 * here. The disk is grown by the initial RAM disk and by systemd, addresses come by DHCP before Python has started.
 */
export const cloudConfig = `# Written by gantry os build.
datasource_list: [NoCloud, None]
datasource:
  NoCloud:
    # the initial RAM disk has copied the medium to where it is looked for first
    fs_label: null
output:
  all: ">> /var/log/cloud-init-output.log"
log_cfgs:
  - |
    [loggers]
    keys=root
    [handlers]
    keys=file
    [formatters]
    keys=plain
    [logger_root]
    level=INFO
    handlers=file
    [handler_file]
    class=FileHandler
    level=INFO
    formatter=plain
    args=('/var/log/cloud-init.log', 'a', 'UTF-8')
    [formatter_plain]
    format=%(asctime)s - %(filename)s[%(levelname)s]: %(message)s
users:
  - default
disable_root: true
preserve_hostname: false
ssh_genkeytypes: [ed25519]
manage_etc_hosts: false
network:
  config: disabled
apt:
  preserve_sources_list: true
cloud_init_modules:
  - bootcmd
  - write_files
  - disk_setup
  - mounts
  - set_hostname
  - update_hostname
  - update_etc_hosts
  - ca_certs
  - users_groups
  - ssh
  - set_passwords
cloud_config_modules:
  - ssh_import_id
  - apt_configure
  - timezone
  - runcmd
cloud_final_modules:
  - package_update_upgrade_install
  - write_files_deferred
  - scripts_vendor
  - scripts_per_once
  - scripts_per_boot
  - scripts_per_instance
  - scripts_user
  - phone_home
  - final_message
  - power_state_change
system_info:
  distro: debian
  default_user:
    name: debian
    lock_passwd: true
    gecos: Debian
    groups: [adm, sudo]
    sudo: ["ALL=(ALL) NOPASSWD:ALL"]
    shell: /bin/bash
  network:
    renderers: [networkd]
  paths:
    cloud_dir: /var/lib/cloud/
    templates_dir: /etc/cloud/templates/
  ssh_svcname: ssh
`;
