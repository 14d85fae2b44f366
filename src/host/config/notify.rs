//! `[notify]`, `[slack]`, `[teams]` and `[[webhook]]`: who is told that a statement waits, when somebody else is told as well, and how many
//! messages an agent can cause. It reaches for none of the places that it names.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use hyper::Uri;

use super::reader::Reader;
use super::value::{Setting, Unless0};
use super::webhook::{self, Name, Webhook, address, by_http, missing, one_secret, one_text, only_once, required, roots};
use crate::host::secret::Secret;

const SLACK: &str = "https://slack.com/api";
/// Slack's names of channels, teams and the like are shorter.
const LONGEST_NAME: usize = 80;

#[derive(Debug, Clone, PartialEq)]
pub struct Notify {
    /// How long a hold waits before the second ones are told.
    pub escalate_after: Option<Duration>,
    /// So many holds of one agent within a window are told one by one; the rest of them together.
    pub digest_after: usize,
    pub digest_window: Duration,
    pub slack: Option<Slack>,
    pub teams: Option<Told<Webhook>>,
    /// By their names.
    pub webhooks: Vec<(String, Webhook)>,
}

/// Who is told at once, and who when nobody has decided for a while.
#[derive(Debug, Clone, PartialEq)]
pub struct Told<T> {
    pub first: T,
    pub second: Option<T>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Slack {
    pub way: SlackWay,
    /// Slack signs with it what it sends us. Without it a message has no buttons.
    pub signing_secret: Option<Secret>,
    /// The one team whose members' presses count; others can be guests in a channel that is shared.
    pub team: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum SlackWay {
    /// Its messages have buttons, and change when a decision was taken.
    Bot {
        /// Where Slack is called, with the token.
        api: Webhook,
        channels: Told<String>,
        /// The channels of groups that rules name.
        groups: BTreeMap<String, String>,
    },
    /// Messages with a link.
    Incoming(Told<Webhook>),
}

/// A name as Slack gives it: a channel's or a team's.
struct Channel(String);

impl Setting for Channel {
    fn wanted() -> String {
        "a channel's id as Slack shows it, such as C0123456789".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        let fits = (1..=LONGEST_NAME).contains(&text.len());
        let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_#".contains(&byte));
        (fits && plain).then(|| Self(text.to_owned()))
    }

    fn show(&self) -> String {
        self.0.clone()
    }
}

impl Notify {
    /// `None` after a problem was noted with the reader.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let escalate_after = reader.get("notify.escalate_after", Unless0(Some(Duration::from_secs(600)))).0;
        let digest_after: NonZeroU32 = reader.get("notify.digest_after", NonZeroU32::MIN.saturating_add(4));
        let digest_window = reader.get("notify.digest_window", Duration::from_secs(60));
        let (slack, teams) = (slack(reader), teams(reader));
        let webhooks: Vec<_> = reader.list("webhook").iter().map(|place| named(reader, place)).collect();
        let webhooks: Vec<(String, Webhook)> = webhooks.into_iter().collect::<Option<_>>()?;
        only_once(reader, "webhook", webhooks.iter().map(|(name, _)| name));
        let digest_after = usize::try_from(digest_after.get()).unwrap_or(usize::MAX);
        Some(Self { escalate_after, digest_after, digest_window, slack: slack?, teams: teams?, webhooks })
    }
}

/// The address of a place, which nobody is shown.
fn place(reader: &mut Reader<'_>, name: &str, ca: &str) -> Option<Webhook> {
    let (setting, origin, text) = one_text(reader, name)?;
    let url = address(reader, &setting, &origin, text.expose())?;
    by_http(reader, &setting, &origin, &url)?;
    Some(Webhook { url, roots: roots(reader, ca), secret: None, authorization: None })
}

fn is_given(reader: &mut Reader<'_>, name: &str) -> bool {
    ["", "_file", "_env"].iter().filter(|way| reader.given(&format!("{name}{way}")).is_some()).count() > 0
}

/// Two addresses, of which the second may be missing. `None` where the first is, or after a problem.
fn told(reader: &mut Reader<'_>, table: &str, first: &str, second: &str) -> Option<Told<Webhook>> {
    let second = format!("{table}.{second}");
    let wanted = is_given(reader, &second);
    let first = place(reader, &format!("{table}.{first}"), table);
    let second = place(reader, &second, table);
    let told = Told { first: first?, second };
    (told.second.is_some() == wanted).then_some(told)
}

#[allow(clippy::option_option, reason = "a problem and no such place are two things")]
fn teams(reader: &mut Reader<'_>) -> Option<Option<Told<Webhook>>> {
    let first = is_given(reader, "teams.url");
    let told = told(reader, "teams", "url", "escalate_url");
    if !first && is_given(reader, "teams.escalate_url") {
        return missing(reader, "teams", "url");
    }
    if first && told.is_none() { None } else { Some(told) }
}

#[allow(clippy::option_option, reason = "a problem and no such place are two things")]
fn slack(reader: &mut Reader<'_>) -> Option<Option<Slack>> {
    let signing_secret = one_secret(reader, "slack.signing_secret");
    let team = reader.optional::<Channel>("slack.team").map(|team| team.0);
    let has_hook = is_given(reader, "slack.webhook_url");
    let hook = told(reader, "slack", "webhook_url", "escalate_webhook_url");
    let has_bot = is_given(reader, "slack.bot_token");
    let bot = bot(reader);
    let way = match (has_hook, has_bot) {
        (false, false) => {
            if signing_secret.is_some() {
                reader.fail_at("slack.bot_token", "is missing: with it, or with slack.webhook_url, Slack is told");
                return None;
            }
            return Some(None);
        }
        (true, true) => {
            reader.fail_at("slack.webhook_url", "a bot's token and an incoming webhook are both given: keep one of them");
            return None;
        }
        (true, false) => {
            if signing_secret.is_some() {
                reader.fail_at("slack.signing_secret", "messages by an incoming webhook have no buttons: give slack.bot_token for them");
                return None;
            }
            SlackWay::Incoming(hook?)
        }
        (false, true) => {
            if signing_secret.is_none() {
                reader.warnings.push("slack: without signing_secret messages have a link and no buttons".to_owned());
            }
            bot?
        }
    };
    Some(Some(Slack { way, signing_secret, team }))
}

fn bot(reader: &mut Reader<'_>) -> Option<SlackWay> {
    let token = one_secret(reader, "slack.bot_token");
    let channel = reader.optional::<Channel>("slack.channel").map(|channel| channel.0);
    let second = reader.optional::<Channel>("slack.escalate_channel").map(|channel| channel.0);
    let mut groups = BTreeMap::new();
    for name in reader.names("slack.groups") {
        let setting = format!("slack.groups.{name}");
        let Some(given) = reader.in_file(vec!["slack".to_owned(), "groups".to_owned(), name.clone()]) else { continue };
        let Some(Channel(channel)) = reader.checked::<Channel>(&setting, &given) else { continue };
        reader.show(setting, channel.clone(), Some(given.origin));
        groups.insert(name, channel);
    }
    let api = match reader.given("slack.api_url") {
        Some(given) => {
            let url = address(reader, "slack.api_url", &given.origin, given.text.expose())?;
            by_http(reader, "slack.api_url", &given.origin, &url)?;
            url
        }
        None => Uri::from_static(SLACK),
    };
    let token = token?;
    let Some(channel) = channel else { return missing(reader, "slack", "channel") };
    let authorization = Secret::new(format!("Bearer {}", token.expose()));
    if hyper::header::HeaderValue::from_str(authorization.expose()).is_err() {
        reader.fail_at("slack.bot_token", "expected a token such as xoxb-…");
        return None;
    }
    let api = Webhook { url: api, roots: roots(reader, "slack"), secret: None, authorization: Some(authorization) };
    Some(SlackWay::Bot { api, channels: Told { first: channel, second }, groups })
}

fn named(reader: &mut Reader<'_>, place: &str) -> Option<(String, Webhook)> {
    let name = required::<Name>(reader, place, "name");
    let Some((setting, origin, text)) = one_text(reader, &format!("{place}.url")) else { return missing(reader, place, "url") };
    let url = address(reader, &setting, &origin, text.expose())?;
    let webhook = webhook::webhook(reader, place, &setting, &origin, url)?;
    Some((name?.0, webhook))
}
