//! The text of a statement, as a client may send it: its shape and its tags.

use pgsluice::sql::{shape, tags};

pub fn statement(data: &[u8]) {
    let mut out = String::from("before");
    shape::write(data, &mut out);
    let shape = out.strip_prefix("before").expect("what was there stays");
    assert!(shape.len() <= shape::LONGEST + '…'.len_utf8());
    // No literal is left, and nothing that a terminal obeys.
    assert!(!shape.contains(['\'', '\\', '{', '}']) && !shape.contains(char::is_control), "{shape:?}");
    let mut count = 0;
    tags::read(data, |name, value| {
        count += 1;
        assert!(name.len() <= tags::LONGEST_NAME && value.len() <= tags::LONGEST_VALUE);
        assert!(tags::passes(name) && !value.contains('@'));
    });
    assert!(count <= tags::MOST);
}
