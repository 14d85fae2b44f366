//! What a text can be found by. A name is found whole, with or without its schema, and by the parts that underscores join; case
//! does not count.

/// A longer word is cut: nobody types it, and it would not help.
const LONGEST: usize = 64;
/// Words of one search.
const MOST_TERMS: usize = 16;

/// The words of a text, folded; a name of several parts gives the whole and each part.
pub fn of(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut letters = text.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
    letters.by_ref().for_each(|word| {
        let word: String = word.chars().take(LONGEST).flat_map(char::to_lowercase).collect();
        let parts = || word.split('_').filter(|part| !part.is_empty());
        if parts().count() > 1 {
            found.extend(parts().map(str::to_owned));
        }
        if parts().next().is_some() {
            found.push(word.clone());
        }
    });
    found
}

/// One thing that must be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    pub word: String,
    /// Words that begin so will do.
    pub begins: bool,
}

/// What was asked for: every term must be there; `word*` asks for words that begin so.
pub fn terms(asked: &str) -> Vec<Term> {
    let mut terms = Vec::new();
    for typed in asked.split_whitespace() {
        let begins = typed.ends_with('*');
        // A name is asked for whole: its parts come along with every text that has it.
        let mut words: Vec<_> = typed.split(|letter: char| !letter.is_alphanumeric() && letter != '_').collect();
        words.retain(|word| word.chars().any(|letter| letter != '_'));
        let last = words.len().saturating_sub(1);
        for (place, word) in words.into_iter().enumerate() {
            let word = word.chars().take(LONGEST).flat_map(char::to_lowercase).collect();
            terms.push(Term { word, begins: begins && place == last });
        }
    }
    terms.truncate(MOST_TERMS);
    terms
}

/// The same for FTS5. Words are letters, digits and underscores, so that nothing in them needs an escape.
pub fn query(terms: &[Term]) -> String {
    let one = |term: &Term| format!("\"{}\"{}", term.word, if term.begins { "*" } else { "" });
    terms.iter().map(one).collect::<Vec<_>>().join(" AND ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_whole_and_in_parts() {
        assert_eq!(
            of("SELECT a FROM public.User_Accounts_2 WHERE x=$1"),
            ["select", "a", "from", "public", "user", "accounts", "2", "user_accounts_2", "where", "x", "1"]
        );
        assert_eq!(of("__ _ _a Ünï"), ["_a", "ünï"]);
        assert!(of(&"x".repeat(1000)).iter().all(|word| word.len() == LONGEST));
    }

    #[test]
    fn what_is_asked_for() {
        let term = |word: &str, begins| Term { word: word.to_owned(), begins };
        assert_eq!(terms("public.Users acc*"), [term("public", false), term("users", false), term("acc", true)]);
        assert_eq!(terms("* \" _ -- "), []);
        assert_eq!(query(&terms("a_b* c")), "\"a_b\"* AND \"c\"");
        assert_eq!(terms(&"a ".repeat(100)).len(), MOST_TERMS);
    }
}
