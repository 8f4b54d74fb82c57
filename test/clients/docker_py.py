"""docker-py does a day's work: ends with 0 when everything is as its users expect."""

import io
import sys
import tarfile
import threading

import docker
from docker import errors, types

client = docker.DockerClient(base_url=sys.argv[1], version="auto")
api = client.api


def check_images():
    with open(sys.argv[2], "rb") as archive:
        images = client.images.load(archive.read())
    assert images[0].tags == ["bb:latest"], images
    assert client.images.get("bb").labels == {"of": "docker-py"}
    assert images[0].tag("other", "v1")
    client.images.remove("other:v1")
    saved = b"".join(client.images.get("bb").save(named=True))
    names = tarfile.open(fileobj=io.BytesIO(saved)).getnames()
    assert "manifest.json" in names, names


def check_run():
    assert client.containers.run("bb", ["echo", "out"], remove=True) == b"out\n"
    try:
        client.containers.run("bb", ["sh", "-c", "echo err >&2; exit 3"], remove=True)
        raise AssertionError("exit code 3 is an error")
    except errors.ContainerError as error:
        assert (error.exit_status, error.stderr) == (3, b"err\n"), error
    limits = {"mem_limit": "64m", "nano_cpus": 500_000_000, "pids_limit": 50, "cpu_shares": 512}
    container = client.containers.run(
        "bb", ["sleep", "60"], detach=True, name="worker", environment={"COLOUR": "blue"},
        tmpfs={"/scratch": "size=1m"}, ulimits=[types.Ulimit(name="nofile", soft=64, hard=64)],
        cap_drop=["ALL"], read_only=True, labels=["a", "b"], extra_hosts={"db": "10.1.2.3"}, **limits)
    assert container.exec_run("sh -c 'echo $COLOUR; ulimit -n'").output == b"blue\n64\n"
    code, (out, err) = container.exec_run(["sh", "-c", "echo o; echo e >&2; exit 5"], demux=True)
    assert (code, out, err) == (5, b"o\n", b"e\n")
    assert b"10.1.2.3" in container.exec_run("cat /etc/hosts").output
    container.update(mem_limit="128m", memswap_limit="128m")
    container.reload()
    assert container.attrs["HostConfig"]["Memory"] == 128 << 20
    assert container.top()["Processes"][0][-1] == "sleep 60"
    assert container.stats(stream=False)["memory_stats"]["limit"] == 128 << 20
    container.pause()
    container.reload()
    assert container.status == "paused"
    container.unpause()
    container.rename("renamed")
    container.restart(timeout=0)
    container.stop(timeout=0)
    assert container.wait()["StatusCode"] == 137
    container.remove()


def check_streams():
    container = client.containers.create("bb", ["cat"], stdin_open=True)
    socket = container.attach_socket(params={"stdin": 1, "stdout": 1, "stream": 1})
    container.start()
    socket._sock.sendall(b"typed\n")
    data = b""
    while len(data) < 14:
        data += socket._sock.recv(14 - len(data))
    assert data == b"\x01\0\0\0\0\0\0\x06typed\n", data
    socket.close()
    container.remove(force=True)
    chatty = client.containers.run("bb", ["sh", "-c", "for i in 1 2 3; do echo $i; done"], detach=True)
    assert list(chatty.logs(stream=True, follow=True)) and chatty.logs() == b"1\n2\n3\n"
    assert chatty.logs(tail=1) == b"3\n"
    chatty.remove()


def check_files():
    container = client.containers.create("bb", ["cat", "/tmp/in"])
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w") as archive:
        entry = tarfile.TarInfo("in")
        entry.size = 5
        archive.addfile(entry, io.BytesIO(b"hello"))
    assert container.put_archive("/tmp", body.getvalue())
    chunks, stat = container.get_archive("/tmp/in")
    assert stat["size"] == 5, stat
    assert tarfile.open(fileobj=io.BytesIO(b"".join(chunks))).extractfile("in").read() == b"hello"
    container.start()
    container.wait()
    assert container.logs() == b"hello"
    assert {"Path": "/tmp/in", "Kind": 1} in container.diff()
    image = container.commit("made", "v1", changes=["ENV X=1"])
    assert client.containers.run(image, ["sh", "-c", "cat /tmp/in; echo $X"], remove=True) == b"hello1\n"
    container.remove()
    client.images.remove("made:v1")


def check_networks_and_volumes():
    pool = types.IPAMPool(subnet="10.88.0.0/24", gateway="10.88.0.1")
    network = client.networks.create("net", ipam=types.IPAMConfig(pool_configs=[pool]), labels={"a": "b"})
    server = client.containers.run(
        "bb", ["sh", "-c", "echo page > /index.html; httpd -f -p 80"], detach=True, ports={"80/tcp": None})
    network.connect(server, aliases=["web"], ipv4_address="10.88.0.77")
    fetch = "until wget -qO- http://web 2>/dev/null; do usleep 20000; done"
    assert client.containers.run("bb", ["sh", "-c", fetch], network="net", remove=True) == b"page\n"
    network.reload()
    assert network.attrs["Containers"][server.id]["IPv4Address"] == "10.88.0.77/24"
    network.disconnect(server)
    server.remove(force=True)
    network.remove()
    volume = client.volumes.create("data", labels={"a": "b"})
    mount = types.Mount("/data", "data")
    client.containers.run("bb", ["sh", "-c", "echo kept > /data/file"], mounts=[mount], remove=True)
    kept = client.containers.run("bb", ["cat", "/data/file"], volumes={"data": {"bind": "/data", "mode": "ro"}}, remove=True)
    assert kept == b"kept\n"
    assert [v.name for v in client.volumes.list(filters={"label": "a=b"})] == ["data"]
    volume.remove()


def check_events_and_health():
    events = client.events(decode=True, filters={"type": "container", "event": ["health_status: healthy", "die"]})
    seen = []
    reader = threading.Thread(target=lambda: seen.extend(next(events)["Action"] for _ in range(2)))
    reader.start()
    check = types.Healthcheck(test=["CMD", "true"], interval=100_000_000)
    container = client.containers.run("bb", ["sleep", "60"], detach=True, healthcheck=check, restart_policy={"Name": "on-failure", "MaximumRetryCount": 1})
    while client.containers.get(container.id).attrs["State"]["Health"]["Status"] != "healthy":
        pass
    container.kill()
    reader.join(10)
    assert seen == ["health_status: healthy", "die"], seen
    container.remove(force=True)


def check_faults():
    for call, kind in [
        (lambda: client.containers.get("nobody"), errors.NotFound),
        (lambda: client.containers.create("absent"), errors.ImageNotFound),
        (lambda: client.networks.get("nobody"), errors.NotFound),
        (lambda: api.create_container("bb", host_config=api.create_host_config(mem_limit=1)), errors.APIError),
    ]:
        try:
            call()
            raise AssertionError(f"{kind} expected")
        except kind:
            pass
    assert client.ping()
    assert client.version()["ApiVersion"]
    assert client.info()["Swarm"]["LocalNodeState"] == "inactive"
    assert client.df()["Images"]


for check in [check_images, check_run, check_streams, check_files, check_networks_and_volumes,
              check_events_and_health, check_faults]:
    check()
    print(check.__name__, flush=True)
client.containers.prune()
