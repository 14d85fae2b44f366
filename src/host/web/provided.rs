//! Signing in by the word of a provider: the way there, the way back, and asking again. Between the way there and the way back nothing is kept
//! here: what belongs together is made from a secret that only the browser has which went, so that no other browser can come back in its place.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use axum::http::HeaderMap;

use super::cookie::{Kept, form_token, is_form_token};
use super::entry::Peer;
use super::office::{NoEntry, Office, Through};
use crate::audit::event::{PersonDenied, PersonSignedIn, PersonSignedOut, Words};
use crate::gate::hold::HoldId;
use crate::host::config::Oidc;
use crate::host::oidc::{Errand, NoWord, Provider};
use crate::host::people::{Tokens, Visitor};
use crate::host::scram;
use crate::host::secret::Secret;
use crate::host::state::StateError;
use crate::host::tls::TlsError;
use crate::host::when;

/// How long somebody may take to sign in at the provider.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
/// Clocks do not go back by more.
const AHEAD: Duration = Duration::from_secs(60);
/// Ways back that are remembered so that none is gone twice: of the time that one is good for.
const MOST_GONE: usize = 4096;
/// Longer than ours ever is.
const LONGEST_STATE: usize = 256;
/// What providers have for a code.
const LONGEST_CODE: usize = 8 << 10;

#[derive(Debug)]
pub(super) struct Provided {
    pub provider: Provider,
    gone: Mutex<VecDeque<(Instant, String)>>,
}

/// What the provider sent a browser back with.
#[derive(Debug)]
pub struct Returning {
    pub state: String,
    pub code: Option<Secret>,
    /// Why there is no code, by a word of the standard.
    pub error: Option<String>,
    pub issuer: Option<String>,
}

impl Provided {
    pub fn new(settings: &Oidc, public_url: &str) -> Result<Self, TlsError> {
        Ok(Self { provider: Provider::new(settings, public_url)?, gone: Mutex::default() })
    }

    /// Whether nobody came back by this before.
    fn is_first(&self, state: &str) -> bool {
        let (mut gone, now) = (self.gone.lock().unwrap_or_else(PoisonError::into_inner), Instant::now());
        while gone.front().is_some_and(|(at, _)| now.saturating_duration_since(*at) > PATIENCE + AHEAD) || gone.len() > MOST_GONE {
            gone.pop_front();
        }
        let first = !gone.iter().any(|(_, known)| known == state);
        if first {
            gone.push_back((now, state.to_owned()));
        }
        first
    }
}

/// One errand of the browser that has `secret`. All of it follows from the state, which says when it began and where it leads.
fn errand(secret: &Secret, state: String) -> Errand {
    let part = |what: &str| Secret::new(form_token(secret, &format!("provider {what} {state}")));
    Errand { nonce: part("nonce"), proof: part("proof"), state }
}

const STATE: &str = "provider state ";

fn new_state(secret: &Secret, hold: Option<HoldId>, now: SystemTime) -> Result<String, NoEntry> {
    let random = u64::from_le_bytes(scram::random().map_err(|_| StateError::Random)?);
    let hold = hold.map_or_else(String::new, |hold| hold.to_string());
    let said = format!("{}.{random:016x}.{hold}", when::micros(now));
    Ok(format!("{said}.{}", form_token(secret, &format!("{STATE}{said}"))))
}

/// Where the errand with this state leads, if this browser began it and not too long ago.
fn leads_to(secret: &Secret, state: &str, now: SystemTime) -> Option<Option<HoldId>> {
    let (said, proof) = state.rsplit_once('.').filter(|_| state.len() <= LONGEST_STATE)?;
    if !is_form_token(secret, &format!("{STATE}{said}"), proof) {
        return None;
    }
    let mut parts = said.split('.');
    let began = SystemTime::UNIX_EPOCH.checked_add(Duration::from_micros(parts.next()?.parse().ok()?))?;
    let in_time = now.duration_since(began).map_or_else(|ahead| ahead.duration() <= AHEAD, |age| age <= PATIENCE);
    in_time.then(|| parts.nth(1).and_then(|hold| hold.parse().ok()))
}

impl Office {
    /// What people call the provider by, if there is one.
    pub fn provider(&self) -> Option<String> {
        self.provided.as_ref().map(|provided| provided.provider.called())
    }

    /// Where the browser goes that keeps `secret`, to see this hold in the end.
    pub async fn to_provider(&self, secret: &Secret, hold: Option<HoldId>) -> Result<String, NoEntry> {
        let Some(provided) = &self.provided else { return Err(NoEntry::Astray) };
        let state = new_state(secret, hold, SystemTime::now())?;
        Ok(provided.provider.door(&errand(secret, state)).await?)
    }

    /// Signs in whoever came back, and says which hold they wanted to see.
    pub async fn from_provider(&self, peer: Peer, headers: &HeaderMap, returning: Returning) -> Result<(Secret, Option<HoldId>), NoEntry> {
        let Some(provided) = &self.provided else { return Err(NoEntry::Astray) };
        let secret = self.jar.get(headers, Kept::Errand).ok_or(NoEntry::Astray)?;
        let hold = leads_to(&secret, &returning.state, SystemTime::now()).ok_or(NoEntry::Astray)?;
        if !provided.is_first(&returning.state) {
            return Err(NoEntry::Astray);
        }
        let Ok(_waiting) = self.waiting.try_acquire() else { return Err(NoEntry::Busy) };
        // Whoever sends codes of their own has the provider asked by us.
        let (from, now) = (peer.address.to_string(), Instant::now());
        let delay = {
            let mut throttle = self.throttle();
            let delay = throttle.delay(now, peer.address, &from);
            throttle.failed(now, peer.address, &from);
            delay
        };
        tokio::time::sleep(delay).await;
        match self.admit(peer, provided, errand(&secret, returning.state.clone()), returning).await {
            Ok(token) => {
                self.throttle().succeeded(Instant::now(), peer.address, &from);
                Ok((token, hold))
            }
            Err(error) => {
                self.record_refusal(peer, &error);
                Err(error)
            }
        }
    }

