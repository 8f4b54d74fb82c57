/** A Dockerfile of the suite: built by Gantry's classic API and by Docker's daemon, with the same context. */
export interface BuildCase {
  readonly name: string;
  readonly dockerfile: string;
  /** What Docker needs for it: its classic builder, or BuildKit. */
  readonly needs: "classic" | "buildkit";
  readonly flags?: readonly string[];
  /** Exit code of `docker build`; 0 unless told. */
  readonly code?: number;
  /** The same for our classic API, where it follows Docker's. */
  readonly classicCode?: number;
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
classic("copy for nobody who is there", "FROM base\nCOPY --chown=ghost a.txt /n/", {
  code: 1,
  differs: "BuildKit gives it to root",
});
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
buildkit("copy exclude", "FROM base\nCOPY --exclude=*.txt --exclude=dir/sub . /x/", {
  differs: "needs a newer frontend than the daemon has built in",
});
buildkit("copy parents", "FROM base\nCOPY --parents dir/sub/g dir/./f /x/", {
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

// ------------------------------------------------------- newer instructions
buildkit("stage hands its arguments on", "FROM base AS a\nARG X=1 Y\nFROM a\nRUN echo [$X][$Y] > /x", {
  flags: ["--build-arg", "Y=given"],
});
buildkit(
  "two stages of one name",
  "FROM base AS a\nRUN echo 1 > /n\nFROM base AS a\nRUN echo 2 > /n\nFROM scratch\nCOPY --from=a /n /n",
  { classicCode: 1 },
);
buildkit(
  "names of stages in any case",
  "FROM base AS One\nRUN echo 1 > /n\nFROM one AS two\nFROM scratch\nCOPY --from=oNe /n /n",
);
buildkit(
  "working folder belongs to the user",
  "FROM base\nUSER 5:6\nWORKDIR /made/by/user\nUSER nobody\nWORKDIR sub",
);
buildkit(
  "copy heredoc with mode and owner",
  "FROM base\nCOPY --chmod=0700 --chown=3:4 <<a <<b /h/\n1\na\n2\nb",
);
buildkit("add heredoc", "FROM base\nADD <<EOF /x/y\ntext\nEOF");
buildkit("run two heredocs", "FROM base\nRUN <<one cat > /one && cat <<two > /two\n1\none\n2\ntwo", {
  code: 0,
});
buildkit("run heredoc with a shell of its own", "FROM base\nRUN <<EOF sh -x\necho a > /a\nEOF");
buildkit("run heredoc whose name is quoted", "FROM base\nENV A=1\nRUN <<'EOF'\necho $A \\$A > /a\nEOF");
buildkit("onbuild heredoc", "FROM base AS p\nONBUILD RUN <<EOF\necho x > /x\nEOF\nFROM p");
buildkit("copy chmod in letters", "FROM base\nCOPY --chmod=u=rwX,go=rX dir /d\nCOPY --chmod=a+x a.txt /a");
buildkit("copy chmod of links and folders", "FROM base\nCOPY --chmod=755 links dir /d/");
buildkit(
  "copy link into a folder behind a link",
  "FROM base\nRUN mkdir /real && ln -s /real /sym\nCOPY --link a.txt /sym/",
  {
    differs:
      "COPY --link puts its layer on top without looking at what is below; here links are followed, as without --link",
  },
);
buildkit(
  "copy link of folders",
  "FROM base\nRUN mkdir -p /d && echo old > /d/f && chmod 700 /d\nCOPY --link dir /d/\nCOPY --link --chown=7:8 --chmod=600 a.txt /d/new/",
);
buildkit(
  "copy from a stage keeps hard links",
  "FROM base AS one\nRUN mkdir /o && echo x > /o/a && ln /o/a /o/b && ln -s a /o/c\nFROM scratch\nCOPY --from=one /o /o",
);
buildkit(
  "copy from a stage keeps set-id bits and sticky ones",
  "FROM base AS one\nRUN mkdir -m 1777 /o && touch /o/s && chmod 6755 /o/s\nFROM scratch\nCOPY --from=one /o /o",
);
buildkit(
  "copy from a stage with owner and mode",
  "FROM base AS one\nRUN mkdir /o && touch /o/s && chown 9:9 /o/s\nFROM base\nCOPY --from=one --chown=1:2 --chmod=444 /o /o",
);
buildkit("copy by a class of letters", "FROM base\nCOPY [ab].* d?r/[^x] /z/");
buildkit(
  "copy with an exception to what is left out",
  "FROM base\nCOPY --exclude=dir/* --exclude=!dir/f . /x/",
);
buildkit(
  "copy exclude of a folder's content",
  "FROM base\nCOPY --exclude=sub dir /x/\nCOPY --exclude=**/g dir /y/",
);
buildkit("add exclude", "FROM base\nADD --exclude=f dir /x/");
buildkit("copy parents by wildcards", "FROM base\nCOPY --parents d*/f dir/sub/* /x/", {
  differs: "needs a newer frontend than the daemon has built in",
});
buildkit(
  "copy parents of a stage, from a place on",
  "FROM base AS one\nRUN mkdir -p /a/b/c && touch /a/b/c/d\nFROM scratch\nCOPY --parents --from=one /a/./b/c/d /x/",
  {
    differs: "needs a newer frontend than the daemon has built in",
  },
);
buildkit("copy to the root", "FROM base\nCOPY dir /\nCOPY a.txt /");
buildkit(
  "copy over what was removed",
  "FROM base\nRUN mkdir -p /gone/x && touch /gone/x/y\nRUN rm -r /gone\nCOPY a.txt /gone",
);
buildkit("add archive that is kept whole", "FROM base\nADD --unpack=false files.tar.gz /t/");
buildkit("add archive and file together", "FROM base\nADD files.tar a.txt /t/");
buildkit("add chmod of an archive", "FROM base\nADD --chmod=700 files.tar /t/\nADD --chmod=700 a.txt /t/");
buildkit(
  "cache mount with owner and mode",
  "FROM base\nRUN --mount=type=cache,target=/c,id=own,uid=5,gid=6,mode=0711 stat -c '%u %g %a' /c > /seen",
);
buildkit(
  "cache mount that begins with a stage's folder",
  "FROM base AS one\nRUN mkdir -p /o/p && echo x > /o/p/x\nFROM base\nRUN --mount=type=cache,target=/c,id=begun,from=one,source=/o/p cat /c/x > /seen && echo y > /c/y\nRUN --mount=type=cache,target=/c,id=begun,from=one,source=/o/p cat /c/y >> /seen",
);
buildkit(
  "cache mounts shared, private and locked",
  "FROM base\nRUN --mount=type=cache,target=/a,sharing=locked --mount=type=cache,target=/b,sharing=private --mount=type=cache,target=/c,sharing=shared,ro touch /a/x /b/x && ! touch /c/x",
);
buildkit(
  "tmpfs mount of a size",
  "FROM base\nRUN --mount=type=tmpfs,target=/t,size=1m ! dd if=/dev/zero of=/t/x bs=1k count=2000 && df -k /t | awk 'NR==2 {print $2}' > /seen",
);
buildkit(
  "bind mount of one file of a stage",
  "FROM base AS one\nRUN echo x > /file\nFROM base\nRUN --mount=from=one,source=/file,target=/m/f cat /m/f > /seen",
);
buildkit(
  "bind mount of an image",
  "FROM scratch AS none\nFROM base\nRUN --mount=from=base,source=/etc,target=/m test -e /m/passwd && echo yes > /seen",
);
buildkit(
  "bind mount relative to the working folder",
  "FROM base\nWORKDIR /w\nRUN --mount=target=sub,source=dir cat sub/f > seen",
);
buildkit("secret from the context of nobody", "FROM base\nRUN --mount=type=secret,id=s,required=true true", {
  code: 1,
});
buildkit("mount of no known kind", "FROM base\nRUN --mount=type=nope,target=/x true", { code: 1 });
buildkit(
  "mount with a key that it does not have",
  "FROM base\nRUN --mount=type=tmpfs,source=/a,target=/x true",
  { code: 1 },
);
buildkit(
  "variables in mounts",
  "FROM base\nARG T=/seen\nENV S=a.txt\nRUN --mount=target=/m$T,source=$S cat /m/seen > $T",
);
buildkit("run that must not be insecure", "FROM base\nRUN --security=insecure true", { code: 1 });
buildkit("run on a network that is none", "FROM base\nRUN --network=nope true", { code: 1 });
buildkit("modifiers in modifiers", 'FROM base\nARG A\nENV B=${A:-${C:-d}} E=${B:+<${B}>} F="${G:-a b}"');
buildkit("variable that must be there", "FROM base\nENV A=${B:?no B}", { code: 1 });
buildkit("several arguments in one line", "FROM base\nARG A=1 B=$A C\nRUN echo $A $B $C > /x", {
  flags: ["--build-arg", "C=3"],
});
buildkit(
  "argument of another's default, before from",
  "ARG N=base\nARG I=$N\nFROM ${I}\nARG I\nRUN echo $I > /x",
);
buildkit(
  "platform of the build in from",
  "FROM --platform=$BUILDPLATFORM base AS b\nARG TARGETOS\nRUN echo $TARGETOS > /x",
);
buildkit("expose with letters and addresses", "FROM base\nEXPOSE 80/TCP 127.0.0.1:81:82 83/sctp");
buildkit("expose a protocol that is none", "FROM base\nEXPOSE 80/x", { code: 1 });
buildkit(
  "healthcheck with all its times",
  "FROM base\nHEALTHCHECK --interval=1h --timeout=500ms --start-period=2s --start-interval=250ms --retries=1 CMD true",
);
buildkit(
  "healthcheck of what was there is dropped",
  "FROM base AS a\nHEALTHCHECK CMD true\nFROM a\nHEALTHCHECK NONE",
);
buildkit(
  "commands of other shells",
  'FROM base\nSHELL ["/bin/sh", "-e", "-c"]\nENTRYPOINT exec true\nCMD echo $A\nHEALTHCHECK CMD x',
);
buildkit("empty cmd", "FROM base\nCMD []\nENTRYPOINT []");
buildkit("volume that a later step fills", "FROM base\nVOLUME /v\nRUN mkdir -p /v && echo x > /v/x");
buildkit(
  "labels with quotes and variables",
  'FROM base\nENV A=1\nLABEL a="$A" b=\'$A\' "c d"=$A e="x\\\n y"',
);
buildkit("target by number", "FROM base\nRUN echo 0 > /n\nFROM base\nRUN exit 1", {
  flags: ["--target", "0"],
  code: 1,
});
buildkit(
  "comments and empty lines everywhere",
  "\n# a\n\nFROM base\n   # b\nRUN echo a \\\n\n# c\n   && echo b > /b\n",
);
buildkit("windows line ends", "FROM base\r\nRUN echo a \\\r\n  > /a\r\nCOPY <<EOF /b\r\nb\r\nEOF\r\n");
buildkit("hash in a line", "FROM base\nRUN echo '#' > /a # not a comment\nENV A=b#c");
buildkit(
  "escapes in a shell's text",
  'FROM base\nRUN echo "\\$HOME \\\\ \\"q\\"" > /a\nENV A=\\"x\\" B=\'\\\'',
);
buildkit(
  "a step without a result in a stage for files only",
  "FROM base AS a\nRUN true\nFROM scratch\nCOPY --from=a /etc/group /g\nENV A=1",
);

export const buildCases: readonly BuildCase[] = cases;
