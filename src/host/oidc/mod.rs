//! Sign-in at a provider by OpenID Connect: where a browser is sent, and what is made of what the provider then says. Its address and the hosts
//! it may lead to are the configuration's. It knows no session: whose browser came back is the web's to find out.

mod call;
mod claims;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthenticationFlow, CoreClaimName, CoreClaimType, CoreClient, CoreClientAuthMethod, CoreErrorResponseType,
    CoreGrantType, CoreIdToken, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm, CoreJwsSigningAlgorithm,
    CoreResponseMode, CoreResponseType, CoreSubjectIdentifierType, CoreTokenResponse,
};
use openidconnect::http::header::{ACCEPT, AUTHORIZATION, HeaderValue};
use openidconnect::http::{Request, StatusCode};
use openidconnect::{
    AdditionalProviderMetadata, AsyncHttpClient as _, AuthType, AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret,
    CsrfToken, EndpointMaybeSet, EndpointNotSet, EndpointSet, IdTokenVerifier, IssuerUrl, Nonce, OAuth2TokenResponse as _,
    PkceCodeChallenge, PkceCodeVerifier, ProviderMetadata, RedirectUrl, RefreshToken, RequestTokenError, Scope, SignatureVerificationError,
    StandardErrorResponse, TokenResponse as _,
};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use self::call::{Caller, NoAnswer};
use self::claims::{Claims, Unfit};
use super::config::Oidc;
use super::people::{Identity, Tokens};
use super::secret::Secret;
use super::tls::TlsError;

/// Where people come back to from the provider, below the public address.
pub const RETURN: &str = "/sign-in/provider/back";

/// Clocks differ by this much, and no more.
const SKEW: Duration = Duration::from_secs(60);
/// A token that was made longer ago was made for somebody else's question.
const FRESH_TOKEN: Duration = Duration::from_secs(10 * 60);
/// What a provider says of itself is asked for anew after this,
const FRESH: Duration = Duration::from_secs(60 * 60);
/// and is not relied on any more after this, should it not answer.
const STALE: Duration = Duration::from_secs(24 * 60 * 60);
/// A provider that did not answer, or whose keys did not fit, is left alone for this long.
const PAUSE: Duration = Duration::from_secs(5);
/// What somebody is known by at a provider, by the standard.
const LONGEST_SUBJECT: usize = 255;

/// With both halves of a key pair, so that knowing how to check a token is not knowing how to make one.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// Why the provider's word lets nobody in.
#[derive(Debug, thiserror::Error)]
pub enum NoWord {
    /// It may be another time.
    #[error("the provider cannot be asked: {0}")]
    Silent(String),
    /// It said no, by a word of the standard.
    #[error("the provider says {0}")]
    Refused(String),
    /// It said something that cannot be relied on.
    #[error("the provider's token does not hold: {0}")]
    Invalid(String),
    #[error(transparent)]
    Unfit(#[from] Unfit),
}

impl From<NoAnswer> for NoWord {
    fn from(error: NoAnswer) -> Self {
        Self::Silent(error.to_string())
    }
}

impl NoWord {
    /// Whether it may be otherwise in a moment, so that whoever is signed in stays so for a while.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Silent(_) => true,
            Self::Refused(_) | Self::Invalid(_) | Self::Unfit(_) => false,
        }
    }
}

/// What of the provider the crate does not know by itself.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct More {
    end_session_endpoint: Option<String>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

impl AdditionalProviderMetadata for More {}

type Metadata = ProviderMetadata<
    More,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

type Client = CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointMaybeSet, EndpointMaybeSet>;

/// What one sign-in is known by, between the way there and the way back.
#[derive(Debug, Clone)]
pub struct Errand {
    pub state: String,
    /// In the token, so that it is no answer to another question.
    pub nonce: Secret,
    /// Shown to the provider with the code, so that nobody else can use that.
    pub proof: Secret,
}

#[derive(Debug, Default)]
struct Known {
    metadata: Option<(Arc<Metadata>, Instant)>,
    tried: Option<Instant>,
}

