"""Reads from the integration's code which texts it shows; for test_contract_texts.py.

The code is read, not run, except that names are looked up in the imported
module and error classes are instantiated for their placeholders.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
import importlib
import inspect
from pathlib import Path
import re
from typing import Any

from custom_components.smgw.const import DOMAIN
from custom_components.smgw.han.errors import SmgwError
from custom_components.smgw.tariff.errors import TariffError

INTEGRATION = Path(__file__).parents[1] / "custom_components" / "smgw"
PACKAGE = "custom_components.smgw"
FLOW_KINDS = {"ConfigFlow": "config", "OptionsFlow": "options"}
# What Home Assistant's own flow helpers abort with.
IMPLIED_ABORTS = {
    "_abort_if_unique_id_configured": "already_configured",
    "_async_abort_entries_match": "already_configured",
    "_abort_if_unique_id_mismatch": "unique_id_mismatch",
}
SAMPLES: dict[Any, Any] = {
    bytes: b"",
    str: "x",
    int: 1,
    timedelta: timedelta(minutes=1),
    datetime: datetime(2026, 1, 1, tzinfo=UTC),
}


@dataclass(frozen=True)
class Shown:
    """One text that the code shows: its key and the variables it is given."""

    key: str
    placeholders: frozenset[str] = frozenset()


@dataclass
class Flow:
    """What one flow class shows."""

    fields: dict[str, set[str]] = field(default_factory=dict)
    steps: set[Shown] = field(default_factory=set)
    errors: set[Shown] = field(default_factory=set)
    aborts: set[Shown] = field(default_factory=set)
    menus: dict[str, set[str]] = field(default_factory=dict)


class Module:
    """One module of the integration: its tree and, to look names up, itself."""

    def __init__(self, path: Path) -> None:
        """Read and import it."""
        self.path = path
        self.tree = ast.parse(path.read_text(encoding="utf-8"))
        name = ".".join(path.relative_to(INTEGRATION).with_suffix("").parts)
        self.names = vars(
            importlib.import_module(
                f"{PACKAGE}.{name.removesuffix('__init__')}".rstrip(".")
            )
        )

    def text(self, node: ast.AST | None) -> str | None:
        """Return the text of a constant, a name or a marked name; None if it is computed."""
        match node:
            case ast.Constant(value=str(value)):
                return value
            case ast.Name(id=name) if isinstance(self.names.get(name), str):
                return str(self.names[name])
            case ast.Call(args=[first, *_]):  # Secret(CONF_PASSWORD)
                return self.text(first)
        return None

    def schema_fields(self, name: str) -> set[str]:
        """Return the fields of a schema, or of a function that makes some, by its name."""
        schema = getattr(self.names.get(name), "schema", None)
        if isinstance(schema, dict):
            return {str(field) for field in schema}
        found: set[str] = set()
        for node in self.tree.body:
            if isinstance(node, ast.FunctionDef) and node.name == name:
                for part in ast.walk(node):
                    if isinstance(part, ast.Name) and part.id != name:
                        found |= self.schema_fields(part.id)
                for called, call in calls(node):
                    if called in {"Required", "Optional"}:
                        found.add(self.text(call.args[0]) or "")
        return found

    def looped(self, name: str) -> Iterator[str]:
        """Return the texts of the module's constant that a name loops over."""
        for node in ast.walk(self.tree):
            match node:
                case ast.For(target=ast.Name(id=found), iter=ast.Name(id=constant)):
                    if found == name:
                        yield from self.names.get(constant, ())

    def assigned(self, name: str, scope: ast.AST) -> Iterator[ast.AST]:
        """Return what a name is set to in a function or in the module."""
        for tree in (scope, self.tree):
            for node in ast.walk(tree):
                if isinstance(node, ast.Assign | ast.AnnAssign) and node.value:
                    targets = (
                        node.targets if isinstance(node, ast.Assign) else [node.target]
                    )
                    if any(
                        isinstance(target, ast.Name) and target.id == name
                        for target in targets
                    ):
                        yield node.value


@cache
def modules() -> list[Module]:
    """Return all modules that may show texts."""
    return [Module(path) for path in sorted(INTEGRATION.rglob("*.py"))]


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Return every call with the last part of the called name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            match node.func:
                case ast.Name(id=name) | ast.Attribute(attr=name):
                    yield name, node


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    """Return a keyword argument."""
    return next((kw.value for kw in call.keywords if kw.arg == name), None)


