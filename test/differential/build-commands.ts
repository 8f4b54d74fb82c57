import type { Scenario } from "./commands.ts";

const steps = { line: /^ ---> (SHORT|Running in|Removed)/, why: "an ID each" };
const excerpt = { line: /^ *\d+ \| /, why: "Gantry shows the line" };
const legacy = {
  line: /legacy builder|BuildKit is currently|environment-variable|buildx component|docs\.docker\.com/,
  why: "the client's",
};
const expected = [steps, excerpt, legacy];

/** What people type to build. The suite of Dockerfiles is test/build. */
export const buildScenarios: readonly Scenario[] = [
  {
    name: "build",
    commands: [
      "mkdir $W/c && echo a > $W/c/a && printf 'FROM bb\\nENV A=1\\nCOPY a /a\\nRUN cat /a\\nCMD echo hi\\n' > $W/c/Dockerfile",
      { run: "DOCKER_BUILDKIT=0 docker build -t built $W/c", expected },
      { run: "DOCKER_BUILDKIT=0 docker build -t built:two -t built:three $W/c", expected },
      { run: "docker run --rm built", expected },
      {
        run: "docker inspect -f '{{json .Config.Env}} {{json .Config.Cmd}} {{len .RootFS.Layers}}' built",
        expected,
      },
      {
        run: "docker history --no-trunc --format '{{.CreatedBy}}' built | sed 's/file:[0-9a-f]*/file:HASH/'",
        expected,
      },
      { run: "DOCKER_BUILDKIT=0 docker build -q $W/c", compare: "status" },
      { run: "printf 'FROM bb\\nRUN exit 5\\n' | DOCKER_BUILDKIT=0 docker build -", expected },
      { run: "printf 'FROM bb\\nFOO\\n' | DOCKER_BUILDKIT=0 docker build -", expected },
      { run: "printf 'FROM bb\\nCOPY x /x\\n' | DOCKER_BUILDKIT=0 docker build -", expected },
      {
        run: "printf 'FROM bb\\nARG A\\nRUN echo $A\\n' | DOCKER_BUILDKIT=0 docker build --build-arg A=b --build-arg B=c -",
        expected,
      },
      {
        run: "printf 'FROM bb\\nRUN nslookup x; ip addr show eth0; true\\n' | DOCKER_BUILDKIT=0 docker build --network none - >/dev/null",
        compare: "status",
      },
      {
        run: "printf 'FROM bb\\nRUN cat /etc/hosts | grep added\\n' | DOCKER_BUILDKIT=0 docker build --add-host added:1.2.3.4 -",
        expected,
      },
      {
        run: "DOCKER_BUILDKIT=0 docker build --cache-from built $W/c 2>&1 | grep -c Using.cache; DOCKER_BUILDKIT=0 docker build --cache-from nosuch $W/c 2>&1 | grep -c Using.cache",
        expected,
      },
      { run: "printf 'FROM bb\\n' | DOCKER_BUILDKIT=0 docker build -t BAD -", compare: "status" },
      { run: "docker builder prune -af > /dev/null", compare: "status" },
      { run: "docker rmi -f built built:two built:three > /dev/null", compare: "status" },
    ],
  },
];
