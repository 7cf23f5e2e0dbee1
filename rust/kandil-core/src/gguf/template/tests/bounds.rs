//! Time, memory, stack.

use super::{all_are, all_pass, found, scan};

const DOS: &str = "KG-TPL-DOS";

#[test]
fn numbers_are_bounded() {
    all_are(
        DOS,
        &[
            "{{ range(10 ** 9)|list }}",
            "{% for i in range(999999999) %}{% endfor %}",
            "{% for i in range(0, 999999999, 2) %}{% endfor %}",
            "{% for i in range(1000) %}{% for j in range(1000) %}{% for k in range(1000) %}a{% endfor %}{% endfor %}{% endfor %}",
            "{% for i in range(messages[0].content|int) %}{% endfor %}",
            "{% set n = 999999999 %}{% for i in range(n) %}{% endfor %}",
            "{{ 'a' * 1000000000 }}",
            "{{ [0] * 10000000000 }}",
            "{{ 10000000000 * 'a' }}",
            "{{ 'a' * (messages[0].content|int) }}",
            "{{ messages[0].content * 999999999 }}",
            "{{ 9 ** 9 ** 9 }}",
            "{{ 2 ** 999999 }}",
            "{{ x ** y }}",
            "{{ '%999999999d' % 1 }}",
            "{{ '%999999999d'|format(1) }}",
            "{{ '%.999999999f'|format(1) }}",
            "{{ '%*d' % (999999999, 1) }}",
            "{{ '{:>999999999}'.format('a') }}",
            "{{ '{:>{}}'.format('a', 999999999) }}",
            "{{ strftime_now('%999999999d') }}",
            "{{ 'a'|center(999999999) }}",
            "{{ 'a'.center(999999999) }}",
            "{{ 'a'.ljust(999999999) }}{{ 'a'.rjust(999999999) }}",
            "{{ 'a'.zfill(999999999) }}",
            "{{ 'a'|indent(999999999) }}",
            "{{ 'a'|indent(width=999999999) }}",
            "{{ 'a'|wordwrap(999999999) }}",
            "{{ x|tojson(indent=999999999) }}",
            "{{ x|batch(999999999, 1)|list }}",
            "{{ x|slice(999999999)|list }}",
            "{{ ['a']|map('center', 999999999)|list }}",
            "{{ lipsum(n=1000000) }}",
        ],
    );
}

#[test]
fn growth_is_bounded() {
    all_are(
        DOS,
        &[
            "{% set ns = namespace(a='x') %}{% for m in messages %}{% set ns.a = ns.a ~ ns.a %}{% endfor %}",
            "{% set ns = namespace(a=[1]) %}{% for i in range(60) %}{% set ns.a = ns.a + ns.a %}{% endfor %}",
            "{% set ns = namespace(a='x', b='x') %}{% for m in messages %}{% set ns.a = ns.b ~ ns.b %}{% set ns.b = ns.a ~ 'c' %}{% endfor %}",
            "{% set ns = namespace(a=[1]) %}{% for m in messages %}{% set ns.a = [ns.a, ns.a] %}{% endfor %}",
            "{% set ns = namespace(a='x') %}{% for m in messages %}{% set ns.a %}{{ ns.a }}{{ ns.a }}{% endset %}{% endfor %}",
            "{% set ns = namespace(a='x') %}{% for m in messages %}{% set ns.a = ns.a|replace('x', ns.a) %}{% endfor %}",
            "{% set l = [1] %}{% for i in l %}{% set _ = l.append(i) %}{% endfor %}",
            "{% set l = [1] %}{% for i in l %}{% do l.extend([1]) %}{% endfor %}",
            "{% set l = [1] %}{% set _ = l.append(l) %}",
            "{% set d = {} %}{% set _ = d.update({'a': d}) %}",
            "{% set ns = namespace(a='x') %}{% for m in messages %}{% set ns.a = ns.a * 2 %}{% endfor %}",
            "{% set ns = namespace(a='x') %}{% for m in messages %}{% set ns.a = '%s%s' % (ns.a, ns.a) %}{% endfor %}",
            "{% set ns = namespace(a='x') %}{% for m in messages %}{% set ns.a = '{0}{0}'.format(ns.a) %}{% endfor %}",
            "{% set ns = namespace(a=2) %}{% for m in messages %}{% set ns.a = ns.a ** 2 %}{% endfor %}",
            "{{ 'a'|replace('', 'b' * 99999)|replace('b', 'c' * 99999) }}",
            "{{ [[0] * 9999] * 9999 }}",
            "{{ range(messages|length * 1000000) }}",
            "{% for a in messages %}{% for b in messages %}{% for c in messages %}{% for d in messages %}x{% endfor %}{% endfor %}{% endfor %}{% endfor %}",
        ],
    );
    let doubled = "{% set a = a ~ a %}".repeat(30);
    assert_eq!(found(&format!("{{% set a = 'x' %}}{doubled}")), [DOS]);
    assert_eq!(found(&format!("{{% set a = y %}}{doubled}")), [DOS]);
}

