"""Every exception and warning of sweepable.

Each class is also the built-in a reader would expect, so ``except KeyError`` and friends keep working::

    SweepableError (Exception)
    ├── DeclarationError (TypeError)          a function, option or output was declared in a way that cannot work
    ├── ArgumentError (TypeError)             an argument cannot be part of a call
    │   ├── UndigestibleError                 ... because its content cannot be digested
    │   └── UpstreamArgumentError             ... because an upstream call was expected there
    ├── OutputMismatch (TypeError)            what a function returned is not what it declared
    ├── UnknownName (AttributeError, LookupError)    no parameter, output or upstream has this name
    ├── AmbiguousName (AttributeError, LookupError)  several have it
    ├── NoCallFound (LookupError)             a look-up for one call found none
    ├── SeveralCallsFound (LookupError)       a look-up for one call found more than one
    ├── UpstreamFailed (RuntimeError)         a call cannot run: an upstream call of it failed
    ├── SpaceError (ValueError)               the axes of a sweep do not make a space
    ├── StaleStop (RuntimeError)              a sweep with on_stale="raise" met results of older code
    ├── MigrationError (ValueError)           stored results cannot be taken over to the code as it is now
    ├── MissingExtra (ImportError)            what was asked for needs a library that is not installed
    ├── WorkerRefused (RuntimeError)          a worker would have run other code than it was asked to
    └── StoreError (OSError)                  the store cannot be used
        ├── StoreFormatError                  ... because it is of another format
        ├── DamagedError                      ... because stored data are not what was written
        └── TrustError                        ... because pickles in it may not be loaded

    SweepableWarning (UserWarning)
    ├── NotKept                               a result was returned but could not be stored
    ├── StaleResults                          results exist under older code
    ├── TaintedCall                           a call changed what its own identity depends on
    ├── UntrackedCode                         the code's identity has parts that could not be followed
    ├── OtherEnvironment                      a served result was computed with another version of a package
    ├── UnknownOutput                         a look-up names what only a run can show to be an output
    ├── UpstreamMismatch                      a run did not make the upstream call it declared
    ├── UntiedDiamond                         a parameter was set on one of two branches that share a function
    ├── DamagedData                           stored data failed their check and were put aside
    └── SecurityWarning                       a stored pickle was not loaded from a store others can write
"""

from __future__ import annotations

from typing import Any


class SweepableError(Exception):
    """Base of every error that sweepable raises itself."""


class DeclarationError(SweepableError, TypeError):
    """A function, option or output was declared in a way that cannot work."""


class ArgumentError(SweepableError, TypeError):
    """An argument cannot be part of a call."""


class UndigestibleError(ArgumentError):
    """The content of an argument or of a value that code depends on cannot be digested.

    Attributes
    ----------
    path : str
        Where the value sits, as one would write it: ``params['mesh'][3]``.
    type_name : str
        The qualified name of the value's type.
    reason : str
        Why it cannot be digested.
    function : str or None
        The cached function that was called; None while not yet known.
    """

    def __init__(self, path: str, type_name: str, reason: str, function: str | None = None) -> None:
        self.path = path
        self.type_name = type_name
        self.reason = reason
        self.function = function
        super().__init__(path, type_name, reason, function)

    def __str__(self) -> str:
        where = f"{self.function}(): " if self.function else ""
        return (
            f"{where}{self.path} is a {self.type_name}, whose content cannot be digested ({self.reason}). "
            "The call was not run. Pass the data itself instead (an array, a number, a path), say what stands for such "
            "a value with sweepable.register_digest, or leave the parameter out of the call's identity with "
            "@sweepable.cache(ignore=[...])."
        )


class UpstreamArgumentError(ArgumentError):
    """A dict, tuple or array was given where an upstream call is expected."""


class OutputMismatch(SweepableError, TypeError):
    """What a function returned is not what it declared; the value was stored and is carried along.

    Attributes
    ----------
    value : object
        What the function returned.
    """

    def __init__(self, message: str, value: Any) -> None:
        self.value = value
        super().__init__(message)


class UnknownName(SweepableError, AttributeError, LookupError):
    """No parameter, output or upstream has this name."""


class AmbiguousName(SweepableError, AttributeError, LookupError):
    """Several upstream calls have a parameter or output of this name; the message lists the paths."""


class NoCallFound(SweepableError, LookupError):
    """A look-up for one call found none."""


class SeveralCallsFound(SweepableError, LookupError):
    """A look-up for one call found more than one; the message names what they differ in."""


class UpstreamFailed(SweepableError, RuntimeError):
    """A call cannot run because an upstream call of it failed."""


class SpaceError(SweepableError, ValueError):
    """The axes of a sweep do not make a space."""


class StaleStop(SweepableError, RuntimeError):
    """A sweep with ``on_stale="raise"`` met results of older code."""


class MigrationError(SweepableError, ValueError):
    """Stored results cannot be taken over to the code as it is now, or do not hold under it."""


class MissingExtra(SweepableError, ImportError):
    """What was asked for needs a library that is not installed; the message names the extra that brings it."""


class WorkerRefused(SweepableError, RuntimeError):
    """A worker would have run other code, or other constants, than it was asked to."""


class StoreError(SweepableError, OSError):
    """The store cannot be used."""


class StoreFormatError(StoreError):
    """The store is of a format that this version of sweepable does not read."""


class DamagedError(StoreError):
    """Stored data are not what was written."""


class TrustError(StoreError):
    """A stored pickle may not be loaded: others can write to this store."""


class SweepableWarning(UserWarning):
    """Base of every warning that sweepable gives."""


class NotKept(SweepableWarning):
    """A result was returned but could not be stored."""


class StaleResults(SweepableWarning):
    """Results exist under older code."""


class TaintedCall(SweepableWarning):
    """A call changed what its own identity depends on; it is stored but never served."""


class UntrackedCode(SweepableWarning):
    """The identity of a function's code has parts that could not be followed."""


class OtherEnvironment(SweepableWarning):
    """A served result was computed with another version of a package that the code reaches."""


class UnknownOutput(SweepableWarning):
    """A look-up names what may be an output of a function that has never run; nothing is found."""


class UpstreamMismatch(SweepableWarning):
    """A run did not make the upstream call that its declaration announced."""


class UntiedDiamond(SweepableWarning):
    """A function is upstream on several branches, and a parameter of it was set on one and left alone on another."""


class DamagedData(SweepableWarning):
    """Stored data failed their check and were put aside; the call is computed again."""


class SecurityWarning(SweepableWarning):
    """A stored pickle was not loaded because others can write to the store."""
