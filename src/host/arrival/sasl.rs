//! The SCRAM exchange with an agent. Every outcome but success reads the same to the agent, whatever was wrong with the
//! name, the address or the password.

use pgwire::api::auth::sasl::scram::{ScramSecret, ScramServerAuth};
use pgwire::error::PgWireError;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::{Caller, Leaving, Offered};
use crate::host::scram::Verifier;
use crate::wire::ProtocolError;
use crate::wire::authentication::{self, SaslInitial};
use crate::wire::frame::Caps;
use crate::wire::report::Report;

const SCRAM: &str = "SCRAM-SHA-256";
const SCRAM_PLUS: &str = "SCRAM-SHA-256-PLUS";

/// A client in the middle of a login may send this alone.
struct LoginCaps;

impl LoginCaps {
    /// As the server has it (`PG_MAX_SASL_MESSAGE_LENGTH`).
    const LONGEST: usize = 1024;
}

impl Caps for LoginCaps {
    fn cap(&self, tag: u8) -> Option<usize> {
        (tag == b'p').then_some(Self::LONGEST)
    }
}

/// Runs the exchange; `true` if it was bound to the channel. `greeting` goes out with the first message.
pub(super) async fn check<S>(
    caller: &mut Caller<S>,
    greeting: Vec<u8>,
    bound: Option<&ScramServerAuth>,
    name: &str,
    offered: Offered,
) -> Result<bool, Leaving>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut out = greeting;
    match bound {
        Some(_) => authentication::sasl(&mut out, &[SCRAM_PLUS, SCRAM]),
        None => authentication::sasl(&mut out, &[SCRAM]),
    }
    let first = ask(caller, &mut out).await?;
    let initial = authentication::sasl_initial(first.body())?;
    let plus = chosen(&initial, bound.is_some())?;

    let plain = ScramServerAuth::new();
    let scram = bound.unwrap_or(&plain);
    let Offered { verifier, real } = offered;
    let (challenge, waiting) =
        scram.on_client_first_message_with_secret(initial.data, secret(&verifier)).map_err(|error| failed(&error, name))?;
    authentication::sasl_continue(&mut out, challenge.as_bytes());
    let last = ask(caller, &mut out).await?;
    let proof = waiting.on_client_final_message(last.body()).map_err(|error| failed(&error, name))?;
    if !real {
        return Err(Leaving::denied(name));
    }
    authentication::sasl_final(&mut out, proof.as_bytes());
    authentication::ok(&mut out);
    caller.stream.write_all(&out).await?;
    caller.stream.flush().await?;
    Ok(plus)
}

/// Sends what is written and waits for the client's next message.
async fn ask<S>(caller: &mut Caller<S>, out: &mut Vec<u8>) -> Result<crate::host::inbox::Message, Leaving>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Caller { stream, inbox } = caller;
    stream.write_all(out).await?;
    stream.flush().await?;
    out.clear();
    Ok(inbox.message(&LoginCaps, stream).await?)
}

/// The mechanism and the client's channel binding flag must tell the same story, and be one that was offered.
fn chosen(initial: &SaslInitial<'_>, binding_offered: bool) -> Result<bool, Leaving> {
    let plus = match initial.mechanism {
        name if name == SCRAM.as_bytes() => false,
        name if name == SCRAM_PLUS.as_bytes() && binding_offered => true,
        _ => return Err(ProtocolError("client selected an invalid SASL authentication mechanism").into()),
    };
    match (initial.data.first(), plus) {
        (Some(b'p'), true) | (Some(b'n'), false) => Ok(plus),
        (Some(b'y'), false) if binding_offered => Err(Leaving::told(
            &Report::fatal("28000", "SCRAM channel binding negotiation error").with_detail(
                "The client supports SCRAM channel binding but thinks the server does not. However, this server does support channel binding.",
            ),
        )),
        (Some(b'y'), false) => Ok(plus),
        _ => Err(ProtocolError("the SASL mechanism and the channel binding flag disagree").into()),
    }
}

fn secret(verifier: &Verifier) -> ScramSecret {
    ScramSecret::Verifier {
        salt: verifier.salt().to_vec(),
        iterations: usize::try_from(verifier.iterations()).unwrap_or(usize::MAX),
        stored_key: verifier.stored_key().to_vec(),
        server_key: verifier.server_key().to_vec(),
    }
}

/// A wrong proof is a wrong password; anything else is a client that does not speak SCRAM.
fn failed(error: &PgWireError, name: &str) -> Leaving {
    if matches!(error, PgWireError::InvalidPassword(_)) { Leaving::denied(name) } else { ProtocolError("malformed SCRAM message").into() }
}
