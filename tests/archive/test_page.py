"""Twelve rendered drives, some with GPS, cut into pieces as cameras do, through the whole program to the page in Chromium."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyarrow", reason="archives need the extra lanestream[archive]")

import pyarrow.parquet as pq

from lanes.archive.listener import Listener, Tally
from lanes.archive.observers import Wanted
from lanes.archive.page import main
from lanes.archive.pictures import STRIP, still_name
from lanes.archive.processes import Processes
from lanes.archive.run import Archive
from lanes.archive.store import open_store
from lanes.archive.videos import AFTER_S, OVERLAY, clip_name
from lanes.archive.work import WorkerSettings
from lanes.geometry.camera_file import CameraFile
from lanes.settings import Settings
from tests.archive.rendered import EVENING, HOSTILE, MOTORWAY, RATE, TOWN, camera_file, twelve
from tests.media import contents

FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")
PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of a run over twelve drives and a file that is none."""
    folder, out = tmp_path_factory.mktemp("card"), tmp_path_factory.mktemp("archive")
    camera = twelve(folder)
    (camera / "broken.mp4").write_bytes(b"nothing of the kind")
    settings = Settings(output="none")
    worker = WorkerSettings(str(out), settings, CameraFile.read(camera_file(folder / "camera.yaml")), Wanted(clips=True, overlays=True))
    tally = Tally()
    Archive(open_store(str(out)), lambda: Processes(worker, 2), Listener(), tally).run([str(camera)])
    assert (tally.done, tally.quarantined) == (12, 1)
    return out


def rows(archive: Path, table: str) -> list[dict[str, Any]]:
    path = archive / table
    found: list[dict[str, Any]] = pq.read_table(path if path.is_file() else path / "part.parquet").to_pylist()
    return found


@pytest.fixture(scope="module")
def by_start(archive: Path) -> dict[Any, dict[str, Any]]:
    """The drives by when they begin."""
    return {row["started_at"]: row for row in rows(archive, "drives.parquet")}


def test_pieces_are_drives_with_their_way(by_start: dict[Any, dict[str, Any]]) -> None:
    motorway, town, evening = (by_start[start] for start in (MOTORWAY, TOWN, EVENING))
    for row, frames in ((motorway, 240), (town, 240), (evening, 30)):
        assert (len(row["files"]), row["frames"], row["cuts"], row["duration_s"]) == (3, frames, 2, frames / RATE)
    assert motorway["distance_m"] == pytest.approx(23 * 27, rel=0.01)
    assert town["distance_m"] == pytest.approx(23 * 10, rel=0.01)
    assert (motorway["positions"], evening["positions"], evening["distance_m"]) == (24, 0, None)


def test_the_speed_decides_whether_a_departure_is_one(archive: Path, by_start: dict[Any, dict[str, Any]]) -> None:
    """The same pictures at 27 m/s, and at 10 m/s."""
    motorway, town = by_start[MOTORWAY], by_start[TOWN]
    assert (motorway["departures"], town["departures"]) == (1, 0)
    (departure,) = rows(archive, "departures")
    assert (departure["drive"], departure["side"]) == (motorway["drive"], "left")
    assert 15 < departure["time_s"] < 18
    assert (departure["started_at"] - MOTORWAY).total_seconds() == pytest.approx(departure["time_s"], abs=0.001)
    assert departure["speed_mps"] == pytest.approx(27, rel=0.01)
    assert (departure["latitude"], departure["longitude"]) == pytest.approx((48.1038, 11.4982), abs=2e-4)
    whys = {row["departure_why"] for row in rows(archive, "frames") if row["drive"] == town["drive"] and row["time_s"] > 15}
    assert any("60 km/h" in (why or "") for why in whys)


