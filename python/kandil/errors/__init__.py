"""Every error that kandil raises on purpose: typed fields, a message, a hint, an exit code."""

from kandil.errors.configuration import (
    ConfigInvalid,
    ConfigTooNew,
    SecretInConfig,
    SettingInvalid,
    SettingUnknown,
)
from kandil.errors.credentials import (
    KeyGiven,
)
from kandil.errors.files import (
    CheckListUnreadable,
    ExpectNeedsOneFile,
    FileUnreadable,
    FileUnwritable,
    KeyUnknown,
    LedgerTooNew,
    NotADigest,
    NotGguf,
    RuleUnknown,
    SigningFailed,
    ValueUnreadable,
)
from kandil.errors.machine import (
    ExtraMissing,
    NothingFits,
    RuntimeNotFound,
    SandboxUnavailable,
)
from kandil.errors.names import (
    AliasUnknown,
    DownloadMissing,
    NameAmbiguous,
    NameTaken,
    NameUnknown,
    NameUnusable,
    ProfileInvalid,
    RecordBroken,
    RecordExists,
    RecordUnknown,
)
from kandil.errors.prompts import (
    AttachmentUnusable,
    ModelCannot,
    NotHere,
    NotTrusted,
    PromptEmpty,
    PromptTooLong,
    ReplyNotJson,
    SecretInPrompt,
)
from kandil.errors.root import (
    KandilError,
)

__all__ = [
    "AliasUnknown",
    "AttachmentUnusable",
    "CheckListUnreadable",
    "ConfigInvalid",
    "ConfigTooNew",
    "DownloadMissing",
    "ExpectNeedsOneFile",
    "ExtraMissing",
    "FileUnreadable",
    "FileUnwritable",
    "KandilError",
    "KeyGiven",
    "KeyUnknown",
    "LedgerTooNew",
    "ModelCannot",
    "NameAmbiguous",
    "NameTaken",
    "NameUnknown",
    "NameUnusable",
    "NotADigest",
    "NotGguf",
    "NotHere",
    "NotTrusted",
    "NothingFits",
    "ProfileInvalid",
    "PromptEmpty",
    "PromptTooLong",
    "RecordBroken",
    "RecordExists",
    "RecordUnknown",
    "ReplyNotJson",
    "RuleUnknown",
    "RuntimeNotFound",
    "SandboxUnavailable",
    "SecretInConfig",
    "SecretInPrompt",
    "SettingInvalid",
    "SettingUnknown",
    "SigningFailed",
    "ValueUnreadable",
]
