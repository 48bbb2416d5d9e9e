"""The machine with every number: what is read of it, and the warnings that follow."""

from __future__ import annotations

import json
import multiprocessing
import time
from pathlib import Path
from typing import Any

import pytest

from benchmarks.common.machine import describe_machine, machine_state, read_power_mode
from benchmarks.common.observe import machine_warnings, observe_machine
from benchmarks.common.power import gpu_meters, module_meters, module_watts, package_meters, rapl_counters, read_rails

# Lines as tegrastats prints them, board by board.
NANO = (
    "RAM 1766/3964MB (lfb 197x4MB) SWAP 0/2048MB (cached 0MB) CPU [24%@1224,15%@1224,13%@1224,10%@1224] EMC_FREQ 0% GR3D_FREQ 0% "
    "PLL@21C CPU@25C PMIC@100C GPU@23.5C AO@33.5C thermal@24.5C POM_5V_IN 2545/2547 POM_5V_GPU 0/0 POM_5V_CPU 549/529"
)
TX2 = (
    "RAM 2135/7855MB (lfb 1057x4MB) CPU [2%@2035,0%@2035,0%@2035,2%@2035,2%@2036,2%@2035] EMC_FREQ 1%@1866 GR3D_FREQ 0%@1300 APE 150 "
    "MTS fg 0% bg 0% BCPU@30C MCPU@30C GPU@29C PLL@30C Tboard@28C Tdiode@28.25C PMIC@100C thermal@29.4C VDD_IN 3104/4029 VDD_CPU 291/730 "
    "VDD_GPU 145/207 VDD_SOC 727/746 VDD_WIFI 0/180 VDD_DDR 1248/1375"
)
XAVIER_NX_5 = (
    "RAM 2690/6854MB (lfb 6x1MB) SWAP 479/3427MB (cached 3MB) CPU [3%@1904,7%@1906,1%@1905,0%@1907,off,off] EMC_FREQ 0%@1600 "
    "GR3D_FREQ 0%@[510] VIC_FREQ 601 APE 150 AUX@39C CPU@39.5C AO@37.5C GPU@37.5C PMIC@50C VDD_IN 5079mW/5079mW "
    "VDD_CPU_GPU_CV 696mW/696mW VDD_SOC 1104mW/1104mW"
)
AGX_XAVIER_4 = (
    "RAM 10881/31919MB (lfb 4230x4MB) SWAP 0/15959MB (cached 0MB) CPU [17%@1190,17%@1190,18%@1190,25%@1190,17%@1336,15%@1340,23%@1543,"
    "15%@1574] EMC_FREQ 55%@2133 GR3D_FREQ 95%@1377 APE 150 MTS fg 0% bg 10% AO@48C GPU@54.5C Tdiode@53.25C PMIC@100C AUX@46C CPU@49C "
    "thermal@49.45C Tboard@47C GPU 18401/18525 CPU 2301/2330 SOC 4602/4602 CV 0/0 VDDRQ 2914/2911 SYS5V 4632/4620"
)
AGX_ORIN_6 = (
    "03-17-2024 18:54:10 RAM 10239/62841MB (lfb 442x4MB) SWAP 1/31421MB (cached 0MB) CPU [0%@1728,0%@1728,0%@1728,0%@1728,0%@1420,0%@1420,"
    "0%@1420,0%@1420,off,off,off,off] GR3D_FREQ 0% cpu@37.5C tboard@27C soc2@34.562C tdiode@27.5C soc0@34.531C tj@37.5C soc1@33.656C "
    "VDD_GPU_SOC 1592mW/1592mW VDD_CPU_CV -398mW/-398mW VIN_SYS_5V0 2624mW/2624mW NC 0mW/0mW VDDQ_VDD2_1V8AO 403mW/403mW NC 0mW/0mW"
)
BOARDS = {
    "Nano, JetPack 4": (NANO, 2.545, "POM_5V_IN"),
    "TX2, JetPack 4": (TX2, 3.104, "VDD_IN"),
    "Xavier NX, JetPack 5": (XAVIER_NX_5, 5.079, "VDD_IN"),
    "AGX Xavier, JetPack 4": (AGX_XAVIER_4, 18.401 + 2.301 + 4.602 + 2.914 + 4.632, "GPU + CPU + SOC + CV + VDDRQ + SYS5V"),
    "AGX Orin, JetPack 6": (AGX_ORIN_6, 1.592 - 0.398 + 2.624, "VDD_GPU_SOC + VDD_CPU_CV + VIN_SYS_5V0"),
}


