"""What the benchmarks' drivers share: medians, a text table, JSON and a chart."""

import json
import os
import pathlib
import platform
import statistics
import subprocess
import time
from xml.sax.saxutils import escape


def run_json(command, timeout=120, environment=None):
    """Runs a benchmark program; its last line of output is a JSON object."""
    done = subprocess.run(command, stdout=subprocess.PIPE, timeout=timeout, check=True, text=True,
                          env={**os.environ, **(environment or {})})
    return json.loads(done.stdout.splitlines()[-1])


def medians(samples):
    """The median of each numeric field over a list of like objects."""
    fields = samples[0] if samples else {}
    return {
        name: statistics.median(sample[name] for sample in samples)
        for name, value in fields.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool)
    }


def machine():
    """What the figures were taken on."""
    model = "unknown processor"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return {
        "processor": model,
        "processors": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "taken": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "load": round(os.getloadavg()[0], 2),
    }


def number(value, digits=3):
    """A figure with `digits` significant ones, or a dash where there is none."""
    if value is None:
        return "-"
    if value == 0:
        return "0"
    if abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}"
    decimals = digits - 1 if abs(value) >= 1 else digits
    return f"{value:.{max(0, decimals - (len(str(int(abs(value)))) - 1))}f}"


def table(columns, rows):
    """Text with the first column flush left and the others flush right."""
    cells = [[str(cell) for cell in row] for row in [columns, *rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    lines = []
    for i, row in enumerate(cells):
        line = [row[0].ljust(widths[0])]
        line += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        lines.append("  ".join(line).rstrip())
        if i == 0:
            lines.append("  ".join("-" * width for width in widths))
    return "\n".join(lines)


class Bounds:
    """What was measured, beside what was asked for."""

    def __init__(self):
        self.rows = []

    def _note(self, name, value, sign, bound, met):
        if value is not None:
            missed_by = 0 if met(value) else abs(value - bound) / bound
            self.rows.append({"bound": name, "measured": value, "asked": f"{sign} {bound:,}",
                              "met": met(value), "missed_by": missed_by})

    def at_most(self, name, value, bound):
        """A figure that the bound may equal."""
        self._note(name, value, "<=", bound, lambda value: value <= bound)

    def below(self, name, value, bound):
        """A figure that stays under the bound."""
        self._note(name, value, "<", bound, lambda value: value < bound)

    def at_least(self, name, value, bound):
        """A figure that is the better for being large."""
        self._note(name, value, ">=", bound, lambda value: value >= bound)

    def text(self):
        """The table."""
        rows = [[row["bound"], number(row["measured"], 4), row["asked"],
                 "met" if row["met"] else f"missed by {row['missed_by']:.1%}"] for row in self.rows]
        return table(["Catzilla's bounds", "measured", "asked", "verdict"], rows)


def ratio(a, b):
    """Their quotient, where both were measured."""
    return a / b if a is not None and b else None


class Chart:
    """Panels of horizontal bars, one bar a peer, ours in another colour; shorter is better."""

    WIDTH, LABEL, BAR, GAP = 760, 220, 16, 5

    def __init__(self, title):
        self.title = title
        self.panels = []

    def panel(self, title, bars):
        """Adds a panel; `bars` is a list of (name, value, ours), a value of None is left out."""
        bars = [bar for bar in bars if bar[1] is not None]
        if bars:
            self.panels.append((title, bars))

    def svg(self):
        """The whole chart as text."""
        out, y = [], 34
        for title, bars in self.panels:
            out.append(f'<text x="10" y="{y}" font-weight="bold">{escape(title)}</text>')
            y += 10
            longest = max(value for _, value, _ in bars) or 1
            for name, value, ours in bars:
                width = (self.WIDTH - self.LABEL - 90) * value / longest
                middle = y + self.BAR - 4
                out.append(
                    f'<text x="{self.LABEL - 8}" y="{middle}" text-anchor="end">{escape(name)}</text>'
                    f'<rect x="{self.LABEL}" y="{y}" width="{width:.1f}" height="{self.BAR}" '
                    f'fill="{"#c2410c" if ours else "#94a3b8"}"/>'
                    f'<text x="{self.LABEL + width + 6:.1f}" y="{middle}">{number(value)}</text>'
                )
                y += self.BAR + self.GAP
            y += 24
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.WIDTH}" height="{y}" '
            f'font-family="sans-serif" font-size="12">\n'
            f'<rect width="100%" height="100%" fill="white"/>\n'
            f'<text x="10" y="16" font-size="14">{escape(self.title)}</text>\n'
            + "\n".join(out)
            + "\n</svg>\n"
        )


def write(folder, name, text, data, chart):
    """Writes the table, the JSON and the chart, and prints the table."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.txt").write_text(text + "\n")
    (folder / f"{name}.json").write_text(json.dumps(data, indent=1) + "\n")
    (folder / f"{name}.svg").write_text(chart.svg())
    print(text)
    print(f"\nwritten: {folder / name}.txt, .json, .svg")
