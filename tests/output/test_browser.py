"""The overlay video plays in a browser: real Chromium, headless."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import av
import pytest

import run_video
from tests.media import Clip

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed: pip install 'lanestream[test]'")

if not (shutil.which("chromium") and shutil.which("chromedriver")):
    pytest.skip("needs Chromium and its driver: apt-get install chromium chromium-driver", allow_module_level=True)


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--autoplay-policy=no-user-gesture-required",
    ):
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    driver.set_script_timeout(60)
    yield driver
    driver.quit()


PLAY = """
const done = arguments[0], video = document.querySelector('video');
video.onerror = () => done({error: video.error.message});
video.onended = () => done({width: video.videoWidth, height: video.videoHeight, duration: video.duration, end: video.currentTime});
video.muted = true;
video.play();
"""


@pytest.mark.parametrize("sound", [None, "aac"])
def test_the_overlay_video_plays_to_its_end(browser: object, sound: str | None, tmp_path: Path) -> None:
    source, output = tmp_path / "drive.mp4", tmp_path / "out.mp4"
    Clip(frames=40, width=320, height=180, audio=sound).write(source)
    assert run_video.main(["--source", str(source), "--output", str(output), "--quiet"]) == 0
    page = tmp_path / "page.html"
    page.write_text('<video src="out.mp4"></video>')
    browser.get(page.as_uri())  # type: ignore[attr-defined]
    seen = browser.execute_async_script(PLAY)  # type: ignore[attr-defined]
    assert "error" not in seen, seen
    assert (seen["width"], seen["height"]) == (320, 180)
    with av.open(str(output)) as container:
        assert seen["duration"] == pytest.approx(container.duration / av.time_base, abs=0.05)
    assert seen["duration"] == pytest.approx(1.6, abs=0.05)
    assert seen["end"] == pytest.approx(seen["duration"], abs=0.05)
