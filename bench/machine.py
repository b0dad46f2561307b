"""What a run was made on: the machine and the versions of everything that took part."""

import json
import os
import pathlib
import platform
import re
import subprocess

from processes import BENCH, BUILD, PEERS, PYTHON

DEBIAN_PACKAGES = {
    "mosquitto": "mosquitto", "mosquitto_rr": "mosquitto-clients",
    "Paho MQTT C": "libpaho-mqtt1.3", "Paho MQTT C++": "libpaho-mqttpp3-1",
    "Python": "python3", "aiohttp": "python3-aiohttp", "uvloop": "python3-uvloop",
    "Paho MQTT Python": "python3-paho-mqtt",
}


def output(*command):
    try:
        return subprocess.run([os.fspath(part) for part in command], capture_output=True,
                              text=True, check=False, cwd=BENCH).stdout.strip()
    except OSError:
        return ""


def npm_version(peer, package):
    with open(PEERS / peer / "package-lock.json", encoding="utf-8") as lock:
        return json.load(lock)["packages"][f"node_modules/{package}"]["version"]


def about_this_machine():
    cpu = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    memory = re.search(r"MemTotal:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text())
    is_virtual = "hypervisor" in pathlib.Path("/proc/cpuinfo").read_text()
    system = platform.freedesktop_os_release()
    versions = {
        "mqtt-bridge": f"{output(BUILD / 'mqtt_bridged', '--version').split()[-1]} "
                       f"({output('git', 'rev-parse', '--short', 'HEAD')})",
    }
    for name, package in DEBIAN_PACKAGES.items():
        version = output("dpkg-query", "-W", "-f", "${Version}", package)
        versions[name] = re.sub(r"^\d+:|[-+].*$", "", version) or "unknown"
    versions["Node"] = output("node", "--version").lstrip("v")
    versions["fastify"] = npm_version("node", "fastify")
    versions["mqtt.js"] = npm_version("node", "mqtt")
    versions["Node-RED"] = npm_version("node-red", "node-red")
    return {
        "processor": cpu.group(1).strip() if cpu else platform.machine(),
        "cores": os.cpu_count(),
        "virtual": is_virtual,
        "memory_gib": round(int(memory.group(1)) / 2 ** 20) if memory else None,
        "system": system.get("PRETTY_NAME", "Linux"),
        "kernel": ".".join(platform.release().split(".")[:2]),
        "versions": versions,
        "date": output("date", "--iso-8601"),
    }
