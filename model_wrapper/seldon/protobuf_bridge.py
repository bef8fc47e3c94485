"""Makes seldon-core's five generated protobuf modules work on a current protobuf, without touching a file.

The wheel's `*_pb2.py` were generated for protobuf 3 and die at import on protobuf 4 and later. Each of them holds its
serialized file descriptor. The import hook here registers that descriptor and builds the classes the way a modern
generated module does.
"""

import ast
import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

_TENSORFLOW = "seldon_core.proto.tensorflow.core.framework"
MODULE_OF_PROTO = {
    "proto/prediction.proto": "seldon_core.proto.prediction_pb2",
    **{
        f"tensorflow/core/framework/{name}.proto": f"{_TENSORFLOW}.{name}_pb2"
        for name in ("tensor", "tensor_shape", "types", "resource_handle")
    },
}
_BRIDGED = frozenset(MODULE_OF_PROTO.values())


class GeneratedModuleLoader(Loader):
    """Builds one generated module from the descriptor in its source file."""

    def __init__(self, source: Path) -> None:
        self._source = source

    def exec_module(self, module: ModuleType) -> None:
        """Fill the module with the message classes, enums and DESCRIPTOR of its file."""
        from google.protobuf import descriptor_pb2, descriptor_pool  # noqa: PLC0415 - only where seldon-core is wanted
        from google.protobuf.internal import builder  # noqa: PLC0415

        serialized = _serialized_descriptor(self._source)
        for dependency in descriptor_pb2.FileDescriptorProto.FromString(serialized).dependency:
            importlib.import_module(_module_of(dependency))
        descriptor = descriptor_pool.Default().AddSerializedFile(serialized)
        names = vars(module)
        names["DESCRIPTOR"] = descriptor
        builder.BuildMessageAndEnumDescriptors(descriptor, names)
        builder.BuildTopDescriptorsAndMessages(descriptor, module.__name__, names)


class GeneratedModuleFinder(MetaPathFinder):
    """Finds the five modules where they are installed and hands them to the loader above."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """A spec for the five modules, None for every other."""
        if fullname not in _BRIDGED:
            return None
        found = PathFinder.find_spec(fullname, path, target)
        if found is None or found.origin is None:
            return None
        loader = GeneratedModuleLoader(Path(found.origin))
        return importlib.util.spec_from_file_location(fullname, found.origin, loader=loader)


def install() -> None:
    """Put the import hook in place, once; call it before the first import of `seldon_core`."""
    if not any(isinstance(finder, GeneratedModuleFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, GeneratedModuleFinder())


def _module_of(proto: str) -> str:
    if proto in MODULE_OF_PROTO:
        return MODULE_OF_PROTO[proto]
    return proto.removesuffix(".proto").replace("/", ".") + "_pb2"


def _serialized_descriptor(source: Path) -> bytes:
    for node in ast.walk(ast.parse(source.read_bytes())):
        if isinstance(node, ast.keyword) and node.arg == "serialized_pb" and isinstance(node.value, ast.Constant):
            value = node.value.value
            if isinstance(value, bytes):
                return value
    raise ImportError(f"{source.name}: wanted a generated module with serialized_pb=b'...', found none; is it 1.17.1?")
