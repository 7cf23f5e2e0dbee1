//! Names: what runtimes define, what leads out of a template.

/// Functions of jinja2, and those that transformers and llama.cpp add.
pub(super) fn function(name: &str) -> Option<&'static str> {
    const FUNCTIONS: [&str; 9] =
        ["range", "dict", "namespace", "raise_exception", "strftime_now", "tojson", "caller", "super", "input"];
    FUNCTIONS.into_iter().find(|known| *known == name)
}

/// Objects of jinja2 or of a web framework whose attributes lead to the interpreter.
pub(super) fn internal(name: &str) -> Option<&'static str> {
    const INTERNAL: [&str; 8] =
        ["cycler", "joiner", "lipsum", "self", "request", "config", "url_for", "get_flashed_messages"];
    INTERNAL.into_iter().find(|known| *known == name)
}

/// Variables that hold what users, tools and documents say.
pub(super) fn conversation(name: &str) -> bool {
    matches!(
        name,
        "messages"
            | "message"
            | "tools"
            | "documents"
            | "conversation"
            | "history"
            | "prompt"
            | "query"
            | "user_input"
            | "user_message"
            | "content"
            | "input"
            | "inputs"
            | "functions"
    )
}

pub(super) fn is_dunder(name: &str) -> bool {
    let inner = name.strip_prefix("__").and_then(|rest| rest.strip_suffix("__"));
    let mangled = name
        .strip_prefix('_')
        .is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_uppercase()) && rest.contains("__"));
    mangled
        || inner
            .is_some_and(|inner| !inner.is_empty() && inner.chars().all(|part| part.is_alphanumeric() || part == '_'))
}

/// Attributes of Python's functions, frames, generators and classes, and of jinja2's innards, that have no other use.
pub(super) fn leads_out(name: &str) -> bool {
    const PREFIXES: [&str; 8] = ["func_", "gi_", "cr_", "ag_", "f_", "tb_", "co_", "im_"];
    const REST: &str = "globals closure code defaults doc dict name frame running yieldfrom await suspended origin back \
        locals builtins lineno trace lasti next argcount consts names filename firstlineno flags \
        freevars cellvars stacksize varnames func self class posonlyargcount kwonlyargcount nlocals \
        lnotab qualname trace_lines trace_opcodes generator linetable";
    let of_frame = PREFIXES
        .iter()
        .find_map(|prefix| name.strip_prefix(prefix))
        .is_some_and(|rest| REST.split(' ').any(|known| known == rest));
    let innocent = matches!(name, "func_name" | "f_name" | "f_names" | "co_name" | "im_name" | "func_doc" | "f_next");
    (of_frame && !innocent) || matches!(name, "mro" | "subclasses" | "_module" | "_body_stream" | "eval_ctx")
}

/// Functions and methods that run code, open files or walk objects.
pub(super) fn runs_code(name: &str) -> bool {
    matches!(
        name,
        "eval"
            | "exec"
            | "execfile"
            | "compile"
            | "open"
            | "getattr"
            | "setattr"
            | "delattr"
            | "globals"
            | "locals"
            | "vars"
            | "dir"
            | "type"
            | "object"
            | "breakpoint"
            | "popen"
            | "system"
            | "subprocess"
            | "Popen"
            | "check_output"
            | "check_call"
            | "getoutput"
            | "getstatusoutput"
            | "import_module"
            | "load_module"
            | "load_source"
            | "importlib"
            | "urlopen"
            | "execv"
            | "execve"
            | "execl"
            | "execlp"
            | "execvp"
            | "spawnl"
            | "spawnv"
            | "spawnlp"
            | "fork"
            | "run_code"
            | "run_path"
            | "read_text"
            | "write_text"
            | "from_string"
            | "get_template"
            | "select_template"
            | "get_source"
            | "from_code"
            | "from_pyfile"
            | "from_envvar"
            | "os"
            | "sys"
            | "builtins"
            | "mro"
    )
}

/// Python's modules that reach outside of the program, where one is handed to a template.
pub(super) fn module(name: &str) -> bool {
    matches!(name, "os" | "sys" | "subprocess" | "importlib" | "builtins" | "shutil" | "pathlib" | "socket" | "ctypes")
}

pub(super) fn loop_attribute(name: &str) -> bool {
    matches!(
        name,
        "index"
            | "index0"
            | "revindex"
            | "revindex0"
            | "first"
            | "last"
            | "length"
            | "depth"
            | "depth0"
            | "previtem"
            | "nextitem"
            | "cycle"
            | "changed"
    )
}

/// Methods of strings, lists and dictionaries.
pub(super) fn method(name: &str) -> bool {
    const METHODS: &str = "append decode capitalize casefold center clear copy count encode endswith expandtabs extend find format \
        fromkeys get index insert isalnum isalpha isascii isdecimal isdigit isidentifier islower \
        isnumeric isprintable isspace istitle isupper items join keys ljust lower lstrip maketrans next \
        partition pop popitem remove removeprefix removesuffix replace reset reverse rfind rindex rjust \
        rpartition rsplit rstrip setdefault sort split splitlines startswith strip swapcase title tolist \
        translate update upper values zfill cycle changed";
    METHODS.split(' ').any(|known| known == name)
}

pub(super) fn filter(name: &str) -> bool {
    const FILTERS: &str = "abs attr batch capitalize center count d default dictsort e escape filesizeformat first float \
        forceescape format from_json fromjson groupby indent int items join last length list lower map \
        max min pprint random reject rejectattr replace reverse round safe select selectattr slice sort \
        string striptags sum title tojson trim truncate unique upper urlencode urlize wordcount wordwrap \
        xmlattr keys values split strip";
    FILTERS.split(' ').any(|known| known == name)
}

pub(super) fn test(name: &str) -> bool {
    const TESTS: &str = "boolean callable defined divisibleby eq equalto == escaped even false filter float ge >= gt \
        greaterthan > in integer iterable le <= lower lt lessthan < mapping ne != none number odd sameas \
        sequence string test true undefined upper list dict startingwith endingwith containing empty";
    TESTS.split(' ').any(|known| known == name)
}
