//! What a provider's claims make of somebody here: a name, other names, groups and a role. Pure: the claims were verified before.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::host::config::Oidc;
use crate::host::people::Role;

/// More than any directory puts into a token.
const MOST_GROUPS: usize = 4096;
/// Claims within claims.
const MOST_DEPTH: usize = 8;
/// By which other claims a person may be known, so that nobody decides for an agent of theirs under another name.
const NAMES: [&str; 6] = ["email", "name", "nickname", "preferred_username", "unique_name", "upn"];

pub type Claims = Map<String, Value>;

/// Claims that let nobody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    #[error(
        "the provider left the groups out of its token because they are too many: have it send only those assigned to the application, or roles"
    )]
    TooMany,
    #[error("the claim with the groups is no list of texts")]
    NoGroups,
    #[error("none of the groups that let somebody in here")]
    NoMember,
    #[error("the provider has not verified the e-mail address that counts here")]
    Unverified,
    #[error("the provider tells no name by which somebody could be known here")]
    NoName,
}

/// Whether the groups are in there, or elsewhere.
pub fn has_groups(settings: &Oidc, claims: &Claims) -> bool {
    find(claims, &settings.groups_claim).is_some()
}

/// What the groups are worth: the highest role of them, and what rules call them.
pub fn membership(settings: &Oidc, claims: &Claims) -> Result<(Role, BTreeSet<String>), Unfit> {
    let mut found: Option<Role> = None;
    let mut called = BTreeSet::new();
    for group in groups(settings, claims)? {
        let Some(membership) = settings.groups.get(group) else { continue };
        called.insert(membership.group.clone());
        found = Some(found.map_or(membership.role, |role| role.max(membership.role)));
    }
    found.map(|role| (role, called)).ok_or(Unfit::NoMember)
}

fn groups<'c>(settings: &Oidc, claims: &'c Claims) -> Result<Vec<&'c str>, Unfit> {
    let claim = settings.groups_claim.as_str();
    let elsewhere = claims.get("_claim_names").and_then(Value::as_object).is_some_and(|names| names.contains_key(claim));
    if elsewhere || (claim == "groups" && is_true(claims.get("hasgroups"))) {
        return Err(Unfit::TooMany);
    }
    if claim == "email" && !is_true(claims.get("email_verified")) {
        return Err(Unfit::Unverified);
    }
    match find(claims, claim) {
        None => Ok(Vec::new()),
        Some(Value::String(one)) => Ok(vec![one]),
        Some(Value::Array(all)) if all.len() <= MOST_GROUPS => all.iter().map(|one| one.as_str().ok_or(Unfit::NoGroups)).collect(),
        Some(Value::Array(_)) => Err(Unfit::TooMany),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) => Err(Unfit::NoGroups),
    }
}

/// What somebody is called here who comes for the first time.
pub fn name(settings: &Oidc, claims: &Claims) -> Result<String, Unfit> {
    let name = find(claims, &settings.name_claim).and_then(Value::as_str).map(str::trim).filter(|name| !name.is_empty());
    if settings.name_claim == "email" && !is_true(claims.get("email_verified")) {
        return Err(Unfit::Unverified);
    }
    name.map(str::to_owned).ok_or(Unfit::NoName)
}

/// Everything they are known by; whether it is verified does not matter, for it only ever takes something away from them.
pub fn aliases(claims: &Claims) -> BTreeSet<String> {
    let named = NAMES.iter().filter_map(|claim| claims.get(*claim)?.as_str());
    // An agent's owner may be written as the e-mail's first part.
    let short = claims.get("email").and_then(Value::as_str).and_then(|email| email.split('@').next());
    named.chain(short).map(str::trim).filter(|name| !name.is_empty() && name.len() <= LONGEST).map(str::to_owned).collect()
}

/// Longer than an e-mail address can be.
const LONGEST: usize = 320;

/// Some write their truths as text.
fn is_true(claim: Option<&Value>) -> bool {
    claim.is_some_and(|value| value == &Value::Bool(true) || value.as_str() == Some("true"))
}

