/** Commands that a daemon from before API 1.44 answers otherwise than the newest, whose way is ours. */
export interface Older {
  /** Matches `SCENARIO: COMMAND`. */
  readonly command: RegExp;
  readonly why: string;
}

export const olderDaemons: readonly Older[] = [
  {
    command: /--log-(opt|driver)/,
    why: "log options are checked when the container is created, with new texts",
  },
  { command: /nosuchoption|NOSUCH|--network nosuch|network create --subnet bad/, why: "new texts" },
  {
    command: /--ip6? |connect --ip/,
    why: "addresses are checked when the container is created, with new texts",
  },
  {
    command: /exec -u unknown|exec xx ''/,
    why: "an exec that cannot be started has the API's error, and its code",
  },
  { command: /connect host aa|--link aa:alias/, why: "new texts" },
  {
    command: /^several networks: /,
    why: "the gateway is of the network that comes first by name, or of a higher priority",
  },
  { command: /--dns-search e\.com/, why: "resolv.conf has another order" },
  {
    command: /^network kinds: .* (ki|kx)\b/,
    why: "networks are checked as a whole; internal ones have no way out",
  },
  { command: /^build: .*docker build/, why: "new texts for containers in between and for what is refused" },
  { command: /^events: /, why: "volumes come before networks, and die after both have been let go" },
  { command: /--kernel-memory 1m /, why: "no limit since Docker 23: ignored" },
  { command: /exec (-w \/nosuch xx pwd|xx nosuch)/, why: "127 since Docker 23, 126 before" },
  { command: /--annotation|inspect annotated/, why: "annotations came later" },
  { command: /bind-recursive=|volume-subpath=|type=image/, why: "mounts that came later" },
];
