//! A hold as Slack shows it: blocks, with texts of others in code that they cannot leave, and buttons only where all of it is there to be seen.
//! Nothing here speaks to Slack.

use serde_json::{Value, json};

use super::telling::{Telling, visible};
use crate::host::web::{APPROVE, DENY, REASON};

/// Letters of one text of a block; Slack refuses a longer one.
const MOST_TEXT: usize = 3_000;
/// Letters of a whole message that has buttons: Slack sends it back with each press.
const MOST_MESSAGE: usize = 9_000;
/// Letters of a line in a message that has no buttons.
const MOST_LINE: usize = 300;
/// Letters of the preview that a phone shows.
const MOST_PREVIEW: usize = 150;
/// Letters of a reason; the desk takes as many bytes, and some letters take several.
const MOST_REASON: usize = 1_000;

/// Text of others within code: entities as Slack wants them, and nothing with which code ends.
fn code(text: &str) -> String {
    let shown = visible(text, |letter| letter == '`');
    shown.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The same in one line, cut.
fn line(text: &str) -> String {
    let cut: String = text.chars().take(MOST_LINE).collect();
    let more = if cut.len() < text.len() { "…" } else { "" };
    let shown = visible(&cut, |letter| matches!(letter, '`' | '\n' | '\t'));
    if shown.trim().is_empty() { "–".to_owned() } else { format!("`{}{more}`", code(&shown)) }
}

/// Words of ours, in which there may be a name.
fn words(text: &str) -> String {
    code(text).replace(['*', '_', '~'], "")
}

fn section(text: &str) -> Value {
    // Without `verbatim` Slack would look for links, names and channels in it; with `expand` it hides nothing behind a "see more".
    json!({"type": "section", "expand": true, "text": {"type": "mrkdwn", "verbatim": true, "text": text}})
}

fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

/// The blocks of a hold. `buttons` says whether presses can be heard at all.
pub fn blocks(telling: &Telling, buttons: bool) -> Value {
    let hold = &telling.shown.id;
    let mut blocks = vec![section(&title(telling))];
    let facts: Vec<_> = telling.facts.iter().map(|said| format!("*{}* {}", said.label, line(&said.text))).collect();
    if !telling.is_open() {
        // Nobody has to judge it any more, so it need not lie about in a channel.
        blocks.push(section(&facts.join("\n")));
        blocks.push(open_page(telling));
        return Value::Array(blocks);
    }
    let texts: Vec<_> = telling.texts.iter().map(|said| format!("*{}*\n```\n{}\n```", said.label, code(&said.text))).collect();
    let notes: Vec<_> = telling.notes.iter().map(|note| words(note)).collect();
    let (facts, notes) = (facts.join("\n"), notes.join("\n"));
    let all = || texts.iter().chain([&facts, &notes]);
    let fits = all().all(|text| length(text) <= MOST_TEXT) && all().map(|text| length(text)).sum::<usize>() <= MOST_MESSAGE;
    let uncut = telling.facts.iter().all(|said| said.text.chars().count() <= MOST_LINE);
    if !fits || !uncut || !telling.is_plain() {
        if length(&facts) <= MOST_TEXT {
            blocks.push(section(&facts));
        }
        blocks.push(section("It cannot be shown whole here, so it is decided on its page."));
        blocks.push(open_page(telling));
        return Value::Array(blocks);
    }
    blocks.push(section(&facts));
    blocks.extend(texts.iter().map(|text| section(text)));
    if !notes.is_empty() {
        blocks.push(section(&notes));
    }
    if !buttons {
        blocks.push(open_page(telling));
        return Value::Array(blocks);
    }
    let value = format!("{hold} {}", telling.shown.digest);
    let plain = |text: &str| json!({"type": "plain_text", "text": text, "emoji": false});
    blocks.push(json!({
        "type": "actions",
        "elements": [
            {
                "type": "button", "action_id": APPROVE, "style": "primary", "value": value, "text": plain("Approve, once"),
                "confirm": {
                    "title": plain("Approve it?"), "text": plain("It runs once, as it was sent."),
                    "confirm": plain("Approve"), "deny": plain("Not now"),
                },
            },
            {"type": "button", "action_id": DENY, "style": "danger", "value": value, "text": plain("Deny …")},
            link_button(telling),
        ],
    }));
    Value::Array(blocks)
}

fn title(telling: &Telling) -> String {
    let hold = &telling.shown.id;
    match &telling.outcome {
        Some(outcome) => format!("*Hold {hold}* · {}", words(outcome)),
        None if telling.is_second => format!("*Hold {hold}* still waits: nobody has decided yet"),
        None => format!("*Hold {hold}* waits for a decision"),
    }
}

fn link_button(telling: &Telling) -> Value {
    let text = json!({"type": "plain_text", "text": "Open the page", "emoji": false});
    json!({"type": "button", "action_id": "pgsluice-open", "url": telling.link, "text": text})
}

fn open_page(telling: &Telling) -> Value {
    json!({"type": "actions", "elements": [link_button(telling)]})
}

/// What is shown where blocks are not: in a phone's preview, and read aloud.
pub fn preview(telling: &Telling) -> String {
    let outcome = telling.outcome.as_deref().unwrap_or("waits for a decision");
    let text: String = format!("Hold {}: {}", telling.shown.id, words(outcome)).chars().take(MOST_PREVIEW).collect();
    text
}

/// Many holds of one agent.
pub fn digest(agent: &str, count: usize, since: &str, link: &str) -> Value {
    let holds = if count == 1 { "1 more statement waits".to_owned() } else { format!("{count} more statements wait") };
    let text = format!("*{holds}* for a decision, held since {since} for {}", line(agent));
    let button = json!({"type": "plain_text", "text": "Open the list", "emoji": false});
    let actions = json!({"type": "actions", "elements": [{"type": "button", "action_id": "pgsluice-open", "url": link, "text": button}]});
    json!({"text": holds, "blocks": [section(&text), actions]})
}

/// The window that asks for the reason of a denial. What it is about comes back with it.
pub fn reason(hold: &str, digest: &str) -> Value {
    let plain = |text: &str| json!({"type": "plain_text", "text": text, "emoji": false});
    json!({
        "type": "modal",
        "callback_id": DENY,
        "private_metadata": format!("{hold} {digest}"),
        "title": plain(&format!("Deny {hold}")),
        "submit": plain("Deny"),
        "close": plain("Not now"),
        "blocks": [{
            "type": "input",
            "block_id": REASON,
            "label": plain("Reason, which the agent reads"),
            "element": {"type": "plain_text_input", "action_id": REASON, "multiline": true, "max_length": MOST_REASON},
        }],
    })
}
