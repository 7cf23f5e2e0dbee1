//! How much constants alone make, and names that are not what they look like.

use super::super::super::header::{Entry, ValueType};
use super::super::super::rules::Findings;
use super::{all_are, all_pass, found};

const DOS: &str = "KG-TPL-DOS";

#[test]
fn sizes_are_followed_through_what_is_not_held() {
    all_are(
        DOS,
        &[
            "{{ (range(100000)|list) * 100000 }}",
            "{{ [[[[[1]*99]*99]*99]*99] }}",
            "{{ ([0]*20000)|map('upper')|list|string * 20000 }}",
            "{{ [0, 1, 2]|string * 900000 }}",
            "{{ ('x' * 900000)|escape }}",
            "{{ ('a\n' * 2000)|indent(9999) }}",
            "{{ range(99999)|map('center', 9999)|join }}",
            "{{ range(99999)|join('x' * 9999) }}",
            "{{ ('x' * 9999).join(range(99999)) }}",
            "{{ '%s%s' % ('x' * 900000, 'x' * 900000) }}",
            "{{ '{0}{0}'.format('x' * 900000) }}",
            "{{ ('x' * 900000)|upper ~ ('x' * 900000)|lower }}",
            "{{ [0] * 900000 + [0] * 900000 }}",
            "{{ range(range(9999)|sum) }}",
            "{{ range(range(90000)|length * 2) }}",
            "{{ range(messages|length ** 50) }}",
        ],
    );
}

#[test]
fn loops_multiply_what_is_made_in_them() {
    all_are(
        DOS,
        &[
            "{% for i in range(99999) %}{{ 'x' * i * 10 }}{% endfor %}",
            "{% for i in range(99999) %}{{ 'x' * loop.index }}{% endfor %}",
            "{% for i in range(9999) %}{% set x = range(i*1000)|list %}{% endfor %}",
            "{% for i in range(2000) %}{% for j in range(i*i) %}x{% endfor %}{% endfor %}",
            "{% for i in range(900) %}{% for j in range(900) %}a text of some length, over and over{% endfor %}{% endfor %}",
            "{% for m in messages %}{% for i in range(99999) %}x{% endfor %}{% endfor %}",
            "{% set x = 'y' * 900000 %}{% for i in range(60) %}{{ x }}{% endfor %}",
            "{% macro a() %}{{ 'x' * 900000 }}{% endmacro %}{% for i in range(60) %}{{ a() }}{% endfor %}",
        ],
    );
    let often = "{{ 'x' * 900000 }}".repeat(100);
    assert_eq!(found(&often), [DOS]);
    all_pass(&[
        "{% for i in range(1000) %}{{ loop.index * 2 }}, {% endfor %}",
        "{% for m in messages %}{{ '=' * 80 }}{% for i in range(10) %}{{ i }}{% endfor %}{% endfor %}",
        "{% for i in range(200) %}{{ messages[i].content if i < messages|length }}{% endfor %}",
    ]);
}

#[test]
fn doubling_is_followed_through_filters_and_variables() {
    let looped = |body: &str| {
        format!("{{% set ns = namespace(s='a', t='b', u='c') %}}{{% for m in messages %}}{body}{{% endfor %}}")
    };
    for body in [
        "{% set ns.s = ns.s|replace('a', 'aa') %}",
        "{% set ns.s = ns.s.replace('', 'x') %}",
        "{% set ns.s = ns.s|join('x') %}",
        "{% set ns.s = ns.s|tojson %}",
        "{% set ns.t = ns.s ~ ns.s %}{% set ns.u = ns.t %}{% set ns.s = ns.u|upper %}",
        "{% set ns.s = ns.s ~ ns.t %}{% set ns.t = ns.s %}",
    ] {
        assert!(found(&looped(body)).contains(&DOS), "{body}");
    }
    for body in [
        "{% set ns.s = ns.s|replace('a', 'b') %}",
        "{% set ns.s = m.content|replace('\\\\', '\\\\\\\\')|tojson %}",
        "{% set ns.s = ns.s ~ m.content %}{% set ns.s = ns.s ~ 'x' %}",
        "{% set ns.t = ns.s %}{% set ns.s = ns.t ~ 'x' %}",
        "{% set ns.s = [m.a, m.b]|join(', ') %}",
    ] {
        assert!(found(&looped(body)).is_empty(), "{body}");
    }
}

