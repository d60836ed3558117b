"""The bounds that the HTTP core was made to keep, and whether a run kept them.

Nothing fails here, as for those of the memory layer; instructions, system calls and allocator calls are
exact, and tests hold them too.
"""

from report import ratio

# What a deployment has beside the plain server may cost this much more.
FULL = 1.10
CASES = {"plain": (0.95, 1.15), "16-deep": (0.15, 2.0), "big head": (0.95, None)}


def of_time(bounds, figures, name, allowance):
    """A request's time over that of the best peer and of the bare loop, and connections' over nginx's."""
    ours = figures.get(name, {})
    rivals = [of for peer, of in figures.items() if not peer.startswith("catzilla") and peer != "bare"]
    bare = figures.get("bare", {}).get("ns", {})
    for case, (to_best, to_bare) in CASES.items():
        best = min((of["ns"][case] for of in rivals), default=None)
        value = ours.get("ns", {}).get(case)
        bounds.at_most(f"{name}, {case} / best peer", ratio(value, best), round(to_best * allowance, 4))
        if to_bare is not None:
            bounds.at_most(f"{name}, {case} / bare loop", ratio(value, bare.get(case)),
                           round(to_bare * allowance, 4))


def of_connections(bounds, figures):
    """What connections cost beside nginx's, and the memory of those that are idle."""
    for part, what in (("idle", "accept and answer one"), ("short", "short connection")):
        ours, nginx = (figures.get(name, {}).get(part, {}).get("ns") for name in ("catzilla", "nginx"))
        bounds.at_most(f"{what} / nginx", ratio(ours, nginx), 1.0)
    bounds.at_most("an idle connection, bytes",
                   figures.get("catzilla", {}).get("idle", {}).get("bytes"), 600)


def of_one_request(bounds, figures):
    """What is counted: instructions, and system calls beside epoll's; then what stays resident."""
    ours = figures.get("catzilla", {})
    for case, most in (("plain", 3500), ("big head", 11000)):
        bounds.at_most(f"instructions, {case}", ours.get("instructions", {}).get(case), most)
    for case, most in (("plain", 2), ("16-deep", 2 / 16)):
        calls = ours.get("syscalls", {}).get(case)
        moved = calls and sum(each for call, each in calls.items() if not call.startswith("epoll_"))
        # Two runs of strace differ by a call or two.
        bounds.at_most(f"system calls, {case}", moved and round(moved, 2), round(most + 0.01, 3))
    bounds.at_most("resident after load, MB", ratio(ours.get("resident"), 1e6), 4)


def of_run(bounds, figures):
    """All of them."""
    of_time(bounds, figures, "catzilla", 1)
    of_time(bounds, figures, "catzilla-full", FULL)
    of_connections(bounds, figures)
    of_one_request(bounds, figures)