#[test]
fn recursion_ends() {
    all_are(
        DOS,
        &[
            "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}",
            "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}",
            "{% macro a(x) %}{% if x %}{{ a(x) }}{% endif %}{% endmacro %}{{ a(1) }}",
            "{% macro a(n) %}{% if n > 0 %}{{ a(n - 1) }}{{ a(n - 1) }}{% endif %}{% endmacro %}{{ a(99) }}",
            "{% macro a(x) %}{% if true %}{{ a(x.y) }}{% endif %}{% endmacro %}",
            "{% macro a(x) %}{% for i in [1, 2] %}{{ a(i) }}{% endfor %}{% endmacro %}",
            "{% macro a(x) %}{% call a(x) %}{% endcall %}{% endmacro %}",
            "{% macro a(x) %}{{ a(x.y) if 1 else 2 }}{% endmacro %}",
            "{% for x in messages recursive %}{{ loop(messages) }}{% endfor %}",
        ],
    );
    let laughs: String = (0..20)
        .map(|n| format!("{{% macro m{n}() %}}{{{{ m{0}() }}}}{{{{ m{0}() }}}}{{{{ m{0}() }}}}{{% endmacro %}}", n + 1))
        .collect();
    assert!(found(&format!("{laughs}{{{{ m0() }}}}")).contains(&DOS));
    all_pass(&[
        "{% macro show(x, depth=0) %}{% if x is mapping %}{% for k, v in x.items() %}{{ k }}{{ show(v, depth + 1) }}{% endfor %}{% elif x.items %}{{ show(x.items) }}{% else %}{{ x }}{% endif %}{% endmacro %}{{ show(tools) }}",
        "{% for x in messages recursive %}{{ loop(x.children) }}{% endfor %}",
        "{% macro a(x) %}{{ b(x.y) }}{% endmacro %}{% macro b(x) %}{% for i in x %}{{ a(i) }}{% endfor %}{% endmacro %}",
    ]);
}

#[test]
fn nesting_ends() {
    for (open, close) in [("{% if 1 %}", "{% endif %}"), ("{{ ", ""), ("{% for a in b %}", "{% endfor %}")] {
        let text = if open == "{{ " {
            format!("{{{{ {}1{} }}}}", "(".repeat(5000), ")".repeat(5000))
        } else {
            open.repeat(5000) + &close.repeat(5000)
        };
        assert!(found(&text).contains(&DOS), "{open}");
    }
}

#[test]
fn ordinary_numbers_pass() {
    all_pass(&[
        "{% for i in range(messages|length) %}{{ messages[i] }}{% endfor %}{% for i in range(0, 10) %}{% endfor %}{{ '-' * 80 }}{{ ' ' * (depth * 2) }}",
        "{{ x|indent(4) }}{{ '%02d' % 5 }}{{ '{:>8}'.format(x) }}{{ x|tojson(indent=2) }}{{ x|truncate(100000) }}",
        "{% for m in messages %}{% for c in m.content %}{% for n in messages %}{% endfor %}{% endfor %}{% endfor %}",
        "{% set ns = namespace(i=0, s='') %}{% for m in messages %}{% set ns.i = ns.i + 1 %}{% set ns.i = ns.i * 2 %}{% set ns.s = ns.s ~ m.a ~ m.b %}{% endfor %}",
        "{% set l = [] %}{% for m in messages %}{% set l = l + [m] %}{% set _ = l.append(m) %}{% endfor %}",
        "{% set a = b ~ c ~ b %}{% set d = [a, a] %}",
    ]);
}

#[test]
fn what_is_too_large_is_not_passed() {
    assert_eq!(scan("tokenizer.chat_template", &vec![b' '; (1 << 20) + 1])[0].id, "KG-TPL-SIZE");
    assert_eq!(found(&" ".repeat(300 << 10)), ["KG-TPL-LARGE"]);
    assert!(found(&"{{a}}".repeat(60_000)).contains(&"KG-TPL-SIZE"));
    assert!(found("").is_empty());
}
