"""The bounds that the memory layer was made to keep, and whether a run kept them.

Nothing fails here: figures hang on the machine and on what else it does, so the reader judges.
"""

from report import ratio

# Of resident memory: what a process has besides its blocks.
ALLOWANCE = 8 << 20


def of_speed(bounds, data):
    """Those of time, of instructions and of what threads keep."""
    def figure(part, peer, field="ns"):
        return data.get(part, {}).get(peer, {}).get(field)

    typed, untyped = figure("typed", "catzilla"), figure("untyped", "catzilla")
    layer = figure("typed", "c_layer")
    bounds.at_most("typed / C layer", ratio(typed, layer), 0.5)
    bounds.at_most("typed / jemalloc", ratio(typed, figure("typed", "jemalloc")), 0.85)
    bounds.at_most("untyped / typed C layer", ratio(untyped, layer), 0.6)
    bounds.at_most("untyped / jemalloc", ratio(untyped, figure("untyped", "jemalloc")), 1.0)
    bounds.at_most("typed, shared library / C layer",
                   ratio(figure("typed", "catzilla_shared"), layer), 0.8)
    handed = figure("handover", "catzilla")
    bounds.at_most("handed over / jemalloc", ratio(handed, figure("handover", "jemalloc")), 1.0)
    # The bound is about the clock: a thread that waits for another uses no processor time. Where the two
    # rows differ, other programs had the processors.
    bounds.at_least("two threads over one, by the clock", figure("scaling", "catzilla", "wall"), 1.9)
    bounds.at_least("the same by processor time", figure("scaling", "catzilla", "cpu"), 1.9)
    bounds.at_most("profiler built in and off / left out",
                   ratio(figure("profiler", "off"), figure("profiler", "left out")), 1.02)
    regions = figure("regions", "catzilla")
    bounds.at_most("20 region blocks and a reset, ns", regions, 20)
    bounds.at_least("glibc's 20 blocks / a region's", ratio(figure("regions", "glibc"), regions), 3)
    count, loop = (figure("instructions", peer, "count") for peer in ("catzilla", "none"))
    if count is not None and loop is not None:
        bounds.at_most("instructions a pair, without the loop", count - loop, 90)
    misplaced = figure("misplaced", "catzilla", "misplaced")
    bounds.below("blocks in the wrong arena, of 2,000", misplaced, 1)
    bounds.at_most("idle thread's caches, bytes", figure("caches", "catzilla", "idle"), 210000)
    bounds.at_most("busy thread's caches, bytes", figure("caches", "catzilla", "busy"), 2200000)


def worst(data, value):
    """The largest of the scenarios' values and where that was, of those that have one."""
    found = [(value(of), name) for name, of in data.items()]
    return max(((v, name) for v, name in found if v is not None), default=(None, "-"))


def of_server(bounds, data):
    """Those of resident memory; each is the worst of all scenarios, which is named."""
    def after(of, peer, manners):
        figures = [of[peer][manner]["after"] for manner in manners if manner in of.get(peer, {})]
        return min(figures, default=None)

    def allowed(of):
        ours = of.get("catzilla", {}).get("idle")
        return ours and (ours["after"] - ALLOWANCE) / ours["usable"]

    def given_back(of):
        return of.get("catzilla", {}).get("idle", {}).get("over_before")

    value, where = worst(data, allowed)
    bounds.at_most(f"resident less 8 MiB / usable ({where})", value, 1.10)
    for peer, title in (("jemalloc", "jemalloc's"), ("c_layer", "the C layer's"),
                        ("mimalloc2", "mimalloc 2's"), ("mimalloc3", "mimalloc 3's")):
        value, where = worst(data, lambda of, peer=peer: ratio(
            after(of, "catzilla", ["idle"]), after(of, peer, ["plain", "trim"])))
        bounds.below(f"resident / {title}, trimmed or not ({where})", value, 1.0)
    large = {name: of for name, of in data.items() if name != "small"}
    value, where = worst(large, given_back)
    bounds.at_most(f"resident after / before the burst ({where})", value, 1.10)
    bounds.at_most("resident after / before the burst (small)", given_back(data.get("small", {})), 1.20)
    value, where = worst(data, lambda of: ratio(
        after(of, "catzilla", ["plain"]), after(of, "jemalloc", ["plain"])))
    bounds.at_most(f"never flushed: resident / jemalloc's ({where})", value, 1.05)
