//! Names that a template builds, in every way that is known.

use super::{all_are, all_pass};

#[test]
fn pieces_are_put_together() {
    all_are(
        "KG-TPL-DUNDER",
        &[
            "{{ x|attr('__cl' + 'ass__') }}",
            "{{ x|attr('__cl' ~ 'ass__') }}",
            "{{ x|attr('_' * 2 ~ 'class' ~ 2 * '_') }}",
            "{{ x|attr(['__', 'class', '__']|join) }}",
            "{{ x|attr(['', 'class', '']|join('__')) }}",
            "{{ x|attr('__'.join(['', 'class', ''])) }}",
            "{{ x|attr('XXclassXX'|replace('X', '_')) }}",
            "{{ x|attr('XXclassXX'.replace('X', '_')) }}",
            "{{ x|attr('__ssalc__'|reverse) }}",
            "{{ x|attr('__ssalc__'[::-1]) }}",
            "{{ x|attr('a__class__b'[1:-1]) }}",
            "{{ x|attr('__CLASS__'|lower) }}",
            "{{ x|attr('__CLASS__'.lower()) }}",
            "{{ x|attr(' __class__ '|trim) }}",
            "{{ x|attr('-__class__-'.strip('-')) }}",
            "{{ x|attr('%s%s%s' % ('__', 'class', '__')) }}",
            "{{ x|attr('%s%s'|format('__class', '__')) }}",
            "{{ x|attr('%c%cclass__' % (95, 95)) }}",
            "{{ x|attr('{0}{0}class{0}{0}'.format('_')) }}",
            "{{ x|attr('{:c}{:c}class__'.format(95, 95)) }}",
            "{{ x|attr('{a}class{a}'.format(a='__')) }}",
            "{{ x|attr('__init__.__class__'.split('.')[1]) }}",
            "{{ x|attr('a|__class__'.partition('|')[2]) }}",
            "{{ x|attr({'a': '__class__'}.a) }}",
            "{{ x|attr({'a': '__class__'}['a']) }}",
            "{{ x|attr({'a': '__class__'}.get('a')) }}",
            "{{ x|attr(dict(__cla=1, ss__=2)|join) }}",
            "{{ x|attr(dict(__class__=1)|list|first) }}",
            "{{ x|attr((dict(__class__=1)|items|first)[0]) }}",
            "{{ x|attr(['a', '__class__']|last) }}",
            "{{ x|attr(['__class__', 'a'][i]) }}",
            "{{ x|attr(['__class__']|random) }}",
            "{{ x|attr('a' if y else '__class__') }}",
            "{{ x|attr(y or '__class__') }}",
            "{{ x|attr(y|default('__class__')) }}",
            "{{ x|attr(['__cl', 'ass__']|map('string')|join) }}",
            "{{ x|attr(['__CL', 'ASS__']|map('lower')|join) }}",
            "{{ x|attr(('__cl', 'ass__')|list|join|string|safe) }}",
            "{{ x['__cl' ~ 'ass__'] }}",
            "{{ [x]|map(attribute='a.__cl' ~ 'ass__')|list }}",
        ],
    );
}

#[test]
fn variables_are_followed() {
    all_are(
        "KG-TPL-DUNDER",
        &[
            "{% set a = '__cl' %}{% set b = a ~ 'ass__' %}{{ x|attr(b) }}",
            "{% set a, b = '__cl', 'ass__' %}{{ x|attr(a ~ b) }}",
            "{% set a %}__class__{% endset %}{{ x|attr(a) }}",
            "{% set a %}__cl{{ 'ass' }}{% if true %}__{% endif %}{% endset %}{{ x|attr(a) }}",
            "{% set a | lower %}__CLASS__{% endset %}{{ x|attr(a) }}",
            "{% set ns = namespace(a='__cl') %}{% set ns.a = ns.a ~ 'ass__' %}{{ x|attr(ns.a) }}",
            "{% set ns = namespace(a='') %}{% for c in ['__', 'cla', 'ss__'] %}{% set ns.a = ns.a ~ c %}{% endfor %}{{ x|attr(ns.a) }}",
            "{% set ns = namespace(a='') %}{% for c in '__class__' %}{% set ns.a = ns.a ~ c %}{% endfor %}{{ x|attr(ns.a) }}",
            "{% set ns = namespace(a='') %}{% for c in [95, 95, 99, 108, 97, 115, 115, 95, 95] %}{% set ns.a = ns.a ~ '%c' % c %}{% endfor %}{{ x|attr(ns.a) }}",
            "{% set a = '__class__' %}{% for i in [1] %}{% set a = 'b' %}{% endfor %}{{ x|attr(a) }}",
            "{% set a = '__class__' %}{% if y %}{% set a = 'b' %}{% endif %}{{ x|attr(a) }}",
            "{% if y %}{% set a = '__class__' %}{% else %}{% set a = 'b' %}{% endif %}{{ x|attr(a) }}",
            "{% with a = '__cl' %}{{ x|attr(a ~ 'ass__') }}{% endwith %}",
            "{% macro m(a, b='ass__') %}{{ a }}{{ b }}{% endmacro %}{{ x|attr(m('__cl')) }}",
            "{% macro m(a) %}{{ x|attr(a ~ 'ass__') }}{% endmacro %}{{ m('__cl') }}",
            "{% macro m(a) %}{{ a }}{% endmacro %}{% macro n(a) %}{{ m('__' ~ a) }}{% endmacro %}{{ x|attr(n('class__')) }}",
            "{% set l = ['__cl'] %}{% set _ = l.append('ass__') %}{{ x|attr(l|join) }}",
            "{% set l = [] %}{% do l.extend(['__cl', 'ass__']) %}{{ x|attr(l|join) }}",
            "{% for a in ['b', '__class__'] if y %}{{ x|attr(a) }}{% endfor %}",
            "{% for a, b in [('__cl', 'ass__')] %}{{ x|attr(a ~ b) }}{% endfor %}",
            "{% for a, b in {'__cl': 'ass__'}.items() %}{{ x|attr(a ~ b) }}{% endfor %}",
            "{% filter attr(a) %}b{% endfilter %}{% set a = '__class__' %}{{ x|attr(a) }}",
            "{% set f = cycler %}{{ f['__in' ~ 'it__'] }}",
        ],
    );
}

#[test]
fn objects_of_the_engine_stay_what_they_are() {
    all_are(
        "KG-TPL-DYN",
        &["{% set f = range %}{{ f[y] }}", "{% macro m(f) %}{{ f[messages[0].content] }}{% endmacro %}{{ m(range) }}"],
    );
    all_are(
        "KG-TPL-ATTR",
        &[
            "{% set f = [range][0] %}{{ f.x }}",
            "{{ (range if y else 1).x }}",
            "{% set ns = namespace(f=range) %}{{ ns.f.x }}",
        ],
    );
}

#[test]
fn building_harmless_names_is_harmless() {
    all_pass(&[
        "{{ x|attr('con' ~ 'tent') }}",
        "{% set k = 'ro' ~ 'le' %}{{ messages[0][k] }}",
        "{% for k in ['a', 'b'] %}{{ x[k] }}{% endfor %}",
        "{{ [x]|map(attribute='content')|join('\\n') }}",
        "{% set name = '__' ~ tool.name ~ '__' %}{{ name }}",
    ]);
}
