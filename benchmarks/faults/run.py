"""Gives damaged sources to a reader in a process of its own, and notices when that crashes or hangs."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import Empty, Queue
from random import Random
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any

from benchmarks.common.cli import ROOT
from benchmarks.faults.mutate import MUTATIONS, WHOLE
from benchmarks.faults.samples import Sample, all_samples, write
from benchmarks.faults.streams import make_stream, serving

FILE_LIMIT_S, STREAM_LIMIT_S = 60.0, 60.0
"""Seconds after which a reader hangs. A server that is silent is waited for for up to 20 s."""


READER = ["-m", "benchmarks.faults.reader"]


class Reader:
    """The other process, started anew after each crash."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._answers: Queue[str] = Queue()

    def read(self, source: str, ordered: bool, limit_s: float) -> dict[str, Any]:
        """What came of a source: see `benchmarks.faults.reader.read`."""
        process = self._process or self._start()
        assert process.stdin is not None
        process.stdin.write(json.dumps({"source": source, "ordered": ordered}) + "\n")
        process.stdin.flush()
        try:
            answer = self._answers.get(timeout=limit_s)
        except Empty:
            self.close()
            return _problem(f"hangs: no end after {limit_s:.0f} s")
        if not answer:
            status = process.wait()
            self._process = None
            return _problem(f"crashes: the reader ended with status {status}")
        found: dict[str, Any] = json.loads(answer)
        return found

    def close(self) -> None:
        """Ends the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _start(self) -> subprocess.Popen[str]:
        command = [sys.executable, *READER]
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self._process, self._answers = process, Queue()
        Thread(target=self._listen, args=(process, self._answers), daemon=True).start()
        return process

    @staticmethod
    def _listen(process: subprocess.Popen[str], answers: Queue[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            answers.put(line)
        answers.put("")


def run_faults(files: int, streams: int, seed: int, keep: Path | None, progress: Callable[[], None]) -> dict[str, Any]:
    """Damages files and streams, and has each read.

    Args:
        files, streams: how many of each.
        seed: of the chance in it.
        keep: folder for the files that show a problem; None for nowhere.
        progress: is called after each.

    Returns:
        `cases`, each with `name` and what the reader says; `problems`, the names of those with one; `kinds`, the samples' names;
        `left_out`, with the reasons; and `passed`.
    """
    samples, left_out = all_samples()
    reader, cases = Reader(), list[dict[str, Any]]()
    try:
        with TemporaryDirectory() as folder:
            for number in range(files):
                cases.append(_file(number, samples, seed, reader, Path(folder), keep))
                progress()
        made = [make_stream(number, samples, Random(f"{seed} stream {number}")) for number in range(streams)]
        with serving(made) as address:
            for number, stream in enumerate(made):
                found = reader.read(f"{address}{stream.path}", stream.ordered, STREAM_LIMIT_S)
                cases.append({"name": f"stream {number}: {stream.name}"} | found)
                progress()
    finally:
        reader.close()
    problems = [case["name"] for case in cases if case["problem"]]
    kinds = [sample.name for sample in samples]
    return {"cases": cases, "problems": problems, "kinds": kinds, "left_out": left_out, "passed": not problems}


def _file(number: int, samples: Sequence[Sample], seed: int, reader: Reader, folder: Path, keep: Path | None) -> dict[str, Any]:
    """Kinds in turn, and mutations in turn after each round of kinds."""
    chance = Random(f"{seed} file {number}")
    sample = samples[number % len(samples)]
    mutation = MUTATIONS[(number // len(samples) + number) % len(MUTATIONS)]
    data = mutation(sample.data, chance.choice(samples).data, chance)
    path = write(sample, folder, data)
    found = reader.read(str(path), mutation in WHOLE, FILE_LIMIT_S)
    if found["problem"] and keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        (keep / f"{number}-{mutation.__name__}.{sample.suffix}").write_bytes(data)
    path.unlink()
    return {"name": f"file {number}: {sample.name}, {mutation.__name__}"} | found


def outcomes(cases: Sequence[dict[str, Any]]) -> dict[str, Counter[str]]:
    """By file and stream: how many were read to their end, refused, or ended under way with a reason, and how many show a problem."""
    counts: dict[str, Counter[str]] = {"file": Counter(), "stream": Counter()}
    for case in cases:
        ended = "problem" if case["problem"] else "read" if not case["sentence"] else "ended early" if case["frames"] else "refused"
        counts[case["name"].split()[0]][ended] += 1
    return counts


def _problem(words: str) -> dict[str, Any]:
    return {"frames": 0, "corrupt": 0, "sentence": "", "problem": words, "seconds": 0.0}
