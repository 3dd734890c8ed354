"""Drives the classic notebook in Chromium over its debugging protocol. Usage: browser.py SCREENSHOT [NOTEBOOK]"""
import asyncio
import base64
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import nbformat
from tornado.websocket import websocket_connect

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIMIT = 600  # seconds for all cells

SAMPLE = [
    "#!import ../artifacts/workbook/notebook.csx",
    'var live = display("waiting");\nfor (int step = 0; step < 5; step++) { Console.WriteLine($"step {step}"); await Task.Delay(50); live.Update($"loss {1.0 / (step + 1):F2}"); }',
    'Chart.Line(Enumerable.Range(1, 50).Select(i => 1.0 / i), "LoRA").Title("loss")',
    "new[] { new { Method = \"LoRA\", Rank = 8 }, new { Method = \"DoRA\", Rank = 8 } }",
]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(url):
    for _ in range(300):
        try:
            return urllib.request.urlopen(url).read()
        except OSError:
            time.sleep(0.1)
    raise TimeoutError(url)


async def drive(debugger, url, screenshot):
    page = json.loads(wait_for(f"http://127.0.0.1:{debugger}/json/list"))[0]
    connection = await websocket_connect(page["webSocketDebuggerUrl"], max_message_size=1 << 28)
    number = 0

    async def call(method, **parameters):
        nonlocal number
        number += 1
        await connection.write_message(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(await connection.read_message())
            if message.get("id") == number:
                return message["result"]

    async def evaluate(expression):
        result = await call("Runtime.evaluate", expression=expression, returnByValue=True)
        return result["result"].get("value")

    async def until(expression, seconds):
        for _ in range(seconds * 5):
            if await evaluate(expression):
                return
            await asyncio.sleep(0.2)
        raise TimeoutError(f"never true: {expression}")

    await call("Page.navigate", url=url)
    await until("!!(window.Jupyter && Jupyter.notebook && Jupyter.notebook._fully_loaded && Jupyter.notebook.kernel && Jupyter.notebook.kernel.is_connected())", 90)
    print("kernel:", await evaluate("Jupyter.notebook.kernel.name"), "mode:", await evaluate("JSON.stringify(Jupyter.notebook.codemirror_mode)"))
    started = time.time()
    await evaluate("Jupyter.notebook.execute_all_cells(); 1")
    await until("Jupyter.notebook.get_cells().every(cell => cell.cell_type != 'code' || (!cell.element.hasClass('running') && (cell.get_text().trim() == '' || cell.input_prompt_number > 0)))", LIMIT)
    await asyncio.sleep(1)
    print(f"all cells ran in {time.time() - started:.1f} s")
    found = json.loads(await evaluate("""JSON.stringify({
        errors: document.querySelectorAll('.output_error').length,
        charts: document.querySelectorAll('.output_area svg').length,
        tables: document.querySelectorAll('.output_area table').length,
        text: document.querySelector('#notebook-container').innerText })"""))
    await evaluate("document.querySelector('.output_area svg') && document.querySelector('.output_area svg').scrollIntoView({block: 'center'}); 1")
    height = int(await evaluate("document.querySelector('#notebook-container').scrollHeight")) + 200
    await call("Emulation.setDeviceMetricsOverride", width=1100, height=min(height, 4000), deviceScaleFactor=1, mobile=False)
    await asyncio.sleep(1)
    picture = await call("Page.captureScreenshot", format="png")
    pathlib.Path(screenshot).write_bytes(base64.b64decode(picture["data"]))
    connection.close()
    return found


def main():
    screenshot = sys.argv[1]
    folder = pathlib.Path(tempfile.mkdtemp(prefix="workbook-browser-"))
    notebooks = folder / "notebooks"
    notebooks.mkdir()
    for shared in ["artifacts", "data"]:  # a lesson's paths are relative to its folder
        (folder / shared).symlink_to(ROOT / shared)
    copy = notebooks / "browser-test.ipynb"
    children = []
    try:
        if len(sys.argv) > 2:
            notebook = nbformat.read(sys.argv[2], as_version=4)
            for cell in notebook.cells:
                if "parameters" in cell.metadata.get("tags", []):
                    cell.source = cell.source.replace("var fast = false;", "var fast = true; ")
        else:
            notebook = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": ".net-csharp", "display_name": ".NET (C#)", "language": "C#"}})
            notebook.cells = [nbformat.v4.new_code_cell(cell) for cell in SAMPLE]
        nbformat.write(notebook, copy)
        server, debugger = free_port(), free_port()
        log = open(folder / "server.log", "w")
        children.append(subprocess.Popen(
            ["jupyter-notebook", "--no-browser", f"--port={server}", "--ip=127.0.0.1", "--NotebookApp.token=", "--allow-root", f"--notebook-dir={notebooks}"],
            stdout=log, stderr=log, start_new_session=True))
        wait_for(f"http://127.0.0.1:{server}/api")
        children.append(subprocess.Popen(
            ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--remote-debugging-port={debugger}", "--remote-allow-origins=*",
             f"--user-data-dir={folder / 'profile'}", "--window-size=1100,1400", "about:blank"], stdout=log, stderr=log, start_new_session=True))
        found = asyncio.run(drive(debugger, f"http://127.0.0.1:{server}/notebooks/{copy.name}", screenshot))
        print(f"{found['errors']} errors, {found['charts']} charts, {found['tables']} tables; screenshot in {screenshot}")
        if found["errors"] or not found["charts"]:
            print(found["text"][-3000:])
            print((folder / "server.log").read_text()[-3000:])
            return 1
        return 0
    finally:
        for child in children:
            os.killpg(child.pid, signal.SIGTERM)
            child.wait()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
