"""Makes report.json and report.md of what tests/Gpu/run left in a folder: parts.tsv, a log of each part, bench/*.json.

Usage: report.py FOLDER ROOT NVRTC. A suite's log is xunit's -automated output, one JSON message a line, so that a suite which crashed or
was stopped still says what had passed, and in which test it ended. The exit code is 0 when something ran and nothing failed.
"""
import json
import platform
import subprocess
import sys
from pathlib import Path

LIMIT_OF_TIMEOUT = ("124", "137")


def output(*command):
    """A program's output, or none where it is missing or fails."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def machine(root, nvrtc):
    libtorch = root / "artifacts/native/libtorch.txt"
    keys = dict(line.split("=", 1) for line in libtorch.read_text().splitlines()) if libtorch.exists() else {}
    query = output("nvidia-smi", "--query-gpu=name,driver_version,memory.total,compute_cap", "--format=csv,noheader")
    processor = next((line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "unknown")
    version = root / "version.txt"
    return {
        "GPU, driver, memory, compute capability": query or "none",
        "libtorch": f"{keys.get('VERSION', 'not found')}, with CUDA: {keys.get('CUDA', '?')}, from {keys.get('LIBRARY', '?')}",
        "libnvrtc": nvrtc or "not found",
        "processor": processor,
        "system": platform.platform(),
        "compiler": output("g++", "--version").split("\n")[0],
        ".NET": ", ".join(sorted(p.name for p in (root / "dotnet/shared/Microsoft.NETCore.App").glob("*"))) or "the machine's",
        "packed from": version.read_text().strip() if version.exists() else "a checkout",
    }


def messages(log):
    """The JSON messages of a log; what tests and libraries print may stand between them."""
    for line in log.read_text(errors="replace").splitlines() if log.exists() else []:
        at = line.find('{"$type"')
        try:
            yield json.loads(line[at:]) if at >= 0 else {}
        except ValueError:
            continue                                            # the last line of a process that was stopped


def ending(code, limit):
    """Why a part that ended with this code did not end by itself, or None."""
    if code == "none":
        return "was not started: no time was left"
    return f"was stopped at its limit of {limit} s" if code in LIMIT_OF_TIMEOUT else None


def suite(name, code, seconds, limit, log):
    names, running, passed, skipped, failures, complete = {}, {}, 0, [], [], False
    for message in messages(log):
        kind, test = message.get("$type"), message.get("TestUniqueID")
        if kind == "test-starting":
            names[test] = running[test] = message["TestDisplayName"]
        elif kind in ("test-passed", "test-failed", "test-skipped"):
            running.pop(test, None)
            if kind == "test-passed":
                passed += 1
            elif kind == "test-skipped":
                skipped.append({"test": names.get(test, test), "reason": message.get("Reason", "")})
            else:
                failures.append({"test": names.get(test, test), "message": "\n".join(filter(None, message.get("Messages", []))),
                                 "stack": "\n".join(filter(None, message.get("StackTraces", [])))})
        elif kind in ("error-message", "test-class-cleanup-failure", "test-cleanup-failure", "test-collection-cleanup-failure", "test-assembly-cleanup-failure"):
            failures.append({"test": kind, "message": "\n".join(filter(None, message.get("Messages", []))), "stack": "\n".join(filter(None, message.get("StackTraces", [])))})
        elif kind == "test-assembly-finished":
            complete = True
    if not complete or (code != "0" and not failures) or passed + len(failures) == 0:
        why = ending(code, limit) or f"ended with code {code}"
        where = f" during {', '.join(running.values())}" if running else ""
        tail = "" if complete or not log.exists() else "\n".join(l for l in log.read_text(errors="replace").splitlines()[-30:] if '{"$type"' not in l)
        failures.append({"test": name, "message": f"the process {why}{where}", "stack": tail})
    return {"name": name, "passed": passed, "failed": len(failures), "skipped": skipped, "seconds": seconds, "failures": failures}


def command(name, code, seconds, limit, log):
    """A part that is no suite: it passes by its exit code."""
    failures = []
    if code != "0":
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-40:]) if log.exists() else ""
        failures.append({"test": name, "message": f"the process {ending(code, limit) or f'ended with code {code}'}", "stack": tail})
    return {"name": name, "passed": int(not failures), "failed": len(failures), "skipped": [], "seconds": seconds, "failures": failures}


def markdown(report, tables):
    lines = ["# Report", ""] + [f"- {key}: {value}" for key, value in report["machine"].items()]
    lines += ["", "| part | passed | failed | skipped | seconds |", "|---|---:|---:|---:|---:|"]
    lines += [f"| {p['name']} | {p['passed']} | {p['failed']} | {len(p['skipped'])} | {p['seconds']} |" for p in report["parts"]]
    lines += ["", f"**{report['passed']} passed, {report['failed']} failed, {report['skipped']} skipped**"]
    for part in report["parts"]:
        for failure in part["failures"]:
            lines += ["", f"## {part['name']}: {failure['test']}", "", "```", failure["message"], failure["stack"], "```"]
    for part in report["parts"]:
        if part["skipped"]:
            lines += ["", f"## Skipped in {part['name']}", ""] + [f"- {s['test']}: {s['reason']}" for s in part["skipped"]]
    return "\n".join(lines) + "\n" + "".join("\n" + table for table in tables)


def main(folder, root, nvrtc):
    folder, root = Path(folder), Path(root)
    parts = []
    for line in (folder / "parts.tsv").read_text().splitlines():
        kind, name, code, seconds, limit = line.split("\t")
        parts.append((suite if kind == "suite" else command)(name, code, int(seconds), int(limit), folder / f"{name}.log"))
    report = {"machine": machine(root, nvrtc), "parts": parts, "benchmarks": [json.loads(p.read_text()) for p in sorted((folder / "bench").glob("*.json"))]}
    for key in ("passed", "failed"):
        report[key] = sum(part[key] for part in parts)
    report["skipped"] = sum(len(part["skipped"]) for part in parts)
    (folder / "report.json").write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    (folder / "report.md").write_text(markdown(report, [p.read_text() for p in sorted((folder / "bench").glob("*.md"))]))
    for part in parts:
        print(f"{part['name']:<24} {part['passed']:>5} passed, {part['failed']} failed, {len(part['skipped'])} skipped  {part['seconds']} s")
        for failure in part["failures"]:
            print(f"\n{failure['test']}\n{failure['message']}\n")
    print(f"wrote {folder / 'report.md'} and report.json")
    print(f"{report['passed']} passed, {report['failed']} failed" + (f", {report['skipped']} skipped" if report["skipped"] else ""))
    return 0 if report["failed"] == 0 and report["passed"] > 0 else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
