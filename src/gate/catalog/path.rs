//! A search path as the server writes it, taken apart.

/// The schemas of a search path, in order, with `"$user"` replaced.
pub fn schemas<'a>(path: &'a str, role: &'a str) -> Vec<std::borrow::Cow<'a, str>> {
    let mut found = Vec::new();
    let mut rest = path.trim_start();
    while !rest.is_empty() {
        if let Some(quoted) = rest.strip_prefix('"') {
            let mut name = String::new();
            let mut letters = quoted.char_indices().peekable();
            let mut end = quoted.len();
            while let Some((at, letter)) = letters.next() {
                if letter != '"' {
                    name.push(letter);
                } else if letters.peek().is_some_and(|(_, next)| *next == '"') {
                    letters.next();
                    name.push('"');
                } else {
                    end = at.saturating_add(1);
                    break;
                }
            }
            found.push(if name == "$user" { role.into() } else { name.into() });
            rest = quoted.get(end..).unwrap_or_default();
            // What stands up to the comma is nothing.
            rest = rest.split_once(',').map_or("", |(_, behind)| behind).trim_start();
        } else {
            let (name, behind) = rest.split_once(',').unwrap_or((rest, ""));
            let name = name.trim();
            if !name.is_empty() {
                found.push(if name == "$user" { role.into() } else { name.to_ascii_lowercase().into() });
            }
            rest = behind.trim_start();
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_taken_apart_as_the_server_does() {
        for (path, expected) in [
            ("\"$user\", public", &["agent", "public"][..]),
            ("app,public", &["app", "public"]),
            ("App, \"App\", \"a,\"\"b\" , pg_catalog", &["app", "App", "a,\"b", "pg_catalog"]),
            ("", &[]),
            ("\"\"", &[""]),
            ("\"open", &["open"]),
        ] {
            assert_eq!(schemas(path, "agent"), expected, "{path}");
        }
    }
}
