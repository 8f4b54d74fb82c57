/** A Dockerfile of the suite: built by Gantry's classic API and by Docker's daemon, with the same context. */
export interface BuildCase {
  readonly name: string;
  readonly dockerfile: string;
  /** What Docker needs for it: its classic builder, or BuildKit. */
  readonly needs: "classic" | "buildkit";
  readonly flags?: readonly string[];
  /** Exit code of `docker build`; 0 unless told. */
  readonly code?: number;
  /** Why the two may differ, where they do. */
  readonly differs?: string;
}

const cases: BuildCase[] = [];

function add(needs: BuildCase["needs"]) {
  return (name: string, dockerfile: string, options: Partial<BuildCase> = {}): void => {
    cases.push({ name, dockerfile: `${dockerfile.replaceAll(/^\n|\n$/g, "")}\n`, needs, ...options });
  };
}

const classic = add("classic");
const buildkit = add("buildkit");

// ------------------------------------------------------------------ config
classic("from alone", "FROM base");
classic("env in both forms", `FROM base\nENV A=1 B="two words" C=a\\ b\nENV D the rest of it\nENV A=2`);
classic("env sees what was before", "FROM base\nENV a=hello\nENV a=bye b=$a\nENV c=$a");
classic("label", `FROM base\nLABEL a=b "c d"="e f" multi="line \\\n  two"\nLABEL old style`);
classic("cmd in both forms", 'FROM base\nCMD echo $HOME\nCMD ["a", "b"]');
classic("entrypoint drops the base's cmd", 'FROM base\nCMD ["x"]\nENTRYPOINT ["/bin/sh", "-c"]');
classic("entrypoint then cmd", 'FROM base\nENTRYPOINT echo\nCMD ["hi"]');
classic(
  "entrypoint of a stage resets an inherited cmd",
  'FROM base AS a\nCMD ["x"]\nFROM a\nENTRYPOINT ["/bin/echo"]',
);
classic("expose", "FROM base\nARG P=8080\nEXPOSE 80 443/tcp 53/udp $P\nEXPOSE 9000-9002");
classic("volume in both forms", 'FROM base\nVOLUME /a /b\nVOLUME ["/c d", "/e"]');
classic(
  "user",
  "FROM base\nRUN chmod 1777 /tmp\nUSER nobody:nogroup\nRUN id -u > /tmp/who; id -g >> /tmp/who",
);
classic("workdir", "FROM base\nWORKDIR /a\nWORKDIR b\nENV D=/x\nWORKDIR $D/y\nRUN pwd > here");
classic("stopsignal", "FROM base\nSTOPSIGNAL SIGKILL");
classic("stopsignal by number", "FROM base\nSTOPSIGNAL 9");
classic("stopsignal that is none", "FROM base\nSTOPSIGNAL nope", { code: 1 });
classic("shell", 'FROM base\nSHELL ["/bin/sh", "-xc"]\nRUN echo a > /a\nCMD b');
classic("maintainer", "FROM base\nMAINTAINER Somebody <a@b.c>");
classic(
  "healthcheck",
  "FROM base\nHEALTHCHECK --interval=5m --timeout=3s --retries=4 --start-period=1m30s CMD curl -f http://x/ || exit 1",
);
classic("healthcheck in exec form", 'FROM base\nHEALTHCHECK CMD ["true"]');
classic("healthcheck none", "FROM base\nHEALTHCHECK NONE");
classic("onbuild is kept", "FROM base\nONBUILD RUN echo x > /x\nONBUILD COPY a.txt /a");
classic(
  "onbuild is run",
  "FROM base AS parent\nONBUILD RUN echo x > /x\nONBUILD ENV Z=1\nFROM parent\nRUN cat /x",
);
classic("labels by flag", "FROM base\nLABEL a=1", {
  flags: ["--label", "b=2", "--label", "a=3", "--label", "q=it's"],
});
classic("lower case instructions", "from base\nrun echo a > /a\ncmd true");