def literal_keys(node: ast.AST | None) -> frozenset[str]:
    """Return the constant keys of the dictionaries written in an expression."""
    if node is None:
        return frozenset()
    return frozenset(
        key.value
        for part in ast.walk(node)
        if isinstance(part, ast.Dict)
        for key in part.keys
        if isinstance(key, ast.Constant)
    )


def client_errors(base: type[Any] = SmgwError) -> set[Shown]:
    """Return the keys of all errors that the client may raise, with their variables.

    A class that only groups others is none of them. `base` is for another room's.
    """
    made = {name for module in modules() for name, _ in calls(module.tree)}
    found = set()
    todo = [base]
    while todo:
        kind = todo.pop()
        todo += kind.__subclasses__()
        if kind.__subclasses__() and kind.__name__ not in made:
            continue
        parameters = [
            parameter
            for parameter in inspect.signature(kind).parameters.values()
            if parameter.kind is not parameter.VAR_KEYWORD
        ]
        error = kind(*(SAMPLES[parameter.annotation] for parameter in parameters))
        found.add(Shown(kind.key, frozenset(error.placeholders)))
    return found


def caught(module: Module, handler: ast.ExceptHandler) -> set[str]:
    """Return the keys of the errors that an `except` catches; none of the client's, which are many."""
    names = [
        node.id
        for node in ast.walk(handler.type or handler)
        if isinstance(node, ast.Name)
    ]
    todo = [kind for name in names if isinstance(kind := module.names.get(name), type)]
    found = set()
    while todo:
        kind = todo.pop()
        if not issubclass(kind, SmgwError):
            todo += kind.__subclasses__()
            found.add(getattr(kind, "key", None))
    return {key for key in found if key}


def key_of(module: Module, node: ast.expr, placeholders: ast.expr | None) -> set[Shown]:
    """Return what a key and its placeholders can be: written out, or taken from an error."""
    if (text := module.text(node)) is not None:
        return {Shown(text, literal_keys(placeholders))}
    if isinstance(node, ast.IfExp):
        return key_of(module, node.body, placeholders) | key_of(
            module, node.orelse, placeholders
        )
    if isinstance(node, ast.Attribute) and node.attr == "key":
        if module.path.stem == "faults":
            given = literal_keys(placeholders)
            return {Shown(one.key, given) for one in client_errors(TariffError)}
        return client_errors()
    if isinstance(node, ast.Name):
        return {
            Shown(text, literal_keys(placeholders)) for text in module.looped(node.id)
        }
    return set()


def exceptions(module: Module) -> set[Shown]:
    """Return the keys of the exceptions that Home Assistant translates with our texts."""
    found: set[Shown] = set()
    for name, call in calls(module.tree):
        key = keyword(call, "translation_key")
        domain = keyword(call, "translation_domain")
        ours = domain and module.text(domain) in (None, DOMAIN)
        if key and ours and name != "async_create_issue":
            shown = key_of(module, key, keyword(call, "translation_placeholders"))
            assert shown, f"{module.path.name}:{call.lineno}: which text is this?"
            found |= shown
    return found


def said(module: Module) -> set[Shown]:
    """Return patterns of the keys of texts in an action's answer, with their variables."""
    return {
        Shown(pattern_of(module, call.args[0]), frozenset(filter(None, given)))
        for name, call in calls(module.tree)
        if name == "say"
        for given in [[kw.arg for kw in call.keywords]]
    }


def pattern_of(module: Module, key: ast.expr) -> str:
    """Return a pattern of a key: written out, or partly computed."""
    if isinstance(key, ast.JoinedStr):
        parts = (module.text(part) for part in key.values)
        return "".join(".+" if part is None else re.escape(part) for part in parts)
    text = module.text(key)
    assert text, f"{module.path.name}:{key.lineno}: which text is this?"
    return re.escape(text)


