"""The command line: parse, call, render. Nothing below this package prompts, prints or reads a terminal.

`group` knows which commands there are, a file per command says what it takes, `run` ends every command (errors, exit
codes, Ctrl-C) and has the only `trio.run`.
"""


def main() -> int:
    """The exit code of `kandil` with this process's arguments."""
    import sys

    from kandil.cli.run import main as run

    return run(sys.argv[1:])