// --------------------------------------------------------------- variables
classic("arg before from", "ARG V=latest\nFROM base:$V\nARG V\nRUN echo $V > /v");
classic("arg by flag", "FROM base\nARG A=1\nARG B\nRUN echo $A $B > /ab", {
  flags: ["--build-arg", "A=x", "--build-arg", "B=y"],
});
classic("env hides arg", "FROM base\nARG A=1\nENV A=2\nRUN echo $A > /a", { flags: ["--build-arg", "A=3"] });
classic("arg ends with its stage", "FROM base AS a\nARG X=1\nFROM base\nRUN echo [$X] > /x");
classic(
  "modifiers",
  "FROM base\nENV E=\nENV A=${N:-w} B=${A:+alt} C=${N:+no} D=${A:-x} F=${E:-empty} G=${N-unset}",
);
classic("escapes and quotes", 'FROM base\nENV A=\\$x B=\'$x\' C="a\\"b" D=a\\\\b E="$A$B"');
classic("escape directive", "# escape=`\nFROM base\nRUN echo a `\n  b > /ab\nENV P=C:\\x");
classic(
  "variables everywhere",
  "FROM base\nENV D=/data F=a.txt U=1000\nCOPY $F ${D}/\nUSER $U\nWORKDIR $D\nVOLUME $D\nLABEL f=$F\nSTOPSIGNAL ${S:-TERM}",
);
classic("proxy args need no arg", "FROM base\nRUN echo $HTTP_PROXY > /p", {
  flags: ["--build-arg", "HTTP_PROXY=http://p"],
});
buildkit(
  "more modifiers",
  "FROM base\nENV P=/a/b/c.tar.gz\nENV A=${P#*/} B=${P##*/} C=${P%.*} D=${P%%.*} E=${P/b/X} F=${P//a/Y}",
);
buildkit(
  "platform args",
  "FROM base\nARG TARGETPLATFORM\nARG TARGETARCH\nARG BUILDOS\nRUN echo $TARGETPLATFORM $TARGETARCH $BUILDOS > /p",
);

// -------------------------------------------------------------------- copy
classic("copy file to file", "FROM base\nCOPY a.txt /x/y/z.txt");
classic("copy file to folder", "FROM base\nCOPY a.txt /x/");
classic("copy file to a folder that is there", "FROM base\nCOPY a.txt /etc");
classic("copy to the working folder", "FROM base\nWORKDIR /w\nCOPY a.txt .\nCOPY a.txt ./sub/");
classic("copy folder content", "FROM base\nCOPY dir /d\nCOPY dir/ /e/");
const setId =
  "Docker's classic builder loses set-id bits when it sets the owner; its BuildKit keeps them too";