def issues(sources: list[Module]) -> set[Shown]:
    """Return the keys of the repair issues: a table of `Kind(key, function that finds)`.

    Variables are those every issue is created with, and those its function gives.
    """
    given: frozenset[str] = frozenset()
    found: set[Shown] = set()
    for module in sources:
        for name, call in calls(module.tree):
            if name == "async_create_issue":
                given |= literal_keys(keyword(call, "translation_placeholders"))
    for module in sources:
        functions = {
            node.name: node
            for node in module.tree.body
            if isinstance(node, ast.FunctionDef)
        }
        for name, call in calls(module.tree):
            match name, call.args:
                case "Kind", [key, ast.Name(id=find), *_]:
                    text = module.text(key)
                    assert text, f"{module.path.name}:{call.lineno}: which issue?"
                    found.add(Shown(text, given | literal_keys(functions[find])))
    assert found, "no table of issues"
    return found


def family(module: Module, node: ast.ClassDef) -> Iterator[tuple[Module, ast.ClassDef]]:
    """Return a class and those of our own that it inherits from, with their modules."""
    yield module, node
    for base in node.bases:
        while isinstance(base, ast.Subscript):
            base = base.value
        kind = module.names.get(base.id) if isinstance(base, ast.Name) else None
        if isinstance(kind, type) and kind.__module__.startswith(f"{PACKAGE}."):
            parent = Module(Path(inspect.getfile(kind)))
            for part in parent.tree.body:
                if isinstance(part, ast.ClassDef) and part.name == kind.__name__:
                    yield from family(parent, part)


