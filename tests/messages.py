"""The messages for users that the sources hold, found without running them."""

import ast
import glob
import os
import re

from tests import readme

# What takes a message first, by the last part of its name; HTTP errors have it as
# `description`.
TAKES = {"InputError", "Unreachable", "WrongContent", "_ColumnError", "Unavailable",
         "ArgumentTypeError", "error", "_refuse", "_unprocessable"}


def module_paths():
    """Our modules and tools, relative to the root."""
    return sorted(os.path.relpath(path, readme.ROOT) for pattern in ("*.py", "tools/*.py")
                  for path in glob.glob(os.path.join(readme.ROOT, pattern)))


def pattern(node):
    """A message with … for each value that is put into it; None if it is no literal."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
        node = node.left
    text = getattr(node, "s", None)
    if not isinstance(text, str):
        return None
    text = re.sub(r"%[-.\d]*[a-z]", "…", text).replace("%%", "%")
    return re.sub(r"\s+", " ", text.replace("`", "'")).strip()


def _message_of(call):
    """The argument of a call that is a message for users, or None."""
    owner = getattr(getattr(call.func, "value", None), "id", None)
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    if call.args and owner != "logging" and name in TAKES:
        return call.args[0]
    if call.args and (owner, name) == ("sys", "exit"):
        return call.args[0] if "error: " in (pattern(call.args[0]) or "") else None
    return next((keyword.value for keyword in call.keywords
                 if keyword.arg == "description" and name.startswith("HTTP")), None)


def of_module(path):
    """[pattern] of a module's messages; those that only pass others on are left out."""
    found = [pattern(_message_of(node)) for node in ast.walk(ast.parse(readme.read(path)))
             if isinstance(node, ast.Call)]
    return [text for text in found if text and re.search(r"[a-z]", text)
            and text != "error: …"]