classic("copy everything", "FROM base\nCOPY . /all/", { differs: setId });
classic("copy several", "FROM base\nCOPY a.txt b.sh dir /m/");
classic("copy several to no folder", "FROM base\nCOPY a.txt b.sh /m", { code: 1 });
classic("copy several to the working folder", "FROM base\nCOPY a.txt b.sh .", { code: 1 });
classic("copy by wildcards", "FROM base\nCOPY *.txt d?r/f* /z/");
classic("copy by a wildcard that matches a folder", "FROM base\nCOPY di* /z/");
classic("copy by a wildcard that matches nothing", "FROM base\nCOPY nope* /z/", { code: 1 });
classic("copy what is not there", "FROM base\nCOPY nope /z/", { code: 1 });
classic("copy from outside", "FROM base\nCOPY ../nope /z/", { code: 1 });
classic("copy in exec form", 'FROM base\nCOPY ["with space.txt", "/a b/"]');
classic("copy modes", "FROM base\nCOPY b.sh suid /bin2/", { differs: setId });
classic("copy links", "FROM base\nCOPY link /l1\nCOPY links /l2");
classic(
  "copy through a link of the image",
  "FROM base\nRUN mkdir /real && ln -s /real /sym\nCOPY a.txt /sym/\nCOPY dir /sym/d",
);
classic("copy over a file", "FROM base\nCOPY a.txt /f\nCOPY b.sh /f");
classic(
  "copy folder over folder",
  "FROM base\nRUN mkdir -p /t/sub && echo old > /t/f && echo kept > /t/kept && chmod 700 /t\nCOPY dir /t",
);
classic("copy with numeric owner", "FROM base\nCOPY --chown=55:66 dir /a/b/c\nCOPY --chown=7 a.txt /n/");
classic("copy with named owner", "FROM base\nCOPY --chown=nobody:nogroup a.txt /n/");
classic("copy for nobody who is there", "FROM base\nCOPY --chown=ghost a.txt /n/", { code: 1 });
classic(
  "copy from stage",
  "FROM base AS one\nRUN mkdir -p /out/sub && echo 1 > /out/1 && ln -s 1 /out/l && chown 5:6 /out/1\nFROM base\nCOPY --from=one /out /got\nCOPY --from=0 /out/1 /one",
);
classic("copy from image", "FROM scratch\nCOPY --from=base /etc/passwd /p");
classic(
  "copy from stage by wildcard",
  "FROM base AS one\nRUN mkdir /o && touch /o/a1 /o/a2 /o/b1\nFROM base\nCOPY --from=one /o/a* /got/",
);
classic("copy from what is not there", "FROM base AS one\nFROM base\nCOPY --from=one /nope /x", { code: 1 });
classic("copy link flag", "FROM base\nCOPY --link a.txt /l/");
buildkit("copy chmod", "FROM base\nCOPY --chmod=640 a.txt b.sh /c/\nCOPY --chmod=0711 dir /d");
buildkit(
  "copy heredoc",
  "FROM base\nENV N=world\nCOPY <<EOF /h/greeting\nhello $N\nEOF\nCOPY <<'EOF' /h/raw\nhello $N\nEOF\nCOPY <<-EOF /h/tabs\n\tin\n\t\tdeeper\nEOF",
);
buildkit("copy two heredocs", "FROM base\nCOPY <<one <<two /h/\n1\none\n2\ntwo");
buildkit(
  "copy exclude",
  "# syntax=docker/dockerfile:1\nFROM base\nCOPY --exclude=*.txt --exclude=dir/sub . /x/",
  { differs: "needs a newer frontend than the daemon has built in" },
);
buildkit("copy parents", "# syntax=docker/dockerfile:1\nFROM base\nCOPY --parents dir/sub/g dir/./f /x/", {
  differs: "needs a newer frontend than the daemon has built in",
});

// --------------------------------------------------------------------- add
classic("add file", "FROM base\nADD a.txt /x/");
classic("add tar", "FROM base\nADD files.tar /t/");
classic(
  "add tar.gz over what is there",
  "FROM base\nRUN mkdir -p /t/in && echo old > /t/in/one\nADD files.tar.gz /t",
);
classic("add tar with owner", "FROM base\nADD --chown=9:9 files.tar /t/");
classic("add what only looks like an archive", "FROM base\nADD fake.tar.gz /t/");
classic("copy tar stays a file", "FROM base\nCOPY files.tar.gz /t/");

