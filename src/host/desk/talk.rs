//! How what was said about a hold is written down: CBOR with numbered keys, which a later program still reads.

use minicbor::{Decode, Encode};

use super::kept::{Bytes, Unreadable, put, take};
use crate::gate::hold::{Answer, Assent, Deliberation, Exchange, Pass};

#[derive(Encode, Decode)]
#[cbor(map)]
struct KeptTalk {
    #[n(0)]
    assents: Vec<KeptAssent>,
    #[n(1)]
    exchanges: Vec<KeptExchange>,
    #[n(2)]
    passes: Vec<KeptPass>,
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct KeptAssent {
    #[n(0)]
    by: String,
    #[n(1)]
    at: u64,
    #[n(2)]
    unmasked: bool,
    #[n(3)]
    reason: Option<String>,
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct KeptExchange {
    #[n(0)]
    by: String,
    #[n(1)]
    at: u64,
    #[n(2)]
    question: String,
    /// When, and what the agent said.
    #[n(3)]
    answer: Option<(u64, String)>,
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct KeptPass {
    #[n(0)]
    by: String,
    #[n(1)]
    at: u64,
    #[n(2)]
    to: String,
    #[n(3)]
    reason: String,
}

/// Nothing was said yet.
pub fn is_empty(talk: &Deliberation) -> bool {
    talk.assents.is_empty() && talk.exchanges.is_empty() && talk.passes.is_empty()
}

pub fn write(talk: &Deliberation) -> Bytes {
    put(&KeptTalk {
        assents: talk
            .assents
            .iter()
            .map(|one| KeptAssent {
                by: one.by.to_string(),
                at: one.at,
                unmasked: one.unmasked,
                reason: one.reason.as_deref().map(str::to_owned),
            })
            .collect(),
        exchanges: talk
            .exchanges
            .iter()
            .map(|one| KeptExchange {
                by: one.by.to_string(),
                at: one.at,
                question: one.question.to_string(),
                answer: one.answer.as_ref().map(|answer| (answer.at, answer.text.to_string())),
            })
            .collect(),
        passes: talk
            .passes
            .iter()
            .map(|one| KeptPass { by: one.by.to_string(), at: one.at, to: one.to.to_string(), reason: one.reason.to_string() })
            .collect(),
    })
}

pub fn read(bytes: &[u8]) -> Result<Deliberation, Unreadable> {
    let kept: KeptTalk = take(bytes)?;
    let assent = |one: KeptAssent| Assent { by: one.by.into(), at: one.at, unmasked: one.unmasked, reason: one.reason.map(Into::into) };
    let exchange = |one: KeptExchange| {
        let answer = one.answer.map(|(at, text)| Answer { at, text: text.into() });
        Exchange { by: one.by.into(), at: one.at, question: one.question.into(), answer }
    };
    let pass = |one: KeptPass| Pass { by: one.by.into(), at: one.at, to: one.to.into(), reason: one.reason.into() };
    Ok(Deliberation {
        assents: kept.assents.into_iter().map(assent).collect(),
        exchanges: kept.exchanges.into_iter().map(exchange).collect(),
        passes: kept.passes.into_iter().map(pass).collect(),
    })
}
