#!/usr/bin/env python3
"""The cost of an HTTP request beside peers, all in one run: a table, a JSON file and a chart.

Builds nothing: run `cmake --build BUILD --target bench` first. See client.c for how a request's cost
is measured. All load is on the loopback interface, and bounded in count and time.
"""

import argparse
import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
import http_bounds  # noqa: E402
import report  # noqa: E402

CASES = {"plain": (1, "plain"), "16-deep": (16, "plain"), "big head": (1, "big")}
# callgrind counts each step of `rep stosb`, by which libc clears large blocks, as an instruction.
ONE_BY_ONE = {
    "GLIBC_TUNABLES": "glibc.cpu.x86_rep_stosb_threshold=1073741824:"
                      "glibc.cpu.x86_rep_movsb_threshold=1073741824"
}
PEERS = ["bare", "nginx", "microhttpd", "evhttp"]
TITLES = {
    "catzilla": "Catzilla",
    "catzilla-full": "Catzilla, parameter and access log",
    "catzilla-shared": "Catzilla, libc and libuv shared",
    "bare": "bare epoll loop (the limit)",
    "nginx": "nginx",
    "microhttpd": "libmicrohttpd",
    "evhttp": "libevent evhttp",
}


def free_port():
    """A port that is free now. The server's own choice would do, if all peers could tell it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Bench:
    """The programs of one build, and the runs of them."""

    def __init__(self, build, cpu, scratch):
        self.build, self.cpu, self.scratch = build, cpu, scratch
        folder = build / "tests/bench/http"
        self.client = folder / "bench_http_client"
        private = build.parent / "deps/usr/sbin"  # where quickstart unpacks it
        nginx = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin:{private}")
        known = {
            "catzilla": [build / "bench_hello", "PORT"],
            "catzilla-full": [build / "bench_hello", "PORT", "full"],
            "catzilla-shared": [build / "bench_hello_shared_libc", "PORT"],
            "nginx": [nginx, "-p", "DIR", "-c", "DIR/nginx.conf"] if nginx else None,
        }
        known |= {peer: [folder / f"bench_http_{peer}", "PORT"] for peer in PEERS if peer != "nginx"}
        self.commands = {
            name: [str(word) for word in command]
            for name, command in known.items()
            if command and pathlib.Path(command[0]).exists()
        }
        self.missing = [TITLES[name] for name in known if name not in self.commands]

    @contextlib.contextmanager
    def server(self, name, wrapper=(), environment=None):
        """Runs a server on a free port; yields the process, which is the server itself, and the port."""
        port = free_port()
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.scratch))
        config = (HERE / "peers/nginx.conf.in").read_text()
        (folder / "nginx.conf").write_text(config.replace("@PORT@", str(port)).replace("@DIR@", str(folder)))
        places = {"PORT": str(port), "DIR": str(folder), "DIR/nginx.conf": str(folder / "nginx.conf")}
        command = [places.get(word, word) for word in self.commands[name]]
        with subprocess.Popen([*wrapper, *command], stdout=subprocess.DEVNULL,
                              env={**os.environ, **(environment or {})}) as process:
            try:
                self.wait(process, port)
                yield process, port
            finally:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(timeout=60)  # valgrind writes its figures first
                except subprocess.TimeoutExpired:
                    process.kill()

    @staticmethod
    def wait(process, port):
        """Until the port accepts a connection, which valgrind may take seconds to reach."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and process.poll() is None:
            with socket.socket() as probe:
                # A port that nobody listens on yet may be given to the probe itself, which then has
                # itself for a peer.
                if (probe.connect_ex(("127.0.0.1", port)) == 0
                        and probe.getsockname() != probe.getpeername()):
                    return
            time.sleep(0.02)
        raise RuntimeError(f"the server on port {port} does not listen")

    def load(self, process, port, mode, *arguments):
        """Runs the client against a server."""
        words = [self.client, mode, self.cpu, port, process.pid, *arguments]
        return report.run_json([str(word) for word in words])

    def rounds(self, process, port, case, connections, requests, target="/"):
        """One lockstep run of about `requests` requests."""
        depth, head = CASES[case]
        count = max(5, requests // (connections * depth))
        return self.load(process, port, "rounds", connections, count, depth, head, target)

    def throughput(self, name, seconds=2):
        """Requests a second from wrk on another processor: shown, not compared, since the same server
        gives figures a third apart by where the two come to run."""
        others = sorted(os.sched_getaffinity(0) - {self.cpu}) or [self.cpu]
        with self.server(name, ["taskset", "-c", str(self.cpu)]) as (_, port):
            done = subprocess.run(
                ["taskset", "-c", str(others[0]), "wrk", "-t1", "-c64", f"-d{seconds}s",
                 f"http://127.0.0.1:{port}/"], stdout=subprocess.PIPE, text=True, check=True)
        return float(re.search(r"Requests/sec:\s*([\d.]+)", done.stdout)[1])

    def instructions(self, name, case, target="/"):
        """User-space instructions a request: the difference of two runs, so that starting is left out."""
        totals = []
        for requests in (640, 2560):
            log = pathlib.Path(self.scratch) / "callgrind"
            log.unlink(missing_ok=True)
            wrapper = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={log}", "-q"]
            with self.server(name, wrapper, ONE_BY_ONE) as (process, port):
                done = self.rounds(process, port, case, 16, requests, target)
            found = re.search(r"^(?:summary|totals): (\d+)", log.read_text(), re.MULTILINE)
            if found is None:
                raise RuntimeError(f"{TITLES[name]} left no figures of callgrind's")
            totals.append((int(found[1]), done["all"]))
        return (totals[1][0] - totals[0][0]) / (totals[1][1] - totals[0][1])

    def system_calls(self, name, case, target="/"):
        """System calls a request, by name, again as a difference of two runs."""
        counts = []
        for requests in (640, 2560):
            log = pathlib.Path(self.scratch) / "strace"
            log.unlink(missing_ok=True)
            with self.server(name) as (process, port):
                tracer = subprocess.Popen(
                    ["strace", "-f", "-c", "-S", "calls", "-o", str(log), "-p", str(process.pid)],
                    stderr=subprocess.PIPE)
                tracer.stderr.readline()  # says that it is attached
                done = self.rounds(process, port, case, 16, requests, target)
                tracer.send_signal(signal.SIGINT)
                tracer.wait(timeout=20)
            calls = {}
            for line in log.read_text().splitlines():
                words = line.split()
                if len(words) >= 5 and re.fullmatch(r"[\d.]+", words[0]) and words[-1] != "total":
                    calls[words[-1]] = int(words[3])
            counts.append((calls, done["all"]))
        (few, a), (many, b) = counts
        share = {call: (many[call] - few.get(call, 0)) / (b - a) for call in many}
        return {call: round(each, 4) for call, each in sorted(share.items()) if each >= 0.001}


def interleaved(bench, names, args):
    """ns a request of each server and case; all servers take turns, so that drift meets all alike."""
    samples = {name: {case: [] for case in CASES} for name in names}
    memory = {}
    for _ in range(args.runs):
        for case in CASES:
            for name in names:
                with bench.server(name) as (process, port):
                    target = "/users/4711" if name == "catzilla-full" else "/"
                    done = bench.rounds(process, port, case, 64, args.requests, target)
                samples[name][case].append(done["ns"])
                if case == "plain":
                    memory[name] = {part: done[part] for part in ("resident", "anonymous")}
    return samples, memory


def connections(bench, names, args):
    """Short connections, and those that fall idle after one request, in turns as well."""
    samples = {name: {"short": [], "idle": []} for name in names}
    for _ in range(min(args.runs, 3)):
        for name in names:
            with bench.server(name) as (process, port):
                samples[name]["short"].append(bench.load(process, port, "short", args.requests // 20))
            with bench.server(name) as (process, port):
                samples[name]["idle"].append(bench.load(process, port, "idle", args.connections, 3))
    return {name: {part: report.medians(of) for part, of in parts.items()} for name, parts in samples.items()}


def measure(bench, names, args):
    """All figures, by server."""
    samples, memory = interleaved(bench, names, args)
    figures = connections(bench, names, args) if "connections" in args.parts else {name: {} for name in names}
    for name in names:
        figure = figures[name]
        figure |= {"samples_ns": samples[name], **memory[name]}
        figure["ns"] = {case: report.medians([{"v": v} for v in samples[name][case]])["v"] for case in CASES}
        target = "/users/4711" if name == "catzilla-full" else "/"
        if "instructions" in args.parts and shutil.which("valgrind"):
            # On a crowded machine a server under valgrind may not end in time; the rest still counts.
            with contextlib.suppress(RuntimeError):
                figure["instructions"] = {case: bench.instructions(name, case, target) for case in CASES}
        if "syscalls" in args.parts and shutil.which("strace"):
            figure["syscalls"] = {case: bench.system_calls(name, case, target) for case in CASES}
        if "connections" in args.parts:
            with bench.server(name) as (process, port):
                figure["latency"] = bench.load(process, port, "latency", args.requests // 20)
            if shutil.which("wrk"):
                figure["throughput"] = bench.throughput(name)
    return figures


def ratios(figures):
    """Ours over the best peer and over the bare loop, by case; connections over nginx."""
    rivals = [name for name in figures if not name.startswith("catzilla") and name != "bare"]

    def row(name, what, ours, theirs, bare):
        best = min(theirs, key=theirs.get, default=None)
        return [TITLES[name], what, f"{ours / theirs[best]:.3f} ({TITLES[best]})" if best else "-",
                f"{ours / bare:.3f}" if bare else "-"]

    out = []
    for name in (n for n in figures if n.startswith("catzilla")):
        for case in CASES:
            out.append(row(name, case, figures[name]["ns"][case], {p: figures[p]["ns"][case] for p in rivals},
                           figures.get("bare", {}).get("ns", {}).get(case)))
        for part, what in (("short", "short connection"), ("idle", "accept and answer one")):
            if part in figures[name]:
                out.append(row(name, what, figures[name][part]["ns"],
                               {p: figures[p][part]["ns"] for p in rivals if p == "nginx"},
                               figures.get("bare", {}).get(part, {}).get("ns")))
    return report.table(["ratio of server ns", "case", "to the best peer, or nginx", "to the bare loop"], out)


def calls_text(calls):
    """Waiting apart from the calls that move bytes."""
    if calls is None:
        return "-"
    wait = sum(each for call, each in calls.items() if call.startswith("epoll_"))
    return f"{sum(calls.values()) - wait:.2f} + {wait:.2f}"


def text(figures, kept, bench, facts):
    """The table that is printed."""
    rows, counts, more = [], [], []
    for name, figure in figures.items():
        instructions, calls = figure.get("instructions", {}), figure.get("syscalls", {})
        rows.append([TITLES[name], *(report.number(figure["ns"][case], 4) for case in CASES)])
        counts.append([TITLES[name], *(report.number(instructions.get(case), 4) for case in CASES),
                       *(calls_text(calls.get(case)) for case in ("plain", "16-deep"))])
        idle, late = figure.get("idle", {}), figure.get("latency", {})
        more.append([
            TITLES[name], f"{figure['resident'] / 1e6:.1f}", f"{figure['anonymous'] / 1e6:.1f}",
            report.number(idle.get("bytes"), 3),
            report.number(idle.get("ns"), 4), report.number(figure.get("short", {}).get("ns"), 4),
            report.number(late.get("p50_us"), 3), report.number(late.get("p99_us"), 3),
            report.number(figure.get("throughput"))])
    parts = [
        report.table(["server ns a request", *CASES], rows), ratios(figures),
        report.table(["a request", *(f"instructions, {case}" for case in CASES),
                      "system calls + epoll, plain", "16-deep"], counts),
        report.table(["memory and connections", "MB after load", "of it its own",
                      "bytes an idle connection", "ns to accept and answer one",
                      "ns a short connection", "p50 us", "p99 us", "wrk, requests/s"], more),
        kept.text()]
    if bench.missing:
        parts.append("left out, not built or not installed: " + ", ".join(bench.missing))
    parts.append(", ".join(f"{key} {value}" for key, value in facts.items()))
    return "\n\n".join(parts)


def chart(figures):
    """ns a request by case."""
    picture = report.Chart("Server time a request, ns (64 connections, lockstep; shorter is better)")
    for case in CASES:
        bars = [(TITLES[name], of["ns"][case], name.startswith("catzilla")) for name, of in figures.items()]
        picture.panel(case, bars)
    return picture


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build/release"))
    parser.add_argument("--out", type=pathlib.Path, help="folder of the results (default: BUILD/bench)")
    parser.add_argument("--runs", type=int, default=5, help="interleaved runs of each server and case")
    parser.add_argument("--requests", type=int, default=100000, help="of each run")
    parser.add_argument("--connections", type=int, default=10000, help="that are idle")
    parser.add_argument("--cpu", type=int, default=max(os.sched_getaffinity(0)))
    parser.add_argument("--peers", default=",".join(TITLES), help="those to run, by comma")
    parser.add_argument("--parts", default="instructions,syscalls,connections",
                        help="of the measures beside lockstep, by comma")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(args.build.resolve(), args.cpu, scratch)
        names = [name for name in TITLES if name in bench.commands and name in args.peers.split(",")]
        facts = report.machine()
        figures = measure(bench, names, args)
    kept = report.Bounds()
    http_bounds.of_run(kept, figures)
    data = {"machine": facts, "missing": bench.missing, "bounds": kept.rows, "servers": figures}
    out = args.out or args.build / "bench"
    report.write(out, "http", text(figures, kept, bench, facts), data, chart(figures))


if __name__ == "__main__":
    main()
