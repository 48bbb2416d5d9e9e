"""Object stores, through fsspec: results in one, and recordings in one. Its libraries are imported only where an address asks for them."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

from lanes.archive.store import Content, Store, cannot_write
from lanes.capture.address import public_address
from lanes.errors import InputError, OutputError

RENEWED_S = 20.0
"""Seconds between two signs of life of who holds a lock in an object store."""

EXPIRED_S = 90.0
"""Seconds without one after which a lock counts as free."""

AT_ONCE = 16
"""Objects that are copied at the same time."""


def file_system(address: str) -> tuple[Any, str]:
    """The file system of fsspec behind an address, and the path in it.

    Raises:
        InputError: fsspec does not know such addresses, a library for them is not installed, or there are credentials in it.
    """
    if "@" in address.partition("://")[2].partition("/")[0]:
        raise InputError(f"{public_address(address)}: has credentials in it, which would be written down; give them in the environment")
    shown, cure = public_address(address), "for s3: pip install 'lanestream[s3]'"
    try:
        from fsspec.core import url_to_fs

        found, path = url_to_fs(address, use_listings_cache=False)
    except ImportError as error:
        raise InputError(f"{shown}: needs a library that is not installed ({error}); {cure}") from None
    except ValueError as error:
        raise InputError(f"{shown}: {error}; give a path, or an address such as s3://bucket/prefix") from None
    return found, path.rstrip("/")


class ObjectStore(Store):
    """A prefix of an object store. An object appears whole; where there must be none, it is put with `If-None-Match: *`."""

    def __init__(self, place: str) -> None:
        super().__init__(place.rstrip("/"))
        self._system, self._root = file_system(self.place)

    def write(self, name: str, content: Content) -> None:
        self._put(name, content, "overwrite")

    def create(self, name: str, content: Content) -> bool:
        if self.exists(name):
            return False
        try:
            self._put(name, content, "create")
        except FileExistsError:
            return False
        except OutputError:
            if self.exists(name):  # refused, by whatever error the store's library makes of it, for another was first
                return False
            raise
        return True

    def _put(self, name: str, content: Content, mode: str) -> None:
        path = f"{self._root}/{name}"
        try:
            try:
                self._send(path, content, mode)
            except FileNotFoundError:  # of a server that has folders
                self._system.makedirs(self._system._parent(path), exist_ok=True)
                self._send(path, content, mode)
        except FileExistsError:
            raise
        except OSError as error:
            raise OutputError(cannot_write(f"{self.place}/{name}", error)) from None
        except Exception as error:  # those of the store's library have no common base, as where there are no credentials
            raise OutputError(f"cannot write {self.place}/{name}: {' '.join(str(error).split())}") from None

    def _send(self, path: str, content: Content, mode: str) -> None:
        if isinstance(content, bytes):
            self._system.pipe_file(path, content, mode=mode)
        else:
            self._system.put_file(str(content), path, mode=mode)

    def open(self, name: str) -> BinaryIO:
        return cast(BinaryIO, self._system.open(f"{self._root}/{name}", "rb"))

    def names(self, folder: str) -> list[str]:
        try:
            found = self._system.ls(f"{self._root}/{folder}", detail=True, refresh=True)
        except FileNotFoundError:
            return []
        return sorted(entry["name"].rpartition("/")[2] for entry in found if entry["type"] == "file" and not entry["name"].endswith("/"))

    def exists(self, name: str) -> bool:
        self._system.invalidate_cache()
        return bool(self._system.exists(f"{self._root}/{name}"))

    def delete(self, name: str) -> None:
        with suppress(FileNotFoundError):
            self._system.rm_file(f"{self._root}/{name}")

    def copies(self, names: Sequence[str], folder: Path) -> list[Path]:
        def copy(name: str) -> Path:
            path = folder / name.replace("/", "-")
            self._system.get_file(f"{self._root}/{name}", str(path))
            return path

        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(copy, names))

    @contextmanager
    def lock(self, name: str) -> Iterator[bool]:
        lease = f"{name}.lock"
        token = secrets.token_hex(8)
        if not self._take(lease, token):
            yield False
            return
        ended = threading.Event()

        def renew() -> None:
            while not ended.wait(RENEWED_S):
                with suppress(OutputError):
                    self.write(lease, _sign(token))

        thread = threading.Thread(target=renew, name="lanestream-lease", daemon=True)
        thread.start()
        try:
            yield True
        finally:
            ended.set()
            thread.join()
            self.delete(lease)

    def _take(self, lease: str, token: str) -> bool:
        if self.create(lease, _sign(token)):
            return True
        with suppress(FileNotFoundError, ValueError, KeyError):
            if time.time() - json.loads(self.read(lease))["alive"] < EXPIRED_S:
                return False
        self.delete(lease)  # of a process that is gone
        return self.create(lease, _sign(token))


def _sign(token: str) -> bytes:
    return json.dumps({"token": token, "alive": time.time()}).encode()


def fetch(address: str, path: Path) -> None:
    """Copies an object to a file of this machine.

    Raises:
        FileNotFoundError: there is no such object.
        OSError: it cannot be read, or the file cannot be written.
    """
    system, key = file_system(address)
    system.get_file(key, str(path))
