//! The grammar, with what jinja2 makes of it as the expectation.

use super::super::ast::{Arguments, Expr, ExprKind, StatementKind};
use super::super::parser::{FaultKind, Parsed, parse};

fn sound(text: &str) -> Parsed<'_> {
    let parsed = parse(text);
    assert!(parsed.faults.is_empty(), "{text:?}: {:?}", parsed.faults);
    parsed
}

/// An expression with all its brackets.
fn shape(text: &str) -> String {
    let whole = format!("{{{{ {text} }}}}");
    let parsed = sound(&whole);
    match &parsed.body[..] {
        [statement] => match &statement.kind {
            StatementKind::Output(expr) => brackets(expr),
            other => panic!("{text}: {other:?}"),
        },
        other => panic!("{text}: {other:?}"),
    }
}

fn joined<'a, 'b: 'a>(items: impl IntoIterator<Item = &'a Expr<'b>>, with: &str) -> String {
    items.into_iter().map(brackets).collect::<Vec<_>>().join(with)
}

fn called(arguments: &Arguments<'_>) -> String {
    let mut parts: Vec<_> = arguments.positional.iter().map(brackets).collect();
    parts.extend(arguments.named.iter().map(|(name, value)| format!("{name}={}", brackets(value))));
    parts.extend(arguments.star.iter().map(|star| format!("*{}", brackets(star))));
    parts.extend(arguments.star_star.iter().map(|star| format!("**{}", brackets(star))));
    format!("({})", parts.join(", "))
}

fn brackets(expr: &Expr<'_>) -> String {
    match &expr.kind {
        ExprKind::None => "none".into(),
        ExprKind::Bool(value) => value.to_string(),
        ExprKind::Int(value) => value.to_string(),
        ExprKind::Float(value) => format!("{value:?}"),
        ExprKind::Str(value) => format!("{value:?}"),
        ExprKind::Name(name) => (*name).into(),
        ExprKind::Tuple(items) => format!("tuple({})", joined(items, ", ")),
        ExprKind::List(items) => format!("[{}]", joined(items, ", ")),
        ExprKind::Concat(items) => format!("({})", joined(items, " ~ ")),
        ExprKind::Dict(pairs) => {
            let pairs: Vec<_> =
                pairs.iter().map(|(key, value)| format!("{}: {}", brackets(key), brackets(value))).collect();
            format!("{{{}}}", pairs.join(", "))
        }
        ExprKind::Attribute(operand, name) => format!("{}.{name}", brackets(operand)),
        ExprKind::Item(pair) => format!("{}[{}]", brackets(&pair.0), brackets(&pair.1)),
        ExprKind::Slice(parts) => {
            parts.iter().map(|part| part.as_ref().map(brackets).unwrap_or_default()).collect::<Vec<_>>().join(":")
        }
        ExprKind::Call(call) => format!("{}{}", brackets(&call.0), called(&call.1)),
        ExprKind::Filter(applied) => {
            format!("({}|{}{})", joined(&applied.operand, ""), applied.name, called(&applied.arguments))
        }
        ExprKind::Test(applied) => {
            format!("({} is {}{})", joined(&applied.operand, ""), applied.name, called(&applied.arguments))
        }
        ExprKind::Unary(operator, operand) => format!("{operator:?}({})", brackets(operand)),
        ExprKind::Binary(operator, pair) => format!("({} {operator:?} {})", brackets(&pair.0), brackets(&pair.1)),
        ExprKind::Compare(first, rest) => {
            let rest: String =
                rest.iter().map(|(operator, operand)| format!(" {operator:?} {}", brackets(operand))).collect();
            format!("({}{rest})", brackets(first))
        }
        ExprKind::Conditional(conditional) => format!(
            "({} if {} else {})",
            brackets(&conditional.then),
            brackets(&conditional.test),
            joined(&conditional.otherwise, "")
        ),
    }
}