#[derive(Debug)]
pub struct Provider {
    settings: Oidc,
    caller: Caller,
    back: String,
    after: String,
    known: Mutex<Known>,
}

impl Provider {
    /// `public_url` is what people's addresses begin with here.
    pub fn new(settings: &Oidc, public_url: &str) -> Result<Self, TlsError> {
        Ok(Self {
            caller: Caller::new(settings)?,
            settings: settings.clone(),
            back: format!("{public_url}{RETURN}"),
            after: format!("{public_url}/sign-in"),
            known: Mutex::default(),
        })
    }

    pub fn called(&self) -> String {
        self.settings.called()
    }

    pub fn refresh(&self) -> Duration {
        self.settings.refresh
    }

    /// For how long a word of the provider holds.
    pub fn holds_for(&self) -> Duration {
        self.settings.refresh.saturating_add(self.settings.grace)
    }

    /// Where the browser goes to sign in.
    pub async fn door(&self, errand: &Errand) -> Result<String, NoWord> {
        let metadata = self.metadata().await?;
        let client = self.client(&metadata)?;
        let proof = PkceCodeVerifier::new(errand.proof.expose().to_owned());
        let (state, nonce) = (errand.state.clone(), errand.nonce.expose().to_owned());
        let mut request = client
            .authorize_url(CoreAuthenticationFlow::AuthorizationCode, || CsrfToken::new(state), || Nonce::new(nonce))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&proof));
        for scope in self.settings.scopes.iter().filter(|scope| *scope != "openid") {
            request = request.add_scope(Scope::new(scope.clone()));
        }
        for (name, value) in &self.settings.parameters {
            request = request.add_extra_param(name.clone(), value.clone());
        }
        Ok(request.url().0.to_string())
    }

    /// What the provider says of whoever came back with this code.
    pub async fn exchange(&self, errand: &Errand, code: &str, issuer: Option<&str>) -> Result<(Identity, Tokens), NoWord> {
        let metadata = self.metadata().await?;
        let must_say = metadata.additional_metadata().authorization_response_iss_parameter_supported;
        if issuer.map_or(must_say, |issuer| issuer != self.settings.issuer) {
            return Err(NoWord::Invalid("the answer is not by this provider".to_owned()));
        }
        let client = self.client(&metadata)?;
        let request = client.exchange_code(AuthorizationCode::new(code.to_owned())).map_err(|_| no_token_endpoint())?;
        let answer = request.set_pkce_verifier(PkceCodeVerifier::new(errand.proof.expose().to_owned())).request_async(&self.caller).await;
        let answer = answer.map_err(no_token)?;
        let nonce = Nonce::new(errand.nonce.expose().to_owned());
        let token = answer.id_token().ok_or_else(|| NoWord::Invalid("there is no ID token".to_owned()))?;
        let claims = self.verified(&metadata, token, Some(&nonce)).await?;
        self.identity(&metadata, claims, &answer, None).await
    }

    /// What the provider says now of somebody it let in before, by the tokens it gave then.
    pub async fn again(&self, tokens: &Tokens, before: &Identity) -> Result<(Identity, Tokens), NoWord> {
        let Some(refresh) = &tokens.refresh else { return Err(NoWord::Silent("it gave no refresh token".to_owned())) };
        if before.issuer != self.settings.issuer {
            return Err(NoWord::Invalid("it is another provider".to_owned()));
        }
        let metadata = self.metadata().await?;
        let client = self.client(&metadata)?;
        let refresh = RefreshToken::new(refresh.expose().to_owned());
        let request = client.exchange_refresh_token(&refresh).map_err(|_| no_token_endpoint())?;
        let answer = request.request_async(&self.caller).await.map_err(no_token)?;
        // There was no question with a nonce in it; the answer came straight from the provider, to the refresh token that only we have.
        let claims = match answer.id_token() {
            Some(token) => self.verified(&metadata, token, None).await?,
            None => Claims::from_iter([("sub".to_owned(), before.subject.as_str().into())]),
        };
        if claims.get("sub").and_then(|subject| subject.as_str()) != Some(&before.subject) {
            return Err(NoWord::Invalid("it is about somebody else".to_owned()));
        }
        let (identity, mut new) = self.identity(&metadata, claims, &answer, Some(before)).await?;
        new.refresh = new.refresh.or_else(|| tokens.refresh.clone());
        new.id = new.id.or_else(|| tokens.id.clone());
        Ok((identity, new))
    }

    /// Where the browser goes to sign out at the provider too, if the provider has such a place.
    pub async fn exit(&self, tokens: Option<&Tokens>) -> Option<String> {
        let metadata = self.metadata().await.ok()?;
        let exit = metadata.additional_metadata().end_session_endpoint.clone().filter(|url| self.caller.may_lead_to(url))?;
        let mut url = openidconnect::url::Url::parse(&exit).ok()?;
        let mut query = url.query_pairs_mut();
        query.append_pair("client_id", &self.settings.client_id).append_pair("post_logout_redirect_uri", &self.after);
        if let Some(id) = tokens.and_then(|tokens| tokens.id.as_ref()) {
            query.append_pair("id_token_hint", id.expose());
        }
        drop(query);
        Some(url.to_string())
    }

    fn client(&self, metadata: &Metadata) -> Result<Client, NoWord> {
        let secret = self.settings.client_secret.as_ref().map(|secret| ClientSecret::new(secret.expose().to_owned()));
        let wrong = |_| NoWord::Silent("web.public_url is no address to come back to".to_owned());
        let back = RedirectUrl::new(self.back.clone()).map_err(wrong)?;
        let id = ClientId::new(self.settings.client_id.clone());
        let client = CoreClient::from_provider_metadata(metadata.clone(), id, secret).set_redirect_uri(back);
        let takes = |method: &CoreClientAuthMethod| metadata.token_endpoint_auth_methods_supported().is_none_or(|all| all.contains(method));
        let in_body = !takes(&CoreClientAuthMethod::ClientSecretBasic) && takes(&CoreClientAuthMethod::ClientSecretPost);
        Ok(client.set_auth_type(if in_body { AuthType::RequestBody } else { AuthType::BasicAuth }))
    }

    async fn metadata(&self) -> Result<Arc<Metadata>, NoWord> {
        let mut known = self.known.lock().await;
        let now = Instant::now();
        let held = known.metadata.as_ref().map(|(metadata, at)| (Arc::clone(metadata), now.saturating_duration_since(*at)));
        if let Some((metadata, age)) = &held
            && *age < FRESH
        {
            return Ok(Arc::clone(metadata));
        }
        let held = held.filter(|(_, age)| *age < STALE).map(|(metadata, _)| metadata);
        let paused = known.tried.is_some_and(|tried| now.saturating_duration_since(tried) < PAUSE);
        let found =
            if paused { Err(NoWord::Silent("it did not answer a moment ago".to_owned())) } else { self.discover(&mut known, now).await };
        match (found, held) {
            (Ok(metadata), _) => Ok(metadata),
            (Err(error), Some(held)) => {
                tracing::warn!(%error, "what the provider said of itself earlier stays in use");
                Ok(held)
            }
            (Err(error), None) => Err(error),
        }
    }

    async fn discover(&self, known: &mut Known, now: Instant) -> Result<Arc<Metadata>, NoWord> {
        known.tried = Some(now);
        let issuer = IssuerUrl::new(self.settings.issuer.clone()).map_err(|_| NoWord::Silent("its issuer is no address".to_owned()))?;
        let metadata = Metadata::discover_async(issuer, &self.caller).await.map_err(|error| NoWord::Silent(undiscovered(error)))?;
        let token = metadata.token_endpoint().map_or("", |url| url.as_str());
        for (what, url) in [("authorization", metadata.authorization_endpoint().as_str()), ("token", token)] {
            if !self.caller.may_lead_to(url) {
                return Err(NoWord::Silent(format!(
                    "its {what} endpoint is not on the issuer's host, nor on one that oidc.hosts names, by the same scheme"
                )));
            }
        }
        let metadata = Arc::new(metadata);
        known.metadata = Some((Arc::clone(&metadata), now));
        Ok(metadata)
    }

    /// The claims of a token that holds: the provider's own key, our id, its issuer, its time, and our nonce where there was a question.
    async fn verified(&self, metadata: &Metadata, token: &CoreIdToken, nonce: Option<&Nonce>) -> Result<Claims, NoWord> {
        let checked = self.checked(metadata, token, nonce);
        let unknown_key = ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey);
        let checked = match checked {
            // It may have changed its keys since.
            Err(error) if error == unknown_key => match self.anew().await {
                Some(metadata) => self.checked(&metadata, token, nonce),
                None => Err(error),
            },
            checked => checked,
        };
        checked.map_err(|error| NoWord::Invalid(in_short(&error).to_owned()))?;
        payload(token).ok_or_else(|| NoWord::Invalid("its claims cannot be read".to_owned()))
    }

    /// What the provider says of itself, asked for again; not more often than it may be.
    async fn anew(&self) -> Option<Arc<Metadata>> {
        let mut known = self.known.lock().await;
        let now = Instant::now();
        if known.tried.is_some_and(|tried| now.saturating_duration_since(tried) < PAUSE) {
            return None;
        }
        self.discover(&mut known, now).await.ok()
    }

    fn checked(&self, metadata: &Metadata, token: &CoreIdToken, nonce: Option<&Nonce>) -> Result<(), ClaimsVerificationError> {
        let now = SystemTime::now();
        let id = ClientId::new(self.settings.client_id.clone());
        let verifier = IdTokenVerifier::new_public_client(id, metadata.issuer().clone(), metadata.jwks().clone())
            .set_allowed_algs(ALGORITHMS)
            .set_time_fn(move || now.checked_sub(SKEW).unwrap_or(now).into())
            .set_issue_time_verifier_fn(move |issued| {
                let issued = SystemTime::from(issued);
                let early = issued > now + SKEW;
                let late = now.duration_since(issued).is_ok_and(|age| age > FRESH_TOKEN + SKEW);
                if early || late { Err("it was not made just now".to_owned()) } else { Ok(()) }
            });
        let claims = match nonce {
            Some(nonce) => token.claims(&verifier, nonce)?,
            None => token.claims(&verifier, |_: Option<&Nonce>| Ok(()))?,
        };
        let foreign = claims.authorized_party().is_some_and(|party| party.as_str() != self.settings.client_id);
        if foreign { Err(ClaimsVerificationError::InvalidAudience(String::new())) } else { Ok(()) }
    }

    /// `before` is who they are here already: then they need no name.
    async fn identity(
        &self,
        metadata: &Metadata,
        mut claims: Claims,
        answer: &CoreTokenResponse,
        before: Option<&Identity>,
    ) -> Result<(Identity, Tokens), NoWord> {
        let subject = claims.get("sub").and_then(|subject| subject.as_str()).unwrap_or_default().to_owned();
        if subject.is_empty() || subject.len() > LONGEST_SUBJECT {
            return Err(NoWord::Invalid("it says not who it is about".to_owned()));
        }
        // Some providers keep a token short, and tell the groups to whoever asks.
        if !claims::has_groups(&self.settings, &claims)
            && let Some(more) = self.user_info(metadata, answer, &subject).await?
        {
            more.into_iter().for_each(|(name, value)| {
                claims.entry(name).or_insert(value);
            });
        }
        let (role, groups) = claims::membership(&self.settings, &claims)?;
        let identity = Identity {
            issuer: self.settings.issuer.clone(),
            subject,
            name: before.map_or_else(|| claims::name(&self.settings, &claims), |before| Ok(before.name.clone()))?,
            aliases: claims::aliases(&claims),
            role,
            groups,
        };
        let tokens = Tokens {
            refresh: answer.refresh_token().map(|token| Secret::new(token.secret().clone())),
            id: answer.id_token().map(|token| Secret::new(token.to_string())),
        };
        Ok((identity, tokens))
    }

    /// `None` where the provider has no such place, or one on a host that the configuration does not name.
    async fn user_info(&self, metadata: &Metadata, answer: &CoreTokenResponse, subject: &str) -> Result<Option<Claims>, NoWord> {
        let Some(url) = metadata.userinfo_endpoint().map(|url| url.as_str()).filter(|url| self.caller.may_lead_to(url)) else {
            return Ok(None);
        };
        let unreadable = || NoWord::Invalid("what it says of the person cannot be read".to_owned());
        let bearer = HeaderValue::from_str(&format!("Bearer {}", answer.access_token().secret())).map_err(|_| unreadable())?;
        let request = Request::get(url).header(ACCEPT, "application/json").header(AUTHORIZATION, bearer).body(Vec::new());
        let answer = self.caller.call(request.map_err(|_| unreadable())?).await?;
        match answer.status() {
            StatusCode::OK => {}
            status if status.is_server_error() => return Err(NoWord::Silent(format!("it answered {}", status.as_u16()))),
            status => return Err(NoWord::Refused(format!("{} to who this is", status.as_u16()))),
        }
        let claims: Claims = serde_json::from_slice(answer.body()).map_err(|_| unreadable())?;
        // Else it could be an answer about somebody else.
        let same = claims.get("sub").and_then(|found| found.as_str()) == Some(subject);
        if same { Ok(Some(claims)) } else { Err(NoWord::Invalid("it speaks of somebody else than its token".to_owned())) }
    }
}

