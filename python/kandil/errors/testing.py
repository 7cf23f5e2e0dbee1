"""What keeps tests from being generated."""

from __future__ import annotations

from kandil.errors.root import KandilError


class NoInterpreter(KandilError):
    """The Python that tests would run with is not there, or has no pytest: `reason`."""

    exit_code = 2
    code = "no-interpreter"

    def __init__(self, path: str, reason: str) -> None:
        no_pytest = "No module named" in reason and "pytest" in reason
        hint = f"{path} -m pip install pytest" if no_pytest else "name one that has pytest: --python PATH"
        super().__init__(f"tests cannot run with {path}: {reason}", hint=hint)
        self.path, self.reason = path, reason


class FrameworkUnknown(KandilError):
    """Tests are generated for other code, or in another framework, than is known here."""

    exit_code = 2
    code = "framework-unknown"

    def __init__(self, what: str) -> None:
        super().__init__(f"no tests can be generated for {what}", hint="known: Python, with pytest")
        self.what = what