#[test]
fn operators_bind_as_in_jinja2() {
    for (text, expected) in [
        ("a + b ~ c * d ** e", "(a Add (b ~ (c Mul (d Pow e))))"),
        ("a - b - c", "((a Sub b) Sub c)"),
        ("2 ** 3 ** 4", "((2 Pow 3) Pow 4)"),
        ("-a.b|f", "(Minus(a.b)|f())"),
        ("not a in b and c or d", "((Not((a In b)) And c) Or d)"),
        ("a < b >= c not in d", "(a Lt b GtEq c NotIn d)"),
        ("a if b if c else d", "((a if b else ) if c else d)"),
        ("a if b else c if d else e", "(a if b else (c if d else e))"),
        ("a, b", "tuple(a, b)"),
        ("(a,)", "tuple(a)"),
        ("()", "tuple()"),
        ("1 + not", "(1 Add not)"),
        ("a // b % c / d", "(((a FloorDiv b) Mod c) Div d)"),
    ] {
        assert_eq!(shape(text), expected, "{text}");
    }
}

#[test]
fn operands_read_as_in_jinja2() {
    for (text, expected) in [
        ("a.b['c'].0[1:2, ::-1]()", "a.b[\"c\"][0][tuple(1:2:, ::Minus(1))]()"),
        ("a[:]", "a[::]"),
        ("f(1, a=2, *b, **c,)", "f(1, a=2, *b, **c)"),
        ("a|b.c(1)|d", "((a|b.c(1))|d())"),
        ("a is not divisibleby 3", "Not((a is divisibleby(3)))"),
        ("a is eq b.c[0] and d", "((a is eq(b.c[0])) And d)"),
        ("a is string is true", ""),
        ("a is in [1]", "(a is in([1]))"),
        ("a is b(1) is c", "((a is b(1)) is c())"),
        ("{'a': 1, b: [2,],}", "{\"a\": 1, b: [2]}"),
        ("0x_ff + 0B1_0 + 0o17 + 1_000 + 00", "((((255 Add 2) Add 15) Add 1000) Add 0)"),
        ("1_0.5 + 1e3 + 2.5E-1", "((10.5 Add 1000.0) Add 0.25)"),
        ("99999999999999999999999999", "9223372036854775807"),
    ] {
        if expected.is_empty() {
            assert_eq!(parse(&format!("{{{{ {text} }}}}")).faults.len(), 1, "{text}");
        } else {
            assert_eq!(shape(text), expected, "{text}");
        }
    }
}