// --------------------------------------------------------------------- run
classic("run in both forms", 'FROM base\nRUN echo a > /a\nRUN ["/bin/sh", "-c", "echo b > /b"]');
classic("run changes nothing", "FROM base\nRUN true");
classic("run removes", "FROM base\nRUN mkdir -p /x/y && touch /x/y/z /x/k\nRUN rm -r /x/y && rm /etc/passwd");
classic(
  "run replaces a folder",
  "FROM base\nRUN mkdir /x && touch /x/old\nRUN rm -r /x && mkdir /x && touch /x/new",
);
classic("run file to folder", "FROM base\nRUN touch /x\nRUN rm /x && mkdir /x && touch /x/in");
classic(
  "run modes and owners",
  "FROM base\nRUN touch /a && chmod 4755 /a && chown 12:34 /a && mkdir -m 1777 /s && mkfifo /p && ln /a /b && ln -s a /l",
);
classic("run fails", "FROM base\nRUN echo out; exit 7", { code: 7 });
classic("run what is not there", 'FROM base\nRUN ["/nope"]', { code: 1 });
classic(
  "run with continuation",
  "FROM base\nRUN echo a \\\n  # a comment\n  && echo b > /b \\\n\n  && echo c > /c",
);
classic("run heredoc", "FROM base\nRUN cat <<EOF > /h\nhello\nEOF", {
  differs: "the classic builder takes heredocs out and does not give them to the shell",
});
buildkit("run heredoc as script", "FROM base\nRUN <<EOF\necho one > /one\necho two > /two\nEOF");
buildkit("run heredoc into a program", "FROM base\nRUN cat <<EOF > /h\nhello $HOME\nEOF");
buildkit(
  "run heredoc with an interpreter",
  "FROM base\nRUN <<EOF\n#!/bin/sh -e\necho $0 > /dev/null\necho x > /x\nEOF",
);
buildkit(
  "run cache mount",
  "FROM base\nRUN --mount=type=cache,target=/c echo x > /c/x\nRUN --mount=type=cache,target=/c cat /c/x > /seen",
);
buildkit("run tmpfs mount", "FROM base\nRUN --mount=type=tmpfs,target=/t echo x > /t/x && cp /t/x /seen");
buildkit(
  "run bind mount of the context",
  "FROM base\nRUN --mount=type=bind,target=/ctx cp /ctx/a.txt /seen\nRUN --mount=target=/one,source=a.txt cat /one > /again",
);
buildkit(
  "run bind mount of a stage",
  "FROM base AS one\nRUN mkdir -p /o/p && echo x > /o/p/x\nFROM base\nRUN --mount=type=bind,from=one,source=/o,target=/m cat /m/p/x > /seen && ! touch /m/y",
);
buildkit(
  "run bind mount that is written to",
  "FROM base\nRUN --mount=type=bind,target=/ctx,rw echo x > /ctx/new && cat /ctx/new > /seen\nRUN --mount=type=bind,target=/ctx test ! -e /ctx/new",
);
buildkit("run without network", "FROM base\nRUN --network=none ip link | grep -c : > /links");
buildkit(
  "secret that is not needed",
  "FROM base\nRUN --mount=type=secret,id=s test ! -e /run/secrets/s && echo none > /seen",
);

// ------------------------------------------------------------------ stages
classic("target", "FROM base AS a\nRUN echo a > /a\nFROM base AS b\nRUN exit 1", {
  flags: ["--target", "a"],
});
classic("target that is not there", "FROM base AS a", { flags: ["--target", "x"], code: 1 });
classic(
  "stage on a stage",
  "FROM base AS a\nENV A=1\nRUN echo a > /a\nFROM a AS b\nENV B=2\nFROM b\nRUN cat /a > /b",
);
classic("scratch", 'FROM scratch\nCOPY a.txt /\nCMD ["/a.txt"]');
classic("scratch with config", "FROM scratch\nENV A=1\nWORKDIR /w");
buildkit("what the target does not need", "FROM base AS unused\nRUN exit 1\nFROM base\nRUN echo ok > /ok");

// ------------------------------------------------------------------ errors
classic("unknown instruction", "FROM base\nFOO x", { code: 1 });
classic("no from", "RUN x", { code: 1 });
classic("nothing", "", { code: 1 });
classic("unknown flag", "FROM base\nCOPY --nope=1 a b", { code: 1 });
classic("env without value", "FROM base\nENV x", { code: 1 });
classic("unended quote", 'FROM base\nENV A="b', { code: 1 });
classic("user who is not there", "FROM base\nUSER ghost\nRUN id", { code: 1 });
classic("unused build args", "FROM base", { flags: ["--build-arg", "NOPE=1"] });

export const buildCases: readonly BuildCase[] = cases;
