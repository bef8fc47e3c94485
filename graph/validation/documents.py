"""Files of SeldonDeployments: read strictly, validated whole."""

from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import Any

import yaml

from graph.errors import UsageError, ValidationError
from graph.seldon import KIND
from graph.validation.problem import Problem
from graph.validation.validate import problems, report

Document = dict[str, Any]


class _StrictLoader(yaml.SafeLoader):
    """YAML as Kubernetes reads it: no dates, and a key that comes twice in a mapping is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 - PyYAML's signature
        seen: set[Hashable] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                continue
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} appears twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


_StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def load(path: str | Path) -> list[Document]:
    """The SeldonDeployments of a YAML (or JSON) file, in order; objects of other kinds are passed over.

    Raises: UsageError: the file cannot be read, is no YAML, or has no SeldonDeployment in it.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
        parsed = list(yaml.load_all(text, Loader=_StrictLoader))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"wanted a readable YAML file, got {path}: {error}; check the path") from error
    except yaml.YAMLError as error:
        raise UsageError(f"wanted valid YAML in {path}, got an error: {error}; correct it there") from error
    documents = [each for each in parsed if isinstance(each, dict) and each.get("kind") == KIND]
    if not documents:
        kinds = ", ".join(sorted({str(each.get("kind")) for each in parsed if isinstance(each, dict)})) or "nothing"
        raise UsageError(f"wanted a {KIND} in {path}, got {kinds}; use a file that contains one")
    return documents


def problems_of_files(paths: Iterable[str | Path]) -> dict[str, list[Problem]]:
    """Everything wrong with the SeldonDeployments of some files, by file.

    Raises: UsageError: a file cannot be read.
    """
    return {str(path): [problem for document in load(path) for problem in problems(document)] for path in paths}


def validate_files(paths: Iterable[str | Path]) -> None:
    """Returns if all SeldonDeployments of the files can be applied and run.

    Raises: ValidationError: everything wrong in all of them, a line each.  UsageError: a file cannot be read.
    """
    found = {path: each for path, each in problems_of_files(paths).items() if each}
    if found:
        raise ValidationError("\n".join(f"{path}:\n{_indent(report(each))}" for path, each in found.items()))


def _indent(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