#[test]
fn methods_that_are_kept_are_judged() {
    all_are(
        "KG-TPL-FORMAT",
        &[
            "{% set f = '{0.__class__}'.format %}{{ f(messages) }}",
            "{% set fmt = '{0.__class__}' %}{% set f = fmt.format %}{{ f(messages) }}",
            "{% set ns = namespace(f='{0.__class__}'.format_map) %}{{ ns.f(messages) }}",
            "{% set d = {'f': '{0.__class__}'['format']} %}{{ d.f(messages) }}",
            "{% set f = '{0.__class__}'|attr('format') %}{{ f(messages) }}",
            "{% macro a(f) %}{{ f(messages) }}{% endmacro %}{{ a('{0.__class__}'.format) }}",
            "{% set f = messages[0].content.format %}{{ f(messages) }}",
            "{% set d = {'f': messages[0].content['format']} %}{{ d.f(messages) }}{{ d['f'](messages) }}",
            "{{ (messages[0].content.format)(messages) }}",
            "{{ namespace(**{'f': '{0.__class__}'}).f.format(1) }}",
            "{{ dict([('f', '{0.__class__}')]).f.format(1) }}",
            "{% macro a(f) %}{{ f(1) }}{% endmacro %}{{ a(messages[0].content.format) }}",
        ],
    );
    all_pass(&[
        "{% for t in tools %}{% if t.format %}{{ t.format }}{% set f = t.format ~ t['format'] %}{{ f }}{% endif %}{% endfor %}",
        "{% set f = 'a {} b'.format %}{{ f(messages|length) }}",
    ]);
}

#[test]
fn names_are_what_python_reads() {
    all_are(
        "KG-TPL-ALIAS",
        &[
            "{{ dict(__\u{ff47}lobals__=1) }}",
            "{{ namespace(_\u{ff3f}class__=1) }}",
            "{% set \u{ff58} = '__globals__' %}{{ messages|attr(x) }}",
            "{% set \u{1d4b6} = 1 %}{{ a }}",
            "{% macro m(\u{17f}) %}{{ s }}{% endmacro %}",
        ],
    );
    all_pass(&["{% set größe = 1 %}{{ größe }}{% set 内容 = messages[0].content %}{{ 内容 }}ＡＢＣ{{ 'ｘ' }}"]);
}

#[test]
fn modules_of_python_are_reported() {
    all_are("KG-TPL-UNK", &["{{ os.environ['TOKEN'] }}", "{% set a = sys %}", "{{ subprocess }}"]);
    all_pass(&["{% set os = 'linux' %}{{ os }}{{ messages[0].os }}{{ tools.sys }}"]);
}

#[test]
fn templates_in_arrays_are_judged() {
    let scan = |key: &str, texts: &[&str], count: u64| {
        let entry = Entry {
            key: key.as_bytes().into(),
            kind: ValueType::Array,
            element: Some(ValueType::String),
            count,
            offset: 100,
            size: 0,
            kept: None,
        };
        let mut bytes = Vec::new();
        for text in texts {
            bytes.extend((text.len() as u64).to_le_bytes());
            bytes.extend(text.as_bytes());
        }
        let mut findings = Findings::new();
        super::super::check_strings(&entry, &bytes, false, &mut findings);
        findings.finish(true)
    };
    let bad = scan("tokenizer.chat_templates", &["rag", "{{ ''.__class__ }}"], 2);
    assert_eq!(bad.iter().map(|found| found.id).collect::<Vec<_>>(), ["KG-TPL-DUNDER"]);
    assert_eq!(bad[0].offset, Some(100 + 8 + 3 + 8 + 3));
    assert!(bad[0].message.contains("chat_templates[1]"));
    assert!(scan("tokenizer.chat_templates", &["rag", "tool_use"], 2).is_empty());
    assert!(scan("general.tags", &["{{ ''.__class__ }}"], 1).is_empty());
    assert_eq!(scan("tokenizer.chat_templates", &["rag"], 2)[0].id, "KG-TPL-SIZE");
}
