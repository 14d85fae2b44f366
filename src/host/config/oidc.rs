//! `[oidc]`: who says who people are, and what their groups there are worth here. It checks what was written and asks nobody.

use std::collections::BTreeMap;
use std::time::Duration;

use hyper::Uri;

use super::reader::Reader;
use super::value::Setting;
use super::{host, webhook};
use crate::host::people::Role;
use crate::host::secret::Secret;
use crate::host::upstream::Roots;

/// Where a removal at the provider would be noticed too late to count as one.
const LONGEST_REFRESH: Duration = Duration::from_secs(60 * 60);
/// How long a provider that does not answer may be believed in.
const LONGEST_GRACE: Duration = Duration::from_secs(60 * 60);
/// What a request to sign in consists of, and nobody sets by hand.
const RESERVED: [&str; 11] = [
    "client_id",
    "client_secret",
    "code_challenge",
    "code_challenge_method",
    "nonce",
    "redirect_uri",
    "request",
    "request_uri",
    "response_mode",
    "response_type",
    "scope",
];

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Oidc {
    /// As the provider writes it, to the letter.
    pub issuer: String,
    pub client_id: String,
    /// `None` for a client that has none: then PKCE alone says that it was us who asked.
    pub client_secret: Option<Secret>,
    pub scopes: Vec<String>,
    /// The claim that holds groups: a name, or names with dots between them for what lies within.
    pub groups_claim: String,
    /// The claim that people are called by from their first sign-in on.
    pub name_claim: String,
    /// Groups at the provider that let somebody in here.
    pub groups: BTreeMap<String, Membership>,
    /// What else goes along with the request to sign in.
    pub parameters: BTreeMap<String, String>,
    /// Hosts, beside the issuer's, that the provider's own addresses may be on.
    pub hosts: Vec<String>,
    pub roots: Roots,
    /// The provider is asked anew about everybody who is signed in after this.
    pub refresh: Duration,
    /// How long it may stay silent then.
    pub grace: Duration,
}

/// What being in a group at the provider makes of somebody here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    pub role: Role,
    /// What rules call the group.
    pub group: String,
}

impl Setting for Role {
    fn wanted() -> String {
        "auditor, reviewer or administrator".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn show(&self) -> String {
        self.word().to_owned()
    }
}

/// Words with blanks between them, as OAuth writes scopes.
struct Words(Vec<String>);

impl Words {
    fn of(words: &[&str]) -> Self {
        Self(words.iter().map(|word| (*word).to_owned()).collect())
    }
}

impl Setting for Words {
    fn wanted() -> String {
        "words with blanks between them".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        let visible = text.chars().all(|letter| letter == ' ' || letter.is_ascii_graphic());
        visible.then(|| Self(text.split_whitespace().map(str::to_owned).collect()))
    }

    fn show(&self) -> String {
        self.0.join(" ")
    }
}

/// An address that a provider goes by. Clear text stays on this machine.
struct Issuer(String);

impl Setting for Issuer {
    fn wanted() -> String {
        "the provider's https address, to the letter as its discovery document has it, such as https://login.example.com/realms/main"
            .to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        let url: Uri = text.parse().ok()?;
        let plain = url.query().is_none() && !url.authority()?.as_str().contains('@') && !host(&url).is_empty() && !text.contains('#');
        let near = webhook::is_near(&url);
        let safe = match url.scheme_str()? {
            "https" => true,
            "http" => near,
            _ => false,
        };
        (plain && safe).then(|| Self(text.to_owned()))
    }