@pytest.mark.parametrize("board", BOARDS)
def test_power_of_the_whole_module_is_read_from_tegrastats_of_every_board(board: str) -> None:
    line, watts, rails = BOARDS[board]
    found = module_watts(read_rails(line))
    assert found is not None
    assert found[0] == pytest.approx(watts)
    assert found[1] == rails


def test_lines_without_power_give_none() -> None:
    no_root = "RAM 2130/7774MB (lfb 1004x4MB) SWAP 0/3887MB (cached 0MB) CPU [11%@1190] EMC_FREQ 0% GR3D_FREQ 0% AO@31C GPU@31.5C"
    for line in (no_root, "", "tegrastats: command failed", "VDD_IN mW/mW"):
        assert module_watts(read_rails(line)) is None


def test_energy_is_mean_power_times_time() -> None:
    lines = [XAVIER_NX_5, XAVIER_NX_5.replace("5079mW/", "7079mW/"), "half a li"]
    (module,) = module_meters(lines, seconds=10)
    assert (module["watts"], module["joules"]) == (pytest.approx(6.079), pytest.approx(60.79))
    assert module["of"] == "module (VDD_IN)"
    assert module_meters(["half a li"], seconds=10) == []


def test_energy_of_a_gpu_is_the_difference_of_its_counter() -> None:
    before, after = [{"joules": 1000.0}, {"joules": None}], [{"joules": 1300.0}, {"joules": None}]
    (gpu,) = gpu_meters(before, after, seconds=2)
    assert (gpu["of"], gpu["by"], gpu["watts"], gpu["joules"]) == ("GPU 0", "NVML", 150, 300)


def test_energy_of_a_processor_allows_for_the_counter_s_wrap(tmp_path: Path) -> None:
    zone = "sys/class/powercap/intel-rapl:0/"
    files = {zone + "name": "package-0", zone + "energy_uj": 9_000_000, zone + "max_energy_range_uj": 10_000_000}
    before = rapl_counters(plant(tmp_path, files))
    after = rapl_counters(plant(tmp_path, files | {zone + "energy_uj": 1_000_000}))
    (package,) = package_meters(before, after, seconds=0.5)
    assert (package["of"], package["joules"], package["watts"]) == ("processor (package-0)", 2.0, 4.0)


def test_the_power_mode_is_read() -> None:
    assert read_power_mode("NV Fan Mode:quiet\nNV Power Mode: MODE_30W_6CORE\n5") == "MODE_30W_6CORE"
    assert read_power_mode("NVPM WARN: power mode is not set!") == ""


