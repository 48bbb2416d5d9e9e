"""The page's server in a real run: one picture in flight, the newest next, encoded once; stream, snapshot, metrics, health."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import socket
import subprocess
import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
import pytest

from benchmarks.page.throttle import throttled
from lanes.output.report import make_report
from lanes.serve import pictures, viewers
from lanes.serve.open import newest_clips
from tests.serve.client import Viewer, ask, watch
from tests.serve.conftest import HEIGHT, WIDTH, Running, running, wait_until


def metrics(port: int) -> dict[str, float]:
    """Every sample of `/metrics`, by name and labels as they stand there."""
    status, headers, body = ask(port, "/metrics")
    assert (status, headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    samples = (line.rpartition(" ") for line in body.decode().splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in samples}


def decoded(jpeg: bytes) -> np.ndarray[Any, Any]:
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return picture


def test_a_viewer_gets_the_picture_with_its_lanes_its_time_and_the_figures(run: Running) -> None:
    async def look(viewer: Viewer) -> None:
        seen: dict[str, Any] = {"history": []}
        while not (seen["history"] and any(lane["curve"] for lane in seen["frame"]["lanes"])):  # a lane may be out of sight for a while
            message, jpeg = await viewer.picture()
            assert decoded(jpeg).shape == (HEIGHT, WIDTH, 3)
            assert 0 < message["clock"]["sent"] - message["frame"]["taken"] < 60_000
            assert "hunter2" not in json.dumps(message)
            seen |= {key: value for key, value in message.items() if value != []}
            await viewer.painted()
        assert seen["frame"]["calibration"]["metric"]
        assert {"preprocess", "inference", "lanes", "output"} <= set(seen["history"][-1]["stages"])
        status = seen["status"]
        assert status["source"]["phase"] == "up"
        assert (status["source"]["size"], status["source"]["live"]) == ([WIDTH, HEIGHT], True)
        assert status["frames"]["processed"] > 0
        assert status["viewers"] >= 1
        assert (status["clips"], status["can_mark"]) == (None, False)

    watch(run.port, look)


def test_one_picture_is_in_flight_and_the_next_one_is_the_newest(run: Running) -> None:
    async def look(viewer: Viewer) -> None:
        await viewer.picture()
        before = run.processed
        waiting = asyncio.ensure_future(viewer.next())
        await asyncio.to_thread(wait_until, lambda: run.processed > before + 3)
        assert not waiting.done()  # it is not painted yet
        newest = run.page.viewers._newest.picture
        assert newest is not None
        await viewer.painted()
        message, _ = await waiting
        assert message["frame"]["number"] >= newest.number
        assert metrics(run.port)["lanestream_viewer_frames_dropped_total"] >= 2

    watch(run.port, look)


def test_a_picture_is_encoded_once_for_all_and_not_at_all_for_none(run: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[int] = []
    encode = pictures.encode

    def counting(*words: Any) -> bytes:
        encoded.append(1)
        return encode(*words)

    wait_until(lambda: run.page.viewers.count == 0)
    monkeypatch.setattr(pictures, "encode", counting)
    before = run.processed
    wait_until(lambda: run.processed > before + 4)
    assert not encoded

    seen: list[dict[int, bytes]] = [{}, {}, {}]
    shared = threading.Event()

    def view(number: int) -> None:
        async def look(viewer: Viewer) -> None:
            while len(seen[number]) < 4 or not shared.is_set():
                message, jpeg = await viewer.picture()
                picture = message["frame"]["number"]
                seen[number][picture] = jpeg
                if sum(picture in one for one in seen) == 3:
                    shared.set()
                await viewer.painted()

        watch(run.port, look)

    threads = [threading.Thread(target=view, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    every = {number for one in seen for number in one}
    assert shared.is_set()
    assert all(len({one[number] for one in seen if number in one}) == 1 for number in every)
    assert len(encoded) <= len(every) + 3  # each viewer may leave while one is made


def test_the_clock_of_the_page_comes_back_with_the_servers(run: Running) -> None:
    async def look(viewer: Viewer) -> None:
        message, _ = await viewer.next()
        assert "at" not in message["clock"]
        sent = message["clock"]["sent"]
        await viewer.painted(1234.5)
        message, _ = await viewer.next()
        clock = message["clock"]
        assert clock["at"] == 1234.5
        assert sent <= clock["received"] <= clock["sent"]

    watch(run.port, look)


@pytest.mark.parametrize("word", ["", "{}", "[]", '{"painted": "x"}', '{"painted": 1e400}', "[" * 1000, '{"painted": ' + "1" * 2000 + "}"])
def test_a_viewer_that_says_something_else_is_disconnected(word: str, run: Running) -> None:
    async def look(viewer: Viewer) -> None:
        await viewer.picture()
        await viewer._connection.send_str(word)
        with pytest.raises(TypeError):  # a close, where a message is expected
            await viewer.next()

    watch(run.port, look)


def test_the_stream_is_motion_jpeg(run: Running) -> None:
    with socket.create_connection(("127.0.0.1", run.port), 60) as connection:
        connection.sendall(b"GET /stream.mjpg HTTP/1.0\r\nHost: localhost\r\n\r\n")
        file = connection.makefile("rb")
        assert file.readline().split()[1] == b"200"
        head = b"".join(iter(file.readline, b"\r\n"))
        assert b"multipart/x-mixed-replace; boundary=frame" in head
        parts = []
        while len(parts) < 2:
            if (line := file.readline()).startswith(b"Content-Length"):
                file.readline()
                parts.append(file.read(int(line.split()[1])))
        assert all(decoded(part).shape == (HEIGHT, WIDTH, 3) for part in parts)
        assert parts[0] != parts[1]


def test_the_snapshot_is_the_newest_picture(run: Running) -> None:
    status, headers, body = ask(run.port, "/snapshot.jpg")
    assert (status, headers["content-type"], headers["cache-control"]) == (200, "image/jpeg", "no-store")
    assert decoded(body).shape == (HEIGHT, WIDTH, 3)


def test_a_viewer_behind_a_slow_link_gets_fewer_pictures_and_no_older_ones(run: Running) -> None:
    ages: list[float] = []
    numbers: list[int] = []

    async def look(viewer: Viewer) -> None:
        while len(ages) < 6 or numbers[-1] - numbers[0] <= len(numbers):  # some were left out, once the link is the slower one
            message, _ = await viewer.picture()
            newest = run.page.viewers._newest.picture
            assert newest is not None
            ages.append(newest.number - message["frame"]["number"])
            numbers.append(message["frame"]["number"])
            await viewer.painted()

    with throttled(run.port, 20_000) as port:
        watch(port, look)
    # In pictures: what came while this one was on its way. It does not grow.
    assert np.median(ages[3:]) <= 2 * np.median(ages[:3]) + 4


def test_viewers_that_come_and_go_and_one_that_does_not_read_leave_nothing(run: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(viewers, "PATIENCE_S", 1.0)
    process = psutil.Process()

    def come_and_go() -> None:
        async def look(viewer: Viewer) -> None:
            await viewer.picture()

        for _ in range(5):
            watch(run.port, look)

    come_and_go()
    wait_until(lambda: run.page.viewers.count == 0)
    before, threads = process.num_fds(), threading.active_count()
    stuck = socket.create_connection(("127.0.0.1", run.port), 60)
    stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    stuck.sendall(b"GET /stream.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n")
    done = run.processed
    come_and_go()
    come_and_go()
    wait_until(lambda: run.processed > done)
    wait_until(lambda: run.page.viewers.count == 0)  # the one that does not read is put out
    stuck.close()
    wait_until(lambda: process.num_fds() <= before)
    wait_until(lambda: threading.active_count() <= threads)
    assert metrics(run.port)["lanestream_viewers"] == 0


def test_metrics_have_their_names_and_no_address(run: Running) -> None:
    found = metrics(run.port)
    names = {re.split(r"[{]", name)[0] for name in found}
    for name in (
        *("frames_total", "frames_captured_total", "frames_dropped_total", "stage_seconds_bucket", "frame_age_seconds_sum", "source_up"),
        *("source_reconnects_total", "source_last_frame_timestamp_seconds", "viewers", "viewer_frames_dropped_total"),
        *("viewer_age_seconds_count", "departures_total", "calibration_state", "build_info"),
    ):
        assert f"lanestream_{name}" in names
    assert found["lanestream_source_up"] == 1
    assert sum(value for name, value in found.items() if name.startswith("lanestream_calibration_state")) == 1
    assert not any(word in name for name in found for word in ("127.0.0.1", "hunter2", "admin"))
    counts = [found[f'lanestream_stage_seconds_count{{stage="{stage}"}}'] for stage in ("inference", "output")]
    assert counts[0] == counts[1] >= 3


def test_prometheus_finds_nothing_wrong_with_the_metrics(run: Running) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("needs promtool: apt-get install prometheus")
    _, _, body = ask(run.port, "/metrics")
    checked = subprocess.run(["promtool", "check", "metrics"], input=body, capture_output=True, timeout=60)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_a_source_that_goes_and_comes_back_is_seen_everywhere_and_figures_agree(run: Running) -> None:
    assert (ask(run.port, "/healthz")[0], ask(run.port, "/healthz")[2]) == (200, b'{"status": "ok"}')
    with run.camera.away():
        wait_until(lambda: ask(run.port, "/healthz")[2] == b'{"status": "waiting"}')
        assert metrics(run.port)["lanestream_source_up"] == 0

        async def look(viewer: Viewer) -> None:
            message, _ = await viewer.next()
            source = message["status"]["source"]
            assert source["phase"] == "lost"
            assert source["cause"]
            assert "hunter2" not in source["cause"]
            assert any(each["kind"] == "lost" for each in message["status"]["happenings"])

        watch(run.port, look)
        wait_until(lambda: not run.session.telemetry.counts().under_way)
        found, report = metrics(run.port), run.session.report()
        assert report is not None
        frames = make_report(report)["frames"]
        assert found['lanestream_frames_total{outcome="processed"}'] == frames["processed"]
        assert found['lanestream_frames_total{outcome="dropped"}'] == frames["dropped"]
        assert found["lanestream_frames_captured_total"] == frames["captured"]
        assert found['lanestream_stage_seconds_count{stage="inference"}'] == frames["processed"]
        assert found["lanestream_frame_age_seconds_count"] == frames["processed"]
    wait_until(lambda: ask(run.port, "/healthz")[2] == b'{"status": "ok"}')
    returns = {name: value for name, value in metrics(run.port).items() if name.startswith("lanestream_source_reconnects_total")}
    assert sum(returns.values()) >= 1
    assert set(returns) == {
        f'lanestream_source_reconnects_total{{cause="{cause}"}}' for cause in ("unreachable", "ended", "stalled", "failed")
    }


def test_clips_of_events_are_made_from_the_page_and_found_there(tmp_path: Path) -> None:
    with running(events=tmp_path / "events") as made:
        assert ask(made.port, "/mark", "POST", "", origin=made.page.url.rstrip("/"))[0] == 204

        async def look(viewer: Viewer) -> None:
            while (message := (await viewer.next())[0]).get("status") is None:
                await viewer.painted()
            assert message["status"]["can_mark"]
            assert message["status"]["clips"] == []  # it goes on for ten seconds

        watch(made.port, look)
        done = made.processed
        wait_until(lambda: made.processed > done + 2)
    (clip,) = newest_clips(tmp_path / "events")
    assert clip.name.endswith("-mark.mp4")
    assert '"mark: page"' in clip.with_suffix(".jsonl").read_text()
