#!/usr/bin/env python3
"""The memory layer beside other allocators, all in one run: tables, a JSON file and a chart.

Builds nothing: run `cmake --build BUILD --target bench` first. Every peer gets the same tape of
operations and touches its memory alike; the peers take turns, and figures are medians.
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
import bounds  # noqa: E402
import report  # noqa: E402

PEERS = ["catzilla", "catzilla_shared", "c_layer", "jemalloc", "explicit", "glibc", "mimalloc2",
         "mimalloc3", "pool", "none"]
TITLES = {
    "catzilla": "Catzilla",
    "catzilla_shared": "Catzilla, shared library",
    "c_layer": "C layer as it was",
    "jemalloc": "jemalloc",
    "explicit": "five arenas, explicit caches",
    "glibc": "glibc",
    "mimalloc2": "mimalloc 2",
    "mimalloc3": "mimalloc 3, a heap per class",
    "pool": "nginx-style pool on glibc",
    "none": "the loop itself",
}
SCENARIOS = ["large", "small", "regions", "short-lived", "busy"]
# The pool differs from glibc only where regions are used, and the loop itself allocates nothing.
MIX_PEERS = [peer for peer in PEERS if peer != "pool"]
SERVER_PEERS = [peer for peer in PEERS if peer not in ("none", "catzilla_shared")]


class Bench:
    """The programs of one build."""

    def __init__(self, build, cpus):
        self.cpus = cpus
        folder = build / "tests/bench/memory"
        self.programs = {peer: folder / f"bench_memory_{peer}" for peer in PEERS}
        self.missing = [TITLES[peer] for peer in PEERS if not self.programs[peer].exists()]

    def have(self, peers):
        """Those of `peers` that were built."""
        return [peer for peer in peers if self.programs[peer].exists()]

    def run(self, peer, *arguments, pinned=True, timeout=300, environment=None):
        """Runs a peer's program, on the last processor unless its threads choose themselves."""
        words = [str(word) for word in (self.programs[peer], *arguments)]
        if pinned:
            words = ["taskset", "-c", str(self.cpus[-1]), *words]
        return report.run_json(words, timeout, environment)

    def instructions(self, peer):
        """Instructions an alloc and free, the loop's included: the difference of two runs."""
        totals = []
        for steps in (200000, 400000):
            with tempfile.NamedTemporaryFile() as log:
                subprocess.run(
                    ["valgrind", "--tool=callgrind", "-q", f"--callgrind-out-file={log.name}",
                     self.programs[peer], "typed", str(steps)],
                    check=True, stdout=subprocess.DEVNULL, timeout=300)
                text = pathlib.Path(log.name).read_text()
            totals.append(int(re.search(r"^(?:summary|totals): (\d+)", text, re.MULTILINE)[1]))
        return (totals[1] - totals[0]) / 200000


def turns(bench, peers, runs, mode, amount, pinned=True):
    """Medians of each peer's figures over `runs` turns."""
    samples = {peer: [] for peer in bench.have(peers)}
    for _ in range(runs):
        for peer, list_of in samples.items():
            list_of.append(bench.run(peer, mode, amount, pinned=pinned))
    return {peer: report.medians(list_of) for peer, list_of in samples.items()}


def without_profiler(bench, args):
    """The typed mix with jemalloc's heap profiler off, as it is by default, and left out at start."""
    samples = {"off": [], "left out": []}
    for _ in range(args.runs):
        for how, list_of in samples.items():
            settings = {"_RJEM_MALLOC_CONF": "prof:false"} if how == "left out" else None
            list_of.append(bench.run("catzilla", "typed", args.steps, environment=settings))
    return {how: report.medians(list_of) for how, list_of in samples.items()}


