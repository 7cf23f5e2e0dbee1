use super::*;

fn row(form: &Form, line: &str) -> Result<Row, RowError> {
    form.row(line.as_bytes(), 7, &mut |_| ()).map(|row| row.expect("it is not empty"))
}

fn body(form: &Form, line: &str) -> String {
    String::from_utf8(row(form, line).unwrap().body).unwrap()
}

#[test]
fn all_forms_become_one() {
    let form = Form::default();
    let messages = r#"{"messages":[{"role":"user","content":"hi \"you\""}]"#;
    assert_eq!(body(&form, r#"{"prompt":"hi \"you\""}"#), format!("{messages}}}"));
    let beside = r#"{"prompt":"hi \"you\"","max_tokens":5,"label":3}"#;
    assert_eq!(body(&form, beside), format!("{messages},\"max_tokens\":5}}"));
    let openai =
        r#"{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"model":"m","messages":[ ],"x":1}}"#;
    let whole = row(&form, openai).unwrap();
    assert_eq!((whole.custom_id.as_str(), whole.model.as_deref(), whole.kind), ("a", Some("m"), Kind::Chat));
    assert_eq!(whole.body, br#"{"model":"m","messages":[ ],"x":1}"#);
    assert_eq!(row(&form, r#"{"prompt":"x"}"#).unwrap().custom_id, "row-7");
    let text = Form { text: true, ..Form::default() };
    assert_eq!(body(&text, "hi \"you\""), format!("{messages}}}"));
    assert!(text.row(b"  \r", 1, &mut |_| ()).unwrap().is_none());
    assert!(body(&text, "\t indented \r").contains(r#""\t indented ""#));
    let template = Form { template: Template::new("hi {{who}}").ok(), ..Form::default() };
    assert_eq!(body(&template, r#"{"who":"\"you\"","id":1}"#), format!("{messages}}}"));
}

#[test]
fn what_a_row_lacks_is_filled_in() {
    let raw = |json: &str| RawValue::from_string(json.to_owned()).unwrap();
    let form = Form {
        system: Some("be brief".to_owned()),
        defaults: vec![("max_tokens".to_owned(), raw("9")), ("temperature".to_owned(), raw("0.5"))],
        model: Some("own".to_owned()),
        ..Form::default()
    };
    let system = r#"{"role":"system","content":"be brief"}"#;
    assert_eq!(
        body(&form, r#"{"prompt":"x","temperature":1}"#),
        format!(r#"{{"messages":[{system},{{"role":"user","content":"x"}}],"temperature":1,"max_tokens":9}}"#)
    );
    let asked =
        row(&form, r#"{"messages":[{"role":"user","content":"x"}],"max_completion_tokens":3,"model":"m"}"#).unwrap();
    assert!(String::from_utf8_lossy(&asked.body).contains(&format!("[{system},{{\"role\":\"user\"")));
    assert_eq!((asked.output_tokens, asked.model.as_deref()), (Some(3), Some("own")));
    let own = body(&form, r#"{"prompt":"x","system":"long"}"#);
    assert!(own.contains("long") && !own.contains("brief"));
    let own = body(&form, r#"{"messages":[{"role":"developer","content":"y"}]}"#);
    assert!(!own.contains("brief"));
    assert!(body(&form, r#"{"messages":[]}"#).contains(&format!("[{system}]")));
}

#[test]
fn the_content_is_what_is_sent_and_to_whom() {
    let form = Form::default();
    let content = |form: &Form, line: &str| row(form, line).unwrap().content();
    let first = content(&form, r#"{"custom_id":"a","prompt":"x"}"#);
    assert_eq!(first, content(&form, r#"{"custom_id":"b","prompt":"x"}"#));
    assert_ne!(first, content(&form, r#"{"custom_id":"a","prompt":"y"}"#));
    let own = Form { model: Some("m".to_owned()), ..Form::default() };
    assert_ne!(first, content(&own, r#"{"prompt":"x"}"#));
}

#[test]
fn what_is_wrong_is_said() {
    let form = Form::default();
    for (line, said) in [
        ("{", "no JSON object"),
        ("[1]", "no JSON object"),
        (r#"{"id":1,"text":"x"}"#, "neither body, \"messages\" nor prompt"),
        (r#"{"custom_id":1,"prompt":"x"}"#, "custom_id is no string"),
        (r#"{"custom_id":"","prompt":"x"}"#, "custom_id has 0 bytes"),
        ("{\"custom_id\":\"a\\u001b\",\"prompt\":\"x\"}", "control characters"),
        (r#"{"prompt":"\ud800"}"#, "escaped that is no character"),
        (r#"{"messages":"x"}"#, "messages are no list"),
        (r#"{"url":"/v1/embeddings","prompt":"x"}"#, "neither body, \"input\""),
        (r#"{"url":"/v1/images","prompt":"x"}"#, "its url is"),
        (r#"{"method":"GET","body":{}}"#, "its method is"),
        (r#"{"body":{"model":"m"}}"#, "no \"messages\""),
        (r#"{"prompt":["x"]}"#, "prompt is no string"),
        (r#"{"custom_id":"a","custom_id":"b","prompt":"x"}"#, "stands twice"),
    ] {
        let error = row(&form, line).unwrap_err().to_string();
        assert!(error.contains(said), "{line}: {error}");
    }
    assert!(form.row(b"{\"prompt\":\"\xff\"}", 1, &mut |_| ()).is_err());
}

#[test]
fn fields_that_are_not_sent_are_told() {
    let mut told = Vec::new();
    let line = br#"{"prompt":"x","label":1,"seed":2}"#;
    Form::default().row(line, 1, &mut |name| told.push(name.to_owned())).unwrap();
    assert_eq!(told, ["label"]);
}

#[test]
fn a_row_that_is_wrong_has_its_name_nevertheless() {
    let error = row(&Form::default(), r#"{"custom_id":"a","body":{}}"#).unwrap_err();
    assert_eq!(error.custom_id, "a");
    assert_eq!(row(&Form::default(), r#"{"body":{}}"#).unwrap_err().custom_id, "row-7");
}

#[test]
fn parameters_of_other_calls_stand_beside_them_too() {
    let line = r#"{"url":"/v1/embeddings","input":["a"],"dimensions":8,"model":"m"}"#;
    assert_eq!(body(&Form::default(), line), r#"{"input":["a"],"dimensions":8,"model":"m"}"#);
    let line = r#"{"url":"/v1/completions","prompt":"a","suffix":"b"}"#;
    assert_eq!(body(&Form::default(), line), r#"{"prompt":"a","suffix":"b"}"#);
}

/// No line is a panic, and what is a row has a body that is an object, and the same name whoever asks.
#[test]
fn whatever_a_line_is_it_ends_well() {
    let seeds = [
        r#"{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"model":"m","messages":[{"role":"user","content":"\u00e9\n"}],"max_tokens":5}}"#,
        r#"{"prompt":"hi","system":"s","temperature":0.5}"#,
        r#"{"url":"/v1/responses","input":[{"role":"user","content":[{"type":"input_text","text":"x"}]}]}"#,
    ];
    let raw = |json: &str| RawValue::from_string(json.to_owned()).unwrap();
    let form = Form {
        system: Some("say \"it\"".to_owned()),
        defaults: vec![("max_tokens".to_owned(), raw("9"))],
        ..Form::default()
    };
    let mut random = 3_u64;
    let mut next = |below: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % below
    };
    let mut rows = 0;
    for round in 0..30_000 {
        let mut line = seeds[round % 3].as_bytes().to_vec();
        for _ in 0..next(3) {
            let at = next(line.len());
            match next(3) {
                0 => line[at] = b"\"\\{}[]:,0 u\xff"[next(12)],
                1 => line.truncate(at.max(1)),
                _ => drop(line.splice(at..at, line[next(at + 1)..at].to_vec())),
            }
        }
        let name = form.custom_id(&line, 5);
        match form.row(&line, 5, &mut |_| ()) {
            Ok(row) => {
                assert_eq!(row.as_ref().map(|row| row.custom_id.as_str()), name.as_deref());
                assert!(row.is_none_or(|row| fields(&row.body).is_ok()));
                rows += 1;
            }
            Err(error) => assert_eq!(Some(error.custom_id.as_str()), name.as_deref()),
        }
    }
    assert!(rows > 5_000);
}
