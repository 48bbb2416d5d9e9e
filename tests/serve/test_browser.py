"""The page in real Chromium, headless, on a real run: what moves, what it says, and that nothing comes from elsewhere."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lanes.output.report import make_report
from lanes.serve.address import Address
from lanes.serve.page import PageSink
from lanes.telemetry.state import RunState
from lanes.telemetry.telemetry import Telemetry
from tests.serve.client import ask
from tests.serve.conftest import Running, wait_until
from tests.serve.test_page import metrics

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed: pip install 'lanestream[test]'")

if not (shutil.which("chromium") and shutil.which("chromedriver")):
    pytest.skip("needs Chromium and its driver: apt-get install chromium chromium-driver", allow_module_level=True)

FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")


class Page:
    """The page in a browser."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def value(self, script: str) -> Any:
        return self.driver.execute_script(f"return {script}")

    def text(self, id: str) -> str:
        return str(self.value(f"document.getElementById({id!r}).textContent"))

    def look_of(self, id: str) -> str:
        return str(self.value(f"document.getElementById({id!r}).toDataURL()"))

    def counts(self) -> dict[str, int]:
        """The card of frames."""
        script = "[...document.querySelectorAll('#counts > div')].map((row) => [...row.children].map((each) => each.textContent))"
        return {name: int(value.replace("\u202f", "")) for name, value in self.value(script)}


@pytest.fixture(scope="module")
def page(run: Running) -> Iterator[Page]:
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    for flag in FLAGS:
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    driver.set_script_timeout(60)
    driver.get(run.page.url)
    try:
        yield Page(driver)
    finally:
        driver.quit()


def test_the_picture_the_plot_and_the_mark_move_and_the_age_is_shown(page: Page) -> None:
    wait_until(lambda: page.value("window.lanestream?.painted ?? 0") > 2)
    wait_until(lambda: page.text("phase") in ("live", "not live"))  # the latter where the machine is too busy for either
    before = [page.look_of("picture"), page.look_of("plot"), page.value("document.getElementById('pulse').style.transform")]
    painted = page.value("lanestream.painted")
    wait_until(lambda: page.value("lanestream.painted") > painted + 2)
    wait_until(lambda: page.look_of("picture") != before[0] and page.look_of("plot") != before[1])
    assert page.value("document.getElementById('pulse').style.transform") != before[2]
    assert page.text("age").endswith((" ms", " s", " old"))
    assert all(age > 0 for age in page.value("lanestream.ages"))
    assert page.value("document.querySelector('#stages tbody').rows.length") >= 8


def test_it_shows_engine_source_lanes_and_camera(page: Page, run: Running) -> None:
    report = run.session.report()
    assert report is not None
    wait_until(lambda: report.engine.precision in page.text("source-facts"))
    assert f"{report.engine.model} on {report.engine.name}" in page.text("source-facts")
    assert page.text("source") == report.source.name
    wait_until(lambda: page.text("width").endswith("m") or "±" in page.text("width"))
    blank = page.value(
        "(() => { const c = document.createElement('canvas'); c.width = above.width; c.height = above.height; return c.toDataURL(); })()"
    )
    assert page.look_of("above") != blank
    assert "user" in page.text("mount")


def test_nothing_comes_from_elsewhere_and_nothing_is_refused_or_wrong(page: Page, run: Running) -> None:
    asked = page.value("performance.getEntriesByType('resource').map((each) => each.name)")
    assert asked
    assert all(address.startswith(run.page.url) for address in asked)
    assert [entry["message"] for entry in page.driver.get_log("browser")] == []


def test_it_fits_a_phone(page: Page) -> None:
    metrics_of_a_phone = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics_of_a_phone)
    try:
        wait_until(lambda: page.value("innerWidth") == 360)
        assert page.value("document.documentElement.scrollWidth") <= 360
        assert page.value("document.getElementById('picture').getBoundingClientRect().width") == 360
    finally:
        page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_the_token_opens_the_page_and_a_key_keeps_the_moment(page: Page, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANESTREAM_TOKEN", "rosebud-rosebud")
    monkeypatch.setattr("lanes.serve.server.MARK_EVERY_S", 60.0)
    marks: list[str] = []
    guarded = PageSink(Address("127.0.0.1", 0), Telemetry(), RunState(), mark=marks.append, clips=lambda: [folder / "left.mp4"])
    before = page.driver.current_window_handle
    page.driver.switch_to.new_window("tab")
    try:
        page.driver.get(guarded.url)
        for token in ("wrong", "rosebud-rosebud"):
            assert page.driver.current_url == f"{guarded.url}login"
            assert page.value("getComputedStyle(document.querySelector('.refused')).display") == "none"
            page.driver.find_element("id", "token").send_keys(token + "\n")
            if token == "wrong":
                wait_until(lambda: page.value("getComputedStyle(document.querySelector('.refused')).display") != "none")
                page.driver.get(guarded.url)
        wait_until(lambda: page.driver.current_url == guarded.url)
        wait_until(lambda: page.text("phase") == "starting")
        assert page.value("document.cookie") == ""
        wait_until(lambda: not page.value("document.getElementById('mark').hidden"))
        page.driver.find_element("tag name", "body").send_keys("m")
        wait_until(lambda: marks == ["page"])
        wait_until(lambda: "marked on the page" in page.text("happenings"))
        assert page.value("document.querySelector('#clips a').getAttribute('href')") == "/clips/left.mp4"
        page.driver.execute_script("window.setTimeout = () => 0")  # words stay until they are read
        page.driver.find_element("tag name", "body").send_keys("m")
        wait_until(lambda: page.text("mark-words").startswith("Kept already"))
        assert marks == ["page"]
    finally:
        page.driver.close()
        page.driver.switch_to.window(before)
        guarded.close()


def test_a_lost_source_is_red_and_its_figures_are_those_of_metrics_and_report(page: Page, run: Running) -> None:
    with run.camera.away():
        wait_until(lambda: page.text("phase").startswith("reconnecting"))
        wait_until(lambda: page.value("document.getElementById('screen').classList.contains('stale')"))
        wait_until(lambda: page.text("age").endswith("old"))
        assert "lost" in page.text("message")
        wait_until(lambda: not run.session.telemetry.counts().under_way)
        report = run.session.report()
        assert report is not None
        made, found = make_report(report), metrics(run.port)
        wait_until(lambda: page.counts()["Processed"] == made["frames"]["processed"])
        counts = page.counts()
        assert counts["Captured"] == made["frames"]["captured"] == found["lanestream_frames_captured_total"]
        assert counts["Dropped"] == made["frames"]["dropped"] == found['lanestream_frames_total{outcome="dropped"}']
        wait_until(lambda: page.text("latency") == shown(made["end_to_end"]["p50"]))
        assert ask(run.port, "/healthz")[2] == b'{"status": "waiting"}'
    wait_until(lambda: page.text("phase") in ("live", "not live"))
    painted = page.value("lanestream.painted")
    wait_until(lambda: page.value("lanestream.painted") > painted)


def shown(ms: float) -> str:
    """As the page rounds milliseconds."""
    return f"{ms:.1f}" if ms < 99.95 else f"{ms:.0f}"
