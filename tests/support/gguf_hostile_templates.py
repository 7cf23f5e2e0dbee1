"""GGUF files whose chat template reaches for the machine: code, files, endless work.

`HOSTILE` names every builder, with the id of a finding that it must cause. Those that work on the model instead are in
`gguf_hostile_poison`.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.support.gguf_files import Entry, Kind, model

Builder = Callable[[], bytes]

HOSTILE: dict[str, tuple[Builder, str]] = {}

TEMPLATE = "tokenizer.chat_template"


def with_template(text: str | bytes, key: str = TEMPLATE) -> bytes:
    """A small sound model with this chat template."""
    return model(Entry(key, Kind.STRING, text))


def hostile(finding: str, key: str = TEMPLATE) -> Callable[[Callable[[], str]], Callable[[], str]]:
    """The function returns the template of a hostile file."""

    def register(template: Callable[[], str]) -> Callable[[], str]:
        HOSTILE[template.__name__] = (lambda: with_template(template(), key), finding)
        return template

    return register


def hostile_file(finding: str) -> Callable[[Builder], Builder]:
    """The function returns the file itself."""

    def register(builder: Builder) -> Builder:
        HOSTILE[builder.__name__] = (builder, finding)
        return builder

    return register


# -- attributes that lead to the interpreter -------------------------------------------------------------------------


@hostile("KG-TPL-DUNDER")
def subclasses() -> str:
    return "{% for c in ().__class__.__base__.__subclasses__() %}{{ c.__name__ }}{% endfor %}"


@hostile("KG-TPL-DUNDER")
def globals_of_a_function_of_the_engine() -> str:
    return "{{ joiner.__init__.__globals__['os'].popen('id').read() }}"


@hostile("KG-TPL-DUNDER")
def item_instead_of_attribute() -> str:
    return "{{ ''['__class__']['__mro__'] }}"


@hostile("KG-TPL-DUNDER")
def attr_filter_with_a_constant() -> str:
    return "{{ messages | attr('__init__') }}"


@hostile("KG-TPL-DUNDER")
def attr_through_map() -> str:
    return "{{ messages | map('attr', '__class__') | list }}"


@hostile("KG-TPL-DUNDER")
def attribute_argument() -> str:
    return "{{ messages | sort(attribute='content.__class__.__name__') }}"


@hostile("KG-TPL-DUNDER")
def escapes_in_hexadecimal() -> str:
    return r"{{ ''['\x5f\x5fclass\x5f\x5f'] }}"


@hostile("KG-TPL-DUNDER")
def escapes_in_octal() -> str:
    return r"{{ x | attr('\137\137globals\137\137') }}"


@hostile("KG-TPL-DUNDER")
def name_in_pieces() -> str:
    return "{% set a = '_' * 2 %}{% set b = a ~ 'class' ~ a %}{{ x | attr(b) }}"


@hostile("KG-TPL-DUNDER")
def name_joined() -> str:
    return "{{ x | attr(['', 'class', ''] | join('__')) }}"


@hostile("KG-TPL-DUNDER")
def name_reversed() -> str:
    return "{{ x | attr('__slabolg__'[::-1]) }}"


@hostile("KG-TPL-DUNDER")
def name_formatted() -> str:
    return "{{ x | attr('%c%cclass%c%c' % (95, 95, 95, 95)) }}"


@hostile("KG-TPL-DUNDER")
def name_replaced() -> str:
    return "{{ x | attr('..class..' | replace('.', '_')) }}"


@hostile("KG-TPL-DUNDER")
def name_in_capitals() -> str:
    return "{{ x | attr('__INIT__' | lower) }}"


@hostile("KG-TPL-DUNDER")
def name_as_keyword() -> str:
    return "{{ x | attr(dict(__cla=1, ss__=2) | join) }}"


@hostile("KG-TPL-DUNDER")
def name_spelled_in_a_loop() -> str:
    return (
        "{% set ns = namespace(name='') %}"
        "{% for code in [95, 95, 99, 108, 97, 115, 115, 95, 95] %}{% set ns.name = ns.name ~ '%c' % code %}{% endfor %}"
        "{{ x | attr(ns.name) }}"
    )


@hostile("KG-TPL-DUNDER")
def name_from_a_macro() -> str:
    return "{% macro m(a, b='ass__') %}{{ a }}{{ b }}{% endmacro %}{{ x | attr(m('__cl')) }}"


@hostile("KG-TPL-DUNDER")
def dunder_in_a_branch_that_never_runs() -> str:
    return "{% if false %}{{ x.__class__ }}{% endif %}"


@hostile("KG-TPL-DUNDER")
def dunder_behind_a_tag_of_another_extension() -> str:
    return "{% trans %}{{ x.__class__ }}{% endtrans %}"


@hostile("KG-TPL-DUNDER", f"{TEMPLATE}.rag")
def dunder_in_a_named_template() -> str:
    return "{{ x.__class__ }}"


@hostile("KG-TPL-DUNDER", f"{TEMPLATE}.tool_use")
def dunder_in_the_template_for_tools() -> str:
    return "{{ x.__class__ }}"


@hostile_file("KG-TPL-DUNDER")
def dunder_beside_a_sound_template() -> bytes:
    sound = Entry(TEMPLATE, Kind.STRING, "{{ messages[0].content }}")
    names = Entry("tokenizer.chat_templates", Kind.ARRAY, ("rag",), Kind.STRING)
    return model(sound, names, Entry(f"{TEMPLATE}.rag", Kind.STRING, "{{ x.__class__ }}"))


@hostile("KG-TPL-ATTR")
def cycler_as_a_value() -> str:
    return "{{ [cycler] | list }}"


@hostile("KG-TPL-ATTR")
def frame_of_a_generator() -> str:
    return "{{ (messages | map(attribute='role')).gi_frame }}"


@hostile("KG-TPL-ATTR")
def settings_of_a_web_framework() -> str:
    return "{{ config.items() }}"


@hostile("KG-TPL-ATTR")
def template_itself() -> str:
    return "{{ self.body() }}"


@hostile("KG-TPL-DYN")
def attribute_that_the_message_names() -> str:
    return "{{ x | attr(messages[0].content) }}"


@hostile("KG-TPL-DYN")
def attribute_of_the_engine_that_the_message_names() -> str:
    return "{% set f = range %}{{ f[messages[0].content] }}"


@hostile("KG-TPL-ALIAS")
def keyword_in_fullwidth_letters() -> str:
    return "{{ dict(__\N{FULLWIDTH LATIN SMALL LETTER G}lobals__=1) }}"


@hostile("KG-TPL-ALIAS")
def variable_that_is_another_one() -> str:
    return "{% set \N{FULLWIDTH LATIN SMALL LETTER X} = messages[0].content %}{{ x }}"


@hostile("KG-TPL-FORMAT")
def format_method_kept_in_a_variable() -> str:
    return "{% set f = messages[0].content.format %}{{ f(messages) }}"


@hostile("KG-TPL-FORMAT")
def format_string_that_reads_attributes() -> str:
    return "{{ '{0.__class__}'.format(messages) }}"


@hostile("KG-TPL-FORMAT")
def format_string_put_together() -> str:
    return "{{ ('{0.__in' ~ 'it__}').format(messages) }}"


@hostile("KG-TPL-FORMAT")
def format_method_through_attr() -> str:
    return "{{ ('{0.__class__}' | attr('format'))(messages) }}"


@hostile("KG-TPL-FORMAT")
def format_string_from_a_message() -> str:
    return "{{ messages[0].content.format(x) }}"


@hostile("KG-TPL-CALL")
def command_in_a_shell() -> str:
    return "{{ os.popen('id').read() }}"


@hostile("KG-TPL-CALL")
def opened_file() -> str:
    return "{{ open('/etc/hostname').read() }}"


@hostile("KG-TPL-CALL")
def evaluated_text() -> str:
    return "{% set _ = eval('1') %}"


@hostile("KG-TPL-CALL")
def method_that_the_message_names() -> str:
    return "{{ ''[messages[0].content]() }}"


@hostile("KG-TPL-IMPORT")
def included_file() -> str:
    return "{% include '/etc/hostname' %}"


@hostile("KG-TPL-IMPORT")
def imported_file() -> str:
    return "{% from 'secrets.txt' import key %}"


@hostile("KG-TPL-IMPORT")
def extended_file() -> str:
    return "{% extends messages[0].content %}"


# -- time, memory, stack ---------------------------------------------------------------------------------------------


@hostile("KG-TPL-DOS")
def long_range() -> str:
    return "{% for i in range(999999999) %}{% endfor %}"


@hostile("KG-TPL-DOS")
def range_that_the_message_names() -> str:
    return "{% for i in range(messages[0].content | int) %}a{% endfor %}"


@hostile("KG-TPL-DOS")
def loops_in_loops() -> str:
    return "{% for i in range(1000) %}" * 4 + "a" + "{% endfor %}" * 4


@hostile("KG-TPL-DOS")
def repeated_text() -> str:
    return "{{ 'a' * 1000000000 }}"


@hostile("KG-TPL-DOS")
def width_of_a_number() -> str:
    return "{{ '%999999999d' | format(1) }}"


@hostile("KG-TPL-DOS")
def width_of_a_field() -> str:
    return "{{ '{:>999999999}'.format('a') }}"


@hostile("KG-TPL-DOS")
def centred_text() -> str:
    return "{{ 'a' | center(999999999) }}"


@hostile("KG-TPL-DOS")
def tower_of_powers() -> str:
    return "{{ 9 ** 9 ** 9 }}"


@hostile("KG-TPL-DOS")
def text_doubled_by_each_message() -> str:
    return "{% set ns = namespace(a='x') %}{% for m in messages %}{% set ns.a = ns.a ~ ns.a %}{% endfor %}"


@hostile("KG-TPL-DOS")
def text_doubled_in_a_row() -> str:
    return "{% set a = 'x' %}" + "{% set a = a ~ a %}" * 40


@hostile("KG-TPL-DOS")
def list_that_grows_while_it_is_walked() -> str:
    return "{% set l = [1] %}{% for i in l %}{% set _ = l.append(i) %}{% endfor %}"


@hostile("KG-TPL-DOS")
def macro_without_end() -> str:
    return "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}"


@hostile("KG-TPL-DOS")
def macros_that_each_call_the_next_twice() -> str:
    macros = [f"{{% macro m{n}() %}}{{{{ m{n + 1}() }}}}{{{{ m{n + 1}() }}}}{{% endmacro %}}" for n in range(40)]
    return "".join(macros) + "{% macro m40() %}a{% endmacro %}{{ m0() }}"


@hostile("KG-TPL-DOS")
def brackets_without_end() -> str:
    return "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}"


@hostile("KG-TPL-DOS")
def blocks_without_end() -> str:
    return "{% if a %}" * 5000 + "{% endif %}" * 5000


# -- what cannot be examined, or was made for something else ---------------------------------------------------------


@hostile("KG-TPL-SIZE")
def template_of_more_than_a_mebibyte() -> str:
    return "a" * ((1 << 20) + 1)


@hostile("KG-TPL-SIZE")
def template_of_very_many_expressions() -> str:
    return "{{ a }}" * 60_000


@hostile("KG-TPL-LARGE")
def large_template() -> str:
    return "{{ messages[0].content }}" + " " * (300 << 10)


@hostile("KG-TPL-SYNTAX")
def unfinished_template() -> str:
    return "{% for m in messages %}{{ m.content }"


@hostile("KG-TPL-SYNTAX")
def two_names_in_a_row() -> str:
    return "{{ messages tools }}"


@hostile("KG-TPL-UNK")
def unknown_filter() -> str:
    return "{{ messages[0].content | decrypt }}"


@hostile("KG-TPL-UNK")
def unknown_test() -> str:
    return "{{ 'a' if messages[0].content is trusted }}"


@hostile("KG-TPL-UNK")
def unknown_function() -> str:
    return "{{ fetch('https://a.example/rules') }}"


@hostile_file("KG-TPL-TYPE")
def template_as_a_number() -> bytes:
    return model(Entry(TEMPLATE, Kind.U32, 7))


@hostile_file("KG-TPL-TYPE")
def template_as_an_array_of_bytes() -> bytes:
    return model(Entry(TEMPLATE, Kind.ARRAY, tuple(b"{{ messages }}"), Kind.U8))


@hostile_file("KG-TPL-TYPE")
def template_as_an_array_of_strings() -> bytes:
    return model(Entry(TEMPLATE, Kind.ARRAY, ("{{ messages }}", "{{ x.__class__ }}"), Kind.STRING))


@hostile("KG-TPL-CTRL")
def nul_behind_a_sound_template() -> str:
    return "{{ messages[0].content }}\0{{ x }}"


@hostile("KG-TPL-CTRL")
def template_that_a_terminal_does_not_show() -> str:
    return "{{ messages[0].content }}\x1b[8mhidden\x1b[0m"
