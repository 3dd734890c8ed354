"""Measures the published kernel: start to first result, a trivial cell at first and after many, memory a cell.

Usage: /usr/bin/python3 tests/jupyter/speed.py [CELLS]    after ./workbook has built; on an idle machine
"""
import os
import pathlib
import statistics
import sys
import time

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager

ROOT = pathlib.Path(__file__).resolve().parents[2]


def start(command):
    manager = KernelManager(kernel_name=".net-csharp")
    manager._kernel_spec = KernelSpec(argv=command + ["kernel", "run", "{connection_file}"], language="C#", interrupt_mode="message")
    began = time.perf_counter()
    manager.start_kernel(cwd=str(ROOT / "notebooks"))
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    ready = time.perf_counter()
    client.execute_interactive("1 + 1", output_hook=lambda message: None, timeout=60)
    return manager, client, ready - began, time.perf_counter() - began


def resident(process):
    fields = pathlib.Path(f"/proc/{process}/statm").read_text().split()
    return int(fields[1]) * os.sysconf("SC_PAGESIZE") / 1e6


def main():
    cells = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    print("load of the machine:", *(f"{load:.1f}" for load in os.getloadavg()))
    for name, command in [("entry", [str(ROOT / "workbook")]), ("program", [str(ROOT / "artifacts/workbook/Workbook")])]:
        times = []
        for _ in range(5):
            manager, client, ready, first = start(command)
            times.append((first, ready))
            client.stop_channels()
            manager.shutdown_kernel()
        first, ready = sorted(times)[2]
        print(f"started by its {name}: first result after {first:.2f} s (ready {ready:.2f} s), median of 5")
    manager, client, _, _ = start([str(ROOT / "artifacts/workbook/Workbook")])

    def run(code):
        shown = []
        began = time.perf_counter()
        client.execute_interactive(code, output_hook=lambda message: shown.append(message["content"]), timeout=60)
        return time.perf_counter() - began, shown

    session = int([content for content in run("Environment.ProcessId")[1] if "data" in content][0]["data"]["text/plain"])
    for _ in range(100):
        run("1 + 1")
    run("GC.Collect();")
    before, times = resident(session), []
    for i in range(cells):
        times.append(run(f"{i} + 1")[0])
    run("GC.Collect();")
    after = resident(session)
    hundred = max(1, min(100, cells // 2))
    print(f"a trivial cell: median {1e3 * statistics.median(times[:hundred]):.1f} ms of the first {hundred}, "
          f"{1e3 * statistics.median(times[-hundred:]):.1f} ms of the last {hundred} of {cells}")
    print(f"memory: {before:.0f} to {after:.0f} MB resident, {(after - before) / cells:.3f} MB a cell")
    client.stop_channels()
    manager.shutdown_kernel()


if __name__ == "__main__":
    main()
