# SPDX-License-Identifier: MIT
"""What the tour's origin serves: a release of Battle for Wesnoth (a free game) as Debian packages it,
about 300 MB of packages and the files in them, and a sparse file of 20 GiB. Where the packages cannot
be had, files of the same sizes are made, and the tour says so. Kept in .cache/, made once."""

import hashlib
import random
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / ".cache/content"
PACKAGES = ("wesnoth-1.16-data", "wesnoth-1.16-music")
MADE_BYTES = {"wesnoth-1.16-data": 146_229_044, "wesnoth-1.16-music": 153_244_368}
SPARSE_BYTES = 20 << 30
HOLE_BYTES = 10 << 30       # where the sparse file has a mebibyte of content


class Content:
    """folder: what the origin serves. data, music, small, sparse: paths. is_real: not made up."""

    def __init__(self, folder, release, is_real):
        self.folder, self.is_real = folder, is_real
        self.data, self.music = (f"{release}/{name}.deb" for name in PACKAGES)
        self.sparse = "/big/sparse-20GiB.bin"
        self.small = f"{release}/readme.txt"

    def file(self, path):
        return self.folder / path.lstrip("/")

    def bytes(self, path):
        return self.file(path).stat().st_size

    def sha256(self, path):
        digest = hashlib.sha256()
        with open(self.file(path), "rb") as f:
            while piece := f.read(1 << 20):
                digest.update(piece)
        return digest.hexdigest()


def _download(folder):
    """The packages into folder, or False. The lists of packages may be old or absent: then once
    more after an update."""
    for update in (False, True):
        if update:
            subprocess.run(["apt-get", "-o", "DPkg::Lock::Timeout=300", "update"],
                           capture_output=True)
        done = subprocess.run(["apt-get", "download", *PACKAGES], cwd=folder, capture_output=True)
        if done.returncode == 0:
            return True
    return False


def _made(path, size, seed):
    source = random.Random(seed)
    with open(path, "wb") as f:
        for at in range(0, size, 1 << 20):
            f.write(source.randbytes(min(1 << 20, size - at)))


def _unpack(folder, debs):
    """The game's own files, so that there are small ones as well."""
    aside = folder / "unpacked"
    for deb in debs:
        subprocess.run(["dpkg-deb", "-x", deb, aside], check=True)
    shutil.move(aside / "usr/share/games/wesnoth/1.16", folder / "game")
    shutil.rmtree(aside)


def _fetch(folder):
    """Fills folder with the release; whether it is the real one."""
    if shutil.which("apt-get") and shutil.which("dpkg-deb") and _download(folder):
        debs = [next(folder.glob(f"{name}_*.deb")) for name in PACKAGES]
        _unpack(folder, debs)
        for deb, name in zip(debs, PACKAGES):
            deb.rename(folder / f"{name}.deb")
        return True
    for seed, name in enumerate(PACKAGES):
        _made(folder / f"{name}.deb", MADE_BYTES[name], seed)
    return False


def _sparse(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as f:
        f.truncate(SPARSE_BYTES)
        f.seek(HOLE_BYTES)
        f.write(random.Random("sparse").randbytes(3 << 20))


def prepare():
    """The content, fetched or made if it is not here yet."""
    release = FOLDER / "wesnoth/v1.16"
    mark = FOLDER / "origin.txt"
    if not mark.exists():
        print("fetching Battle for Wesnoth (about 300 MB of Debian packages)", flush=True)
        shutil.rmtree(FOLDER, ignore_errors=True)
        release.mkdir(parents=True)
        real = _fetch(release)
        (release / "readme.txt").write_text("Battle for Wesnoth 1.16, as Debian packages it.\n")
        _sparse(FOLDER / "big/sparse-20GiB.bin")
        mark.write_text("Debian packages\n" if real else "made up\n")
    is_real = mark.read_text().startswith("Debian")
    if not is_real:
        print("the packages could not be had: the content is made up, of the same sizes")
    return Content(FOLDER, "/wesnoth/v1.16", is_real)