class FlowReader:
    """Reads one flow class, with what it inherits from classes of our own."""

    def __init__(self, module: Module, node: ast.ClassDef) -> None:
        """Find the helpers of the class that show a form for others."""
        self.module = module
        methods = [
            (part_of, part)
            for part_of, parent in family(module, node)
            for part in parent.body
            if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef)
        ]
        self.helpers = {
            method.name: method
            for _, method in methods
            if not method.name.startswith("async_step_")
            and any(name == "async_show_form" for name, _ in calls(method))
        }
        self.flow = Flow()
        # What the forms of the method that is read are given.
        self._given: set[frozenset[str]] = set()
        for part_of, method in methods:
            self.module = part_of
            self._read(method)

    def _read(self, method: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._given = set()
        for name, call in calls(method):
            if name == "async_show_menu":
                self._menu(call)
            elif name == "AbortFlow":
                reason = self.module.text(call.args[0])
                assert reason, f"{method.name}: which abort is this?"
                self.flow.aborts.add(Shown(reason))
            elif (
                name == "async_show_form" and method.name not in self.helpers
            ) or name in self.helpers:
                self._form(method, name, call)
            elif name == "async_abort":
                given = literal_keys(keyword(call, "description_placeholders"))
                reason = self.module.text(keyword(call, "reason"))
                assert reason, f"{method.name}: which abort is this?"
                self.flow.aborts.add(Shown(reason, given))
            elif name in IMPLIED_ABORTS:
                given = literal_keys(keyword(call, "description_placeholders"))
                reason = self.module.text(
                    keyword(call, "reason") or keyword(call, "error")
                )
                self.flow.aborts.add(Shown(reason or IMPLIED_ABORTS[name], given))
            elif name in {"async_update_reload_and_abort", "async_update_and_abort"}:
                reason = self.module.text(keyword(call, "reason"))
                kind = "reauth" if "reauth" in method.name else "reconfigure"
                self.flow.aborts.add(Shown(reason or f"{kind}_successful"))
        self._errors(method)

    def _menu(self, call: ast.Call) -> None:
        step = self.module.text(keyword(call, "step_id"))
        assert step, f"line {call.lineno}: which step is this?"
        given = literal_keys(keyword(call, "description_placeholders"))
        self.flow.steps.add(Shown(step, given))
        self.flow.fields.setdefault(step, set())
        options = keyword(call, "menu_options")
        assert isinstance(options, ast.Name), f"line {call.lineno}: which options?"
        # One step may offer more to some than to others.
        self.flow.menus.setdefault(step, set()).update(self.module.names[options.id])

    def _form(self, method: ast.AST, name: str, call: ast.Call) -> None:
        step = self.module.text(
            keyword(call, "step_id") or (call.args[0] if call.args else None)
        )
        assert step, f"line {call.lineno}: which step is this?"
        given = literal_keys(keyword(call, "description_placeholders"))
        if helper := self.helpers.get(name):
            own = {arg.arg for arg in (*helper.args.args, *helper.args.kwonlyargs)}
            given |= {kw.arg for kw in call.keywords if kw.arg and kw.arg not in own}
        self.flow.steps.add(Shown(step, given))
        self._given.add(given)
        fields = self.flow.fields.setdefault(step, set())
        for argument in (*call.args, *(kw.value for kw in call.keywords)):
            fields |= self._fields(argument, method)

    def _fields(self, node: ast.AST, method: ast.AST) -> set[str]:
        """Return the fields of the schemas in an expression, following names."""
        found: set[str] = set()
        for part in ast.walk(node):
            if isinstance(part, ast.Name):
                found |= self.module.schema_fields(part.id)
                for value in self.module.assigned(part.id, method):
                    if value is not node and any(
                        n == "Schema" for n, _ in calls(value)
                    ):
                        found |= self._fields(value, method)
        for name, call in calls(node):
            if name in {"Required", "Optional"}:
                text = self.module.text(call.args[0])
                assert text, f"line {call.lineno}: which field is this?"
                found.add(text)
        return found

    def _errors(self, method: ast.AST) -> None:
        """Read `errors["field"] = "key"` and `errors={"base": key}`.

        What is caught by a class of another room than the client's says which keys there are.
        Variables that all forms of the method are given are there for its errors, too.
        """
        given = frozenset.intersection(*self._given) if self._given else frozenset()
        known: set[ast.AST] = set()
        for handler in ast.walk(method):
            if isinstance(handler, ast.ExceptHandler) and handler.name:
                keys = caught(self.module, handler)
                for node in ast.walk(handler):
                    match node:
                        case ast.Assign(
                            targets=[ast.Subscript(value=ast.Name(id="errors"))],
                            value=ast.Attribute(value=ast.Name(id=name), attr="key"),
                        ) if keys and name == handler.name:
                            known.add(node)
                            self.flow.errors |= {Shown(key) for key in keys}
        for node in ast.walk(method):
            if node in known:
                continue
            found: set[Shown] = set()
            match node:
                case ast.Assign(
                    targets=[ast.Subscript(value=ast.Name(id="errors"))], value=value
                ):
                    found = key_of(self.module, value, None)
                case ast.keyword(arg="errors", value=value):
                    for part in ast.walk(value):
                        if isinstance(part, ast.Dict):
                            for error in part.values:
                                found |= key_of(self.module, error, None)
            self.flow.errors |= {
                Shown(one.key, one.placeholders | given) for one in found
            }


@cache
def flows() -> dict[str, Flow]:
    """Return what the flows show, by their place in the translations."""
    main = Module(INTEGRATION / "config_flow.py")
    modules = [main, *map(Module, sorted(INTEGRATION.glob("*_flow.py")))]
    found = {}
    for module, node in ((one, node) for one in modules for node in one.tree.body):
        if isinstance(node, ast.ClassDef):
            bases = {
                base.id.removesuffix("WithReload")
                for base in node.bases
                if isinstance(base, ast.Name)
            }
            place = next(
                (FLOW_KINDS[base] for base in sorted(bases) if base in FLOW_KINDS), None
            )
            if "ConfigSubentryFlow" in bases:
                place = f"config_subentries.{subentry_type(main, node.name)}"
            if place:
                found[place] = FlowReader(module, node).flow
    return found


def fix_flows() -> dict[str, Flow]:
    """Return what the fix flows show, by the kind of issue they are made for."""
    module = Module(INTEGRATION / "repairs.py")
    readers = {
        node.name: FlowReader(module, node).flow
        for node in module.tree.body
        if isinstance(node, ast.ClassDef)
        and any(isinstance(b, ast.Name) and b.id == "RepairsFlow" for b in node.bases)
    }
    found = {}
    for node in ast.walk(module.tree):
        match node:
            case ast.If(test=test, body=[ast.Return(ast.Call(ast.Name(id=flow)))]):
                for name, call in calls(test):
                    if name == "startswith" and (kind := module.text(call.args[0])):
                        found[kind] = readers[flow]
    return found


def subentry_type(module: Module, flow: str) -> str:
    """Return the type that a subentry flow is registered for: `{SUBENTRY_LOGIN: LoginFlow}`."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if (
                    isinstance(value, ast.Name)
                    and value.id == flow
                    and (text := module.text(key))
                ):
                    return text
    raise AssertionError(f"{flow} is registered for no subentry type")
