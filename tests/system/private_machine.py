"""A machine of the test's own, as far as the kernel lets it: no network but an empty loopback, and
mounts that nothing else sees. So fixed ports and files of the system can be used as they are. All
that this process starts from then on is in there, and so is the process itself, to its end: each
module of tests runs in a process of its own."""

import ctypes
import os
import pathlib
import subprocess
import unittest

CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


def run(*command):
    subprocess.run(command, check=True)


def enter():
    """Call once, in setUpModule(). Where the kernel does not allow it, the tests are skipped."""
    if libc.unshare(CLONE_NEWNS | CLONE_NEWNET) != 0:
        raise unittest.SkipTest("a network and mounts of one's own need root: "
                                + os.strerror(ctypes.get_errno()))
    run("mount", "--make-rprivate", "/")
    run("ip", "link", "set", "lo", "up")
    run("mount", "-t", "tmpfs", "tmpfs", "/run")


def replace(path, content):
    """Puts a file of the test's own where one of the system is, or could be."""
    target = pathlib.Path(os.path.realpath(path))
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists():
        target.touch()
    ours = pathlib.Path("/run") / f"instead-of-{target.name}"
    ours.write_text(content, encoding="utf-8")
    run("mount", "--bind", str(ours), str(target))
    return ours