    async fn admit(&self, peer: Peer, provided: &Provided, errand: Errand, returning: Returning) -> Result<Secret, NoEntry> {
        let code = match (returning.code, returning.error) {
            (Some(code), None) if code.expose().len() <= LONGEST_CODE => code,
            (_, Some(word)) if word.len() <= 64 && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') => {
                return Err(NoWord::Refused(word).into());
            }
            _ => return Err(NoEntry::Astray),
        };
        let (identity, tokens) = provided.provider.exchange(&errand, code.expose(), returning.issuer.as_deref()).await?;
        if tokens.refresh.is_none() {
            tracing::warn!(person = identity.name, "the provider gave no refresh token: they sign in again soon; see oidc.scopes");
        }
        let (now, through) = (SystemTime::now(), Through::Web);
        let admitted = self.accounts().admit(&identity, now)?;
        self.journal.record(PersonSignedIn {
            person: admitted.name.clone(),
            role: admitted.role.to_string(),
            address: Some(peer.address.to_string()),
            through: through.word().into(),
            tls: peer.tls,
        })?;
        let (lifetime, holds_for) = (self.lifetime(through), provided.provider.holds_for());
        let begun = self.accounts().begin_vouched(&admitted, &tokens, through.word(), lifetime, holds_for, now)?;
        begun.ok_or(NoEntry::State)
    }

    fn record_refusal(&self, peer: Peer, error: &NoEntry) {
        let denied = PersonDenied {
            address: Some(peer.address.to_string()),
            through: Through::Web.word().into(),
            person: None,
            body: Some(Box::new(Words { text: error.to_string() })),
        };
        tracing::warn!(from = %peer.address, %error, "somebody who came from the provider was not let in");
        if let Err(error) = self.journal.record(denied) {
            tracing::error!(%error, "a denied sign-in is not on the record");
        }
    }

    /// Asks the provider again about whoever shows a visit, where it is time to. Who is not vouched for any more is signed out; where the
    /// provider is silent, its last word holds for a while.
    pub async fn ask_again(&self, token: &Secret) {
        let Some(provided) = &self.provided else { return };
        let due = self.accounts().due(token.expose(), provided.provider.refresh(), SystemTime::now());
        let due = match due {
            Ok(Some(due)) => due,
            Ok(None) => return,
            Err(error) => return tracing::error!(%error, "whether somebody is still vouched for cannot be asked"),
        };
        let (error, name) = match provided.provider.again(&due.tokens, &due.identity).await {
            Ok((identity, tokens)) => {
                let holds_for = provided.provider.holds_for();
                let renewed = self.accounts().renew(token.expose(), &identity, &tokens, holds_for, SystemTime::now());
                if let Err(error) = renewed {
                    tracing::error!(%error, person = due.name, "what the provider says now cannot be kept");
                }
                return;
            }
            Err(error) => (error, due.name),
        };
        if error.may_pass() {
            return tracing::warn!(%error, person = name, "the provider's earlier word holds for a while");
        }
        tracing::warn!(%error, person = name, "the provider does not vouch for them any more: they are signed out");
        if let Err(error) = self.accounts().end(token.expose()) {
            tracing::error!(%error, person = name, "they cannot be signed out; their visit ends with the provider's word");
        }
        let out = PersonSignedOut { person: name, through: "provider".into(), by: None };
        if let Err(error) = self.journal.record(out) {
            tracing::error!(%error, "that somebody was signed out is not on the record");
        }
    }

    /// Signs out here, and says where to sign out at the provider, if somebody came from there and it has such a place.
    pub async fn leave(&self, visitor: &Visitor, token: &Secret) -> Result<Option<String>, NoEntry> {
        let tokens: Option<Tokens> = self.accounts().tokens(token.expose())?;
        self.sign_out(visitor, token, Through::Web)?;
        match (&self.provided, tokens) {
            (Some(provided), Some(tokens)) => Ok(provided.provider.exit(Some(&tokens)).await),
            (Some(_) | None, _) => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_back_is_of_one_browser_and_one_time() {
        let (ann, bob) = (Secret::new("ann's"), Secret::new("bob's"));
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let hold: HoldId = "00000001".parse().unwrap();
        for wanted in [None, Some(hold)] {
            let state = new_state(&ann, wanted, now).unwrap();
            assert_eq!(leads_to(&ann, &state, now), Some(wanted));
            assert_eq!(leads_to(&ann, &state, now + PATIENCE), Some(wanted));
            assert_eq!(leads_to(&ann, &state, now + PATIENCE + Duration::from_secs(1)), None, "stale");
            assert_eq!(leads_to(&ann, &state, now - AHEAD - Duration::from_secs(1)), None, "of the future");
            assert_eq!(leads_to(&bob, &state, now), None, "of another browser");
            let elsewhere = state.replace("00000001", "00000002").replace("..", ".00000002.");
            assert_eq!(leads_to(&ann, &elsewhere, now), None, "forged");
            assert_ne!(new_state(&ann, wanted, now).unwrap(), state);
        }
        for rubbish in ["", ".", "...", "1.2.3.4", &"x.".repeat(300)] {
            assert_eq!(leads_to(&ann, rubbish, now), None, "{rubbish}");
        }
        let one = errand(&ann, "state".to_owned());
        assert!(one.nonce.expose() != one.proof.expose() && one.proof.expose().len() == 43, "as long as PKCE asks for at least");
    }
}
