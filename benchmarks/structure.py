"""Count what makes a tree long to read: lines, modules, import chains, long functions, repeated blocks, exemptions.

`python benchmarks/structure.py BEFORE AFTER` prints a column per checkout; without arguments, this one alone.
"""

import ast
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import click

import measurement

PACKAGE = "glyphline"
LONG_FUNCTION = 40
BLOCK_LINES = 6
EXEMPTIONS = Path("tests/contract/reachable.py")


class Tree:
    """The package in a checkout, read as text.

    Args:
        root: the folder of the checkout.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        source = root / "src"
        paths = sorted((source / PACKAGE).rglob("*.py"))
        self.modules = {".".join(path.relative_to(source).with_suffix("").parts): path for path in paths}
        self.modules = {name.removesuffix(".__init__"): path for name, path in self.modules.items()}
        self._parsed = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in self.modules.items()}

    def figures(self) -> dict[str, int]:
        """Name of each figure -> its value."""
        return {
            "source lines": sum(path.read_text(encoding="utf-8").count("\n") for path in self.modules.values()),
            "modules": len(self.modules),
            "longest import chain": self.longest_chain(),
            f"functions over {LONG_FUNCTION} lines": sum(self._long_functions(tree) for tree in self._parsed.values()),
            f"blocks of {BLOCK_LINES} lines that stand twice": self.repeated_blocks(),
            "exemptions in contract tests": self.exemptions(),
            "code that .dvcignore names": len(re.findall(r"^/src/", self._text(".dvcignore"), re.MULTILINE)),
            "single files of code in dvc.yaml": len(
                re.findall(r"- src/\S+\.py$", self._text("dvc.yaml"), re.MULTILINE)
            ),
        }

    def longest_chain(self) -> int:
        """How many modules stand in the longest chain of imports, those inside functions included."""
        graph = {name: set(self._imported(name)) for name in self.modules}
        lengths: dict[str, int] = {}
        for name in TopologicalSorter(graph).static_order():
            lengths[name] = 1 + max((lengths[other] for other in graph[name]), default=0)
        return max(lengths.values())

    def repeated_blocks(self) -> int:
        """Runs of equal lines, counted once per further place; blank lines, comments and imports apart."""
        places: dict[tuple[str, ...], int] = defaultdict(int)
        for path in self.modules.values():
            text = path.read_text(encoding="utf-8")
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    text = text.replace(ast.get_source_segment(text, node) or "", "", 1)
            lines = [line.strip() for line in text.splitlines()]
            lines = [line for line in lines if line and not line.startswith(("#", '"""', "@"))]
            for start in range(len(lines) - BLOCK_LINES + 1):
                places[tuple(lines[start : start + BLOCK_LINES])] += 1
        return sum(count - 1 for count in places.values())

    def exemptions(self) -> int:
        """Modules that the contract tests leave out, and imports that import-linter passes over."""
        tree = ast.parse(self._text(EXEMPTIONS))
        named = sum(
            len(node.elts)
            for statement in tree.body
            if isinstance(statement, ast.Assign)
            for node in ast.walk(statement.value)
            if isinstance(node, ast.Set | ast.Tuple)
        ) + sum(
            len(node.generators[0].iter.elts)
            for node in ast.walk(tree)
            if isinstance(node, ast.SetComp) and isinstance(node.generators[0].iter, ast.Tuple)
        )
        contracts = tomllib.loads(self._text("pyproject.toml"))["tool"]["importlinter"]["contracts"]
        return named + sum(len(contract.get("ignore_imports", ())) for contract in contracts)

    def _text(self, name: str | Path) -> str:
        return (self._root / name).read_text(encoding="utf-8")

    def _imported(self, module: str) -> Iterator[str]:
        for node in self._statements(self._parsed[module]):
            names: list[str] = []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [f"{node.module}.{alias.name}" for alias in node.names]
                names = [name if name in self.modules else node.module for name in names]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            yield from (name for name in names if name in self.modules and name != module)

    def _statements(self, node: ast.AST) -> Iterator[ast.AST]:
        for child in ast.iter_child_nodes(node):
            # What is imported for types alone is not loaded.
            if not (isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"):
                yield child
                yield from self._statements(child)

    @staticmethod
    def _long_functions(tree: ast.AST) -> int:
        return sum(
            isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            and (node.end_lineno or node.lineno) - node.lineno + 1 > LONG_FUNCTION
            for node in ast.walk(tree)
        )


@click.command()
@click.argument("roots", nargs=-1, type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(roots: tuple[Path, ...]) -> None:
    """Print the figures of each checkout."""
    columns = [Tree(root).figures() for root in roots or (measurement.ROOT,)]
    width = max(map(len, columns[0]))
    for name in columns[0]:
        print(f"{name:<{width}}  " + "  ".join(f"{column[name]:>7,}" for column in columns))


if __name__ == "__main__":
    main()