def plant(root: Path, files: dict[str, object]) -> Path:
    """A machine's /proc and /sys."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{content}\n")
    return root


def test_state_and_description_are_read_from_the_kernel(tmp_path: Path) -> None:
    core, zone, fan = "sys/devices/system/cpu/cpu{}/", "sys/class/thermal/thermal_zone{}/", "sys/class/thermal/cooling_device{}/"
    root = plant(
        tmp_path,
        {
            core.format(0) + "cpufreq/scaling_governor": "schedutil",
            core.format(0) + "cpufreq/scaling_driver": "tegra194",
            core.format(0) + "thermal_throttle/core_throttle_count": 3,
            core.format(1) + "thermal_throttle/core_throttle_count": 4,
            zone.format(0) + "type": "cpu-thermal",
            zone.format(0) + "temp": 99_500,
            zone.format(0) + "trip_point_0_type": "passive",
            zone.format(0) + "trip_point_0_temp": 99_000,
            zone.format(1) + "type": "cv0-thermal",
            zone.format(1) + "temp": -256_000,
            zone.format(2) + "type": "gpu-thermal",
            zone.format(2) + "temp": 51_000,
            zone.format(2) + "trip_point_0_type": "active",
            zone.format(2) + "trip_point_0_temp": 35_000,
            fan.format(0) + "type": "pwm-fan",
            fan.format(0) + "cur_state": 3,
            fan.format(1) + "type": "cpufreq-cpu0",
            fan.format(1) + "cur_state": 2,
            "sys/fs/cgroup/cpu.stat": "usage_usec 5\nnr_periods 9\nnr_throttled 7",
            "proc/device-tree/model": "NVIDIA Jetson Orin Nano Developer Kit\0",
            "etc/nv_tegra_release": "# R36 (release), REVISION: 4.0, GCID: 37537400, BOARD: generic, EABI: aarch64",
        },
    )
    state, facts = machine_state(root), describe_machine(root)
    assert state["temperatures_c"] == {"cpu-thermal": 99.5, "gpu-thermal": 51}
    assert state["at_limit"] == ["cpu-thermal"]
    assert state["throttle_counts"] == {"cores too hot": 7, "processor quota used up": 7}
    assert state["cooling"] == ["cpufreq-cpu0"]
    assert 0 < state["memory_free_mib"] <= facts["memory_mib"]
    assert (facts["governor"], facts["frequency_driver"]) == ("schedutil", "tegra194")
    assert facts["jetson"]["model"] == "NVIDIA Jetson Orin Nano Developer Kit"
    assert facts["jetson"]["release"].startswith("R36 (release), REVISION: 4.0")
    assert facts["libraries"]["numpy"]
    json.dumps(facts | state)


def test_a_machine_that_shows_nothing_is_no_error(tmp_path: Path) -> None:
    with observe_machine(tmp_path) as observation:
        pass
    assert observation.warnings == []
    assert observation.joules is None
    assert observation.facts["processor"]


GOOD: dict[str, Any] = {"governor": "performance", "others": 0.02, "before": {"clocks_mhz": [3000.0]}, "after": {"clocks_mhz": [2990.0]}}


def test_a_quiet_machine_has_no_warnings() -> None:
    assert machine_warnings(GOOD) == []
    assert machine_warnings(GOOD | {"governor": "powersave", "frequency_driver": "intel_pstate"}) == []


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"others": 0.4}, "other processes took 40%"),
        ({"stolen": 0.1}, "host of this virtual machine"),
        ({"governor": "powersave", "frequency_driver": "acpi-cpufreq"}, "powersave"),
        ({"after": {"clocks_mhz": [2000.0]}}, "clock fell from 3000 to 2000 MHz"),
        ({"after": {"throttle_counts": {"cores too hot": 2}}}, "throttled 2 times"),
        ({"after": {"at_limit": ["cpu-thermal"]}}, "cpu-thermal is as hot"),
        ({"after": {"cooling": ["cpufreq-cpu0"]}}, "cpufreq-cpu0"),
        ({"after": {"gpus": [{"slowed_by": ["its power cap"]}]}}, "GPU 0 was slowed down by its power cap"),
    ],
)
def test_whatever_slows_a_machine_down_is_a_warning(change: dict[str, Any], word: str) -> None:
    (warning,) = machine_warnings(GOOD | change)
    assert word in warning


def spin(seconds: float) -> None:
    """Works so long by the wall clock."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def test_own_work_is_not_load_by_others() -> None:
    with observe_machine() as observation:
        before = time.process_time()
        spin(0.3)
        own = time.process_time() - before
    assert observation.facts["others"] <= 1 - own / observation.facts["seconds"] / observation.facts["cores"] + 0.1  # a tick is 10 ms


def test_work_of_another_process_is_seen() -> None:
    busy = multiprocessing.get_context("spawn").Process(target=spin, args=(20,))
    busy.start()
    try:
        time.sleep(1)  # until it has begun
        with observe_machine() as observation:
            time.sleep(0.5)
    finally:
        busy.kill()
        busy.join()
    assert observation.facts["others"] > 0.2 / observation.facts["cores"]
