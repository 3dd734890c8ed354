# Makes cases.jsonl and snippets.jsonl with Jinja2, set up as transformers sets it up for chat templates (python3-jinja2 3.1.2).
import glob
import json
from jinja2 import nodes
from jinja2.exceptions import TemplateError
from jinja2.ext import Extension
from jinja2.sandbox import ImmutableSandboxedEnvironment


class Generation(Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        return nodes.Scope(parser.parse_statements(["name:endgeneration"], drop_needle=True)).set_lineno(line)


def refuse(message):
    raise TemplateError(message)


environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols", Generation])
environment.filters["tojson"] = lambda x, ensure_ascii=False, indent=None, separators=None, sort_keys=False: json.dumps(
    x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)
environment.globals["raise_exception"] = refuse


def run(source, variables):
    try:
        return {"text": environment.from_string(source).render(**variables)}
    except Exception as error:
        return {"error": str(error)}


def turns(*pairs):
    return [{"role": role, "content": content} for role, content in pairs]


conversations = [
    turns(("user", "Hello")),
    turns(("user", " Hello "), ("assistant", "Hi there. "), ("user", "Tell me\nmore"), ("assistant", "  Sure: 1 < 2 & \"3\"\n")),
    turns(("system", "Be brief. "), ("user", "Why é 😀?"), ("assistant", "Because.")),
    turns(("system", "S"), ("user", "A"), ("assistant", "<think>\nhm\n</think>\n\nB"), ("user", "C"), ("assistant", "<think>well</think>D")),
    turns(("user", "A"), ("user", "B")),
    turns(("user", "A"), ("system", "late"), ("assistant", "B")),
    turns(("system", "alone")),
]


def call(name, arguments, id=None):
    return {**({"id": id} if id else {}), "type": "function", "function": {"name": name, "arguments": arguments}}


def calling(write):
    """Calls instead of content, after it, two at once, twice in a row, as the last turn, with fields of a template's own."""
    def said(content, *calls, **fields):
        return {"role": "assistant", "content": content, "tool_calls": [call(name, write(arguments), id) for name, arguments, id in calls], **fields}

    def result(content, id):
        return {"role": "tool", "content": content, "name": "look_up", "tool_call_id": id}

    look, add = ("look_up", {"what": "Köln \"<é>\"", "n": [1, 2.5, None, True]}, "abcdefg01"), ("add", {"a": 1, "b": {"c": []}}, "abcdefg02")
    return [
        turns(("user", "Where?")) + [said(None, look), result("{\"at\": 50.9}", "abcdefg01")] + turns(("assistant", "There."), ("user", "Sure?"), ("assistant", "Yes.")),
        turns(("system", "S"), ("user", "Both")) + [said("Let me see.", look, add), result("é", "abcdefg01"), result("3", "abcdefg02")] + turns(("assistant", "Both done.")),
        turns(("user", "Again")) + [said(None, add, thoughts="first"), result("3", "abcdefg02"), said(None, add, thoughts="once more"), result("3", "abcdefg02")] + turns(("assistant", "3, twice.")),
        turns(("user", "Ask"), ("assistant", "What?"), ("user", "That")) + [said(None, look)],
        turns(("user", "Ask")) + [said("", ("now", {}, None)), result("noon", "abcdefg03")],
    ]


tools = [{"type": "function", "function": {"name": name, "description": "Says 'it' & <more>", "parameters": {"type": "object", "properties": {"what": {"type": "string"}}}}} for name in ("look_up", "add", "now")]
extra = [{}, {"enable_thinking": False, "date_string": "26 Jul 2024"}, {"tools": [{"type": "function", "function": {"name": "add", "parameters": {"a": [1, 2.5, None, True]}}}]}]

with open("cases.jsonl", "w") as out:
    for name in sorted(glob.glob("*.jinja")):
        source = open(name).read()
        for messages in conversations if not name.startswith("tools-") else conversations[:4] + calling(lambda some: some) + calling(lambda some: json.dumps(some, ensure_ascii=False)):
            for prompt in (False, True):
                for variables in extra if not name.startswith("tools-") else [{}, {"tools": tools}]:
                    if variables and not name.startswith("tools-") and not any(word in source for word in ("tools", "enable_thinking", "date_string")):
                        continue
                    given = {"bos_token": "<s>", "eos_token": "</s>", **variables}
                    made = run(source, {"messages": messages, "add_generation_prompt": prompt, "tools": None, **given})
                    out.write(json.dumps({"template": name, "messages": messages, "prompt": prompt, "variables": given, **made}, ensure_ascii=False) + "\n")

with open("snippets.jsonl", "w") as out:
    for source in open("snippets.txt").read().split("\n"):
        if source:
            source = source.replace("⏎", "\n").replace("␍", "\r")
            out.write(json.dumps({"source": source, **run(source, {"messages": []})}, ensure_ascii=False) + "\n")
