"""The committed ray_cluster.yaml, filled in for hosts in miniature, and what users do with it from the laptop."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import yaml
from hosts import ROOT, SHARED, Host, Lab

MEMORY = 90_000_000
"""Bytes of the object store per host."""
SUDO = """#!/bin/bash
if [ "$1" = -u ]; then shift 2; exec setpriv --reuid postgres --regid postgres --clear-groups env -C /tmp "$@"; fi
exec "$@"
"""
ABSENT = 'raise ModuleNotFoundError("not installed on workers", name="aiohttp_cors")\n'
SCRIPTS = ("ray", "mlflow", "ganstudy")


def why_not() -> str | None:
    """Why there can be no such cluster here."""
    if not list(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        return "PostgreSQL is not installed"
    missing = [
        name
        for name in ("psycopg", "aiohttp_cors", "flask_wtf")
        if importlib.util.find_spec(name) is None
    ]
    return f"not installed: {', '.join(missing)} (pip install '.[cluster]')" if missing else None


def filled_in(
    lab: Lab, head: str, workers: tuple[str, ...], cpus: int = 1, head_cpus: int = 0
) -> Path:
    """The committed file with this lab's addresses, its folder, and no installation; on the laptop, under HOME."""
    text = (ROOT / "ray_cluster.yaml").read_text()
    text = text.replace("/shared", str(SHARED))
    config = yaml.safe_load(text)
    config["provider"] |= {
        "head_ip": lab[head].address,
        "worker_ips": [lab[name].address for name in workers],
    }
    config["auth"] = {"ssh_user": "root", "ssh_private_key": "~/.ssh/key"}
    config["max_workers"] = len(workers)
    config["file_mounts"] = {"~/ganstudy-source": str(ROOT)}
    # The installed Python is there already; what remains is what the file says.
    for part in ("setup_commands", "head_setup_commands"):
        config[part] = [
            command
            for command in config[part]
            if "venv" not in command.split(">")[0].split("printf")[0]
        ]
    for role, count in (("head", head_cpus), ("worker", cpus)):
        config[f"{role}_start_ray_commands"] = [
            command.replace(
                "ray start", f"ray start --num-cpus={count} --object-store-memory={MEMORY}"
            )
            for command in config[f"{role}_start_ray_commands"]
        ]
    # One after the other: they share this machine's cores, and Ray gives its own agents 15 seconds to start.
    for number, command in enumerate(config["worker_start_ray_commands"]):
        if "ray start" in command:
            after = f"own=$(hostname -I); sleep $(( ${{own##*.}} % {max(1, len(workers))} * 15 )); "
            config["worker_start_ray_commands"][number] = after + command
    path = lab["laptop"].folder / "home" / "ray_cluster.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return path


def install(host: Host, for_head: bool) -> None:
    """A Python of the host's own that sees the installed packages, and ganstudy where `ray up` brings it.

    for_head: with what ray_cluster.yaml installs on the head alone; Ray looks for one of those packages to tell.
    """
    home = host.folder / "home"
    (home / "bin").mkdir(exist_ok=True)
    (home / "bin" / "sudo").write_text(SUDO)
    (home / "bin" / "sudo").chmod(0o755)
    (home / ".bashrc").write_text('export PATH="$HOME/bin:$PATH"\n')
    host.run(f"{sys.executable} -m venv --without-pip ~/ganstudy-venv")
    (site,) = (home / "ganstudy-venv" / "lib").glob("python3*/site-packages")
    packages = [path for path in sys.path if path.endswith("site-packages")]
    # As an editable install does: the folders of the source under one name.
    (home / "ganstudy-packages" / "ganstudy").mkdir(parents=True)
    for name in ("src/ganstudy/__init__.py", "study", "trials", "analysis"):
        link = home / "ganstudy-packages" / "ganstudy" / Path(name).name
        link.symlink_to(f"/root/ganstudy-source/{name}")
    (site / "here.pth").write_text("\n".join(["/root/ganstudy-packages", *packages]) + "\n")
    if not for_head:
        (site / "aiohttp_cors.py").write_text(ABSENT)
    for name in SCRIPTS:
        script = home / "ganstudy-venv" / "bin" / name
        script.write_text("#!/root/ganstudy-venv/bin/python\n" + SCRIPT[name])
        script.chmod(0o755)


SCRIPT = {
    "ray": "import sys\nfrom ray.scripts.scripts import main\nsys.exit(main())\n",
    "mlflow": "import sys\nfrom mlflow.cli import cli\nsys.exit(cli())\n",
    "ganstudy": "import sys\nfrom ganstudy.study.cli.main import main\nsys.exit(main())\n",
}


def start_postgresql(host: Host) -> None:
    """A PostgreSQL that lives on the host alone."""
    run = "setpriv --reuid postgres --regid postgres --clear-groups"
    host.run(
        "mkdir -p /tmp/pg && chown postgres /tmp/pg /run/postgresql && cd /tmp && "
        f"PATH=$(ls -d /usr/lib/postgresql/*/bin | tail -1):$PATH && {run} initdb -D /tmp/pg/data -A peer -N "
        f"> /dev/null && {run} pg_ctl -D /tmp/pg/data -w -l /tmp/pg/log "
        "-o '-c listen_addresses=localhost -c fsync=off -c unix_socket_directories=/run/postgresql' start"
    )


def prepare(lab: Lab, head: str) -> None:
    """All hosts on, with Python, the laptop with its key, the head with PostgreSQL."""
    for host in lab.hosts.values():
        host.start()
        install(host, host.name in ("laptop", head))
    laptop = lab["laptop"]
    key = laptop.folder / "home" / ".ssh" / "key"
    key.write_bytes(lab.key.read_bytes())
    key.chmod(0o600)
    source = laptop.folder / "home" / "ganstudy-source"
    source.symlink_to(ROOT)
    start_postgresql(lab[head])
