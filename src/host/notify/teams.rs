//! A hold as Teams shows it: an Adaptive Card within the size that Teams takes, which opens the page. Texts of others are runs of text, in which no
//! markup is read.

use serde_json::{Value, json};

use super::telling::{Telling, visible};

/// Teams refuses a message of 28 KB; what it adds of its own counts.
const MOST_BYTES: usize = 24 << 10;
/// Letters of one line.
const MOST_LINE: usize = 300;

/// A run of text, of which no letter is read as markup.
fn run(text: &str, bold: bool, code: bool) -> Value {
    let mut run = json!({"type": "TextRun", "text": visible(text, |_| false)});
    if let Some(run) = run.as_object_mut() {
        if bold {
            run.insert("weight".to_owned(), json!("Bolder"));
        }
        if code {
            run.insert("fontType".to_owned(), json!("Monospace"));
        }
    }
    run
}

fn paragraph(runs: &[Value]) -> Value {
    json!({"type": "RichTextBlock", "inlines": runs})
}

fn card(body: &[Value], title: &str, link: &str) -> Value {
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "msteams": {"width": "Full"},
                "body": body,
                "actions": [{"type": "Action.OpenUrl", "title": title, "url": link}],
            },
        }],
    })
}

/// The message of a hold. Nothing is decided in Teams.
pub fn message(telling: &Telling) -> Value {
    let hold = &telling.shown.id;
    let title = match &telling.outcome {
        Some(outcome) => format!("Hold {hold}: {outcome}"),
        None if telling.is_second => format!("Hold {hold} still waits: nobody has decided yet"),
        None => format!("Hold {hold} waits for a decision"),
    };
    let mut body = vec![paragraph(&[run(&title, true, false)])];
    for said in &telling.facts {
        let text: String = said.text.chars().take(MOST_LINE).collect();
        let text = visible(&text, |letter| matches!(letter, '\n' | '\t'));
        body.push(paragraph(&[run(&format!("{}: ", said.label), true, false), run(&text, false, false)]));
    }
    if !telling.is_open() {
        return card(&body, "Open the page", &telling.link);
    }
    let short = body.clone();
    for said in &telling.texts {
        body.push(paragraph(&[run(said.label, true, false)]));
        body.push(paragraph(&[run(&said.text, false, true)]));
    }
    body.extend(telling.notes.iter().map(|note| paragraph(&[run(note, false, false)])));
    let whole = card(&body, "Open the page and decide", &telling.link);
    if whole.to_string().len() <= MOST_BYTES {
        return whole;
    }
    let mut body = short;
    body.push(paragraph(&[run("It is too long to be shown here: its page has all of it.", false, false)]));
    card(&body, "Open the page and decide", &telling.link)
}

/// Many holds of one agent.
pub fn digest(agent: &str, count: usize, since: &str, link: &str) -> Value {
    let agent: String = agent.chars().take(MOST_LINE).collect();
    let text = format!("{count} more held statements wait for a decision, since {since}. Agent: ");
    card(&[paragraph(&[run(&text, true, false), run(&agent, false, false)])], "Open the list", link)
}
