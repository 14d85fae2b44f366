use super::*;

fn shape(sql: impl AsRef<[u8]>) -> String {
    let mut out = String::from("before ");
    write(sql.as_ref(), &mut out);
    out.strip_prefix("before ").unwrap().to_owned()
}

#[test]
fn statements_have_their_shapes() {
    let mut failed = String::new();
    let text = include_str!("../../../fixtures/shapes.txt");
    for case in text.split("\n\n").filter(|case| !case.trim().is_empty()) {
        let case: Vec<&str> = case.lines().filter(|line| !line.starts_with('#')).collect();
        let Some((expected, sql)) = case.split_last() else { continue };
        let expected = expected.strip_prefix("→ ").expect("a case ends in its shape");
        // A line's end inside a statement is written as it is.
        let sql = sql.join("\n");
        let got = shape(&sql);
        if got != expected {
            failed.push_str(&format!("{sql}\n  expected {expected}\n  got      {got}\n"));
        }
    }
    assert!(failed.is_empty(), "\n{failed}");
}
