//! The shape of a statement: its text with the literals and comments taken out. What people search and group by, and what may
//! be kept where nothing that an agent typed as a value may be.

/// Appends the shape of `sql`. What cannot be read with certainty gives no text at all, only its length.
pub fn write(sql: &[u8], out: &mut String) {
    // The scanner replaces this.
    out.push_str("(unread, ");
    out.push_str(&sql.len().to_string());
    out.push_str(" bytes)");
}
