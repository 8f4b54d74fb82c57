/** Starts while cloud-init still works, which everything else waits for. */
export const early = `DefaultDependencies=no
After=local-fs.target systemd-sysctl.service systemd-tmpfiles-setup.service
Conflicts=shutdown.target
Before=shutdown.target
`;

/** As cloud-init's own, but that one lets the network wait for Python. */
export const cloudInitLocal = `[Unit]
Description=Cloud-init: Local Stage
DefaultDependencies=no
Before=sysinit.target shutdown.target
Conflicts=shutdown.target
ConditionPathExists=!/etc/cloud/cloud-init.disabled
ConditionKernelCommandLine=!cloud-init=disabled

[Service]
Type=oneshot
ExecStart=sh -c 'echo "start" | nc -Uu -W1 /run/cloud-init/share/local.sock -s /run/cloud-init/share/local-return.sock | sh'
RemainAfterExit=yes
TimeoutSec=0

[Install]
WantedBy=cloud-init.target
`;

/** As cloud-init's own, but that one waits until everything else has started. */
export const cloudFinal = `[Unit]
Description=Cloud-init: Final Stage
After=network-online.target time-sync.target cloud-config.service
Wants=network-online.target cloud-config.service
ConditionPathExists=!/etc/cloud/cloud-init.disabled
ConditionKernelCommandLine=!cloud-init=disabled

[Service]
Type=oneshot
ExecStart=sh -c 'echo "start" | nc -Uu -W1 /run/cloud-init/share/final.sock -s /run/cloud-init/share/final-return.sock | sh'
RemainAfterExit=yes
TimeoutSec=0
TasksMax=infinity

[Install]
WantedBy=cloud-init.target
`;

/** As systemd's own, but that one lets the start wait until what was logged so far is on disk. */
export const journalFlush = `[Unit]
Description=Flush Journal to Persistent Storage
DefaultDependencies=no
After=systemd-journald.service cloud-final.service
Wants=systemd-journald.service
RequiresMountsFor=/var/log/journal

[Service]
ExecStart=journalctl --flush
ExecStop=journalctl --smart-relinquish-var
Type=oneshot
RemainAfterExit=yes
TimeoutSec=90s
`;

export const gantryService = `[Unit]
Description=Gantry container engine
${early}
[Service]
Type=exec
ExecStart=/usr/bin/gantry engine
ExecStartPost=/bin/sh -c 'until [ -S /run/gantry/docker.sock ]; do sleep 0.1; done; ln -sf gantry/docker.sock /run/docker.sock'
ExecReload=/bin/kill -HUP $MAINPID
KillMode=process
Delegate=yes
TimeoutStartSec=infinity
Restart=on-failure
LimitNOFILE=1048576
TasksMax=infinity
OOMScoreAdjust=-500

[Install]
WantedBy=multi-user.target
`;

export const network = `[Match]
Name=e*
Kind=!*

[Network]
DHCP=yes

[DHCPv4]
ClientIdentifier=mac
UseDomains=yes
`;
