"""Where code comes from: the user's own, the standard library's, a package's; and a function's home."""

from __future__ import annotations

import builtins
import importlib.machinery
import os
import sys
import types
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import CodeType, FunctionType, ModuleType
from typing import Any

from sweepable.environment import direct_url

_OWN = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OWN_NAME = __name__.partition(".")[0]
_STDLIB = {os.path.dirname(os.path.abspath(os.__file__)), os.path.dirname(os.path.realpath(os.__file__))}
STDLIB_NAMES = sys.stdlib_module_names
_INSTALLED = ("site-packages", "dist-packages")
_MAINS = ("__main__", "__mp_main__")
#: How objects of C, and slots, hold what they hold.
_HELD = (types.MemberDescriptorType, types.GetSetDescriptorType)
#: Of the flags of a class: that Python code made it.
_HEAP = 1 << 9
#: How the file names begin of what packages' decorators write around functions.
_BY_DECORATORS = ("<@beartype(",)
_COMPILED = tuple(importlib.machinery.EXTENSION_SUFFIXES)


def is_user_code(obj: object) -> bool:
    """Whether a function, class or module is the user's own.

    User code is what lies outside the standard library and site-packages (so editable installs count), what is
    in ``__main__`` or a notebook, what was made by ``exec`` there, and packages installed from a local folder.
    """
    if isinstance(obj, ModuleType):
        return _module_is_user(obj)
    function = underlying(obj)
    if function is not None:
        return _code_is_user(function.__code__, function.__globals__)
    cls = obj if isinstance(obj, type) else type(obj)
    return _named_is_user(cls.__module__)


def is_made(cls: type) -> bool:
    """Whether a class was made by code of a package, for the user: what it was made of is in its entries alone."""
    if not cls.__flags__ & _HEAP:
        return False
    # What `exec` makes in a namespace without a name passes for one of Python's own.
    home = {"types": types, "builtins": builtins}.get(cls.__module__)
    return "<locals>" in cls.__qualname__ or (home is not None and getattr(home, cls.__name__, None) is not cls)


def underlying(obj: object) -> FunctionType | None:
    """The plain Python function within a function, method, partial, wrapper or dispatcher; None if there is none."""
    for _ in range(100):
        if isinstance(obj, FunctionType):
            return obj
        if isinstance(obj, type | ModuleType):
            return None
        found = (_of(obj, name) for name in ("__wrapped__", "py_func", "__func__", "func"))
        obj = next((part for part in found if part is not None), None)
        if obj is None:
            return None
    return None


def _of(obj: object, name: str) -> object:
    """An attribute that an object holds; never one that it computes, which would run code of the user's."""
    try:
        own: dict[str, object] = object.__getattribute__(obj, "__dict__")
    except Exception:  # it has none
        own = {}
    if name in own:
        return own[name]
    for base in type(obj).__mro__:
        if name in vars(base):
            entry = vars(base)[name]
            return entry.__get__(obj, type(obj)) if isinstance(entry, _HELD) and _holds(entry, obj) else None
    return None


def _holds(entry: types.MemberDescriptorType | types.GetSetDescriptorType, obj: object) -> bool:
    """Whether a slot is filled."""
    try:
        entry.__get__(obj, type(obj))
    except Exception:
        return False
    return True


def is_ours(obj: object) -> bool:
    """Whether an object is sweepable's own: a module, function or class of this package, or an instance of one."""
    if isinstance(obj, ModuleType):
        return _top(vars(obj).get("__name__")) == OWN_NAME
    if isinstance(obj, FunctionType):
        return file_kind(obj.__code__.co_filename) == "own"
    cls = obj if isinstance(obj, type) else type(obj)
    return _top(getattr(cls, "__module__", "")) == OWN_NAME


def _top(name: object) -> str:
    return name.partition(".")[0] if isinstance(name, str) else ""


def is_written(code: CodeType) -> bool:
    """Whether the code of a wrapper was written by a package's decorator, with addresses in it."""
    return code.co_filename.startswith(_BY_DECORATORS)


def _code_is_user(code: CodeType, namespace: Mapping[str, object]) -> bool:
    if is_written(code):
        return False
    if not code.co_filename.startswith("<"):
        return file_kind(code.co_filename) == "user"
    name = namespace.get("__name__")
    return not code.co_filename.startswith("<frozen") and (not isinstance(name, str) or _named_is_user(name))


