"""Every small change of a source file that a test should notice: other operators, constants, conditions, lost calls."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

SYMBOLS = {
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=", ast.In: "in",
    ast.NotIn: "not in", ast.Is: "is", ast.IsNot: "is not", ast.And: "and", ast.Or: "or", ast.Add: "+", ast.Sub: "-",
    ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%",
}  # fmt: skip
OPPOSITES = {
    "<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==", "in": "not in", "not in": "in", "is": "is not",
    "is not": "is", "and": "or", "or": "and", "+": "-", "-": "+", "*": "/", "/": "*", "//": "/", "%": "*",
}  # fmt: skip
# How thick or how large something is drawn: no test should hold it.
APPEARANCE = {"padding", "markersize", "linewidth", "fontsize", "labelpad", "alpha", "zorder", "handlelength"}
# Types, and decorators whose options no caller sees.
UNTOUCHED_FIELDS = {"annotation", "returns", "decorator_list"}

Edit = tuple[int, int, str]


@dataclass(frozen=True)
class Mutant:
    """One change of one file.

    Attributes:
        path: of the file.
        line: where the change begins.
        where: module and function, which stay when lines move.
        before: the lines as they are.
        after: the lines with the change.
        source: of the whole changed file.
    """

    path: Path
    line: int
    where: str
    before: str
    after: str
    source: bytes

    @property
    def key(self) -> str:
        return f"{self.where}: {self.before} -> {self.after}"


def mutants(path: Path, module: str) -> Iterator[Mutant]:
    """Every mutant of a file, in the order of its lines."""
    source = path.read_bytes()
    tree = ast.parse(source)
    places = _Places(source)
    for node, function in _nodes(tree, ""):
        for edits in filter(None, [*_operators(node, places), *_values(node, places), *_conditions(node, places)]):
            changed = source
            for start, end, new in reversed(edits):
                changed = changed[:start] + new.encode() + changed[end:]
            try:
                if ast.dump(ast.parse(changed)) == ast.dump(tree):
                    continue
            except SyntaxError:
                continue
            first, behind = source.count(b"\n", 0, edits[0][0]), source.count(b"\n", edits[-1][1])
            before, after = (_lines(text, first, behind) for text in (source, changed))
            where = f"{module}:{function}" if function else module
            yield Mutant(path, first + 1, where, before, after, changed)


class _Places:
    """Where nodes stand in the source, in bytes."""

    def __init__(self, source: bytes) -> None:
        self.source = source
        self._starts = [0, *(match.end() for match in re.finditer(rb"\n", source))]

    def span(self, node: ast.AST) -> tuple[int, int]:
        return (
            self._starts[node.lineno - 1] + node.col_offset,
            self._starts[node.end_lineno - 1] + node.end_col_offset,
        )

    def swap(self, left: ast.AST, operator: ast.AST, right: ast.AST) -> list[Edit]:
        """The opposite operator between two operands."""
        symbol = SYMBOLS.get(type(operator))
        begin, end = self.span(left)[1], self.span(right)[0]
        match = symbol and re.search(re.escape(symbol).replace(r"\ ", r"\s+"), self.source[begin:end].decode())
        return [(begin + match.start(), begin + match.end(), OPPOSITES[symbol])] if match else []

    def negate(self, condition: ast.AST) -> list[Edit]:
        return [(*self.span(condition), f"(not ({ast.unparse(condition)}))")]


def _lines(text: bytes, first: int, behind: int) -> str:
    lines = text.decode().split("\n")
    return " ".join(line.strip() for line in lines[first : len(lines) - behind])


def _nodes(node: ast.AST, function: str) -> Iterator[tuple[ast.AST, str]]:
    """What may be changed, each with the function that it is in."""
    for name, value in ast.iter_fields(node):
        if name in UNTOUCHED_FIELDS:
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or _has_no_effect(child):
                continue
            inner = function
            if isinstance(child, ast.FunctionDef | ast.ClassDef):
                inner = f"{function}.{child.name}".lstrip(".")
            yield child, inner
            yield from _nodes(child, inner)


def _has_no_effect(node: ast.AST) -> bool:
    """True for docstrings, wording, log calls, assertions, `strict=` of zip, and how thick a line is drawn."""
    match node:
        # Python 3.11 gives what is inside an f-string no place of its own.
        case ast.Raise() | ast.Assert() | ast.JoinedStr() | ast.keyword(arg="strict"):
            return True
        case ast.Call(func=ast.Attribute(value=ast.Name("log"))) | ast.If(test=ast.Name("TYPE_CHECKING")):
            return True
        case ast.Assign(targets=[ast.Name("__all__")]):
            return True
        case ast.keyword(arg=name) if name in APPEARANCE:
            return True
        case ast.Expr(value=value):
            return isinstance(value, ast.Constant) or _has_no_effect(value)
    return False


def _operators(node: ast.AST, places: _Places) -> Iterator[list[Edit]]:
    match node:
        case ast.Compare(left=left, ops=[operator], comparators=[right]):
            yield places.swap(left, operator, right)
        # Texts and lists have no other operator than their own.
        case ast.BinOp(left=left, op=operator, right=right) if not (_is_text(left) or _is_text(right)):
            yield places.swap(left, operator, right)
        case ast.AugAssign(target=target, op=operator, value=value):
            yield places.swap(target, operator, value)
        case ast.BoolOp(op=operator, values=values):
            yield [edit for left, right in pairwise(values) for edit in places.swap(left, operator, right)]


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.List | ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def _values(node: ast.AST, places: _Places) -> Iterator[list[Edit]]:
    match node:
        case ast.Constant(value=bool() as value):
            yield [(*places.span(node), str(not value))]
        case ast.Constant(value=int() | float() as value):
            yield [(*places.span(node), str(value + 1))]
        case ast.Return(value=ast.AST() as value) if ast.unparse(value) != "None":
            yield [(*places.span(node), "return None")]
        case ast.Expr(value=ast.Call()) | ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield [(*places.span(node), "pass")]


def _conditions(node: ast.AST, places: _Places) -> Iterator[list[Edit]]:
    match node:
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield [(*places.span(node), f"({ast.unparse(operand)})")]
        case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test):
            # `not x` loses its `not` and `x == y` becomes `x != y` without this.
            if not isinstance(test, ast.UnaryOp | ast.Constant) and not _has_an_opposite(test):
                yield places.negate(test)
        case ast.comprehension(ifs=conditions):
            yield from (places.negate(test) for test in conditions if not _has_an_opposite(test))


def _has_an_opposite(test: ast.AST) -> bool:
    return isinstance(test, ast.Compare) and isinstance(
        test.ops[0], ast.Eq | ast.NotEq | ast.In | ast.NotIn | ast.Is | ast.IsNot
    )
