"""Packages from npm that a test needs, of the versions that a package-lock.json names. They are kept in
build/npm/; a second run finds them there."""

import filecmp
import os
import pathlib
import shutil
import subprocess

from harness import BUILD


def install(name, folder):
    """Those of the package.json in `folder`. Call it before private_machine.enter(), which leaves
    the network. Returns the directory that has node_modules/."""
    target = BUILD.parent / "npm" / name
    target.mkdir(parents=True, exist_ok=True)
    lock, installed = folder / "package-lock.json", target / "installed.json"
    if installed.exists() and filecmp.cmp(lock, installed, shallow=False):
        return target
    for file in ("package.json", "package-lock.json"):
        shutil.copy(folder / file, target)
    subprocess.run(["npm", "ci", "--prefix", target, "--ignore-scripts", "--no-audit", "--no-fund",
                    "--loglevel=error"], check=True, stdin=subprocess.DEVNULL,
                   env=os.environ | {"NO_UPDATE_NOTIFIER": "1"})
    shutil.copy(lock, installed)
    return target


def module_in(folder: pathlib.Path, source: pathlib.Path):
    """A copy of a module of ours beside the packages that it imports."""
    shutil.copy(source, folder)
    return folder / source.name
