"""What the measuring scripts share: tables, processes, and what /proc tells about them."""

import os
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORKLOADS = ROOT / "scripts" / "workloads"
TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
MIB = 1 << 20
_TICK = os.sysconf("SC_CLK_TCK")


class Table:
    """Rows of text that become a table in plain text or Markdown.

    Rows are printed when the table is: the columns' widths are those of the longest cells.
    """

    def __init__(self, *columns):
        self.rows = [[str(column) for column in columns]]

    def add(self, *cells):
        self.rows.append([str(cell) for cell in cells])

    def text(self, is_markdown):
        return self.markdown() if is_markdown else self.plain()

    def markdown(self):
        rows = [[cell.replace("|", "\\|") for cell in row] for row in self.rows]
        lines = ["| " + " | ".join(row) + " |" for row in rows]
        lines.insert(1, "|" + "---|" * len(rows[0]))
        return "\n".join(lines)

    def plain(self):
        widths = [max(map(len, column)) for column in zip(*self.rows)]
        lines = []
        for row in self.rows:
            # The first column is words, the others are figures.
            cells = [row[0].ljust(widths[0])]
            cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
            lines.append("  ".join(cells).rstrip())
        return "\n".join(lines)


def add_common_options(parser):
    """Options that every measuring script has."""
    parser.add_argument("--python", default=sys.executable, help="interpreter with NumPy")
    parser.add_argument("--npprof", type=Path, default=TARGET / "release" / "npprof")
    parser.add_argument("--markdown", action="store_true", help="tables in Markdown")
    parser.add_argument("--check", action="store_true", help="exit 1 when a bound is exceeded")


def require(args):
    """Ends the script if npprof, or NumPy in the interpreter, is missing."""
    if not Path(args.npprof).exists():
        sys.exit(f"{args.npprof} is missing: run `cargo build --release` first")
    if subprocess.run([args.python, "-c", "import numpy"], capture_output=True).returncode:
        sys.exit(f"{args.python} has no NumPy: choose another interpreter with --python")


def environment(**more):
    """The surroundings of a measured program: one thread for BLAS, the same hashes each time."""
    return dict(
        os.environ, OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", PYTHONHASHSEED="0", **more
    )


def under_npprof(npprof, report, command, *options):
    """The command line that runs another one under npprof, without a dashboard."""
    head = [str(npprof), "run", "--no-tui", "--quiet", "-f", "-o", str(report)]
    return [*head, *options, "--", *map(str, command)]


def memory_of(pid):
    """Resident bytes of a process now, and the most it ever had."""
    fields = {}
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name in ("VmRSS", "VmHWM"):
            fields[name] = int(value.split()[0]) * 1024
    return fields.get("VmRSS", 0), fields.get("VmHWM", 0)


def cpu_seconds_of(pid):
    """User and system time of a process with all its threads, from what the kernel counted.

    The scheduler's own count is exact, but for threads that have ended; ticks of 10 ms are the sum of
    all, so the larger one is closer.
    """
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = (int(after_name[11]) + int(after_name[12])) / _TICK
    exact = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            exact += int((task / "schedstat").read_text().split()[0])
        except OSError:
            continue
    return max(ticks, exact / 1e9)


def children_of(pid):
    """Process ids of the children that a process has now."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            found += [int(word) for word in (task / "children").read_text().split()]
        except OSError:
            continue
    return found


def moment_of_end(pid, limit):
    """Waits until a process has ended, and returns the clock then; None if it goes on."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return time.monotonic()
    try:
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        return time.monotonic() if poll.poll(limit * 1000) else None
    finally:
        os.close(handle)


def counter():
    """The library of the independent count, compiled from `tests/counter` if need be."""
    source = ROOT / "tests" / "counter" / "counter.c"
    library = TARGET / "libnpprof_scripts_counter.so"
    if library.exists() and library.stat().st_mtime > source.stat().st_mtime:
        return library
    compiler = os.environ.get("CC") or "cc"
    if shutil.which(compiler) is None:
        sys.exit(f"{compiler} is missing: the independent count needs a C compiler")
    half = library.with_suffix(f".{os.getpid()}.so")
    flags = ["-O2", "-shared", "-fPIC", "-pthread"]
    subprocess.run([compiler, *flags, "-o", str(half), str(source)], check=True)
    half.replace(library)
    return library


def mib(count, digits=1):
    return f"{count / MIB:.{digits}f}"


def slope(points):
    """The least-squares slope of (x, y) points; 0 if there are too few."""
    if len(points) < 2:
        return 0.0
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0


def line_with_mark(path, mark):
    """The number of the only line of a file that ends with `# mark`."""
    for number, line in enumerate(Path(path).read_text().splitlines(), 1):
        if line.endswith(f"# {mark}"):
            return number
    raise ValueError(f"{path} has no line with # {mark}")
