"""A training script of the standard library alone: it starts in no time, and trains nothing.

Samples at an amount of images are points about the ring's modes that depend on the seed, the amount
and --spread alone.
"""

import argparse
import json
import math
import os
import random
import re
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path


def points(seed, amount, spread, count):
    draw = random.Random(f"{seed} {amount} {spread}")
    for _ in range(count):
        angle = 2 * math.pi * draw.randrange(8) / 8
        yield (
            2 * math.cos(angle) + draw.gauss(0, spread),
            2 * math.sin(angle) + draw.gauss(0, spread),
        )


def write_npy(path, rows):
    rows = list(rows)
    head = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({len(rows)}, 2), }}"
    head = head.ljust(128 - 11) + "\n"
    data = b"".join(struct.pack("<2f", *row) for row in rows)
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + data)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--outdir", type=Path, default=Path())
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--images", type=int, default=40)
    options.add_argument("--every", type=int, default=10)
    options.add_argument("--fakes", type=int, default=200)
    options.add_argument("--spread", type=float, default=0.05)
    options.add_argument("--resume", type=Path)
    options.add_argument("--anew", action="store_true", help="count from zero after a resume")
    options.add_argument("--sleep", type=float, default=0.0, help="per snapshot")
    options.add_argument("--die-at", type=int)
    options.add_argument("--hang-at", type=int, default=os.environ.get("STUB_HANG_AT"))
    options.add_argument("--deaf", action="store_true", help="ignore SIGTERM")
    options.add_argument("--children", action="store_true")
    options.add_argument("--own", default="theirs", help="name of a metric in such lines")
    options.add_argument("--say", action="store_true", help="lines [ganstudy]")
    args = options.parse_args()
    args.outdir.mkdir(parents=True, exist_ok=True)
    pids = [os.getpid()]
    if args.deaf:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if args.children:
        pids.append(subprocess.Popen(["sleep", "600"]).pid)
    (args.outdir / "pids").write_text(" ".join(map(str, pids)))
    print("resume", args.resume)
    begun = int(re.findall(r"\d+", args.resume.name)[-1]) if args.resume else 0
    done = 0 if args.anew else begun
    while done < args.images:
        time.sleep(args.sleep)
        done += args.every
        if args.die_at is not None and done >= args.die_at:
            print("about to fail", flush=True)
            sys.exit("no more memory for this")
        if args.hang_at is not None and done >= args.hang_at:
            time.sleep(600)
        total = done + (begun if args.anew else 0)
        path = args.outdir / f"fakes{done:06d}.npy"
        write_npy(path, points(args.seed, total, args.spread, args.fakes))
        (args.outdir / f"snapshot-{done:06d}.pkl").write_text("weights")
        with (args.outdir / "metric.jsonl").open("a") as file:
            row = {"results": {"theirs": total / 2}, "snapshot": f"snapshot-{done:06d}.pkl"}
            file.write(json.dumps(row) + "\n")
        with (args.outdir / "stats.csv").open("a") as file:
            if file.tell() == 0:
                file.write("nimg,steps,loss\n")
            file.write(f"{done},{done // 5},{total}\n")
        if args.say:
            said = {
                "images": done,
                "samples": path.name,
                "loss_g": total,
                "own": {args.own: total / 4},
            }
            print("[ganstudy] " + json.dumps(said))


if __name__ == "__main__":
    main()
