//! What a browser keeps for us, and the proof that a form is ours. A form's token is made from the secret in the cookie and from what the form
//! does: whoever does not have the cookie cannot make one, and one form's token is no other's.

use axum::http::HeaderMap;
use axum::http::header::COOKIE;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;

use crate::host::secret::Secret;

/// Cookies that are looked through: the other ones of this host are none of ours.
const MOST_COOKIES: usize = 64;

/// The cookies' names. With TLS they carry a prefix by which browsers see to it that no other host and no clear text sets them.
#[derive(Debug, Clone, Copy)]
pub struct Jar {
    pub encrypted: bool,
}

#[derive(Debug, Clone, Copy)]
pub enum Kept {
    /// Who is signed in.
    Visit,
    /// Who was shown the form to sign in: a form that is sent from elsewhere has no such thing.
    Form,
    /// Who was sent to the provider: somebody else's way back ends here.
    Errand,
}

impl Jar {
    fn name(self, kept: Kept) -> &'static str {
        match (kept, self.encrypted) {
            (Kept::Visit, true) => "__Host-pgsluice",
            (Kept::Visit, false) => "pgsluice",
            (Kept::Form, true) => "__Host-pgsluice-form",
            (Kept::Form, false) => "pgsluice-form",
            (Kept::Errand, true) => "__Host-pgsluice-errand",
            (Kept::Errand, false) => "pgsluice-errand",
        }
    }

    /// `None` where there is none, or two: one of them was put there by somebody else.
    pub fn get(self, headers: &HeaderMap, kept: Kept) -> Option<Secret> {
        let name = self.name(kept);
        let all = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut values = all
            .flat_map(|value| value.split(';'))
            .take(MOST_COOKIES)
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(found, _)| *found == name)
            .map(|(_, value)| value);
        let value = values.next().filter(|value| !value.is_empty())?;
        values.next().is_none().then(|| Secret::new(value))
    }

    /// The value of a Set-Cookie header. A link from elsewhere finds its way with who is signed in; forms from elsewhere do not.
    pub fn set(self, kept: Kept, value: &str) -> String {
        let same_site = match kept {
            Kept::Visit | Kept::Errand => "Lax",
            Kept::Form => "Strict",
        };
        let secure = if self.encrypted { "; Secure" } else { "" };
        format!("{}={value}; Path=/; HttpOnly; SameSite={same_site}{secure}", self.name(kept))
    }

    pub fn clear(self, kept: Kept) -> String {
        format!("{}; Max-Age=0", self.set(kept, ""))
    }
}

/// The token of a form that does `purpose`.
pub fn form_token(secret: &Secret, purpose: &str) -> String {
    URL_SAFE_NO_PAD.encode(hmac::sign(&key(secret), purpose.as_bytes()))
}

pub fn is_form_token(secret: &Secret, purpose: &str, token: &str) -> bool {
    URL_SAFE_NO_PAD.decode(token).is_ok_and(|token| hmac::verify(&key(secret), purpose.as_bytes(), &token).is_ok())
}

fn key(secret: &Secret) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_that_is_there_twice_is_nobodys() {
        let jar = Jar { encrypted: false };
        for (sent, found) in [
            ("pgsluice=abc", Some("abc")),
            ("other=1; pgsluice=abc; x=y", Some("abc")),
            ("pgsluice=abc; pgsluice=evil", None),
            ("pgsluice=", None),
            ("xpgsluice=abc", None),
            ("__Host-pgsluice=abc", None),
            ("", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(COOKIE, sent.parse().unwrap());
            let value = jar.get(&headers, Kept::Visit);
            assert_eq!(value.as_ref().map(Secret::expose), found, "{sent}");
        }
        assert_eq!(Jar { encrypted: true }.set(Kept::Visit, "t"), "__Host-pgsluice=t; Path=/; HttpOnly; SameSite=Lax; Secure");
    }

    #[test]
    fn a_forms_token_is_for_one_form_of_one_visit() {
        let (ann, bob) = (Secret::new("ann's"), Secret::new("bob's"));
        let token = form_token(&ann, "decide 1");
        assert!(is_form_token(&ann, "decide 1", &token));
        assert!(!is_form_token(&ann, "decide 2", &token) && !is_form_token(&bob, "decide 1", &token));
        assert!(["", "AAAA", "%%%", "a b"].iter().all(|token| !is_form_token(&ann, "decide 1", token)));
    }
}