def _module_is_user(module: ModuleType) -> bool:
    # Never by attribute: a module may have a `__getattr__` that answers everything.
    name = vars(module).get("__name__")
    if name in _MAINS:
        return True
    if _top(name) in sys.stdlib_module_names:
        return False
    file = file_of(module)
    return file_kind(file) == "user" if file else vars(module).get("__spec__") is None


def _named_is_user(name: object) -> bool:
    """Whether the module of this name is the user's; one that is not loaded was made by hand, by the user."""
    if not isinstance(name, str) or name in _MAINS:
        return True
    module = sys.modules.get(name)
    if isinstance(module, ModuleType):
        return _module_is_user(module)
    top = sys.modules.get(_top(name))
    return _top(name) not in sys.stdlib_module_names and (top is None or _module_is_user(top))


def file_of(module: ModuleType) -> str | None:
    """The file of a module, or the folder of a namespace package."""
    file = vars(module).get("__file__")
    if isinstance(file, str):
        return file
    folders = list(vars(module).get("__path__", ()))
    return str(folders[0]) if folders else None


def is_compiled(module: ModuleType) -> bool:
    """Whether a module is an extension module, whose content is its file."""
    return (file_of(module) or "").endswith(_COMPILED)


@lru_cache(maxsize=4096)
def file_kind(filename: str) -> str:
    """``user``, ``own``, ``package`` or ``stdlib``, by where a file lies."""
    path = os.path.abspath(filename)
    if path.startswith(_OWN + os.sep):
        return "own"
    for name in _INSTALLED:
        before, found, after = path.partition(os.sep + name + os.sep)
        if found:
            top = after.split(os.sep)[0].partition(".")[0]
            return "user" if _is_local_package(before + os.sep + name, top) else "package"
    return "stdlib" if any(path.startswith(folder + os.sep) for folder in _STDLIB) else "user"


def _is_local_package(folder: str, top: str) -> bool:
    """Whether a top-level name in a site-packages folder was installed from a folder of the user's."""
    # Most packages bear the name of their distribution and tell its version: looking through all costs more than a hit.
    version = getattr(sys.modules.get(top), "__dict__", {}).get("__version__", "")
    origin = direct_url(f"{folder}{os.sep}{top}-{version}.dist-info")
    return top in _local_packages(folder) if origin is None else _is_local(origin)


@lru_cache(maxsize=64)
def _local_packages(folder: str) -> frozenset[str]:
    """Top-level names in a site-packages folder that were installed from a folder of the user's."""
    names: set[str] = set()
    try:
        found = [name for name in os.listdir(folder) if name.endswith(".dist-info")]
    except OSError:
        return frozenset()
    for name in found:
        if _is_local(direct_url(os.path.join(folder, name))):
            names |= _top_levels(os.path.join(folder, name, "RECORD"))
    return frozenset(names)


def _is_local(origin: Mapping[str, Any] | None) -> bool:
    return origin is not None and "dir_info" in origin and str(origin.get("url", "")).startswith("file:")


def _top_levels(record: str) -> set[str]:
    try:
        with open(record, encoding="utf-8") as stream:
            tops = {line.partition(",")[0].partition("/")[0] for line in stream}
    except OSError:
        return set()
    return {top.partition(".")[0] for top in tops if not top.endswith(".dist-info") and not top.startswith(".")}


def home_of(function: Callable[..., object]) -> str:
    """Where a function lives: its module's dotted name, a script's absolute path, or ``notebook``.

    A function keeps its home when it is sent to another process.
    """
    name = getattr(function, "__module__", None) or "__main__"
    if name not in _MAINS:
        return str(name)
    plain = underlying(function)
    file = plain.__code__.co_filename if plain else ""
    if _is_cell(file):
        return "notebook"
    return "__main__" if not file or file.startswith("<") else os.path.abspath(file)


def _is_cell(file: str) -> bool:
    """Whether a file name is one that IPython or its kernel gives to a cell."""
    return file.startswith("<ipython-input") or os.path.basename(os.path.dirname(file)).startswith("ipykernel_")
