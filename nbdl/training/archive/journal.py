"""Which journal SQLite may keep where a file lies."""

from __future__ import annotations

from pathlib import Path

_REMOTE = ("nfs", "cifs", "smb", "fuse", "9p", "afs", "ceph", "gluster", "lustre", "drvfs", "vbox")


def file_system(path: Path, mounts: str = "/proc/mounts") -> str:
    """The kind of file system ``path`` is on, such as ``"ext4"``; empty where it is not told."""
    try:
        lines = Path(mounts).read_text(errors="replace").splitlines()
    except OSError:
        return ""
    best, kind = "", ""
    target = str(path.resolve())
    for line in lines:
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = fields[1].replace("\\040", " ")
        inside = target == point or target.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, fields[2]
    return kind


def journal_mode(path: Path, mounts: str = "/proc/mounts") -> str:
    """WAL, whose shared memory file needs a local file system; DELETE on others."""
    return "DELETE" if file_system(path, mounts).startswith(_REMOTE) else "WAL"
