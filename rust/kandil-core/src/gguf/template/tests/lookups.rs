//! What is looked up and called.

use super::{all_are, all_pass, found, scan};

#[test]
fn dunders_are_found_however_they_are_written() {
    all_are(
        "KG-TPL-DUNDER",
        &[
            "{{ ''.__class__ }}",
            "{{ ''['__class__'] }}",
            "{{ messages.__class__ }}",
            r"{{ ''['\x5f\x5fclass\x5f\x5f'] }}",
            r"{{ x|attr('\137\137globals\137\137') }}",
            r"{{ x|attr('\u005f\u005finit\u005f\u005f') }}",
            r"{{ x|attr('\N{LOW LINE}\N{LOW LINE}init\N{LOW LINE}_') }}",
            "{{ x|attr('__cl' 'ass__') }}",
            "{{ [x]|map(attribute='a.__init__.b')|list }}",
            "{{ [x]|map('attr', '__class__')|list }}",
            "{{ [x]|selectattr('__class__.__name__', 'eq', 'a')|list }}",
            "{{ [x]|rejectattr('__class__')|list }}",
            "{{ [x]|sort(attribute='__class__') }}",
            "{{ [x]|groupby('__class__') }}",
            "{{ [x]|unique(attribute='__doc__') }}",
            "{{ [x]|min(attribute='__doc__') }}{{ [x]|max(false, '__doc__') }}",
            "{{ [x]|sum(attribute='__len__') }}",
            "{{ [x]|join(', ', '__class__') }}",
            "{{ range.__class__ }}",
            "{{ raise_exception.__globals__ }}",
            "{{ strftime_now.__globals__.__builtins__ }}",
            "{{ namespace.__init__ }}",
            "{% set ns = namespace() %}{{ ns.__init__ }}",
            "{% set ns.__class__ = 1 %}",
            "{% for m in messages %}{{ loop.__class__ }}{% endfor %}",
            "{{ messages.append.__self__ }}",
            "{{ __import__('os') }}",
            "{{ __builtins__ }}",
            "{{ (x if true else y).__globals__ }}",
            "{{ self._TemplateReference__context }}",
            "{% if false %}{{ x.__class__ }}{% endif %}",
            "{% macro never() %}{{ x.__class__ }}{% endmacro %}",
            "{% macro f() %}{{ x }}{% endmacro %}{{ f.__globals__ }}",
            "{% filter attr('__class__') %}a{% endfilter %}",
            "{% set a | attr('__class__') %}b{% endset %}",
            "{% call(a) x.__class__.b() %}{% endcall %}",
            "{% with a = x.__class__ %}{% endwith %}",
            "{% for a in x.__class__.__subclasses__() %}{% endfor %}",
            "{% if x.__class__ %}{% elif a %}{% endif %}",
            "{{ {x.__class__: 1} }}",
            "{{ x[y.__class__:] }}",
            "{{ f(*x.__class__, **y) }}",
            "{{ a is b(x.__class__) }}",
        ],
    );
}

#[test]
fn the_engine_is_out_of_reach() {
    all_are(
        "KG-TPL-ATTR",
        &[
            "{{ cycler }}",
            "{{ lipsum.x }}",
            "{{ [joiner]|list }}",
            "{{ self }}",
            "{{ self.body() }}",
            "{{ request.args }}",
            "{{ config.items() }}",
            "{{ url_for.x }}",
            "{{ get_flashed_messages.x }}",
            "{{ dict.mro() }}",
            "{{ range.x }}",
            "{{ raise_exception['x'] }}",
            "{{ messages|map(attribute='gi_frame.f_back')|list }}",
            "{{ x.gi_frame }}{{ x.f_globals }}",
            "{% for m in messages %}{{ loop._x }}{% endfor %}",
            "{% set x = cycler('a') %}{{ cycler.next }}",
        ],
    );
}

#[test]
fn names_that_cannot_be_told_are_no_names() {
    all_are(
        "KG-TPL-DYN",
        &[
            "{{ x|attr(messages[0].content) }}",
            "{{ x|attr(y) }}",
            "{{ x|attr('__' ~ y ~ '__') }}",
            "{{ x|attr(*y) }}",
            "{{ [x]|map(attribute=y)|list }}",
            "{{ [x]|map(y)|list }}",
            "{{ [x]|map('attr', y)|list }}",
            "{{ [x]|map(**y)|list }}",
            "{{ [x]|sort(attribute=messages[0].content) }}",
            "{{ range[messages[0].content] }}",
            "{{ ''[messages[0].content] }}",
            "{{ [][messages[0].content] }}",
            "{{ range[y] }}",
            "{{ x|attr((lipsum|string)[18] ~ y) }}",
        ],
    );
    assert!(found("{{ cycler[messages[0].content] }}").contains(&"KG-TPL-DYN"));
}

#[test]
fn formats_read_nothing_and_come_from_nobody() {
    all_are(
        "KG-TPL-FORMAT",
        &[
            "{{ '{0.__class__}'.format(x) }}",
            "{{ '{x.__class__}'.format(x=1) }}",
            "{{ '{0[__class__]}'.format(x) }}",
            "{{ '{.__class__}'.format(x) }}",
            "{{ ('{0.__cla' ~ 'ss__}').format(x) }}",
            "{{ '{0.x}'.format(range) }}",
            "{{ '{0.__class__}'.format_map(x) }}",
            "{{ messages[0].content.format(x) }}",
            "{{ ''['format']('{0.__class__}') }}{{ '{0.__class__}'['format'](x) }}",
            "{{ ('{0.__class__}'|attr('format'))(x) }}",
        ],
    );
    all_pass(&["{{ '{} {a} {{}} {:>10}'.format(1, 2, a=3) }}", "{{ '%s, %5d' % (a, 1) }}{{ '%s'|format(a) }}"]);
}

