# SPDX-License-Identifier: MIT
"""The build folders: one for use, three for finding faults. A folder is set up once; after that
ninja alone knows what is to be done, and mostly that is nothing."""

import json
import os
import shutil
import subprocess
from pathlib import Path

from tests.harness.trouble import Trouble

ROOT = Path(__file__).resolve().parents[2]
JOBS = os.environ.get("BYEORI_JOBS", str(os.cpu_count() or 2))

# gcc's flow warnings err where a sanitizer has rewritten the flow, so there they are no errors.
KINDS = {
    "build": {},
    "build-asan": {"options": ["-Db_sanitize=address,undefined", "-Dwerror=false"]},
    "build-tsan": {"options": ["-Db_sanitize=thread", "-Dwerror=false"]},
    "build-clang": {"options": ["-Dfuzz=true", "-Db_sanitize=address,undefined",
                                "-Db_lundef=false"],
                    "compiler": "clang-14"},
}


def _step(what, command, env, log):
    with open(log, "a") as out:
        done = subprocess.run(command, cwd=ROOT, env=env, stdout=out, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        lines = log.read_text(errors="replace").splitlines()
        wrong = [i for i, line in enumerate(lines) if "error" in line.lower()]
        print("\n".join(lines[max(0, (wrong[0] if wrong else len(lines) - 20) - 2):][:40]))
        raise Trouble(f"{what} failed in {log.stem}/", f"mend what stands above; all of it is in "
                      f"{log.relative_to(ROOT)}")


def _has_new_folders(folder):
    """Whether a meson.build has appeared that the last configuring did not see; ninja cannot."""
    seen = json.loads((folder / "meson-info/intro-buildsystem_files.json").read_text())
    there = [p for top in ("lib", "edge", "origin", "control", "tests/unit")
             for p in (ROOT / top).rglob("meson.build")]
    return any(str(p) not in seen for p in there)


def build(name="build", targets=()):
    """Brings one folder up to date and returns its path."""
    kind, folder = KINDS[name], ROOT / name
    for program in ("meson", "ninja"):
        if shutil.which(program) is None:
            raise Trouble(f"{program} is not in PATH", "apt-get install meson ninja-build")
    env = dict(os.environ)
    if "compiler" in kind:
        env["CC"] = kind["compiler"]
    log = ROOT / ".cache" / f"{name}.log"
    log.parent.mkdir(exist_ok=True)
    log.write_text("")
    if not (folder / "build.ninja").exists():
        shutil.rmtree(folder, ignore_errors=True)
        print(f"configuring {name}/", flush=True)
        _step("meson setup", ["meson", "setup", str(folder), *kind.get("options", [])], env, log)
    elif _has_new_folders(folder):
        _step("meson setup", ["meson", "setup", "--reconfigure", str(folder)], env, log)
    _step("compiling", ["ninja", "-C", str(folder), "-j", JOBS, *targets], env, log)
    return folder
