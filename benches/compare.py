#!/usr/bin/env python3
"""Times this library's training steps and those of other programs in turn, and prints the ratios.

    benches/compare.py [--threads 1] [--only mlp,tiny] [--rounds 3] [--build COMMAND ...] [--floor PROGRAM] [PROGRAM ...]

The library's own program is built first (`cargo bench --bench training_step --no-run`), then whatever the
`--build` commands build. Each PROGRAM is a command that understands `--threads N --only ID` and prints one JSON
line with `framework`, `workload`, `median_us` and `peak_rss_mb`, as the library's own does. In every round each program
runs once for each workload, one process a workload, so that all of them meet the same state of the machine. The
table has each program's fastest round, of which the time is the median over its steps: neighbours on a machine only
ever add time; its last column is the library's time over the fastest program's. A floor, the
same step written out by hand, is shown beside them, but is no competitor.
"""

import argparse
import json
import os
import pathlib
import shlex
import subprocess
import sys

WORKLOADS = ["tiny", "mlp", "mlp_reg", "imdb", "imdb_sparse", "deep_tanh", "cifar_mlp", "cnn"]
PROJECT = pathlib.Path(__file__).resolve().parent.parent


def build_own():
    """The path of the library's own program, built if need be."""
    command = "cargo bench --bench training_step --no-run --message-format=json".split()
    done = subprocess.run(command, cwd=PROJECT, check=True, stdout=subprocess.PIPE, text=True)
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    return next(m["executable"] for m in messages if m.get("executable") and m["target"]["name"] == "training_step")


def run(program, threads, workload):
    """The JSON line of a program on a workload; none if it cannot run it."""
    words = shlex.split(program) + ["--threads", str(threads), "--only", workload]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=180)
    except subprocess.TimeoutExpired:
        print(f"# {program} {workload}: no result within 3 minutes", file=sys.stderr)
        return None
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode == 0 and lines and "median_us" in lines[0]:
        return lines[0]
    reason = (done.stderr or done.stdout).strip().splitlines()[-1:] or [f"exit status {done.returncode}"]
    print(f"# {program} {workload}: {reason[0][:160]}", file=sys.stderr)
    return None


def machine():
    """The processor and the number of its cores, as far as the system tells."""
    path = pathlib.Path("/proc/cpuinfo")
    text = path.read_text() if path.exists() else ""
    names = [line.split(":")[1].strip() for line in text.splitlines() if line.startswith("model name")]
    sets = [name for name in ["avx2", "avx512f"] if f" {name} " in text]
    return ", ".join([names[0] if names else "a processor without a name", f"{os.cpu_count()} cores", *sets])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", default=",".join(WORKLOADS), help="workloads, with commas between")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--build", action="append", default=[], help="a command to run first")
    parser.add_argument("--floor", help="a program to be shown, but not counted")
    parser.add_argument("programs", nargs="*")
    args = parser.parse_args()

    for command in args.build:
        subprocess.run(command, shell=True, check=True)
    programs = [build_own(), *([args.floor] if args.floor else []), *args.programs]
    names = {}
    rows = []
    for workload in args.only.split(","):
        lines = {program: [] for program in programs}
        for _ in range(args.rounds):
            for program in programs:
                # What has failed once is not tried again.
                if lines[program] != [None]:
                    lines[program].append(run(program, args.threads, workload))
        cells, times = [], {}
        for program in programs:
            found = [line for line in lines[program] if line]
            if not found:
                cells.append("-")
                continue
            names[program] = found[0]["framework"]
            times[program] = min(line["median_us"] for line in found)
            memory = max(line["peak_rss_mb"] for line in found)
            cells.append(f"{times[program]:,.{0 if times[program] >= 100 else 1}f} [{memory:.0f}]")
        own, others = times.get(programs[0]), [times[program] for program in args.programs if program in times]
        ratio = f"{own / min(others):.2f}" if own and others else "-"
        rows.append(f"| `{workload}` | " + " | ".join(cells) + f" | {ratio} |")
        print(rows[-1], file=sys.stderr)

    plural = "" if args.threads == 1 else "s"
    print(f"Microseconds a step [peak MB], the fastest of {args.rounds} rounds, {args.threads} thread{plural}; {machine()}.\n")
    print("| step | " + " | ".join(names.get(program, program) for program in programs) + " | ratio |")
    print("|" + "---|" * (len(programs) + 2))
    print("\n".join(rows))


if __name__ == "__main__":
    main()