def speed(bench, args):
    """Nanoseconds of the mix, typed and untyped, of regions, of threads; where the blocks lie."""
    out = {
        "typed": turns(bench, MIX_PEERS, args.runs, "typed", args.steps),
        "untyped": turns(bench, MIX_PEERS, args.runs, "untyped", args.steps),
        "misplaced": turns(bench, MIX_PEERS, 1, "misplaced", args.steps),
        "regions": turns(bench, PEERS, args.runs, "regions", args.steps // 10),
    }
    if bench.have(["catzilla"]):
        out["profiler"] = without_profiler(bench, args)
    if len(bench.cpus) > 1:
        out["scaling"] = turns(bench, MIX_PEERS, args.runs, "scaling", args.steps, pinned=False)
        out["handover"] = turns(bench, MIX_PEERS, args.runs, "handover", args.steps, pinned=False)
    out["caches"] = turns(bench, MIX_PEERS, 1, "caches", args.threads, pinned=False)
    if shutil.which("valgrind"):
        out["instructions"] = {p: {"count": bench.instructions(p)} for p in bench.have(MIX_PEERS)}
    return out


def manners(peer):
    """How the simulated server treats an allocator: leaves it alone, or tells it to give back."""
    if peer == "catzilla":
        return ["plain", "idle", "trim"]
    return ["plain", "trim"]


def server(bench, args):
    """The simulated server, several at a time: sizes do not hang on the time it takes."""
    jobs = {}
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for scenario in SCENARIOS:
            for peer in bench.have(SERVER_PEERS):
                if peer == "pool" and scenario != "regions":
                    continue
                for manner in manners(peer):
                    jobs[scenario, peer, manner] = pool.submit(
                        bench.run, peer, "server", scenario, manner, args.quiet, args.live,
                        pinned=False, timeout=600)
        out = {}
        for (scenario, peer, manner), job in jobs.items():
            figure = job.result()
            figure["over_usable"] = figure["after"] / figure["usable"]
            figure["over_requested"] = figure["after"] / figure["requested"]
            figure["beyond_usable_mib"] = (figure["after"] - figure["usable"]) / 2**20
            figure["over_before"] = figure["after"] / figure["before"]
            out.setdefault(scenario, {}).setdefault(peer, {})[manner] = figure
    return out


def figure(data, part, peer, field):
    """One figure, or None where it was not taken."""
    return data.get(part, {}).get(peer, {}).get(field)


def speed_text(data):
    """The table of speed."""
    columns = [("typed", "ns", "typed ns"), ("instructions", "count", "instructions"),
               ("misplaced", "misplaced", "misplaced of 2,000"), ("untyped", "ns", "untyped ns"),
               ("regions", "ns", "20 blocks ns"), ("scaling", "wall", "2 threads, clock x"),
               ("scaling", "cpu", "2 threads, own time x"), ("handover", "ns", "handed over ns"),
               ("caches", "busy", "busy cache kB"), ("caches", "idle", "idle cache kB")]
    rows = []
    for peer in PEERS:
        cells = []
        for part, field, _ in columns:
            value = figure(data, part, peer, field)
            if value is not None and part == "caches":
                value /= 1000
            cells.append(report.number(value))
        if any(cell != "-" for cell in cells):
            rows.append([TITLES[peer], *cells])
    return report.table(["alloc + free"] + [title for _, _, title in columns], rows)


def server_text(data, args):
    """Two tables: what stays resident, over what is live and over what it was before the burst."""
    peers = [peer for peer in SERVER_PEERS if any(peer in of for of in data.values())]
    out = []
    for field, title in (("over_usable", "resident / usable after a burst and quiet"),
                         ("over_requested", "resident / requested"),
                         ("over_before", "resident after / before the burst")):
        rows = []
        for peer in peers:
            for manner in manners(peer):
                cells = [figure(data[scenario], peer, manner, field) for scenario in SCENARIOS]
                words = {"plain": "", "idle": ", flushed at idle", "trim": ", trimmed each second"}
                rows.append([TITLES[peer] + words[manner],
                             *("-" if cell is None else f"{cell:.3f}" for cell in cells)])
        out.append(report.table([title] + SCENARIOS, rows))
    out.append(f"{args.live} MiB of cache, a burst of 200 MiB, {args.quiet} s of quiet")
    return "\n\n".join(out)


def chart(speeds, servers):
    """The panels that tell most."""
    picture = report.Chart("Memory by lifetime class, beside other allocators (shorter is better)")

    def panel(title, values):
        picture.panel(title, [(TITLES[p], v, p.startswith("catzilla")) for p, v in values.items()])

    for part, field, title in (("typed", "ns", "alloc + free by class, ns"),
                               ("untyped", "ns", "alloc + free without a class, ns"),
                               ("handover", "ns", "allocated here, freed there, ns"),
                               ("regions", "ns", "a request of 20 small blocks, ns")):
        values = {peer: of.get(field) for peer, of in speeds.get(part, {}).items() if peer != "none"}
        panel(title, values)
    for scenario, of in servers.items():
        best = {p: m.get("idle", m["trim"])["over_requested"] for p, m in of.items()}
        panel(f"resident / requested after a burst, told to give back: {scenario}", best)
    return picture


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build/release"))
    parser.add_argument("--out", type=pathlib.Path, help="folder of the results (default: BUILD/bench)")
    parser.add_argument("--runs", type=int, default=7, help="turns of each peer")
    parser.add_argument("--steps", type=int, default=3000000, help="of the mix in each turn")
    parser.add_argument("--threads", type=int, default=32, help="whose caches are weighed")
    parser.add_argument("--quiet", type=float, default=15, help="seconds after the burst")
    parser.add_argument("--live", type=int, default=256, help="MiB of cache in the simulated server")
    parser.add_argument("--jobs", type=int, default=4, help="simulated servers at a time")
    parser.add_argument("--parts", default="speed,server", help="what to measure, by comma")
    parser.add_argument("--peers", default=",".join(PEERS), help="those to run, by comma")
    args = parser.parse_args()
    PEERS[:] = [peer for peer in PEERS if peer in args.peers.split(",")]
    for peers in (MIX_PEERS, SERVER_PEERS):
        peers[:] = [peer for peer in peers if peer in PEERS]
    bench = Bench(args.build.resolve(), sorted(os.sched_getaffinity(0)))
    facts = report.machine()
    speeds = speed(bench, args) if "speed" in args.parts else {}
    servers = server(bench, args) if "server" in args.parts else {}
    parts = []
    if speeds:
        parts.append(speed_text(speeds))
    if servers:
        parts.append(server_text(servers, args))
    kept = report.Bounds()
    bounds.of_speed(kept, speeds)
    bounds.of_server(kept, servers)
    parts.append(kept.text())
    if bench.missing:
        parts.append("left out, not built: " + ", ".join(bench.missing))
    parts.append(", ".join(f"{key} {value}" for key, value in facts.items()))
    data = {"machine": facts, "missing": bench.missing, "bounds": kept.rows, "speed": speeds,
            "server": servers}
    report.write(args.out or args.build / "bench", "memory", "\n\n".join(parts), data,
                 chart(speeds, servers))


if __name__ == "__main__":
    main()
