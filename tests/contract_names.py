"""Reads from the integration's code which names of entities and devices it uses."""

import ast
import re

from .contract_code import Module, calls, keyword, pattern_of


def name_patterns(module: Module, kinds: str) -> set[str]:
    """Return patterns of the translation keys in calls whose name matches `kinds`.

    A key that a function computes can be any key-like constant of its module
    that is not the key of a dictionary.
    """
    found: set[str] = set()
    for name, call in calls(module.tree):
        key = keyword(call, "translation_key")
        if key is None or not re.fullmatch(kinds, name):
            continue
        if (text := module.text(key)) is not None:
            found.add(re.escape(text))
        elif isinstance(key, ast.JoinedStr):
            found.add(pattern_of(module, key))
        else:
            found |= set(map(re.escape, key_like_constants(module.tree)))
    for node in ast.walk(module.tree):
        match node:
            case ast.Assign(
                targets=[ast.Name(id="_attr_translation_key")], value=value
            ) if (text := module.text(value)) and "EntityDescription" in kinds:
                found.add(re.escape(text))
    return found


def key_like_constants(tree: ast.Module) -> set[str]:
    """Return the constants that look like a translation key."""
    keys = {
        id(key)
        for node in ast.walk(tree)
        if isinstance(node, ast.Dict)
        for key in node.keys
    }
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and id(node) not in keys
        and isinstance(node.value, str)
        and re.fullmatch(r"[a-z]+(_[a-z]+)*", node.value)
    }
