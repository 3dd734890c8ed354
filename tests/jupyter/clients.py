"""The kernel as Jupyter's own clients see it: jupyter_client, nbclient and, where it is installed, nbconvert.

Run by the suite with Debian's Python; by hand: KERNEL="$PWD/workbook" /usr/bin/python3 tests/jupyter/clients.py
KERNEL is the command that starts the project (one argument a line of the variable).
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

import nbformat
from jupyter_client.manager import KernelManager
from jupyter_client.kernelspec import KernelSpecManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

COMMAND = os.environ["KERNEL"].split("\n")
LIMIT = 60


def alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def ends(pid):
    for _ in range(300):
        if not alive(pid):
            return True
        time.sleep(0.1)
    return False


class Clients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        """Registers the kernel in a data folder of the test's own, as ./workbook kernel install does."""
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="workbook-clients-"))
        os.environ["JUPYTER_DATA_DIR"] = str(cls.folder / "data")
        subprocess.run(COMMAND + ["kernel", "install"], check=True, stdout=subprocess.DEVNULL)
        spec = cls.folder / "data" / "kernels" / ".net-csharp" / "kernel.json"
        content = json.loads(spec.read_text())
        content["argv"] = COMMAND + content["argv"][1:]  # the build under test, not what the entry would build
        spec.write_text(json.dumps(content))

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def start(self):
        manager = KernelManager(kernel_name=".net-csharp")
        manager.start_kernel(cwd=self.folder)
        self.addCleanup(lambda: manager.has_kernel and manager.shutdown_kernel(now=True))
        client = manager.client()
        client.start_channels()
        self.addCleanup(client.stop_channels)
        client.wait_for_ready(timeout=LIMIT)
        return manager, client

    def run_cell(self, client, code, **options):
        shown = []
        reply = client.execute_interactive(code, output_hook=lambda message: shown.append(message), timeout=LIMIT, **options)
        return reply["content"], [message for message in shown if message["msg_type"] != "status"]

    def value(self, client, code):
        reply, shown = self.run_cell(client, code)
        self.assertEqual("ok", reply["status"], reply)
        return shown[-1]["content"]["data"]["text/plain"]

    def test_the_kernel_is_found(self):
        self.assertIn(".net-csharp", KernelSpecManager().find_kernel_specs())

    def test_restart_forgets_and_shutdown_ends(self):
        manager, client = self.start()
        session = int(self.value(client, "var x = 5;\nEnvironment.ProcessId"))
        manager.restart_kernel()
        client.wait_for_ready(timeout=LIMIT)
        self.assertTrue(ends(session))
        self.assertEqual("compilation error", self.run_cell(client, "x")[0]["evalue"])
        session = int(self.value(client, "Environment.ProcessId"))
        client.execute("while (true) { }")
        manager.restart_kernel()  # during a cell
        client.wait_for_ready(timeout=LIMIT)
        self.assertTrue(ends(session))
        manager.shutdown_kernel()
        self.assertFalse(manager.is_alive())
        self.assertFalse(pathlib.Path(manager.connection_file).exists())

    def test_interrupt(self):
        manager, client = self.start()
        self.run_cell(client, "int step = 0;")
        client.execute('Console.WriteLine("begun"); for (;;) { step++; System.Threading.Thread.Sleep(5); }')
        while client.get_iopub_msg(timeout=LIMIT)["msg_type"] != "stream":
            pass
        manager.interrupt_kernel()
        self.assertEqual("interrupted", client.get_shell_msg(timeout=LIMIT)["content"]["evalue"])
        self.assertGreater(int(self.value(client, "step")), 0)

    def test_questions_completion_inspection(self):
        _, client = self.start()
        asked = []
        def answer(message):
            asked.append(message["content"]["prompt"])
            client.input("Ada")
        reply, shown = self.run_cell(client, 'await Kernel.GetInputAsync("Name: ")', allow_stdin=True, stdin_hook=answer)
        self.assertEqual(["Name: "], asked)
        self.assertEqual("Ada", shown[-1]["content"]["data"]["text/plain"])
        self.assertIn("WriteLine", client.complete("Console.Wri", reply=True, timeout=LIMIT)["content"]["matches"])
        found = client.inspect("Console.WriteLine()", 12, reply=True, timeout=LIMIT)["content"]
        self.assertIn("void Console.WriteLine", found["data"]["text/plain"])

    def test_a_client_that_is_killed_takes_its_kernel_with_it(self):
        client = (
            "import sys\nfrom jupyter_client.manager import start_new_kernel\n"
            "manager, client = start_new_kernel(kernel_name='.net-csharp')\n"
            "print(manager.provisioner.process.pid, flush=True)\n"
            "client.execute('System.IO.File.WriteAllText(\"session\", $\"{Environment.ProcessId}\"); while (true) { }')\n"
            "sys.stdin.read()\n")
        process = subprocess.Popen([sys.executable, "-c", client], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=self.folder)
        kernel = int(process.stdout.readline())
        for _ in range(600):
            if (self.folder / "session").exists() and (self.folder / "session").read_text():
                break
            time.sleep(0.1)
        session = int((self.folder / "session").read_text())
        process.kill()
        process.communicate()
        self.assertTrue(ends(kernel))
        self.assertTrue(ends(session))

    def notebook(self, *cells):
        notebook = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": ".net-csharp", "display_name": ".NET (C#)", "language": "C#"}})
        notebook.cells = [nbformat.v4.new_code_cell(cell) for cell in cells]
        return notebook

    def test_nbclient(self):
        notebook = self.notebook('var shown = display("first");\nConsole.WriteLine("text");', 'shown.Update("second");\n6 * 7', "new[] { new { A = 1, B = \"b\" } }")
        NotebookClient(notebook, timeout=LIMIT, kernel_name=".net-csharp", resources={"metadata": {"path": str(self.folder)}}).execute()
        outputs = [cell.outputs for cell in notebook.cells]
        self.assertEqual("second", outputs[0][0].data["text/plain"])  # the update reached the earlier cell
        self.assertEqual("text\n", outputs[0][1].text)
        self.assertEqual("42", outputs[1][-1].data["text/plain"])
        self.assertIn("<table>", outputs[2][0].data["text/html"])
        with self.assertRaises(CellExecutionError) as failure:
            NotebookClient(self.notebook("1", "nonsense"), timeout=LIMIT, kernel_name=".net-csharp").execute()
        self.assertIn("compilation error", str(failure.exception))

    def test_nbclient_sees_the_crash_of_a_cell(self):
        notebook = self.notebook("Environment.Exit(3);", "1 + 1")
        NotebookClient(notebook, timeout=LIMIT, kernel_name=".net-csharp", allow_errors=True).execute()
        self.assertIn("ended with code 3", notebook.cells[0].outputs[0].evalue)
        self.assertEqual("2", notebook.cells[1].outputs[0].data["text/plain"])

    @unittest.skipUnless(shutil.which("jupyter-nbconvert"), "needs jupyter-nbconvert (Debian: apt-get install jupyter-nbconvert)")
    def test_nbconvert(self):
        path = self.folder / "converted.ipynb"
        nbformat.write(self.notebook("Enumerable.Range(1, 3).Sum()"), path)
        subprocess.run(["jupyter-nbconvert", "--execute", "--to", "html", str(path)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.assertIn("<pre>6</pre>", path.with_suffix(".html").read_text())


if __name__ == "__main__":
    unittest.main(verbosity=2)