#[test]
fn literals_are_what_they_stand_for() {
    for (text, expected) in [
        (r"'\137\x5f\u005f\U0000005f\N{LOW LINE}'", "_____"),
        (r"'\N{latin small letter c}\N{DIGIT SEVEN}\N{BEL}'", "c7\u{fffd}"),
        (r#"'__cl' "ass" '__'"#, "__class__"),
        (r"'\q\é\''", "\\q\\xe9'"),
        ("'a\\\nb'", "ab"),
        (r"'\777\1a'", "\u{1ff}\u{1}a"),
        (r"'\ud800'", "\u{fffd}"),
    ] {
        assert_eq!(shape(text), format!("{expected:?}"), "{text}");
    }
    for text in [r"'\x4'", r"'\u12'", r"'\U00110000'", r"'\N{'", r"'\N{}'", "'a", r"'a\'"] {
        assert!(!parse(&format!("{{{{ {text} }}}}")).faults.is_empty(), "{text}");
    }
}

#[test]
fn marks_trim_and_raw_is_text() {
    let texts = |text: &str| -> Vec<String> {
        let whole = sound(text);
        let kinds = whole.body.iter().map(|statement| &statement.kind);
        kinds.map(|kind| if let StatementKind::Text(text) = kind { (*text).into() } else { "·".into() }).collect()
    };
    assert_eq!(texts("a {{- b -}} \n c {{ d }} e"), ["a", "·", "c ", "·", " e"]);
    assert_eq!(texts("a {%- raw -%} {{ x }}{% if %} {%- endraw -%} b"), ["a", "{{ x }}{% if %}", "b"]);
    assert_eq!(texts("{%+ raw %} {% endraw +%} b"), [" ", " b"]);
    assert_eq!(texts("a {#- }} {{ -#} b { c"), ["a", "b { c"]);
    assert_eq!(texts("{{ {'a': {}}['}}'] }}."), ["·", "."]);
}

#[test]
fn every_tag_is_read() {
    sound(
        "{% set a, ns.b = 1, 2 %}{% set c | f | g(1) %}x{% endset %}{% for (a, b) in c if d recursive: %}{% break %}{% else %}{% endfor %}",
    );
    sound(
        "{% if a %}{% elif b %}{% elif c %}{% else %}{% endif %}{%+ macro m(a, b=1) -%}{% endmacro +%}{% call(x) m(1) %}{% endcall %}",
    );
    sound(
        "{% filter f|g %}{% endfilter %}{% with a = 1, b = 2 %}{% continue %}{% endwith %}{% autoescape true %}{% endautoescape %}",
    );
    sound(
        "{% block a scoped required %} {# c #}{% endblock a %}{% generation %}{{ a }}{% endgeneration %}{% do a.b() %}{% print a, b %}",
    );
    sound(
        "{% extends a %}{% include b ignore missing with context %}{% import c as d without context %}{% from e import f as g, h with context %}",
    );
}

#[test]
fn what_jinja2_refuses_is_a_fault() {
    for text in [
        "{{ }}",
        "{{ a }",
        "{{ a",
        "{% a %}",
        "{% if %}{% endif %}",
        "{% if a %}",
        "{% endfor %}",
        "{% else %}",
        "{# a",
        "{% raw %} ",
        "{% set 1 = 2 %}",
        "{% set a.b.c = 2 %}",
        "{% set true = 1 %}",
        "{% for a.b in c %}{% endfor %}",
        "{% macro m(a=1, b) %}{% endmacro %}",
        "{% call m %}{% endcall %}",
        "{% from a import _b %}",
        "{% import a %}",
        "{% block a required %}x{% endblock %}",
        "{{ a b }}",
        "{{ f(a=1, b) }}",
        "{{ f(**a, *b) }}",
        "{{ a[1 }}",
        "{{ (a] }}",
        "{{ a ! b }}",
        "{{ a $ b }}",
        "{{ 09 }}",
        "{{ a. }}",
        "{% trans %}{% endtrans %}",
        "{{ a | }}",
        "{{ ² }}",
        "{% for a, in b %}{% endfor %}",
    ] {
        assert_eq!(parse(text).faults.first().map(|fault| fault.kind), Some(FaultKind::Syntax), "{text}");
    }
}

#[test]
fn what_follows_a_fault_is_read() {
    for text in [
        "{{ a b }}{{ late }}",
        "{% if (a %}{{ late }}",
        "{% for %}{{ late }}{% endfor %}",
        "{# open {{ late }}",
        "{{ 'open }} {{ late }}",
        "{% if a %}{{ late }}",
        "{{ (a }}{{ late }}",
    ] {
        let parsed = parse(text);
        assert!(!parsed.faults.is_empty(), "{text}");
        assert!(format!("{:?}", parsed.body).contains("late"), "{text}: {:?}", parsed.body);
    }
}

#[test]
fn depth_and_size_are_bounded() {
    let levels =
        |open: &str, inner: &str, close: &str| format!("{}{inner}{}", open.repeat(30_000), close.repeat(30_000));
    let outputs = [
        ("(", ")"),
        ("[", "]"),
        ("{1:", "}"),
        ("f(", ")"),
        ("a[", "]"),
        ("-", ""),
        ("not ", ""),
        ("a|f(", ")"),
        ("a if b else ", ""),
        ("a is b ", ""),
    ];
    for (open, close) in outputs {
        let text = format!("{{{{ {} }}}}", levels(open, "a", close));
        let kinds: Vec<_> = parse(&text).faults.iter().map(|fault| fault.kind).collect();
        assert!(kinds.contains(&FaultKind::Depth) || open == "a is b ", "{open}: {kinds:?}");
    }
    for (open, close) in [("{% if a %}", "{% endif %}"), ("{% for a in b %}", "{% endfor %}"), ("{% filter a %}", "")] {
        assert!(parse(&levels(open, "", close)).faults.iter().any(|fault| fault.kind == FaultKind::Depth), "{open}");
    }
    for part in ["+a", ".a", "[0]", "|f", "()"] {
        let text = format!("{{{{ a{} }}}}", part.repeat(30_000));
        assert!(parse(&text).faults.iter().any(|fault| fault.kind == FaultKind::Depth), "{part}");
    }
    for part in ["{{a}}", "{% set a = 1 %}"] {
        assert!(parse(&part.repeat(60_000)).faults.iter().any(|fault| fault.kind == FaultKind::Size), "{part}");
    }
    sound(&format!("{{{{ {} }}}}", "a ~ ".repeat(40_000) + "a"));
}
