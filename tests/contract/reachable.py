"""Which modules of the package a module can reach, read from the source without running any of it."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

SRC = Path(__file__).resolve().parents[2] / "src"
PACKAGE = "glyphline"

# What cannot change a stage's outs: how mistakes and progress are told, and where the project's folders are, which
# dvc.yaml itself says. The package itself holds its version and `glyphline.load`, which no stage calls.
NEUTRAL = {
    "glyphline",
    "glyphline.errors",
    "glyphline.paths",
    "glyphline.redaction",
    "glyphline.nearest",
    "glyphline.progress",
    "glyphline.params.error_messages",
}


def file_of(module: str) -> Path | None:
    """The file of a module of the package, if there is such a module."""
    base = SRC.joinpath(*module.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None


def module_of(path: Path) -> str:
    """The module in a file that is given relative to the project."""
    parts = path.relative_to(SRC.name).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def modules() -> list[str]:
    """Every module of the package."""
    return [module_of(path.relative_to(SRC.parent)) for path in sorted((SRC / PACKAGE).rglob("*.py"))]


@cache
def imported(module: str) -> frozenset[str]:
    """What the source of one module imports, at its top or inside functions, with the packages above; not for types."""
    path = file_of(module)
    assert path is not None, module
    names: set[str] = set()
    for node in _statements(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative imports are not read"
            assert node.module
            # `from package import name` may name a module or something in the package; the caller sorts that out.
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(names | {parent for name in names for parent in _parents(name)})


def closure(module: str) -> frozenset[str]:
    """Every module of the package that importing and running `module` can load, itself included."""
    seen: set[str] = set()
    waiting = [module, *_parents(module)]
    while waiting:
        name = waiting.pop()
        if name not in seen and file_of(name):
            seen.add(name)
            waiting += [found for found in imported(name) if found.split(".")[0] == PACKAGE]
    return frozenset(seen)


def code_of(stage: str) -> frozenset[Path]:
    """The files, relative to the project, whose change can change the outs of a stage."""
    found = {name for name in closure(f"{PACKAGE}.stages.{stage}") if name not in NEUTRAL and has_code(name)}
    return frozenset(path.relative_to(SRC.parent) for path in map(file_of, found) if path)


def has_code(module: str) -> bool:
    """False for a package that holds nothing but its docstring and constants."""
    path = file_of(module)
    assert path is not None, module
    return any(
        not isinstance(node, ast.Expr | ast.Assign | ast.AnnAssign)
        for node in ast.parse(path.read_text(encoding="utf-8")).body
    )


def _parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts))]


def _statements(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}:
            for other in node.orelse:
                yield other
                yield from _statements(other)
            continue
        yield node
        yield from _statements(node)
