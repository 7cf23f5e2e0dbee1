"""Names of models, and what their users say of them."""

from __future__ import annotations

from kandil.errors.root import KandilError


class NameUnknown(KandilError):
    """No model has this name. `candidates` are the ids of those that it is like, the best first."""

    exit_code = 3
    code = "name-unknown"

    def __init__(
        self, query: str, candidates: tuple[str, ...], *, clear: bool = False, target: str | None = None
    ) -> None:
        if not query.strip():
            message, hint = "an empty name names no model", "`kandil model list` shows what there is"
        else:
            message = f"no model is called {query!r}"
            if target:
                message = f"your alias {query!r} stands for {target!r}, and no model is called that"
            hint = (
                f"did you mean {', '.join(candidates[:1] if clear else candidates)}?"
                if candidates
                else "`kandil model list --available` shows every name; `kandil model add NAME --manual` describes a "
                "model of your own"
            )
        super().__init__(message, hint=hint)
        self.query = query
        self.candidates = candidates
        self.clear = clear


class NameAmbiguous(KandilError):
    """Several models have this name; `candidates` are their ids."""

    exit_code = 3
    code = "name-ambiguous"

    def __init__(self, query: str, candidates: tuple[str, ...]) -> None:
        super().__init__(
            f"{query!r} is the name of {len(candidates)} models", hint=f"name one: {', '.join(candidates)}"
        )
        self.query = query
        self.candidates = candidates


class NameTaken(KandilError):
    """A model of kandil's, or an alias, has this name."""

    exit_code = 2
    code = "name-taken"

    def __init__(self, name: str, holder: str, *, hint: str | None = None) -> None:
        whose = "is the name of a model" if name == holder else f"stands for {holder}"
        usual = "take another name, or say --shadow to give it a new meaning"
        super().__init__(f"{name!r} {whose}", hint=hint or usual)
        self.name = name
        self.holder = holder


class AliasUnknown(KandilError):
    """The user has no alias of this name."""

    exit_code = 3
    code = "alias-unknown"

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        have = f"yours are {', '.join(known)}" if known else "you have none"
        super().__init__(f"no alias of yours is called {name!r}", hint=f"{have}; kandil's own cannot be removed")
        self.name = name
        self.known = known


class ProfileInvalid(KandilError):
    """What is said of a model is wrong; `mistakes` are field and what is wrong with it, each."""

    exit_code = 2
    code = "profile-invalid"

    def __init__(self, name: str, mistakes: tuple[tuple[str, str], ...]) -> None:
        told = "; ".join(f"{field}: {what}" if field else what for field, what in mistakes)
        super().__init__(f"{name!r} cannot be added: {told}")
        self.name = name
        self.mistakes = mistakes


class NameUnusable(KandilError):
    """No model can have this name."""

    exit_code = 2
    code = "name-unusable"

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name!r} cannot be the name of a model: {reason}", hint="take another name")
        self.name, self.reason = name, reason


class RecordExists(KandilError):
    """The user has added a model of this name before, at `added_at` if that is known."""

    exit_code = 2
    code = "record-exists"

    def __init__(self, name: str, added_at: str | None) -> None:
        when = f" at {added_at}" if added_at else ""
        super().__init__(f"{name!r} is a model that you added{when}", hint="take another name, or say --replace")
        self.name, self.added_at = name, added_at


class RecordUnknown(KandilError):
    """The user has added no model of exactly this name; `near` are those that they have added, the most like it."""

    exit_code = 3
    code = "record-unknown"

    def __init__(self, name: str, near: tuple[str, ...]) -> None:
        hint = f"did you mean {', '.join(near)}?" if near else "`kandil model list` shows those that you added"
        super().__init__(f"you have added no model called {name!r}", hint=hint)
        self.name, self.near = name, near


class RecordBroken(KandilError):
    """The file of a record cannot be used; it is left as it is."""

    exit_code = 9
    code = "record-broken"

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}", hint="mend the file, or delete it and add the model again")
        self.path, self.reason = path, reason


class DownloadMissing(KandilError):
    """A model was to be downloaded, and this version cannot."""

    code = "download-missing"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"cannot add {name!r}: this version of kandil downloads no models",
            hint="`kandil model add NAME --manual` describes one that a server of yours, or a provider, answers for",
        )
        self.name = name


class DefaultUnusable(KandilError):
    """The model that is to be used where none is named cannot be: `where` says who names it, `reason` why not."""

    exit_code = 3
    code = "default-unusable"

    def __init__(self, name: str, where: str, reason: str, *, candidates: tuple[str, ...] = ()) -> None:
        near = f"did you mean {', '.join(candidates)}? " if candidates else ""
        super().__init__(
            f"{where} names {name!r}, and {reason}",
            hint=f"{near}`kandil model use` and `kandil model default` say what is in force, and change it; "
            "-m NAME goes before it",
        )
        self.name, self.where, self.reason, self.candidates = name, where, reason, candidates


class NoModelConfigured(KandilError):
    """No model was named, and nothing is configured that could stand for it."""

    exit_code = 3
    code = "no-model-configured"

    def __init__(self, task: str) -> None:
        what = "none was named, and there is none to take"
        if task == "vision":
            what = "none was named, and no model here or with a key is known to see pictures"
        super().__init__(
            f"which model? {what}",
            hint="`kandil auth set PROVIDER` keeps a provider's key, `kandil ask -m FILE.gguf …` asks a file on this "
            "machine, and -m NAME is for once",
        )
        self.task = task