#[test]
fn calls_run_no_code() {
    let calls = [
        "eval('1')",
        "exec('1')",
        "open('/etc/passwd')",
        "getattr(a, b)",
        "a.popen('id')",
        "a.b.system('id')",
        "a['popen']('id')",
    ];
    for call in calls {
        all_are(
            "KG-TPL-CALL",
            &[&format!("{{{{ {call} }}}}"), &format!("{{% set a = {call} %}}"), &format!("{{% do {call} %}}")],
        );
    }
    all_are("KG-TPL-CALL", &["{{ ''[messages[0].content]() }}", "{{ messages[messages[0].content]('x') }}"]);
}

#[test]
fn no_other_file_is_read() {
    let tags = [
        "include '/etc/passwd'",
        "include ['a', 'b'] ignore missing",
        "import 'a' as b",
        "from 'a' import b",
        "extends 'a'",
    ];
    for tag in tags {
        assert_eq!(found(&format!("{{% {tag} %}}")), ["KG-TPL-IMPORT"], "{tag}");
    }
}

#[test]
fn what_no_runtime_defines_is_unusual() {
    for template in [
        "{{ a|evil }}",
        "{{ a is evil }}",
        "{{ fetch('http://a') }}",
        "{{ a.evil() }}",
        "{{ [a]|select('evil')|list }}",
        "{% for a in b %}{{ loop.evil }}{% endfor %}",
        "{{ lipsum() }}",
    ] {
        assert!(found(template).contains(&"KG-TPL-UNK"), "{template}: {:?}", found(template));
    }
    assert_eq!(found("{{ fetch('http://a') }}"), ["KG-TPL-UNK"]);
}

#[test]
fn templates_do_what_templates_do() {
    all_pass(&[
        "{{ '__class__ and os.system are words' }} __class__ {# x.__class__ #}{% raw %}{{ x.__class__ }}{% endraw %}",
        "{% for m in messages|selectattr('role', 'equalto', 'user')|rejectattr('x.y') %}{{ m['role'] ~ m[key] }}{% endfor %}",
        "{% set ns = namespace(a=1, b='') %}{% for m in messages %}{% set ns.a = ns.a + 1 %}{% set ns.b = ns.b ~ m.content %}{% endfor %}",
        "{{ raise_exception('no') if not strftime_now is defined else strftime_now('%d %b %Y') }}",
        "{% set config = {'a': 1} %}{{ config.a }}{% macro f(request) %}{{ request.x }}{% endmacro %}",
        "{{ config.name if config is defined }}{% if request is not defined %}{% set request = 1 %}{% endif %}{{ request.a }}",
        "{{ messages[0]['content'].split('</think>')[-1].lstrip('\\n')|tojson(indent=4) }}{{ messages[-1:][::-1] }}",
        "{% for k, v in tools.items() if v is mapping %}{{ loop.index0 }}{{ loop.cycle('a', 'b') }}{{ loop.previtem.role }}{% else %}{% endfor %}",
        "{% macro m(a, b=none) %}{{ caller() }}{{ varargs }}{{ kwargs }}{% endmacro %}{% call m(1) %}{% endcall %}",
        "{% set roles = {'user': 'a'} %}{{ roles[messages[0].role] }}{{ roles.get(messages[0].role, 'x') }}",
        "{% generation %}{{ a }}{% endgeneration %}{% break %}",
        "{% set xs = ['a', 'b'] %}{{ xs[loop.index0 % 2] }}{{ xs[i] }}{% set x = xs.append('c') %}",
    ]);
}

#[test]
fn what_cannot_be_read_is_still_judged() {
    for template in ["{% for m in messages %}{{ m }", "{{ a b }}", "{% endfor %}"] {
        assert_eq!(found(template), ["KG-TPL-SYNTAX"], "{template}");
    }
    for template in [
        "{{ a b }}{{ x.__class__ }}",
        "{% if (a %}{{ x.__class__ }}",
        "{% trans %}{{ x.__class__ }}{% endtrans %}",
        "{% for x in y %}{{ x.__class__ }}",
    ] {
        assert_eq!(found(template), ["KG-TPL-DUNDER", "KG-TPL-SYNTAX"], "{template}");
    }
}

#[test]
fn every_key_that_may_be_a_template_is_one() {
    for key in
        ["tokenizer.chat_template", "tokenizer.chat_template.rag", "tokenizer.chat_templates", "x.Chat_Template_2"]
    {
        assert_eq!(scan(key, b"{{ x.__class__ }}").len(), 1, "{key}");
    }
    assert!(scan("general.description", b"{{ x.__class__ }}").is_empty());
}

#[test]
fn control_characters_hide_nothing() {
    assert_eq!(found("a\0{{ x }}"), ["KG-TPL-CTRL"]);
    assert!(found("\u{1b}[2K").contains(&"KG-TPL-CTRL"));
    all_pass(&["a\r\n\tb{{ '\\n' }}"]);
    let finding = &scan("tokenizer.chat_template", "é{{ a.__class__ }}".as_bytes())[0];
    assert_eq!(finding.offset, Some(105));
    assert!(finding.message.ends_with("reads the attribute \"__class__\": \"a.__class__\""), "{}", finding.message);
}