/// The claims as they were signed.
fn payload(token: &CoreIdToken) -> Option<Claims> {
    let text = token.to_string();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text.split('.').nth(1)?).ok()?).ok()
}

fn no_token_endpoint() -> NoWord {
    NoWord::Silent("it has no token endpoint".to_owned())
}

/// In words of ours: what an answer holds may be a token.
#[allow(clippy::wildcard_enum_match_arm, reason = "the crate may come to know more ways to fail")]
fn undiscovered(error: openidconnect::DiscoveryError<NoAnswer>) -> String {
    use openidconnect::DiscoveryError as Error;
    match error {
        Error::Request(error) => error.to_string(),
        Error::Response(status, ..) => format!("its discovery answered {}", status.as_u16()),
        Error::Validation(_) => "its discovery names another issuer than oidc.issuer, to the letter".to_owned(),
        Error::Parse(_) => "its discovery cannot be read".to_owned(),
        _ => "its discovery failed".to_owned(),
    }
}

fn no_token(error: RequestTokenError<NoAnswer, StandardErrorResponse<CoreErrorResponseType>>) -> NoWord {
    match error {
        RequestTokenError::ServerResponse(said) => {
            let word = said.error().to_string();
            let known = word.len() <= 64 && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            match word.as_str() {
                // Of ours, or of the provider itself: it says nothing about the person.
                "invalid_client" | "unauthorized_client" | "temporarily_unavailable" | "server_error" | "slow_down" => {
                    NoWord::Silent(format!("it says {word}"))
                }
                _ => NoWord::Refused(if known { word } else { "no".to_owned() }),
            }
        }
        RequestTokenError::Request(error) => error.into(),
        RequestTokenError::Parse(..) | RequestTokenError::Other(_) => NoWord::Silent("its answer cannot be read".to_owned()),
    }
}

/// Which check failed; what stood there instead is the provider's, and may be anything.
#[allow(clippy::wildcard_enum_match_arm, reason = "the crate may come to know more checks")]
fn in_short(error: &ClaimsVerificationError) -> &'static str {
    match error {
        ClaimsVerificationError::Expired(_) => "its time is over, or not yet there",
        ClaimsVerificationError::InvalidAudience(_) => "it is for another application",
        ClaimsVerificationError::InvalidIssuer(_) => "it is by another issuer",
        ClaimsVerificationError::InvalidNonce(_) => "it answers another question",
        ClaimsVerificationError::SignatureVerification(_) => "its signature is not the provider's",
        _ => "it is of another kind",
    }
}