def test_frames_have_the_place_at_their_time(archive: Path, by_start: dict[Any, dict[str, Any]]) -> None:
    drive = by_start[MOTORWAY]["drive"]
    track = [row["latitude"] for row in rows(archive, "tracks") if row["drive"] == drive]
    places = [(row["time_s"], row["latitude"]) for row in rows(archive, "frames") if row["drive"] == drive]
    assert all(latitude is not None for _, latitude in places)
    for time, latitude in places[:: RATE // 2]:
        if time <= 23:
            second = int(time + 1e-6)
            low, high = sorted((track[second], track[min(second + 1, 23)]))
            assert low - 1e-9 <= latitude <= high + 1e-9


def test_what_is_kept_of_a_drive(archive: Path, by_start: dict[Any, dict[str, Any]]) -> None:
    folder = archive / "drives" / by_start[MOTORWAY]["drive"]
    assert {path.name for path in folder.iterdir()} == {STRIP, OVERLAY, still_name(0), clip_name(0)}
    assert len(contents(folder / OVERLAY).times) == 240
    (departure,) = (row for row in rows(archive, "departures") if row["drive"] == folder.name)
    clip = contents(folder / clip_name(0))
    assert float(clip.duration) == pytest.approx(departure["duration_s"] + 5.5 + float(AFTER_S), abs=0.8)
    for row in rows(archive, "drives.parquet"):
        assert (archive / "drives" / row["drive"] / STRIP).stat().st_size < 60_000


def test_the_page_is_made_anew_from_the_tables(archive: Path) -> None:
    page = archive / "index.html"
    before = page.read_bytes()
    page.unlink()
    assert main([str(archive)]) == 0
    assert page.read_bytes() == before


@pytest.fixture(scope="module")
def driver(archive: Path) -> Iterator[Any]:
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed: pip install 'lanestream[test]'")
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        pytest.skip("needs Chromium and its driver: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    for flag in FLAGS:
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    driver.set_page_load_timeout(120)
    driver.set_script_timeout(60)
    try:
        driver.get((archive / "index.html").as_uri())
        yield driver
    finally:
        driver.quit()


def value(driver: Any, script: str, *arguments: Any) -> Any:
    return driver.execute_script(f"return {script}", *arguments)


def names(driver: Any) -> list[str]:
    found: list[str] = value(driver, "[...document.querySelectorAll('.drive h3 > bdi')].map((each) => each.textContent)")
    return found


def order(driver: Any, by: str, search: str = "") -> list[str]:
    script = "const [order, search] = ['order', 'search'].map((id) => document.getElementById(id)); order.value = arguments[0];"
    driver.execute_script(script + "search.value = arguments[1]; search.dispatchEvent(new Event('input'))", by, search)
    return names(driver)


def test_every_drive_is_listed_found_and_ordered(driver: Any) -> None:
    assert len(order(driver, "start")) == 12
    assert order(driver, "start")[0].startswith("2026-03-18_02-30-00")
    assert order(driver, "departures")[0].startswith("2026_0313")
    assert order(driver, "name", "2026-03-18 02") == ["2026-03-18_02-30-00-back.mp4", "2026-03-18_02-30-00-front.mp4"]
    assert order(driver, "start", "no such drive") == []
    assert value(driver, "document.getElementById('count').textContent") == "0 of 12"
    assert len(order(driver, "start")) == 12


def test_a_hostile_name_is_text(driver: Any) -> None:
    shown = HOSTILE.replace("\u202e", "\\u202e")
    assert shown in order(driver, "start")
    assert value(driver, "document.title") == "Archive of drives"
    assert value(driver, "[...document.images].filter((each) => each.getAttribute('src') === 'x').length") == 0
    assert value(driver, "document.querySelectorAll('script').length") == 2


def test_thumbnails_are_there_and_nothing_comes_from_elsewhere(driver: Any, archive: Path) -> None:
    order(driver, "start")
    script = """const done = arguments[arguments.length - 1], all = [...document.images], failed = (error) => done(String(error));
    const read = Promise.all(all.map((each) => (each.loading = "eager", each.decode())));
    read.then(() => done(all.map((each) => [each.src.slice(0, 5), each.naturalWidth, each.naturalHeight])), failed)"""
    pictures = driver.execute_async_script(script)
    assert len([each for each in pictures if each[0] == "file:"]) == 12
    assert [each for each in pictures if each[0] == "data:"] == [["data:", 480, 270]]
    urls = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    asked = {entry["params"]["request"]["url"] for entry in urls if entry["method"] == "Network.requestWillBeSent"}
    assert all(url.startswith((archive.as_uri(), "data:", "file:///")) for url in asked)
    errors = [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE" and "favicon" not in entry["message"]]
    assert errors == []


def test_a_track_leads_to_its_drive_and_its_clip_plays(driver: Any, by_start: dict[Any, dict[str, Any]]) -> None:
    order(driver, "start", "something else")
    drive = by_start[MOTORWAY]["drive"]
    script = "document.querySelector(`path[data-drive='${arguments[0]}']`).dispatchEvent(new MouseEvent('click', {bubbles: true}))"
    driver.execute_script(script, drive)
    card = f"document.getElementById('drive-{drive}')"
    driver.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[arguments.length - 1]))")
    assert value(driver, f"{card}.classList.contains('chosen')")
    clip = value(driver, f"{card}.querySelector('.departures a').href")
    play = """const [source, done] = arguments, video = document.createElement("video");
    video.muted = true; video.addEventListener("loadeddata", () => done([video.videoWidth, video.duration]));
    video.addEventListener("error", () => done(String(video.error && video.error.message))); video.src = source"""
    width, duration = driver.execute_async_script(play, clip)
    assert width == 480
    assert duration > 10


def test_maps_have_the_tracks_and_come_nearer(driver: Any) -> None:
    maps = value(driver, "[...document.querySelectorAll('.map')].map((map) => map.querySelectorAll('path:not(.departure)').length)")
    assert maps == [3, 2]
    assert value(driver, "document.querySelectorAll('.map path.departure').length") == 1
    before = value(driver, "document.querySelector('.map svg').getAttribute('viewBox')")
    driver.execute_script("document.querySelector('.map [data-zoom]').click()")
    after = value(driver, "document.querySelector('.map svg').getAttribute('viewBox')")
    assert float(after.split()[2]) == pytest.approx(0.6 * float(before.split()[2]))


def test_a_telephone_shows_all_of_it(driver: Any) -> None:
    order(driver, "start")
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
    try:
        assert value(driver, "document.documentElement.scrollWidth <= innerWidth")
        edges = "[...document.querySelectorAll('.drive, .tiles, .map')].map((each) => each.getBoundingClientRect().right)"
        assert value(driver, f"Math.max(...{edges}) <= innerWidth")
    finally:
        driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_what_failed_is_named_with_its_cause(driver: Any) -> None:
    text = value(driver, "document.getElementById('failed').nextElementSibling.textContent")
    assert "not a video, or damaged from its start" in text
    assert "broken.mp4" in text
