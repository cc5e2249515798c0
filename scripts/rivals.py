"""The tools that `scripts/overhead` can measure beside npprof, and a virtual environment for them."""

import os
import subprocess
import sys
from pathlib import Path

from measuring import TARGET, under_npprof

VENV = TARGET / "overhead-venv"
# What the workloads need.
LIBRARIES = ["numpy", "scipy", "pandas", "scikit-learn"]


class Tool:
    """A profiler: how it runs a script, and how to get it."""

    def __init__(self, name, command, package=None, module=None):
        self.name, self.command, self.package, self.module = name, command, package, module

    def missing(self, args):
        """Says what this tool lacks, or returns None."""
        if self.module is None:
            return None
        find = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({self.module!r}) is None)"
        if subprocess.run([args.python, "-c", find], stderr=subprocess.DEVNULL).returncode:
            return f"{args.python} has no {self.package}"
        return None


def _npprof(args, script, out):
    return under_npprof(args.npprof, f"{out}.json", [args.python, script])


def _memray(args, script, out):
    return [args.python, "-m", "memray", "run", "-q", "-f", "-o", out, script]


def _scalene(args, script, out):
    return [args.python, "-m", "scalene", "run", "--memory", "-o", f"{out}.json", script]


def _fil(args, script, out):
    beside = Path(os.path.abspath(args.python)).parent / "fil-profile"
    return [str(beside), "--no-browser", "-o", out, "run", script]


def _tracemalloc(args, script, _):
    return [args.python, "-X", "tracemalloc=1", script]


TOOLS = {
    tool.name: tool
    for tool in (
        Tool("npprof", _npprof),
        Tool("memray", _memray, "memray", "memray"),
        Tool("scalene", _scalene, "scalene", "scalene"),
        Tool("fil", _fil, "filprofiler", "filprofiler"),
        Tool("tracemalloc", _tracemalloc),
    )
}


def install(python, names):
    """Makes the virtual environment with the workloads' libraries and these tools.

    A tool that can't be installed is told and left out. Returns the environment's interpreter.
    """
    own = VENV / "bin" / "python"
    if not own.exists():
        subprocess.run([python, "-m", "venv", str(VENV)], check=True)
    pip = [str(own), "-m", "pip", "install", "--quiet"]
    if subprocess.run([*pip, *LIBRARIES]).returncode:
        sys.exit(f"overhead: pip can't install {' '.join(LIBRARIES)} into {VENV}")
    for name in names:
        package = TOOLS[name].package
        if package and subprocess.run([*pip, package]).returncode:
            print(f"{name}: pip can't install {package}", flush=True)
    return str(own)