    fn show(&self) -> String {
        self.0.clone()
    }
}

/// `None` where there is no provider.
pub(super) fn read(reader: &mut Reader<'_>, can_return: bool) -> Option<Oidc> {
    let issuer = reader.optional::<Issuer>("oidc.issuer");
    let client_id = reader.optional::<String>("oidc.client_id");
    let client_secret = webhook::one_secret(reader, "oidc.client_secret");
    let scopes = reader.get("oidc.scopes", Words::of(&["openid", "profile", "email", "offline_access"])).0;
    let groups_claim = reader.get("oidc.groups_claim", "groups".to_owned());
    let name_claim = reader.get("oidc.name_claim", "preferred_username".to_owned());
    let hosts = reader.get("oidc.hosts", Words(Vec::new())).0;
    let roots = webhook::roots(reader, "oidc");
    let refresh = reader.get("oidc.refresh", Duration::from_secs(5 * 60));
    let grace = reader.get("oidc.grace", Duration::from_secs(15 * 60));
    let (groups, parameters) = (memberships(reader), parameters(reader));
    let Some(issuer) = issuer else {
        if client_id.is_some() || client_secret.is_some() || !groups.is_empty() {
            reader.fail_at("oidc.client_id", "people sign in at a provider that has an address: give oidc.issuer");
        }
        return None;
    };
    let Some(client_id) = client_id else {
        reader.fail_at("oidc.issuer", "the provider knows pgsluice by an id: give oidc.client_id");
        return None;
    };
    if !can_return {
        reader.fail_at(
            "oidc.issuer",
            "people come back from the provider by web.public_url: give that, and as https unless it is on loopback",
        );
    }
    if groups.is_empty() {
        reader.fail_at("oidc.issuer", "nobody could sign in: name the groups that may, as [oidc.groups.NAME] with a role");
    }
    if refresh > LONGEST_REFRESH {
        reader.fail_at("oidc.refresh", "who was removed at the provider must lose their session within an hour: give 1h or less");
    }
    if grace > LONGEST_GRACE {
        reader.fail_at("oidc.grace", "a provider that does not answer is believed in for an hour at most: give 1h or less");
    }
    if !scopes.iter().any(|scope| scope == "openid") {
        reader.fail_at("oidc.scopes", "OpenID Connect begins with the scope openid");
    }
    let issuer = issuer.0;
    Some(Oidc { issuer, client_id, client_secret, scopes, groups_claim, name_claim, groups, parameters, hosts, roots, refresh, grace })
}

/// The names of groups are the provider's: any text, so their tables stand in the file alone.
fn memberships(reader: &mut Reader<'_>) -> BTreeMap<String, Membership> {
    let mut memberships = BTreeMap::new();
    for name in reader.names("oidc.groups") {
        let mut given = |what: &str| {
            let given = reader.in_file(["oidc", "groups", &name, what].map(str::to_owned).to_vec());
            (format!("oidc.groups.{name}.{what}"), given)
        };
        let (role, group) = (given("role"), given("group"));
        let Some(origin) = role.1.as_ref().map(|given| given.origin.clone()) else {
            reader.fail(None, format!("{}: what is somebody of this group here? auditor, reviewer or administrator", role.0));
            continue;
        };
        let Some(role) = role.1.and_then(|given| reader.checked::<Role>(&role.0, &given)) else { continue };
        let called = match group.1 {
            Some(given) => reader.checked::<String>(&group.0, &given),
            None => Some(name.clone()),
        };
        let Some(called) = called else { continue };
        if !crate::host::people::is_group(&called) {
            reader.fail(Some(&origin), format!("{}: {called:?} is no name for a group here: give another as group", group.0));
            continue;
        }
        reader.show(format!("oidc.groups.{name}"), format!("{}, {called}", role.word()), Some(origin));
        memberships.insert(name, Membership { role, group: called });
    }
    memberships
}

fn parameters(reader: &mut Reader<'_>) -> BTreeMap<String, String> {
    let mut parameters = BTreeMap::new();
    for name in reader.names("oidc.parameters") {
        let shown = format!("oidc.parameters.{name}");
        let Some(given) = reader.in_file(["oidc", "parameters", &name].map(str::to_owned).to_vec()) else { continue };
        if name == "state" || RESERVED.contains(&name.as_str()) {
            reader.fail(Some(&given.origin), format!("{shown}: pgsluice sets this itself"));
            continue;
        }
        let Some(value) = reader.checked::<String>(&shown, &given) else { continue };
        reader.show(shown, value.clone(), Some(given.origin));
        parameters.insert(name, value);
    }
    parameters
}

impl Oidc {
    /// What people call the provider by: its host.
    pub fn called(&self) -> String {
        self.issuer.parse::<Uri>().map_or_else(|_| String::new(), |url| host(&url).to_owned())
    }
}