/// A claim by its whole name, else by names with dots between them: some providers' names are addresses, with dots in them.
fn find<'c>(claims: &'c Claims, name: &str) -> Option<&'c Value> {
    if let Some(whole) = claims.get(name) {
        return Some(whole);
    }
    let mut steps = name.splitn(MOST_DEPTH, '.');
    let first = claims.get(steps.next()?)?;
    steps.try_fold(first, |value, step| value.as_object()?.get(step))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::host::config::Membership;
    use crate::host::upstream::Roots;

    fn settings(groups_claim: &str) -> Oidc {
        let member = |role, group: &str| Membership { role, group: group.to_owned() };
        Oidc {
            issuer: "https://idp.example".to_owned(),
            client_id: "pgsluice".to_owned(),
            client_secret: None,
            scopes: Vec::new(),
            groups_claim: groups_claim.to_owned(),
            name_claim: "preferred_username".to_owned(),
            groups: BTreeMap::from([
                ("/dba".to_owned(), member(Role::Reviewer, "dba")),
                ("audit".to_owned(), member(Role::Auditor, "audit")),
                ("root".to_owned(), member(Role::Administrator, "dba")),
                ("rita@example.com".to_owned(), member(Role::Reviewer, "mail")),
            ]),
            parameters: BTreeMap::new(),
            hosts: Vec::new(),
            roots: Roots::Platform,
            refresh: Duration::ZERO,
            grace: Duration::ZERO,
        }
    }

    fn check(claim: &str, claims: &Value) -> Result<(Role, Vec<String>), Unfit> {
        membership(&settings(claim), claims.as_object().unwrap()).map(|(role, groups)| (role, groups.into_iter().collect()))
    }

    #[test]
    fn groups_as_providers_write_them() {
        let dba = Ok((Role::Reviewer, vec!["dba".to_owned()]));
        for (claim, claims, expected) in [
            ("groups", json!({ "groups": ["other", "/dba"] }), dba.clone()),
            ("groups", json!({ "groups": "/dba" }), dba.clone()),
            ("realm_access.roles", json!({ "realm_access": { "roles": ["/dba"] } }), dba.clone()),
            ("https://example.com/groups", json!({ "https://example.com/groups": ["/dba"] }), dba.clone()),
            ("groups", json!({ "groups": ["audit", "/dba"] }), Ok((Role::Reviewer, vec!["audit".to_owned(), "dba".to_owned()]))),
            ("groups", json!({ "groups": ["root", "/dba"] }), Ok((Role::Administrator, vec!["dba".to_owned()]))),
            ("groups", json!({ "groups": ["DBA", "dba", "/dba "] }), Err(Unfit::NoMember)),
            ("groups", json!({ "groups": [] }), Err(Unfit::NoMember)),
            ("groups", json!({}), Err(Unfit::NoMember)),
            ("groups", json!({ "groups": [1, "/dba"] }), Err(Unfit::NoGroups)),
            ("groups", json!({ "groups": { "/dba": true } }), Err(Unfit::NoGroups)),
            ("groups", json!({ "groups": vec!["/dba"; 4097] }), Err(Unfit::TooMany)),
            // Entra, where somebody is in more groups than a token holds: in a code flow, and in the others.
            (
                "groups",
                json!({ "_claim_names": { "groups": "src1" }, "_claim_sources": { "src1": { "endpoint": "https://x" } } }),
                Err(Unfit::TooMany),
            ),
            ("groups", json!({ "hasgroups": true, "groups": ["/dba"] }), Err(Unfit::TooMany)),
            ("groups", json!({ "hasgroups": "true" }), Err(Unfit::TooMany)),
            // An address counts that the provider has verified, and no other.
            ("email", json!({ "email": "rita@example.com", "email_verified": true }), Ok((Role::Reviewer, vec!["mail".to_owned()]))),
            ("email", json!({ "email": "rita@example.com", "email_verified": false }), Err(Unfit::Unverified)),
            ("email", json!({ "email": "rita@example.com" }), Err(Unfit::Unverified)),
        ] {
            assert_eq!(check(claim, &claims), expected, "{claim} {claims}");
        }
    }

    #[test]
    fn names_and_what_else_people_are_known_by() {
        let claims = json!({ "preferred_username": " rita ", "email": "Rita@example.com", "name": "Rita R", "sub": "1" });
        let claims = claims.as_object().unwrap();
        assert_eq!(name(&settings("groups"), claims).unwrap(), "rita");
        assert_eq!(aliases(claims).into_iter().collect::<Vec<_>>(), ["Rita", "Rita R", "Rita@example.com", "rita"]);
        let mut by_mail = settings("groups");
        by_mail.name_claim = "email".to_owned();
        assert_eq!(name(&by_mail, claims), Err(Unfit::Unverified));
        assert_eq!(name(&settings("groups"), &Map::new()), Err(Unfit::NoName));
    }
}
