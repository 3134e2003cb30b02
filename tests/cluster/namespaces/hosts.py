"""Hosts in miniature on one machine: Linux namespaces, each with its own network, processes, home, /tmp and sshd.

What the hosts share is one folder (as NFS would give it) and the installed Python. Nothing of it can be seen or reached
from outside: addresses exist in the namespaces alone, and a host goes with its first process, which goes with this one.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
TOOLS = ("ip", "unshare", "nsenter", "setpriv", "mount", "sshd", "ssh", "ssh-keygen", "rsync")
SHARED = Path("/mnt/shared")
"""Where every host sees the shared folder."""
OVERLAID = (Path("/tmp"), Path("/root"), Path("/mnt"), Path("/run"))
"""What each host has for itself."""
SEEN = (ROOT, Path(sys.prefix), Path(sys.base_prefix))
"""What it has in common with this machine all the same."""
NETWORK = "10.213.77"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

INIT = """
set -e
mount --make-rprivate /
hostname {name}
{mounts}
mount -t tmpfs -o size=600m tmpfs /dev/shm
mkdir -p /run/sshd /run/postgresql /run/lock {shared}
chmod 1777 /run/postgresql
mount --bind {folder} {shared}
cd /
exec /usr/sbin/sshd -D -e -f {config}
"""
SSHD = """
Port 22
HostKey {key}
AuthorizedKeysFile /root/.ssh/authorized_keys
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
PidFile none
MaxStartups 100
MaxSessions 100
Subsystem sftp internal-sftp
"""


def why_not() -> str | None:
    """Why there can be no such hosts here; None where there can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "namespaces need Linux and root"
    missing = [tool for tool in TOOLS if shutil.which(tool, path=PATH) is None]
    if missing:
        return f"not installed: {', '.join(missing)}"
    tried = subprocess.run(
        [
            "unshare",
            "--net",
            "--mount",
            "--pid",
            "--fork",
            "--uts",
            "--ipc",
            "--mount-proc",
            "true",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    return f"no namespaces here: {tried.stderr.strip()}" if tried.returncode else None


class Host:
    """One of the hosts; its first process is sshd, and all others go with it."""

    def __init__(self, lab: Lab, name: str, number: int) -> None:
        self.name, self.address, self._lab, self._number = name, f"{NETWORK}.{number}", lab, number
        self.folder = lab.folder / name
        self._process: subprocess.Popen[bytes] | None = None
        self._init = 0

    def start(self) -> None:
        """Boots it: on the network, with sshd, its home as it was."""
        for part in ("home", "tmp", "mnt", "run"):
            (self.folder / part).mkdir(parents=True, exist_ok=True)
        shutil.rmtree(self.folder / "run")
        shutil.rmtree(self.folder / "tmp")
        ssh = self.folder / "home" / ".ssh"
        ssh.mkdir(exist_ok=True)
        shutil.copyfile(self._lab.key.with_suffix(".pub"), ssh / "authorized_keys")
        script = INIT.format(
            name=self.name,
            mounts="\n".join(self._mounts()),
            folder=self._lab.shared,
            shared=SHARED,
            config=self._lab.sshd_config,
        )
        command = [
            "setpriv",
            "--pdeathsig",
            "KILL",
            "unshare",
            "--net",
            "--mount",
            "--pid",
            "--fork",
            "--uts",
            "--ipc",
        ]
        command += ["--kill-child", "--mount-proc", "bash", "-c", script]
        log = (self.folder / "sshd.log").open("ab")
        self._process = subprocess.Popen(
            command,
            env={"PATH": PATH},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        self._init = first_child(self._process)
        self._lab.plug(self._init, self._number)
        inside = (
            f"ip link set lo up && ip addr add {self.address}/24 dev eth0 && ip link set eth0 up"
        )
        inside += f" && ip route add default via {NETWORK}.1"  # by the way out, Ray finds a host's own address
        subprocess.run(["nsenter", "-t", str(self._init), "-n", "sh", "-c", inside], check=True)
        self.wait_for_ssh()

    def _mounts(self) -> list[str]:
        parts = {"/tmp": "tmp", "/root": "home", "/mnt": "mnt", "/run": "run"}
        lines = []
        for place in OVERLAID:
            own = self.folder / parts[str(place)]
            own.mkdir(parents=True, exist_ok=True)
            if place == Path("/tmp"):
                own.chmod(0o1777)
            # The lab's own files are named by paths that are about to be hidden.
            through = [path for path in (*SEEN, self._lab.folder) if path.is_relative_to(place)]
            for path in (
                path
                for path in through
                if not any(path != o and path.is_relative_to(o) for o in through)
            ):
                inner = own / path.relative_to(place)
                lines += [
                    f"mkdir -p {shlex.quote(str(inner))}",
                    f"mount --rbind {shlex.quote(str(path))} {inner}",
                ]
            lines.append(f"mount --rbind {own} {place}")
        return lines

    def wait_for_ssh(self, seconds: float = 20) -> None:
        until = time.monotonic() + seconds
        while self.run("exec 3<>/dev/tcp/127.0.0.1/22", check=False).returncode:
            assert time.monotonic() < until, (self.folder / "sshd.log").read_text()
            time.sleep(0.1)

    @property
    def up(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def enter(self, command: str) -> list[str]:
        """The command line that runs `command` there in a shell."""
        start = [
            "env",
            "-i",
            f"PATH={PATH}",
            "HOME=/root",
            "USER=root",
            "LOGNAME=root",
            "LANG=C.UTF-8",
            "TERM=dumb",
        ]
        into = ["nsenter", "-t", str(self._init), "-m", "-n", "-p", "-u", "-i", *start]
        return ["setpriv", "--pdeathsig", "KILL", *into, "bash", "-c", f"cd ~ && {command}"]

    def run(
        self, command: str, check: bool = True, seconds: float = 300
    ) -> subprocess.CompletedProcess[str]:
        """Runs `command` there in a shell; its standard error comes with its output."""
        done = subprocess.run(
            self.enter(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
            check=False,
        )
        assert not check or done.returncode == 0, f"{self.name}: {command}\n{done.stdout}"
        return done

    def popen(self, command: str, log: Path) -> subprocess.Popen[bytes]:
        """Starts `command` there, its output into `log`."""
        with log.open("ab") as out:
            return subprocess.Popen(
                self.enter(command),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def cut_off(self) -> None:
        """Takes it off the network; everything on it runs on."""
        self._lab.switch(self._number, "down")

    def reconnect(self) -> None:
        self._lab.switch(self._number, "up")

    def kill(self) -> None:
        """Power off: every process of it at once."""
        if self._process is not None and self._process.poll() is None:
            os.kill(self._init, 9)
            self._process.wait(30)
        self._process = None


class Lab:
    """A switch, the hosts that hang on it, the key that opens them, and the folder that they share."""

    def __init__(self, folder: Path, names: tuple[str, ...]) -> None:
        self.folder, self.shared = folder, folder / "shared"
        self.shared.mkdir(parents=True)
        self.key = folder / "key"
        for key in (self.key, folder / "host_key"):
            subprocess.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True
            )
        self.sshd_config = folder / "sshd_config"
        self.sshd_config.write_text(SSHD.format(key=folder / "host_key"))
        command = [
            "setpriv",
            "--pdeathsig",
            "KILL",
            "unshare",
            "--net",
            "--fork",
            "--kill-child",
            "sleep",
            "infinity",
        ]
        self._bridge = subprocess.Popen(command, env={"PATH": PATH}, start_new_session=True)
        self._bridge_init = first_child(self._bridge)
        self._in_switch("ip link add bridge type bridge && ip link set bridge up")
        self.hosts = {name: Host(self, name, 10 + number) for number, name in enumerate(names)}

    def __getitem__(self, name: str) -> Host:
        return self.hosts[name]

    def plug(self, init: int, number: int) -> None:
        """A cable from the host whose first process is `init` to the switch."""
        self._in_switch(
            f"ip link del port{number} 2>/dev/null; ip link add port{number} type veth peer name eth0 netns {init} && "
            f"ip link set port{number} master bridge && ip link set port{number} up"
        )

    def switch(self, number: int, state: str) -> None:
        self._in_switch(f"ip link set port{number} {state}")

    def _in_switch(self, command: str) -> None:
        done = subprocess.run(
            ["nsenter", "-t", str(self._bridge_init), "-n", "sh", "-c", command],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stderr}"

    def end(self) -> None:
        """All hosts off, and the switch."""
        for host in self.hosts.values():
            host.kill()
        self._bridge.kill()
        self._bridge.wait(30)


def first_child(process: subprocess.Popen[bytes], seconds: float = 10) -> int:
    """The process that `unshare --fork` started in the new namespaces."""
    until = time.monotonic() + seconds
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while time.monotonic() < until and process.poll() is None:
        found = children.read_text().split()
        if found:
            return int(found[0])
        time.sleep(0.02)
    raise AssertionError("unshare started nothing")
